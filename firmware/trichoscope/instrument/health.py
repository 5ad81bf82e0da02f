"""How the board fares: heat, power, battery, storage. Read from the kernel's files, below a root that tests fake."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

UNDER_VOLTAGE_NOW, UNDER_VOLTAGE_PAST = 1 << 0, 1 << 16
SLOWED_NOW = 1 << 1 | 1 << 2 | 1 << 3
"""Frequency capped, throttled, soft temperature limit; the same 16 bits higher are what has happened since the start.
Raspberry Pi documentation, vcgencmd get_throttled."""
HOT_C = 80.0
"""From here on the Raspberry Pi slows down; it switches off at 85 °C."""
LOW_BATTERY_PERCENT = 15
"""About two patients' time, to find a charger."""


@dataclass(frozen=True)
class HealthReading:
    """What could be read; None where the board has no such thing."""

    temperature_c: float | None
    throttling: int | None
    """Bits as the Raspberry Pi's firmware gives them."""
    free_bytes: int
    """On the disk of the records."""
    battery_percent: int | None
    on_mains: bool

    @property
    def under_voltage_now(self) -> bool:
        return bool((self.throttling or 0) & UNDER_VOLTAGE_NOW)

    @property
    def under_voltage_past(self) -> bool:
        """Since the board was started."""
        return bool((self.throttling or 0) & UNDER_VOLTAGE_PAST)

    @property
    def slowed_now(self) -> bool:
        return bool((self.throttling or 0) & SLOWED_NOW)


class Health:
    """Reads the state of the board.

    Args:
        folder: on the disk whose free space counts.
        root: where `/sys` is found.
    """

    def __init__(self, folder: Path, root: Path = Path("/")) -> None:
        self._folder = folder
        self._sys = root / "sys"

    def read(self) -> HealthReading:
        """Takes well below a millisecond."""
        supplies = [path.parent for path in self._sys.glob("class/power_supply/*/type")]
        kinds = {supply: _text(supply / "type") for supply in supplies}
        charges = [_number(supply / "capacity") for supply in supplies if kinds[supply] == "Battery"]
        charge = next((value for value in charges if value is not None), None)
        plugs = [_number(supply / "online") for supply in supplies if kinds[supply] in ("Mains", "USB")]
        charging = any(_text(supply / "status") in ("Charging", "Full") for supply in supplies)
        millidegrees = _number(self._sys / "class/thermal/thermal_zone0/temp")
        return HealthReading(
            temperature_c=None if millidegrees is None else millidegrees / 1000,
            throttling=self.throttling(),
            free_bytes=self._free_bytes(),
            battery_percent=None if charge is None else round(charge),
            on_mains=charge is None or charging or any(plugs),
        )

    def _free_bytes(self) -> int:
        try:
            return shutil.disk_usage(self._folder).free
        except OSError:  # a disk that is gone has no room
            return 0

    def throttling(self) -> int | None:
        """The firmware's bits alone, as each capture keeps them."""
        # /sys/devices/platform/soc/soc:firmware/get_throttled, its names differ between the boards
        for path in sorted(self._sys.glob("devices/platform/soc*/*firmware/get_throttled")):
            text = _text(path)
            try:
                return int(text, 16) if text is not None else None
            except ValueError:
                continue
        return None


def _text(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:  # a gauge that is pulled out, or a driver that gives no value now
        return None


def _number(path: Path) -> float | None:
    text = _text(path)
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
