"""The time, and whether to believe it. Passed in wherever it is needed, so that a test can make it jump.

Nothing is ever ordered by it: an instrument without a battery behind its clock wakes in the past. Order is the sequence
number of the records.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

EARLIEST = datetime(2025, 1, 1, tzinfo=UTC)
"""Before this firmware existed: a clock that says less has lost its time, whoever set it."""


@dataclass(frozen=True)
class Instant:
    """What the clock said, and whether anything stands behind it."""

    time: datetime
    """Local time with its offset."""
    trusted: bool


class Clock(Protocol):
    """Something that tells the time."""

    def now(self) -> Instant: ...


class SystemClock:
    """The system's time. Trusted once the network has set it, or where the kernel took it from a battery-backed clock.

    Args:
        root: where `/run` and `/sys` are found.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self._synchronised = root / "run/systemd/timesync/synchronized"  # touched by systemd-timesyncd
        self._hardware_clocks = root / "sys/class/rtc"

    def now(self) -> Instant:
        time = datetime.now().astimezone()
        return Instant(time, time >= EARLIEST and (self._synchronised.exists() or self._has_battery()))

    def _has_battery(self) -> bool:
        """Whether the kernel set its time from a hardware clock at the start (1 in `hctosys`)."""
        for source in self._hardware_clocks.glob("*/hctosys"):
            try:
                if source.read_text().strip() == "1":
                    return True
            except OSError:  # a clock that went away is none
                continue
        return False
