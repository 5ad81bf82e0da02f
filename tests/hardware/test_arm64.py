"""The program on the Raspberry Pi's processor, emulated: what pip installs there works, and finds the same hairs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
FOUND_BOTH, ROOT_PX, WIDTH, WIDTHS = 0.95, 3.0, 0.05, 0.95
"""At least this share of hairs is found by both; their roots are this near, and the widths of this share of them agree
to 5 %. The two processors round the sums of the int8 network differently by one step of 256: an uncertain hair falls on
one side of the threshold here and on the other there."""
INSIDE = """
set -e
apt-get update --quiet=2
DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends python3-venv >/dev/null 2>&1
mkdir /tree && cd /src && cp -r firmware hardware models pyproject.toml README.md LICENSE /tree
python3 -m venv /venv
/venv/bin/pip install --quiet --no-compile /tree
cd "$1"
/venv/bin/trichoscope analyze scalps --scale-um 2.77 --json arm64.json
/venv/bin/python -c 'import platform; print(platform.machine())'
"""


def hairs_of(path: Path) -> list[dict[str, Any]]:
    (reading,) = json.loads(path.read_text())["readings"]
    return list(reading["hairs"])


@pytest.mark.usefixtures("arm64")
def test_the_same_hairs_are_found(tmp_path: Path) -> None:
    def here(*arguments: str) -> None:
        subprocess.run([sys.executable, "-m", "trichoscope", *arguments], cwd=tmp_path, check=True, timeout=600)

    here(
        "render",
        "scalps",
        "--count",
        "1",
        "--style",
        "clipped",
        "--seed",
        "1",
        "--size",
        "1600x1200",
        "--scale-um",
        "2.77",
    )
    here("analyze", "scalps", "--scale-um", "2.77", "--json", "amd64.json")
    there = subprocess.run(
        [ROOT / "scripts/debian-root", "--arch", "arm64", "--share", tmp_path, "sh", "-c", INSIDE, "-", tmp_path],
        capture_output=True, text=True, check=False, timeout=5400,
    )  # fmt: skip
    assert there.returncode == 0, there.stdout + there.stderr
    assert there.stdout.splitlines()[-1] == "aarch64"

    ours, theirs = hairs_of(tmp_path / "amd64.json"), hairs_of(tmp_path / "arm64.json")
    assert len(ours) > 20
    roots = np.array([hair["root_px"] for hair in theirs])
    agreeing, pairs = 0, 0
    for hair in ours:
        away = np.hypot(*(roots - np.array(hair["root_px"])).T)
        if away.min() <= ROOT_PX:
            pairs += 1
            agreeing += abs(theirs[int(away.argmin())]["diameter_um"] / hair["diameter_um"] - 1) <= WIDTH
    assert pairs >= FOUND_BOTH * max(len(ours), len(theirs))
    assert agreeing >= WIDTHS * pairs
