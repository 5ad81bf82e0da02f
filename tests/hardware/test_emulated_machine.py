"""The tests that need wires, all of them, inside the emulated machine, with a clinic's server beside it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.clinic.clinic import Clinic
from tests.clinic.conftest import MISSING

ROOT = Path(__file__).parents[2]


@contextmanager
def clinic_beside(out: Path, folder: Path) -> Iterator[Clinic | None]:
    """A real one where its programs are installed; the machine finds what it is to know of it in its folder /out."""
    if MISSING:
        yield None
        return
    with Clinic.started(folder) as clinic:
        names = {"ca": "ca.crt", "certificate": "device.crt", "key": "device.key"}
        for name in names.values():
            shutil.copy(folder / "TS-0001" / name, out)
        settings = {key: f"/out/{name}" for key, name in names.items()}
        settings |= {"device_serial": "TS-0001", "url": f"https://localhost:{clinic.ports['port']}/dicom-web"}
        (out / "clinic.json").write_text(json.dumps({"port": clinic.ports["port"], "clinic": settings}))
        yield clinic


@pytest.mark.usefixtures("machine")
def test_the_hardware_tests_pass_inside(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with clinic_beside(out, tmp_path / "clinic") as clinic:
        inside = subprocess.run(
            [ROOT / "scripts/emulated-machine", "--out", out],
            capture_output=True, text=True, check=False, timeout=3000, errors="replace",
        )  # fmt: skip
        held = clinic.held() if clinic is not None else {}
    print(inside.stdout)
    assert inside.returncode == 0, inside.stdout + inside.stderr
    passed = re.search(r"(\d+) passed", inside.stdout)
    assert passed is not None
    assert int(passed[1]) >= 20
    if clinic is not None:
        assert len(held) == 4, "photograph and report of two captures"
        assert "skipped" not in inside.stdout
