"""How fast, how large and how steady the instrument is on this machine, beside what it must be.

    python -m tests.flow.benchmark [--presses 20] [--captures 10000] [--json FILE]

The simulated 12 MP camera in a process of its own, a real screen without a display, records on the disk of the folder
for temporary files. The process that draws the scalp is no part of an instrument and is left out of the memory.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.progress import track
from rich.table import Table

from tests.faults.pressed import prepared
from tests.flow.parts import KnownNetwork, SetClock
from trichoscope.config import Config, load
from trichoscope.device import Instrument, assemble, loop
from trichoscope.instrument.camera import SimulatedProcess
from trichoscope.instrument.screen import Screen, events, pages
from trichoscope.instrument.screen.events import Event
from trichoscope.measurement.hairnet import Hairnet
from trichoscope.rehearsal import Hand

ANALYSIS = ("model", "tracing", "widths", "reading")
VISIT_PRESSES = 5
"""Of the endurance: then the next patient comes."""
Row = tuple[str, float, str, float | None]
"""What, value, unit, the most it may be (the least, where the unit is frames/s)."""

console = Console()


def config(folder: Path, played: Path | None = None) -> Config:
    camera: dict[str, object] = {"driver": "simulated"}
    if played is not None:
        camera = {"driver": "photographs", "photographs": {"folder": str(played)}}
    return load(
        None,
        {
            "camera": camera,
            "panel": {"driver": "simulated"},
            "screen": {"driver": "dummy"},
            "measurement": {"threads": 2},
            "records": {"folder": str(folder)},
        },
    )


@contextmanager
def running(folder: Path, hairnet: Hairnet | None = None, played: Path | None = None) -> Iterator[Instrument]:
    """An instrument in its live view, over its drawn scalp or a folder of photographs."""
    with ExitStack() as stack:
        screen = stack.enter_context(Screen("dummy"))
        clock = SetClock() if played is not None else None  # the prepared calibration has its own date
        instrument = assemble(config(folder, played), screen, stack, clock, hairnet)
        turn(instrument, events.Typed("SIM-0001"))
        turn(instrument, events.ChooseSite("vertex"))
        moment = threading.Event()
        while isinstance(instrument.camera, SimulatedProcess) and not instrument.camera.drawn():
            moment.wait(0.05)
            turn(instrument)
        yield instrument


def turn(instrument: Instrument, *asked: Event) -> pages.Page:
    instrument.consultation.turn(asked)
    page = instrument.consultation.page
    assert not isinstance(page, pages.Fault), page
    return page


class TimeLines(logging.Handler):
    """Collects what each capture logs of itself, milliseconds by part."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[dict[str, float]] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name == "trichoscope.capture":
            parts = re.findall(r"(\w+) (\d+) ms", record.getMessage())
            self.lines.append({name: float(ms) for name, ms in parts})


class Memory:
    """The largest proportional set size of the instrument's processes, looked at twenty times a second."""

    def __init__(self) -> None:
        self.peak_bytes = 0
        self._over = threading.Event()
        self._looking = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Memory:
        self._looking.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._looking.join()

    def _look(self) -> None:
        while not self._over.wait(0.05):
            self.peak_bytes = max(self.peak_bytes, sum(map(memory_of, processes())))


def processes() -> list[int]:
    """This process and those it started, but for one that draws a scalp."""
    found, waiting = [], [os.getpid()]
    while waiting:
        pid = waiting.pop()
        try:
            if b"camera.scalp" in Path(f"/proc/{pid}/cmdline").read_bytes():
                continue
            for task in Path(f"/proc/{pid}/task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
        except OSError:
            continue
        found.append(pid)
    return found


def memory_of(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return 1024 * int(re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)[1])  # type: ignore[index]


def handles() -> int:
    return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in processes())


def cpu_s() -> float:
    ticks = os.sysconf("SC_CLK_TCK")
    fields = (Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in processes())
    return sum(int(each[11]) + int(each[12]) for each in fields) / ticks


def start_to_ready() -> list[Row]:
    times = []
    for _ in range(3):
        with TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            systemd.bind(f"{folder}/notify")
            began = time.perf_counter()
            command = [sys.executable, "-m", "trichoscope", "run", "--simulate", "--presses", "1", "--screens",
                       f"{folder}/screens", "--data", f"{folder}/data"]  # fmt: skip
            environment = {**os.environ, "NOTIFY_SOCKET": f"{folder}/notify"}
            with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
                assert systemd.recv(100) == b"READY=1"
                times.append(time.perf_counter() - began)
                process.kill()
    return [("start to ready", median(times), "s", 5.0)]


