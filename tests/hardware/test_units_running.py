"""The installed instrument under its own systemd, in the emulated machine: what is checked is in under_systemd.py."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = Path(__file__).parent / "machine"
SETTINGS = """
[camera]
driver = "usb"
[camera.usb]
device = "1b3f:8301:A7"
pixel_format = "YUYV"
size_px = [640, 480]
[screen]
driver = "dummy"
"""
STEPS = [
    "the instrument is ready",
    "it has its own user, no capability, and a filter before the kernel",
    "it has no network",
    "it films with the scope that is plugged in",
    "it hears its button",
    "records and devices belong to whom they should",
    "one that hangs is started again by the watchdog",
    "nothing is sent where no clinic was enrolled",
    "stopped, it has let go of its lines",
    "nothing listens",
]


@pytest.mark.usefixtures("machine", "debian_root")
def test_the_units_do_what_they_say(tmp_path: Path) -> None:
    root, out = tmp_path / "root", tmp_path / "out"
    out.mkdir()
    for part in ("under_systemd.py", "header.py", "scope.py"):
        shutil.copy(PARTS / part, out)
    shutil.copy(ROOT / "hardware" / "pins.toml", out)
    installed = subprocess.run(
        [ROOT / "scripts/debian-root", "--keep", root, "sh", "-c",
         f"/src/scripts/install && cat >/etc/trichoscope/trichoscope.toml <<'TOML'\n{SETTINGS}TOML"],
        capture_output=True, text=True, check=False, timeout=1500,
    )  # fmt: skip
    assert installed.returncode == 0, installed.stdout + installed.stderr
    machine: list[str | Path] = [ROOT / "scripts/emulated-machine", "--root", root, "--systemd", "--out", out]
    ran = subprocess.run(
        [*machine, "python3", "/out/under_systemd.py"],
        capture_output=True, text=True, check=False, timeout=3000, errors="replace",
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert [line.strip().removeprefix("step: ") for line in ran.stdout.splitlines() if "step: " in line] == STEPS
