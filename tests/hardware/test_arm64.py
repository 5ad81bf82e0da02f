"""scripts/install on the Raspberry Pi's processor, emulated: the device's wheels install, and find the same hairs.

The wheels are fetched here, for that processor alone, and installed there by its own pip: to fetch them under emulation
takes longer than a person waits.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
SAME, ROOT_PX = 0.92, 3.0
"""At least this share of hairs is found by both, with roots this near; and of these, this share has widths that differ
by less than the standard error of either. The two processors round the sums of the int8 network differently by one step
of 256: an uncertain hair, or a path between two that touch, falls to one side here and to the other there."""
PLATFORMS = ["manylinux2014_aarch64", *(f"manylinux_2_{minor}_aarch64" for minor in range(17, 37))]
"""What Debian 12 on arm64 takes: its C library is 2.36."""
FROM_DEBIAN = "evdev"
"""Has no wheel; scripts/install takes Debian's."""
IMPORTS = "ai_edge_litert.interpreter, cv2, evdev, gpiozero, lgpio, linuxpy, pydicom, pygame, pynetdicom, zxingcpp"
INSIDE = f"""
set -e
cd "$1"
mkdir -p /boot/firmware && touch /boot/firmware/config.txt
# no-compile = no: pip's way to say that nothing is compiled ahead
export PIP_NO_INDEX=1 PIP_FIND_LINKS="$1/wheels" PIP_NO_COMPILE=no
/src/scripts/install
/opt/trichoscope/bin/python -c 'import {IMPORTS}'
trichoscope analyze scalps --scale-um 2.77 --json arm64.json
[ -s /boot/firmware/overlays/trichoscope.dtbo ]
/src/scripts/install --erase
[ ! -e /opt/trichoscope ] && [ ! -s /boot/firmware/config.txt ]
uname -m
"""


def pip(*arguments: str | Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments], check=True, timeout=900
    )


def fetch_wheels(wheels: Path) -> None:
    """What scripts/install has pip install on the device; nothing but what fits that processor."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    project, build = pyproject["project"], pyproject["build-system"]["requires"]
    extras = project["optional-dependencies"]
    wanted = [
        each
        for each in (*project["dependencies"], *extras["instrument"], *extras["device"], *extras["clinic"])
        if not each.startswith((FROM_DEBIAN, project["name"]))
    ]
    platforms = [word for platform in PLATFORMS for word in ("--platform", platform)]
    pip("download", "--only-binary", ":all:", "--python-version", "3.11", *platforms, "--dest", wheels, *wanted, *build)
    assert not list(wheels.glob("*x86_64*"))
    assert list(wheels.glob("ai_edge_litert-*aarch64.whl"))


def hairs_of(path: Path) -> list[list[dict[str, Any]]]:
    return [list(reading["hairs"]) for reading in json.loads(path.read_text())["readings"]]


@pytest.mark.usefixtures("debian_root")
def test_it_installs_and_finds_the_same_hairs(tmp_path: Path) -> None:
    def here(command: str) -> None:
        subprocess.run([sys.executable, "-m", "trichoscope", *command.split()], cwd=tmp_path, check=True, timeout=600)

    here("render scalps --count 2 --style clipped --seed 1 --size 1600x1200 --scale-um 2.77")
    here("analyze scalps --scale-um 2.77 --json amd64.json")
    fetch_wheels(tmp_path / "wheels")
    there = subprocess.run(
        [ROOT / "scripts/debian-root", "--arch", "arm64", "--share", tmp_path, "sh", "-c", INSIDE, "-", tmp_path],
        capture_output=True, text=True, check=False, timeout=3000,
    )  # fmt: skip
    assert there.returncode == 0, there.stdout + there.stderr
    assert there.stdout.splitlines()[-1] == "aarch64"

    ours, theirs = hairs_of(tmp_path / "amd64.json"), hairs_of(tmp_path / "arm64.json")
    most = sum(max(len(one), len(other)) for one, other in zip(ours, theirs, strict=True))
    apart = [each for one, other in zip(ours, theirs, strict=True) for each in widths_apart(one, other)]
    agreeing = sum(each < 1 for each in apart)
    print(f"{most} hairs, {len(apart)} found by both, {agreeing} of them as wide within their standard error")
    assert most > 30
    assert len(apart) >= SAME * most
    assert agreeing >= SAME * len(apart)


def widths_apart(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> list[float]:
    """For each hair that both found: how far its two widths are apart, in standard errors."""
    roots = np.array([hair["root_px"] for hair in theirs])
    found = []
    for hair in ours:
        away = np.hypot(*(roots - np.array(hair["root_px"])).T)
        if away.min() <= ROOT_PX:
            other = theirs[int(away.argmin())]
            apart_um = abs(other["diameter_um"] - hair["diameter_um"])
            found.append(float(apart_um / min(hair["diameter_error_um"], other["diameter_error_um"])))
    return found
