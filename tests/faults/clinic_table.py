"""All drills of sending at full length, as a table. Ends with 1 where one found a problem, or a control did not."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from tests.clinic.clinic import Clinic
from tests.faults import clinic_drills as drills
from tests.faults.drills import Tally, why_not_mounted

DRILLS: tuple[tuple[str, Callable[[Clinic], Tally], bool], ...] = (
    ("500 uploads, the connection cut at 19 places", lambda clinic: drills.cuts(clinic, 500), True),
    ("  takes an attempt for a receipt", lambda clinic: drills.cuts(clinic, 38, drills.Credulous), False),
    ("  renames what it sends again", lambda clinic: drills.cuts(clinic, 38, drills.Renaming), False),
    ("archive or its door killed 30 times", lambda clinic: drills.server_kills(clinic, 30), True),
    ("device killed 50 times", lambda clinic: drills.device_kills(clinic, 50), True),
    ("device killed 20 times, its states lost", lambda clinic: drills.device_kills(clinic, 20, lose_states=True), True),
    ("each bad answer", drills.bad_answers, True),
    ("  believes whatever answers", lambda clinic: drills.bad_answers(clinic, drills.Credulous), False),
    ("full archive", lambda clinic: drills.full_server(), True),
    ("removal before receipt", drills.early_removal, True),
    ("  removes what was only sent", lambda clinic: drills.early_removal(clinic, True), False),
)
"""Name (controls are indented), drill, whether it must find nothing."""


def main() -> int:
    console, failed = Console(), False
    if (reason := why_not_mounted()) is not None:
        console.print(reason, style="red")
        return 1
    table = Table("Drill", "Runs", "Fault fired", "Received", "Problems", "Wanted", "Seconds")
    for name, drill, clean in DRILLS:
        began = time.perf_counter()
        with TemporaryDirectory() as folder, Clinic.started(Path(folder)) as clinic:
            tally = drill(clinic)
        right = tally.fired > 0 and bool(tally.problems) != clean
        failed |= not right
        numbers = (tally.runs, tally.fired, tally.kept, len(tally.problems))
        wanted = "none" if clean else "some"
        seconds = f"{time.perf_counter() - began:.0f}"
        table.add_row(name, *map(str, numbers), wanted, seconds, style="" if right else "red")
        console.print(f"{name.strip()}: {len(tally.problems)} problems, {wanted} wanted", *tally.problems[: 5 * clean])
    console.print(table)
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
