"""The drills: each disturbs the writer in one way, many times, and counts what was found afterwards.

A drill proves something only where its faults fired (`fired`) and where it finds the flaws that are built in.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.faults import disk
from tests.faults.writer import FixedClock, press
from trichoscope.errors import TrichoscopeError
from trichoscope.records import Store

ROOT = Path(__file__).parents[2]
FAULTS = ("signal=KILL", "error=ENOSPC", "error=EIO")
SYSTEM_CALLS = (
    "openat", "write", "pwrite64", "pread64", "fsync", "fdatasync", "rename", "unlink", "ftruncate", "newfstatat",
    "fstat", "statfs", "fcntl", "close",
)  # fmt: skip
OWN_MOUNTS = ("unshare", "--map-root-user", "--mount")
_CALL = re.compile(r"^(?:\d+ +)?(\w+)\(")


@dataclass
class Tally:
    """What a drill did and found."""

    runs: int = 0
    fired: int = 0
    kept: int = 0
    """Captures that the writer called kept."""
    refused: int = 0
    problems: list[str] = field(default_factory=list)


@contextmanager
def fast_folder() -> Iterator[Path]:
    """In memory where possible: these drills are about the order of calls, not about the disk of this machine."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


def examine(folder: Path, kept: dict[int, str], *, save: bool = True) -> list[str]:
    """Open the records unaided and say what is lost, doubled or damaged; `kept` is press → SHA-256 of its photograph.

    With `save`, one more press must be kept.
    """
    problems = []
    try:
        with Store(folder, FixedClock()) as store:
            found: dict[int, str] = {}
            for entry in store.captures():
                number = int(entry.capture.patient.removeprefix("press "))
                if number in found:
                    problems.append(f"press {number} is there twice")
                found[number] = hashlib.sha256(store.photograph(entry)).hexdigest()
            problems += [f"press {number} is lost" for number, sha in kept.items() if found.get(number) != sha]
            problems += store.check()
            if save:
                photograph, capture = press(10**9)
                store.photograph(store.save(photograph, capture))
    except TrichoscopeError as error:
        problems.append(str(error))
    return problems


def kills(count: int, flaw: str = "none", seed: int = 1) -> Tally:
    """`kill -9` at random moments of a writer that never rests, always on the same records."""
    rng, tally, kept, first = random.Random(seed), Tally(), dict[int, str](), 1
    with fast_folder() as folder:
        Store(folder, FixedClock(), create=True).close()
        for _ in range(count):
            with _started(_writer(folder, flaw, first=first, count=10**6, checkpoint_pages=40)) as process:
                assert process.stdout is not None
                assert process.stdout.readline() == "ready\n"
                killer = threading.Timer(rng.uniform(0, 0.15), process.kill)
                killer.start()
                lines = process.stdout.read().splitlines(keepends=True)
                killer.join()
            said = _understand(lines)
            kept |= said.kept
            first = said.pressed + 1 if said.pressed else first
            tally.runs += 1
            tally.fired += process.returncode == -9 and said.in_save
            tally.problems += examine(folder, said.kept, save=False)
        tally.problems += examine(folder, kept)
    tally.kept = len(kept)
    return tally


