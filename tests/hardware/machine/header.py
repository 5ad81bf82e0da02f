"""The 40-pin header of the emulated machine: lines of gpio-sim, seen and pulled from outside."""

from __future__ import annotations

from pathlib import Path

CHIP = Path("/sys/devices/platform/gpio-sim.0")


def _line(bcm: int) -> Path:
    return next(CHIP.glob(f"gpiochip*/sim_gpio{bcm}"))


def pull(bcm: int, *, high: bool) -> None:
    """As a contact to 3.3 V or ground does."""
    (_line(bcm) / "pull").write_text("pull-up" if high else "pull-down")


def level(bcm: int) -> bool:
    """What a voltmeter would show: True for 3.3 V."""
    return (_line(bcm) / "value").read_text().strip() == "1"


def bounce(bcm: int, times: int) -> None:
    """A contact to ground that closes, and flutters before it stays closed."""
    for _ in range(times):
        pull(bcm, high=False)
        pull(bcm, high=True)
    pull(bcm, high=False)
