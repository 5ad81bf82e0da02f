"""The power is cut while captures are saved: QEMU is killed at random moments, and started again on the same disk.

    scripts/power-cuts [CUTS]

What the emulated machine had not yet given to its disk is lost with it: the kernel's memory of files, the disk's queue.
"""

from __future__ import annotations

import os
import random
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv" / "bin" / "python"
DISK_BYTES = 1_000_000_000
"""Sparse: the records refuse to begin a capture below 200 MB."""
AFTER, MOMENT_S = 0.2, 0.3
"""Share of acknowledgements after which a cut comes, and within how long."""
START_S = 900.0
"""Longest that a start may take on a host that does other things too."""


@dataclass
class Outcome:
    """Of one run; it hears what the machine says on its console."""

    acknowledged_file: Path
    """On the host, where no power is cut."""
    cuts: int = 0
    acknowledged: int = 0
    in_a_save: int = 0
    """Cuts between a press and its acknowledgement."""
    missing: set[int] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)
    checked: bool = False
    saving: bool = False

    def hear(self, line: str) -> bool:
        """Whether it was an acknowledgement."""
        match line.split():
            case ["missing", number]:
                self.missing.add(int(number))
            case ["problem", *words]:
                self.problems.append(" ".join(words))
            case ["checked", _]:
                self.checked = True
            case ["press", _]:
                self.saving = True
            case ["kept", number, sha256]:
                self.saving = False
                self.acknowledged += 1
                with self.acknowledged_file.open("a") as file:
                    file.write(f"{number} {sha256}\n")
                return True
        return False


def make_disk(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(DISK_BYTES)
    subprocess.run(["mkfs.ext4", "-q", "-F", path], check=True)


def start(folder: Path, flaw: str) -> subprocess.Popen[bytes]:
    """The machine, with the disk and the list of what was acknowledged; it says lines on its console."""
    machine: list[str | Path] = [ROOT / "scripts/emulated-machine", "--disk", folder / "disk", "--out", folder / "out"]
    inside: list[str | Path] = ["env", "PYTHONPATH=.:firmware", PYTHON, "-m", "tests.hardware.machine.after_boot",
              "/var/lib/trichoscope", "/out/acknowledged", flaw]  # fmt: skip
    return subprocess.Popen(
        [*machine, *inside], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )


def lines(machine: subprocess.Popen[bytes], until: float) -> Iterator[str]:
    """What the machine says, until a moment (time.monotonic()) or its end."""
    assert machine.stdout is not None
    buffer = b""
    while (left := until - time.monotonic()) > 0 and select.select([machine.stdout], [], [], left)[0]:
        if not (read := os.read(machine.stdout.fileno(), 65536)):
            return
        *whole, buffer = (buffer + read).split(b"\n")
        yield from (line.decode(errors="replace").strip() for line in whole)


def cut(machine: subprocess.Popen[bytes]) -> None:
    os.killpg(machine.pid, signal.SIGKILL)
    machine.wait()


def one(folder: Path, flaw: str, rng: random.Random, outcome: Outcome) -> None:
    """Start, look, save, and cut the power at some moment after the first capture."""
    outcome.checked = outcome.saving = False
    machine = start(folder, flaw)
    try:
        for line in lines(machine, time.monotonic() + START_S):
            if outcome.hear(line) and rng.random() < AFTER:
                break
        # a moment later, so that the cut falls anywhere in a save
        for line in lines(machine, time.monotonic() + rng.uniform(0, MOMENT_S)):
            outcome.hear(line)
    finally:
        cut(machine)
    if not outcome.checked:
        raise RuntimeError("the machine did not come to look at its records")
    outcome.cuts += 1
    outcome.in_a_save += outcome.saving


def run(cuts: int, flaw: str = "none", seed: int = 1, *, until_missing: bool = False) -> Outcome:
    """Cut the power so often, or until something is missing, and look once more at the end."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_disk(folder / "disk")
        (folder / "out").mkdir()
        outcome = Outcome(folder / "out/acknowledged")
        outcome.acknowledged_file.touch()
        for _ in range(cuts):
            one(folder, flaw, rng, outcome)
            log = f"{outcome.cuts} cuts, {outcome.acknowledged} acknowledged, {len(outcome.missing)} missing"
            print(log, flush=True)
            if until_missing and outcome.missing:
                break
        outcome.checked = False
        last = start(folder, "none")
        for line in lines(last, time.monotonic() + START_S):
            outcome.hear(line)
            if outcome.checked:
                break
        cut(last)
    return outcome


def main(cuts: int) -> int:
    """The drill, then its control: it must find what records lose that do not wait for the disk."""
    drill = run(cuts)
    control = run(max(2, cuts // 10), flaw="synchronous normal", seed=2)
    for name, found in (("as they are", drill), ("control", control)):
        print(
            f"{name}: {found.cuts} cuts, {found.in_a_save} of them within a save, {found.acknowledged} acknowledged, "
            f"{len(found.missing)} missing, {len(found.problems)} problems"
        )
    return int(bool(drill.missing or drill.problems or not control.missing))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if sys.argv[1:] else 100))
