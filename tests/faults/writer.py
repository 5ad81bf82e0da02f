"""The program that is disturbed: it saves captures and says on its standard output, unbuffered, which ones were kept.

Lines: `ready`, then for each press `press N` before the save and `kept N SHA256` after it, or `refused N E404`.
A flaw can be built in, to show that the drills would find it.
"""

from __future__ import annotations

import hashlib
import os
import random
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from trichoscope.clock import Instant
from trichoscope.errors import TrichoscopeError
from trichoscope.records import Capture, Store, photographs

FLAWS = ("none", "synchronous normal", "photograph not synced", "folder not synced", "says so too early", "careless")


class FixedClock:
    def now(self) -> Instant:
        return Instant(datetime(2026, 3, 1, tzinfo=UTC), True)


def press(number: int) -> tuple[bytes, Capture]:
    """A photograph of 5 to 40 kB and a reading of a few pages, the same for the same number."""
    rng = random.Random(number)
    photograph = rng.randbytes(rng.randint(5_000, 40_000))
    hairs = [{"diameter_um": rng.random(), "path_px": [rng.random() for _ in range(20)]} for _ in range(20)]
    capture = Capture(
        patient=f"press {number}", site="vertex", operator="", taken_at=datetime(2026, 3, 1, tzinfo=UTC),
        clock_trusted=True, threshold_um=40.0, um_per_px=2.77, calibration_id=None, model_name="", model_sha256="",
        firmware_version="", throttling=None, reading={"hairs": hairs},
    )  # fmt: skip
    return photograph, capture


def build_in(flaw: str, store: Store) -> None:
    begin: Callable[[Path, str, bytes], photographs.Incoming] = photographs.begin
    keep: Callable[[Path, photographs.Incoming], None] = photographs.keep

    def begin_carelessly(folder: Path, capture_id: str, photograph: bytes) -> photographs.Incoming:
        try:
            return begin(folder, capture_id, photograph)
        except OSError:
            return begin(folder, capture_id, b"")

    def keep_carelessly(folder: Path, incoming: photographs.Incoming) -> None:
        with suppress(OSError):
            keep(folder, incoming)

    if flaw == "synchronous normal":
        store._db().execute("PRAGMA synchronous = NORMAL")
    elif flaw == "photograph not synced":
        photographs.sync_file = lambda descriptor: None
    elif flaw == "folder not synced":
        photographs.sync_folder = lambda folder: None
    elif flaw == "careless":
        photographs.begin = begin_carelessly
        photographs.keep = keep_carelessly


def say(line: str) -> None:
    os.write(1, line.encode() + b"\n")


def main(folder: str, first: str, count: str, checkpoint_pages: str, flaw: str) -> None:
    store = Store(Path(folder), FixedClock())
    # Small, so that moving the log into the database is disturbed too.
    store._db().execute(f"PRAGMA wal_autocheckpoint = {checkpoint_pages}")
    build_in(flaw, store)
    say("ready")
    for number in range(int(first), int(first) + int(count)):
        photograph, capture = press(number)
        kept = f"kept {number} {hashlib.sha256(photograph).hexdigest()}"
        say(f"press {number}")
        try:
            if flaw == "says so too early":
                say(kept)
            store.save(photograph, capture)
        except TrichoscopeError as error:
            say(f"refused {number} {error.code}")
        else:
            say(kept)
    os._exit(0)  # without the tidy close that a power cut does not grant either


if __name__ == "__main__":
    main(*sys.argv[1:])
