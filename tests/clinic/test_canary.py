"""A patient's name and code stay where they belong: in the records, in the objects, on the screen."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.clinic.captures import capture, jpeg
from tests.clinic.clinic import Clinic
from trichoscope.clinic.worklist import fetch
from trichoscope.clock import SystemClock
from trichoscope.records import Store

pytestmark = pytest.mark.clinic
CANARY = "CANARY7731"
ODD_NAME = f"{CANARY}{'x' * 80}^=^{CANARY}"
"""Longer than DICOM allows: what complains about it must not quote it."""


def run(config: Path, *arguments: str) -> str:
    """Everything that a log could have of a sync."""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-m", "trichoscope", *arguments, "--config", config],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


def test_no_log_no_file_name_and_no_error_has_a_patient(clinic: Clinic, tmp_path: Path) -> None:
    clinic.empty()
    study = clinic.run("patient", CANARY, ODD_NAME)
    settings = clinic.settings()
    good = "\n".join(
        [
            f'[records]\nfolder = "{tmp_path / "records"}"\n[clinic]',
            *(f'{name} = "{getattr(settings, name)}"' for name in ("device_serial", "url", "ca", "certificate", "key")),
            f'[clinic.worklist]\nhost = "localhost"\nport = {clinic.ports["dicom_port"]}',
        ]
    )
    config = tmp_path / "device.toml"
    with Store(tmp_path / "records", SystemClock(), create=True) as store:
        for photograph in (jpeg(128, 96), jpeg(128, 96, progressive=True), jpeg(128, 96, 2)):
            damaged = store.save(photograph, capture(patient=CANARY, study_uid=study))
    path = tmp_path / "records" / "photographs" / f"{damaged.id}.jpg"
    path.write_bytes(path.read_bytes()[:-1])
    said = ""
    for text in (good.replace(settings.key.name, "none.key"), good.replace("dicom-web", "elsewhere"), good):
        config.write_text(text)
        said += run(config, "sync") + run(config, "sync", "--nightly") + run(config, "sync", "--dry-run")
    for code in ("E516", "E517", "E405", "E508"):
        assert code in said
    assert "2 captures still to go" in " ".join(said.split())
    assert CANARY not in said
    assert CANARY not in (clinic.folder / "devices.log").read_text()
    assert CANARY not in (clinic.folder / "nginx.log").read_text()
    assert [path for path in tmp_path.rglob("*") if CANARY in path.name] == []
    assert CANARY.encode() in (tmp_path / "records" / "records.db").read_bytes()  # and it was there to be seen
    assert CANARY in run(config, "worklist")


def test_what_is_odd_in_a_worklist_is_not_quoted(
    clinic: Clinic, recwarn: pytest.WarningsRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    clinic.run("patient", CANARY, ODD_NAME)
    assert any(CANARY in each.name for each in fetch(clinic.settings(), datetime.now(UTC)))
    assert not any(CANARY in str(warning.message) for warning in recwarn)
    assert CANARY not in caplog.text