def system_calls(limit: int | None = None, flaw: str = "none", disturbed: Sequence[str] = SYSTEM_CALLS) -> Tally:
    """Every storage system call of a save fails once in every way, or is the last one; `limit` takes a sample."""
    tally = Tally()
    with fast_folder() as folder:
        fresh, trace = folder / "fresh", folder / "trace"
        with Store(fresh, FixedClock(), create=True) as store:
            for number in (1, 2):
                store.save(*press(number))
        before = {number: hashlib.sha256(press(number)[0]).hexdigest() for number in (1, 2)}

        def run(*injection: str) -> tuple[Path, _Said, list[str], int]:
            records = folder / "records"
            shutil.rmtree(records, ignore_errors=True)
            shutil.copytree(fresh, records)
            calls = ",".join(SYSTEM_CALLS)
            done = subprocess.run(
                ["strace", "-o", trace, "-e", f"trace={calls}", *injection,
                 *_writer(records, flaw, first=3, count=2, checkpoint_pages=1)],
                env=_environment(), capture_output=True, text=True, check=False,
            )  # fmt: skip
            lines = done.stdout.splitlines(keepends=True)
            return records, _understand(lines), trace.read_text().splitlines(), done.returncode

        targets = _calls_of_the_save(run()[2])
        cases = [(target, fault) for target in targets if target[0] in disturbed for fault in FAULTS]
        for (call, ordinal), fault in cases if limit is None else cases[:: -(-len(cases) // limit)]:
            case = f"{call} {ordinal} {fault}"
            records, said, traced, status = run("-e", f"inject={call}:{fault}:when={ordinal}")
            tally.runs += 1
            tally.fired += _fired_in_save(traced, call, ordinal, fault)
            if status not in (0, -9, 137):
                tally.problems.append(f"{case}: the writer stopped with {status}")
            if fault != "signal=KILL" and 4 not in said.kept:
                tally.problems.append(f"{case}: the next press was not kept")
            tally.kept += len(said.kept)
            tally.refused += said.refused
            tally.problems += [f"{case}: {problem}" for problem in examine(records, before | said.kept)]
    return tally


def power_cuts(count: int, flaw: str = "none", seed: int = 1, presses: int = 12) -> Tally:
    """Disk images as a power cut leaves them: of what was not synced, any part may be missing (see disk.py)."""
    rng, tally = random.Random(seed), Tally()
    with fast_folder() as folder:
        records, trace, image = folder / "records", folder / "trace", folder / "image"
        Store(records, FixedClock(), create=True).close()
        start = disk.Disk.of(records)
        subprocess.run(
            ["strace", "-o", trace, "-xx", "-s", "1000000", "-e", "trace=" + ",".join(disk.CALLS),
             *_writer(records, flaw, first=1, count=presses, checkpoint_pages=40)],
            env=_environment(), stdout=subprocess.DEVNULL, check=True,
        )  # fmt: skip
        steps = disk.steps(trace, records)
        rehearsal, risky = copy.deepcopy(start), list[int]()
        for i, step in enumerate(steps):
            rehearsal.play(step)
            if rehearsal.at_stake:
                risky.append(i)
        for cut in sorted(rng.choices(risky, k=count)):
            # played from the start up to the cut, in one walk: the cuts are sorted
            while start.played <= cut:
                start.play(steps[start.played])
            said = _understand([line + "\n" for line in start.said])
            tally.runs += 1
            tally.fired += start.at_stake
            start.lose_power(image, rng)
            tally.problems += examine(image, said.kept, save=False)
            tally.kept += len(said.kept)
    return tally


def full_disks(count: int, flaw: str = "none") -> Tally:
    """A small disk that fills up, with 0 bytes free and then 8 kB more each time (see full_disk.py)."""
    command = [*OWN_MOUNTS, sys.executable, "-S", "-m", "tests.faults.full_disk", str(count), flaw]
    done = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=True)
    return Tally(**json.loads(done.stdout))


def why_not_traced() -> str | None:
    """Why system calls cannot be disturbed here."""
    return _why_not("strace", "-o", "/dev/null", "true")


def why_not_mounted() -> str | None:
    """Why no small disk can be mounted here."""
    with TemporaryDirectory() as folder:
        return _why_not(*OWN_MOUNTS, "mount", "-t", "tmpfs", "none", folder)


def _why_not(*command: str) -> str | None:
    try:
        subprocess.run(command, capture_output=True, text=True, check=True)
    except FileNotFoundError:
        return f"{command[0]} is not installed"
    except subprocess.CalledProcessError as error:
        return f"{command[0]}: {error.stderr.strip()}"
    return None


@dataclass(frozen=True)
class _Said:
    kept: dict[int, str]
    pressed: int
    refused: int
    in_save: bool


def _understand(lines: list[str]) -> _Said:
    words = [line.split() for line in lines if line.endswith("\n")]
    kept = {int(word[1]): word[2] for word in words if word[0] == "kept"}
    pressed = max((int(word[1]) for word in words if word[0] == "press"), default=0)
    refused = sum(word[0] == "refused" for word in words)
    return _Said(kept, pressed, refused, bool(words) and words[-1][0] == "press")


def _writer(folder: Path, flaw: str, *, first: int, count: int, checkpoint_pages: int) -> list[str]:
    numbers = (str(number) for number in (first, count, checkpoint_pages))
    return [sys.executable, "-S", "-m", "tests.faults.writer", str(folder), *numbers, flaw]


def _environment() -> dict[str, str]:
    path = os.pathsep.join([str(ROOT / "firmware"), str(ROOT)])
    return {**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}


@contextmanager
def _started(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(command, env=_environment(), stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _save_of(traced: list[str]) -> tuple[int, int]:
    """The lines of the first save in a trace: after `press 3` was said, before `kept 3` or the end."""
    begin = next(i for i, line in enumerate(traced) if 'write(1, "press 3' in line)
    end = next((i for i, line in enumerate(traced) if i > begin and "write(1, " in line), len(traced))
    return begin, end


def _calls_of_the_save(traced: list[str]) -> list[tuple[str, int]]:
    """Each call of the save as name and how many of that name there were since the program started."""
    begin, end = _save_of(traced)
    seen: dict[str, int] = {}
    calls = []
    for i, line in enumerate(traced[:end]):
        if match := _CALL.match(line):
            seen[match[1]] = seen.get(match[1], 0) + 1
            if i > begin:
                calls.append((match[1], seen[match[1]]))
    return calls


def _fired_in_save(traced: list[str], call: str, ordinal: int, fault: str) -> bool:
    """strace counts per name: only the trace tells whether the fault met the save."""
    begin, end = _save_of(traced)
    if fault == "signal=KILL":
        return "killed by SIGKILL" in traced[-1] and (call, ordinal) in _calls_of_the_save(traced)
    return any("(INJECTED)" in line and line.startswith(f"{call}(") for line in traced[begin:end])
