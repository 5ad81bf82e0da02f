"""What a fake driver library and the test that watches it share: a folder, named by the environment.

`missing` is there while the device is not; `faults` has what the next frames do wrong, a word a line; `fired` has those
that happened; `keys` has a line for each press of the scope's own key.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

VARIABLE = "FAKE_CAMERA"
PERIOD_NS = 20_000_000


def folder() -> Path:
    return Path(os.environ[VARIABLE])


def missing() -> bool:
    return (folder() / "missing").exists()


def take(file: str) -> str | None:
    """The first line of a file, which loses it."""
    path = folder() / file
    lines = path.read_text().split() if path.exists() else []
    if not lines:
        return None
    path.write_text("\n".join(lines[1:]))
    return lines[0]


def fault() -> str | None:
    """What goes wrong now; a hang does not come back, and holds the interpreter's lock meanwhile."""
    kind = take("faults")
    if kind is not None:
        with (folder() / "fired").open("a") as fired:
            fired.write(kind + "\n")
    if kind == "hang":
        ctypes.PyDLL(None).pause()
    if kind == "crash":
        os._exit(1)
    return kind
