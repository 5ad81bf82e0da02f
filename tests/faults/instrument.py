"""Drills of the whole instrument: killed while it is pressed, its clock jumping."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import IO

from tests.faults.drills import Tally, _environment, _started, _understand, examine, fast_folder
from tests.faults.pressed import prepared
from tests.flow.parts import NOON, bench, calibration
from trichoscope.clock import Instant
from trichoscope.instrument.screen import events, pages

ORPHAN_S = 5.0
"""How long the camera's process may outlive the instrument that was killed."""


def killed(count: int, flaw: str = "none", seed: int = 1) -> Tally:
    """`kill -9` of the instrument at a random moment of its second or third press, always on the same records.

    What was shown must be there, and the camera's process must be gone.
    """
    rng, tally, shown, first = random.Random(seed), Tally(), dict[int, str](), 1
    with fast_folder() as folder:
        prepared(folder)
        for _ in range(count):
            command = [sys.executable, "-m", "tests.faults.pressed", str(folder), str(first), "1000000", flaw]
            with _started(command) as process:
                assert process.stdout is not None
                camera = int(process.stdout.readline().split()[1])
                assert process.stdout.readline() == "ready\n"
                lines, took_s = _up_to_press(process.stdout, first + rng.randint(1, 2))
                threading.Event().wait(rng.uniform(0, 1.2 * took_s))
                process.kill()
                lines += process.stdout.read().splitlines(keepends=True)
            said = _understand(lines)
            shown |= said.kept
            first = said.pressed + 1 if said.pressed else first
            tally.runs += 1
            tally.fired += process.returncode == -9 and said.in_save
            tally.refused += said.refused
            if outlives(camera):
                tally.problems.append(f"run {tally.runs}: the camera's process {camera} is left behind")
            tally.problems += examine(folder / "records", said.kept, save=False)
        tally.problems += examine(folder / "records", shown)
    tally.kept = len(shown)
    return tally


def _up_to_press(stdout: IO[str], number: int) -> tuple[list[str], float]:
    """What was said up to where this press goes down, and how long the last one took."""
    lines: list[str] = []
    took_s = began_s = 0.0
    for line in stdout:
        lines.append(line)
        match line.split():
            case ["press", pressed]:
                began_s = time.monotonic()
                if int(pressed) == number:
                    break
            case ["kept", *_]:
                took_s = time.monotonic() - began_s
    return lines, took_s


def outlives(pid: int) -> bool:
    """Whether a process is still there after a while."""
    last_s, moment = time.monotonic() + ORPHAN_S, threading.Event()
    while Path(f"/proc/{pid}").exists():
        if time.monotonic() > last_s:
            return True
        moment.wait(0.01)
    return False


def clock_jumps(count: int, seed: int = 1, ordered_by_time: bool = False) -> Tally:
    """The clock jumps before every press, by up to thirty years either way.

    Captures stay in the order they were taken; figures are shown exactly while the calibration is in date; a clock that
    says too much or too little is nowhere an error. With `ordered_by_time`, order is judged by wall time: it is wrong.
    """
    rng, tally = random.Random(seed), Tally()
    with fast_folder() as folder:
        made = calibration()
        instrument = bench(folder, calibrated=made)
        expected: list[tuple[str, bool]] = []
        for number in range(count):
            days = rng.choice((rng.uniform(-11_000, 11_000), rng.uniform(0, 89)))
            instrument.clock.instant = Instant(NOON + timedelta(days=days), rng.random() < 0.5)
            instrument.turn(events.Typed(f"press {number}"))
            instrument.turn(events.ChooseSite("vertex"))
            page = instrument.turn(events.Press())
            in_date = made.made_at - timedelta(minutes=5) <= instrument.clock.instant.time < made.expires_at
            tally.runs += 1
            tally.fired += not in_date
            expected.append((f"press {number}", in_date))
            if not isinstance(page, pages.Result if in_date else pages.Withheld):
                tally.problems.append(f"press {number}: {type(page).__name__}, {days:.0f} days from the calibration")
            for look in (events.OpenHistory(), events.OpenService(), events.Back()):
                if isinstance(fault := instrument.turn(look), pages.Fault):
                    tally.problems.append(f"press {number}: E{fault.row.number}")
        kept = instrument.store.captures()
        if ordered_by_time:
            kept = sorted(kept, key=lambda each: each.capture.taken_at)
        found = [(each.capture.patient, each.capture.reading is not None) for each in kept]
        if found != expected:
            tally.problems.append("the captures are not in the order they were taken")
        tally.problems += instrument.store.check()
        tally.kept = len(kept)
        instrument.consultation.close()
        instrument.store.close()
    return tally


def starts(folder: Path) -> subprocess.CompletedProcess[str]:
    """The instrument pressed twice, undisturbed."""
    command = [sys.executable, "-m", "tests.faults.pressed", str(folder), "1", "2", "none"]
    return subprocess.run(command, env=_environment(), capture_output=True, text=True, check=True)
