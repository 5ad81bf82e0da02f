"""The tests that need wires, all of them, inside the emulated machine."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.usefixtures("machine")
def test_the_hardware_tests_pass_inside() -> None:
    inside = subprocess.run(
        [ROOT / "scripts/emulated-machine"], capture_output=True, text=True, check=False, timeout=1800, errors="replace"
    )
    print(inside.stdout)
    assert inside.returncode == 0, inside.stdout + inside.stderr
    passed = re.search(r"(\d+) passed", inside.stdout)
    assert passed is not None
    assert int(passed[1]) >= 19
    assert "skipped" not in inside.stdout.splitlines()[-1]