def press_to_number(presses: int) -> list[Row]:
    lines = TimeLines()
    logging.getLogger("trichoscope").setLevel(logging.INFO)
    logging.getLogger("trichoscope").addHandler(lines)
    with TemporaryDirectory() as folder, Memory() as memory, running(Path(folder)) as instrument:
        turn(instrument, events.Press())  # the first one warms caches up
        lines.lines.clear()
        for _ in range(presses):
            turn(instrument, events.Keep())
            turn(instrument)
            page = turn(instrument, events.Press())
            assert isinstance(page, pages.Result), page
    logging.getLogger("trichoscope").removeHandler(lines)
    rows: list[Row] = []
    for part in lines.lines[0]:
        rows.append((part, median(line[part] for line in lines.lines), "ms", None))
    beside = [sum(ms for part, ms in line.items() if part not in ANALYSIS) for line in lines.lines]
    rows.append(("all but the analysis", median(beside), "ms", 150.0))
    rows.append(("press to number", median(sum(line.values()) for line in lines.lines), "ms", None))
    rows.append(("memory", memory.peak_bytes / 1e6, "MB", 600.0))
    return rows


def live_view(seconds: float) -> list[Row]:
    with TemporaryDirectory() as folder, running(Path(folder)) as instrument:
        seen: list[int] = []

        def look() -> Hand:
            last_s = time.monotonic() + seconds
            while time.monotonic() < last_s:
                page = yield []
                assert isinstance(page, pages.Ready)
                seen.append(hash(page.preview.tobytes()))

        began_s, began_cpu_s = time.monotonic(), cpu_s()
        loop(instrument, look())
        took_s = time.monotonic() - began_s
        frames = len(set(seen))
        return [
            ("live view", frames / took_s, "frames/s", 15.0),
            ("processor in the live view", (cpu_s() - began_cpu_s) / took_s, "cores", 1.0),
        ]


def endurance(captures: int) -> list[Row]:
    """Small photographs from a folder, the network stood in for; everything else is real."""
    times_ms: list[float] = []
    with TemporaryDirectory() as folder, ExitStack() as stack:
        records = prepared(Path(folder))
        instrument = stack.enter_context(running(records, KnownNetwork(), Path(folder) / "played"))

        def sizes() -> tuple[float, float]:
            return sum(map(memory_of, processes())) / 1e6, float(handles())

        early = (0.0, 0.0)
        for number in track(range(captures), "Capturing", console=console, transient=True):
            if number % VISIT_PRESSES == 0:
                turn(instrument, events.Typed(f"SIM-{number // VISIT_PRESSES}"))
                turn(instrument, events.ChooseSite("vertex"))
            began = time.perf_counter()
            page = turn(instrument, events.Press())
            times_ms.append(1e3 * (time.perf_counter() - began))
            assert isinstance(page, pages.Result), page
            turn(instrument, events.Keep())
            if number == captures // 10:
                early = sizes()
        late = sizes()
        assert len(instrument.parts.store.captures()) >= captures
    first, last = median(times_ms[:100]), median(times_ms[-100:])
    return [
        ("captures", float(captures), "", None),
        ("capture, the first hundred", first, "ms", None),
        ("capture, the last hundred", last, "ms", 1.15 * first),
        ("memory after a tenth", early[0], "MB", None),
        ("memory at the end", late[0], "MB", early[0] + 20),
        ("file handles after a tenth", early[1], "", None),
        ("file handles at the end", late[1], "", early[1]),
    ]


def main() -> int:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--presses", type=int, default=20)
    arguments.add_argument("--captures", type=int, default=10_000)
    arguments.add_argument("--json", type=Path)
    told = arguments.parse_args()
    rows = [*start_to_ready(), *press_to_number(told.presses), *live_view(10.0)]
    if told.captures:
        rows += endurance(told.captures)
    table = Table("Figure", "Value", "Goal", title=f"{platform.machine()}, {os.cpu_count()} cores")
    missed = 0
    for name, value, unit, goal in rows:
        right = goal is None or (value >= goal if unit == "frames/s" else value <= goal)
        missed += not right
        sign = "" if goal is None else f"{'≥' if unit == 'frames/s' else '≤'} {goal:.4g} {unit}"
        table.add_row(name, f"{value:.4g} {unit}", sign, style="" if right else "red")
    console.print(table)
    if told.json is not None:
        document = [{"figure": name, "value": value, "unit": unit, "goal": goal} for name, value, unit, goal in rows]
        told.json.write_text(json.dumps({"format": 1, "rows": document}, indent=1))
    return int(missed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
