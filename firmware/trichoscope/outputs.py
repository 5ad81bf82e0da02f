"""What a person or a program asked for: JSON, and files, which are written whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import OutputNotWritable


def check_folder(directory: Path) -> None:
    """Make the folder where it is missing. Raises OutputNotWritable where nothing can be written in it."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputNotWritable(f"{directory}: {error.strerror}.") from error
    check_writable(directory)


def check_writable(directory: Path) -> None:
    """Raises OutputNotWritable where no file can be made in the folder."""
    try:
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise OutputNotWritable(f"{directory}: {error.strerror}.") from error


def write(path: Path, data: bytes, mode: int = 0o666) -> None:
    """All of it or nothing: the file appears under its name when it is complete. Raises OutputNotWritable.

    Args:
        mode: who may read it, less what the umask takes away.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
            file.write(data)
        unfinished.replace(path)
    except OSError as error:
        raise OutputNotWritable(f"{path}: {error.strerror}.") from error
    finally:
        unfinished.unlink(missing_ok=True)


def print_json(document: Mapping[str, Any]) -> None:
    """What a command says to a program: one line on the standard output."""
    print(json.dumps(document, allow_nan=False, ensure_ascii=False))
