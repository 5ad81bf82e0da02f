"""All fault drills at full length, as a table. Ends with 1 where one found a problem, or a control did not."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from tests.faults import drills, instrument
from tests.faults.camera_drill import FRAMES, camera_faults
from trichoscope.instrument.camera import Fault

DRILLS: tuple[tuple[str, Callable[[], drills.Tally], bool], ...] = (
    ("300 kills at random moments", lambda: drills.kills(300), True),
    ("  says so too early", lambda: drills.kills(20, "says so too early"), False),
    ("a fault at every system call of a save", drills.system_calls, True),
    ("  errors ignored", lambda: drills.system_calls(flaw="careless", disturbed=["write"]), False),
    ("5,000 power cuts", lambda: drills.power_cuts(5000), True),
    ("  synchronous=NORMAL", lambda: drills.power_cuts(500, "synchronous normal"), False),
    ("  photograph not synced", lambda: drills.power_cuts(500, "photograph not synced"), False),
    ("  folder not synced", lambda: drills.power_cuts(500, "folder not synced"), False),
    ("disk filled at 50 sizes", lambda: drills.full_disks(50), True),
    ("  no reserve", lambda: drills.full_disks(50, "no reserve"), False),
    ("300 kills of the pressed instrument", lambda: instrument.killed(300), True),
    ("  shows before it saves", lambda: instrument.killed(5, "shows before it saves"), False),
    ("200 jumps of the instrument's clock", lambda: instrument.clock_jumps(200), True),
    ("  ordered by wall time", lambda: instrument.clock_jumps(20, ordered_by_time=True), False),
    ("300 scripted faults of a camera", lambda: camera_faults(300), True),
    ("  trusting", lambda: camera_faults(20, "trusting", kinds=FRAMES), False),
    ("  sulking", lambda: camera_faults(3, "sulking", kinds=[Fault("unplugged")]), False),
)
"""Name (controls are indented), drill, whether it must find nothing."""


def main() -> int:
    console, failed = Console(), False
    for reason in (drills.why_not_traced(), drills.why_not_mounted()):
        if reason is not None:
            console.print(reason, style="red")
            return 1
    table = Table("Drill", "Runs", "Fault fired", "Kept", "Refused", "Problems", "Wanted", "Seconds")
    for name, drill, clean in DRILLS:
        began = time.perf_counter()
        tally = drill()
        right = tally.fired > 0 and bool(tally.problems) != clean
        failed |= not right
        numbers = (tally.runs, tally.fired, tally.kept, tally.refused, len(tally.problems))
        wanted = "none" if clean else "some"
        table.add_row(
            name, *map(str, numbers), wanted, f"{time.perf_counter() - began:.0f}", style="" if right else "red"
        )
        console.print(f"{name.strip()}: {len(tally.problems)} problems, {wanted} wanted", *tally.problems[: 5 * clean])
    console.print(table)
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
