"""What sending costs: 100 captures of 12 MP on loopback; and whether a canary's name gets where it must not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from tests.clinic.captures import DEVICE, capture, jpeg, reading
from tests.clinic.clinic import Clinic
from trichoscope.clinic.building import visit_of
from trichoscope.clinic.photograph import photograph_object
from trichoscope.clinic.report import report_object
from trichoscope.clock import SystemClock
from trichoscope.records import Store
from trichoscope.records.outbox import Outbox

CAPTURES = 100
CANARY = "CANARY7731"
"""Of the patient's code and name: no word of it may be in a log, a file name, a process list or a crash report."""


def fill(folder: Path, study: str, count: int) -> float:
    """Save captures as the instrument does. Returns the size of a photograph in MB."""
    photographs = [jpeg(4056, 3040, seed) for seed in range(4)]
    with Store(folder, SystemClock(), create=True) as store:
        for number in range(count):
            changes = {"study_uid": study, "reading": reading(120), "patient": CANARY}
            store.save(photographs[number % 4], capture(**changes))
    return sum(map(len, photographs)) / 4e6


def sync(config: Path, watched: Path, *more: str) -> tuple[dict[str, float], float, float, list[str]]:
    """Run one sync as the unit does. Returns what it says, seconds, peak memory in MB, and what processes showed."""
    shown: list[str] = []
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "trichoscope", "sync", "--config", config, "--json", *more],
        stdout=subprocess.PIPE, stderr=(watched / "sync.log").open("ab"), text=True,
    )  # fmt: skip
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.5):
            shown.extend(_process_list())

    looking = threading.Thread(target=look)
    looking.start()
    assert process.stdout is not None
    said = process.stdout.read()
    _, _, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    ended.set()
    looking.join()
    with (watched / "sync.log").open("a") as log:
        log.write(said)
    return json.loads(said), seconds, used.ru_maxrss / 1024, shown


def _process_list() -> Iterator[str]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield path.read_text(errors="replace")
        except OSError:
            continue


def press_times(folder: Path, count: int) -> float:
    """Median milliseconds to keep a 12 MP photograph with its reading: what the sync could slow down."""
    photograph, times = jpeg(4056, 3040), []
    with Store(folder, SystemClock()) as store:
        for _ in range(count):
            began = time.perf_counter()
            sequence = store.save(photograph, capture(reading=reading(120))).sequence
            times.append(1e3 * (time.perf_counter() - began))
            store.set_aside(sequence, by="benchmark")
    return median(times)


def build_times(folder: Path) -> float:
    """Seconds to build both objects of a 12 MP capture with 120 hairs."""
    photograph, times = jpeg(4056, 3040), []
    with Store(folder, SystemClock()) as store:
        one = store.capture(1)
        visit = visit_of(Outbox(store), DEVICE, one)
        for _ in range(5):
            began = time.perf_counter()
            photograph_object(DEVICE, one, visit, photograph)
            report_object(DEVICE, one, visit)
            times.append(time.perf_counter() - began)
    return median(times)


def traces(folders: list[Path], shown: list[str]) -> list[str]:
    """Where the canary is seen. Records, archive and worklist hold patients on purpose: of them only names count."""
    found = [f"file name {path}" for folder in folders for path in folder.rglob("*") if CANARY in path.name]
    found += [f"process {line!r}" for line in shown if CANARY in line]
    for folder in folders:
        for path in (*folder.glob("*.log"), *folder.rglob("*.crash"), *folder.rglob("core*")):
            if path.is_file() and CANARY.encode() in path.read_bytes():
                found.append(f"content of {path}")
    return found


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else CAPTURES
    table = Table("", "Figure", "Must")
    with TemporaryDirectory() as folder, Clinic.started(Path(folder) / "clinic") as clinic:
        home = Path(folder)
        study = clinic.run("patient", CANARY, f"{CANARY}^Name")
        settings, records = clinic.settings(), home / "records"
        config = home / "device.toml"
        lines = [f'{name} = "{getattr(settings, name)}"' for name in ("url", "ca", "certificate", "key")]
        lines += [f'device_serial = "{DEVICE.serial}"', "[clinic.worklist]", 'host = "localhost"']
        lines += [f"port = {clinic.ports['dicom_port']}"]
        config.write_text("\n".join([f'[records]\nfolder = "{records}"\n[clinic]', *lines]) + "\n")
        size = fill(records, study, count)
        quiet = press_times(records, 10)
        building = build_times(records)
        during: list[float] = []
        presses = threading.Thread(target=lambda: during.append(press_times(records, 10)))
        presses.start()
        said, seconds, memory, shown = sync(config, home)
        presses.join()
        received, sent_mb = int(said["received"]), said["received_bytes"] / 1e6
        _, nothing, _, again = sync(config, home)
        found = traces([home, home / "clinic"], shown + again)
        control = traces([home], [f"sync {CANARY}"])
        held = clinic.held()
    table.add_row("captures, photographs of", f"{count}, {size:.1f} MB", "")
    table.add_row("objects received and verified", f"{received} of {2 * count}", f"{2 * count}")
    table.add_row("sent and fetched back", f"{sent_mb / seconds:.1f} MB/s each way", "")
    table.add_row("waiting for the server", f"{100 * said['waited_s'] / seconds:.0f} %", "")
    table.add_row("memory at its highest", f"{memory:.0f} MB", "≤ 200 MB")
    table.add_row("building both objects", f"{building:.2f} s", "≤ 1.5 s")
    table.add_row("a run with nothing to send", f"{nothing:.1f} s", "≤ 2 s")
    table.add_row("keeping a capture, quiet / during the sync", f"{quiet:.0f} / {during[0]:.0f} ms", "")
    table.add_row("places where the canary is seen", str(len(found)), "0")
    Console().print(table, *found)
    right = received == 2 * count == len(held) and memory <= 200 and not found and control
    return int(not right)


if __name__ == "__main__":
    raise SystemExit(main())
