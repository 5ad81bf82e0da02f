"""list, show, export and erase: what a person and a program see of the records."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from trichoscope.clock import SystemClock
from trichoscope.frame import Frame
from trichoscope.measurement.hair import Hair
from trichoscope.measurement.quality import Quality
from trichoscope.measurement.reading import read_hairs, to_contract
from trichoscope.photograph import read_photograph
from trichoscope.records import Capture, Store

Run = Callable[..., Any]


@pytest.fixture
def visit(tmp_path: Path, pixels: NDArray[np.uint8]) -> Path:
    """Patient A with a reading of one hair and a refusal, patient B with a reading."""
    path = np.array([[40.0, 30], [60, 50], [80, 60]], np.float32)
    hair = Hair((40.0, 30.0), path, 71.0, 3.0, 1.0, True, 200.0, 0.7, "terminal", 0.97, 0, 0.9, False, False, False)
    reading = to_contract(
        read_hairs(
            Frame(pixels, 4.0),
            [hair],
            Quality((), (), 10.0),
            threshold_um=40.0,
            model_name="hairnet",
            model_sha256="ab" * 32,
            firmware_version="1.2.3",
            elapsed_ms={},
        ),
        "",
    )
    photograph = cv2.imencode(".jpg", pixels[..., ::-1])[1].tobytes()
    with Store(tmp_path / "data", SystemClock(), create=True) as store:
        for patient, read in (("A-0001", True), ("A-0001", False), ("B-0002", True)):
            store.save(
                photograph,
                Capture(
                    patient=patient, site="vertex", operator="ab", taken_at=datetime(2026, 3, 1, 12, tzinfo=UTC),
                    clock_trusted=read, threshold_um=40.0, um_per_px=4.0, calibration_id="c1", model_name="hairnet",
                    model_sha256="ab" * 32, firmware_version="1.2.3", throttling=0, reading=reading if read else None,
                    reasons=() if read else ("Too blurred: hold still and press again.",),
                ),
            )  # fmt: skip
    return tmp_path / "data"


def test_list_for_a_program(trichoscope: Run, visit: Path) -> None:
    outcome = trichoscope("list", "--data", visit, "--json")
    document = json.loads(outcome.stdout)
    assert (outcome.exit_code, document["format"]) == (0, 1)
    first, second, _ = document["captures"]
    assert [c["sequence"] for c in document["captures"]] == [1, 2, 3]
    assert first["reading"]["counts"]["total"] == 1
    assert second["reading"] is None
    assert second["reasons"] == ["Too blurred: hold still and press again."]


def test_list_and_show_for_a_person(trichoscope: Run, visit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    listed = trichoscope("list", "--data", visit).stdout
    assert "A-0001" in listed
    assert "Too blurred" in listed
    assert "clock not trusted" in listed
    shown = trichoscope("show", "1", "--data", visit).stdout
    assert "diameter_mean_um" in shown
    assert "hairnet abababababab" in shown


def test_show_has_every_hair(trichoscope: Run, visit: Path) -> None:
    (capture,) = json.loads(trichoscope("show", "3", "--data", visit, "--json").stdout)["captures"]
    assert [hair["diameter_um"] for hair in capture["reading"]["hairs"]] == [71.0]


def test_export_writes_tables_photographs_and_overlays(
    trichoscope: Run, visit: Path, tmp_path: Path, pixels: NDArray[np.uint8]
) -> None:
    out = tmp_path / "out"
    outcome = trichoscope("export", out, "--data", visit, "--patient", "A-0001", "--json")
    assert outcome.exit_code == 0
    assert sorted(json.loads(outcome.stdout)["files"]) == sorted(path.name for path in out.iterdir())
    assert {path.name for path in out.iterdir()} == {
        "captures.csv", "captures.json", "000001.jpg", "000001-overlay.png", "000002.jpg"
    }  # fmt: skip
    rows = list(csv.DictReader(io.StringIO((out / "captures.csv").read_text())))
    assert [(row["sequence"], row["hairs"], row["diameter_mean_um"]) for row in rows] == [
        ("1", "1", "71.0"), ("2", "", "")
    ]  # fmt: skip
    document = json.loads((out / "captures.json").read_text())
    assert len(document["captures"][0]["reading"]["hairs"]) == 1
    overlay, plain = (read_photograph(out / name, 4.0).pixels for name in ("000001-overlay.png", "000001.jpg"))
    assert np.abs(overlay.astype(int) - plain).max() > 60  # the hair is drawn in
    assert np.abs(plain.astype(int) - pixels).mean() < 6


def test_export_is_in_the_audit(trichoscope: Run, visit: Path, tmp_path: Path) -> None:
    trichoscope("export", tmp_path / "out", "--data", visit)
    with Store(visit, SystemClock()) as store:
        row = store._db().execute("SELECT event, detail, by FROM audit ORDER BY sequence DESC").fetchone()
    assert row[:2] == ("exported", '{"captures": [1, 2, 3]}')
    assert row[2].startswith("user ")


def test_erase_removes_the_patient_and_only_that_one(trichoscope: Run, visit: Path) -> None:
    outcome = trichoscope("erase", "A-0001", "--data", visit, "--yes", "--json")
    assert outcome.exit_code == 0
    assert json.loads(outcome.stdout) == {"format": 1, "erased": [1, 2], "proved": True}
    assert not [path for path in visit.rglob("*") if path.is_file() and b"A-0001" in path.read_bytes()]
    (left,) = json.loads(trichoscope("list", "--data", visit, "--json").stdout)["captures"]
    assert left["patient"] == "B-0002"


def test_erase_asks_first(trichoscope: Run, visit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    outcome = trichoscope("erase", "A-0001", "--data", visit)
    assert outcome.exit_code != 0
    assert "2 captures of A-0001" in outcome.stdout + outcome.stderr
    assert len(json.loads(trichoscope("list", "--data", visit, "--json").stdout)["captures"]) == 3


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["list", "--data", "{}/nowhere"], "E408"),
        (["show", "99", "--data", "{}/data"], "E409"),
        (["export", "{}/out", "--data", "{}/data", "--patient", "C"], "E409"),
        (["erase", "C", "--data", "{}/data", "--yes"], "E409"),
    ],
)
def test_what_is_not_there_has_a_number(
    trichoscope: Run, visit: Path, tmp_path: Path, command: list[str], code: str
) -> None:
    outcome = trichoscope(*(part.format(tmp_path) for part in command))
    assert outcome.exit_code == 14
    assert code in outcome.stderr
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "nowhere").exists()
