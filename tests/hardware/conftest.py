"""The tests of what has wires or needs root. They are skipped with a reason wherever that is not at hand."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

LONG = "TRICHOSCOPE_LONG"
"""Set by scripts/test: the drills that take minutes and root run too."""
EMULATED_MACHINE = Path(__file__).parents[2] / "scripts" / "emulated-machine"
CANNOT = 77
"""How it ends where QEMU cannot be installed."""


@pytest.fixture(scope="session")
def debian_root() -> None:
    """Where a fresh Debian can be made and thrown away again."""
    if not os.environ.get(LONG):
        pytest.skip(f"takes minutes; {LONG}=1 runs it, as scripts/test does")
    if os.geteuid() != 0:
        pytest.skip("needs root: a Debian is unpacked and mounted")
    if shutil.which("apt-get") is None:
        pytest.skip("needs Debian's packages")


@pytest.fixture(scope="session")
def emulated() -> None:
    """Inside scripts/emulated-machine, whose lines and cameras are the kernel's simulators."""
    if os.environ.get("TRICHOSCOPE_MACHINE") != "emulated":
        pytest.skip("needs the instrument's wires; scripts/emulated-machine has them")


@pytest.fixture(scope="session")
def machine() -> None:
    """Where the emulated machine can be started."""
    if not os.environ.get(LONG):
        pytest.skip(f"takes minutes; {LONG}=1 runs it, as scripts/test does")
    made = subprocess.run([EMULATED_MACHINE, "--make"], capture_output=True, text=True, check=False, timeout=900)
    if made.returncode == CANNOT:
        pytest.skip(made.stderr.strip())
    assert made.returncode == 0, made.stderr
