"""Photographs as files that are whole or absent, whenever the power goes.

A file's name is the random id of its capture: it says nothing of the patient.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

ENDING = ".jpg"
UNFINISHED = ".part"


def path_of(folder: Path, capture_id: str) -> Path:
    return folder / (capture_id + ENDING)


def keep(folder: Path, capture_id: str, photograph: bytes) -> None:
    """Write a photograph so that it survives. Its row may be committed once this has returned, no earlier.

    Raises OSError.
    """
    path = path_of(folder, capture_id)
    unfinished = path.with_suffix(UNFINISHED)
    with unfinished.open("xb") as file:
        file.write(photograph)
        file.flush()
        sync_file(file.fileno())
    unfinished.rename(path)
    sync_folder(folder)


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
