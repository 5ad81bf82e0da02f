"""Photographs as files that are whole or absent, whenever the power goes.

A file's name is the random id of its capture: it says nothing of the patient.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

ENDING = ".jpg"
UNFINISHED = ".part"


def path_of(folder: Path, capture_id: str) -> Path:
    return folder / (capture_id + ENDING)


@dataclass(frozen=True, eq=False)
class Incoming:
    """A photograph on its way to the disk: written under a name that counts for nothing, not yet waited for."""

    capture_id: str
    data: bytes
    sha256: str
    path: Path
    file: FileIO

    def close(self) -> None:
        """Let go of it; where it was not kept, nothing is left."""
        self.file.close()
        self.path.unlink(missing_ok=True)


def begin(folder: Path, capture_id: str, photograph: bytes) -> Incoming:
    """Start to write a photograph. The disk works on while something else is done. Raises OSError."""
    path = path_of(folder, capture_id).with_suffix(UNFINISHED)
    file = path.open("xb", buffering=0)
    incoming = Incoming(capture_id, photograph, hashlib.sha256(photograph).hexdigest(), path, file)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # goes with this process, however it ends: see is_leftover
        rest = memoryview(photograph)
        while rest:
            rest = rest[file.write(rest) :]
        # "not needed soon" makes Linux write at once what it would otherwise hold back for up to 30 s
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    except BaseException:
        incoming.close()
        raise
    return incoming


def is_leftover(path: Path) -> bool:
    """Whether nobody writes an unfinished file any more."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except FileNotFoundError:  # finished or given up meanwhile
        return False
    return True


def keep(folder: Path, incoming: Incoming) -> None:
    """Make a photograph last. Its row may be committed once this has returned, no earlier. Raises OSError."""
    sync_file(incoming.file.fileno())
    incoming.path.rename(path_of(folder, incoming.capture_id))
    sync_folder(folder)


def write(path: Path, data: bytes) -> None:
    """A file that is whole or absent, and lasts once this has returned. Raises OSError."""
    unfinished = path.with_suffix(UNFINISHED)
    with unfinished.open("wb") as file:
        file.write(data)
        file.flush()
        sync_file(file.fileno())
    unfinished.rename(path)
    sync_folder(path.parent)


def remove(folder: Path, names: Iterable[str]) -> None:
    """Remove files for good. Those already gone are no error."""
    for name in names:
        (folder / name).unlink(missing_ok=True)
    sync_folder(folder)


def sync_file(descriptor: int) -> None:
    os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder last; syncing a file does not."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
