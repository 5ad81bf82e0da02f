"""Saves on a disk that fills up; run in a mount namespace of its own, where it may mount one that is really small.

    unshare --map-root-user --mount python -m tests.faults.full_disk COUNT FLAW

Prints one JSON object. The flaw `no reserve` takes the reserve file away.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from tempfile import mkdtemp

from tests.faults.drills import Tally, examine
from tests.faults.writer import FixedClock, press
from trichoscope.errors import StorageFull, StorageLow
from trichoscope.records import Store
from trichoscope.records.store import DATABASE, RESERVE

DISK_BYTES = 4_000_000


def main(count: int, flaw: str) -> Tally:
    tally = Tally()
    for i in range(count):
        free = 4096 * 2 * i  # from nothing to several captures
        folder = Path(mkdtemp())
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "none", folder], check=True)
        problems = _fill(folder, free, flaw, tally)
        tally.problems += [f"{free} bytes free: {problem}" for problem in problems]
        subprocess.run(["umount", "-l", folder], check=True)
        folder.rmdir()
        tally.runs += 1
    return tally


def _fill(folder: Path, free: int, flaw: str, tally: Tally) -> list[str]:
    kept: dict[int, str] = {}

    def save(store: Store, number: int) -> None:
        photograph, capture = press(number)
        store.save(photograph, capture)
        kept[number] = hashlib.sha256(photograph).hexdigest()

    ballast = folder / "ballast"
    with Store(folder, FixedClock(), create=True, floor_bytes=0) as store:
        save(store, 1)
        if flaw == "no reserve":
            (folder / RESERVE).unlink()
        with ballast.open("wb", buffering=0) as file:
            while (room := store.free_bytes() - free) > 0:
                file.write(os.urandom(room))
        try:
            for number in range(2, 100):
                save(store, number)
        except (StorageFull, StorageLow) as error:
            tally.refused += 1
            code = error.code
        else:
            return ["the disk never filled"]
        tally.fired += 1
        tally.kept += len(kept)
    problems = []
    db = sqlite3.connect(folder / DATABASE)
    said = {"E402": "storage_low", "E403": "save_failed"}[code]
    if not db.execute("SELECT 1 FROM audit WHERE event = ?", (said,)).fetchone():
        problems.append(f"the audit does not say {said}")
    db.close()
    problems += examine(folder, kept, save=False)  # still full
    ballast.unlink()
    with Store(folder, FixedClock(), floor_bytes=0) as store:
        save(store, 1000)
        if not (folder / RESERVE).exists():
            problems.append("the reserve was not made again")
    return problems + examine(folder, kept, save=False)


if __name__ == "__main__":
    print(json.dumps(dataclasses.asdict(main(int(sys.argv[1]), sys.argv[2]))))
