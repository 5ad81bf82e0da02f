"""Photograph and report: what stands in them, that they never change, and what independent checkers say."""

from __future__ import annotations

import io
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pydicom
import pytest
from highdicom.sr import CodedConcept, srread
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames

from tests.clinic.captures import DEVICE, REFUSED, TYPED, VISIT, jpeg, kept, reading
from trichoscope import errors
from trichoscope.clinic import codes, content
from trichoscope.clinic.objects import ClinicObject, Visit
from trichoscope.clinic.photograph import jpeg_header, photograph_object
from trichoscope.clinic.report import report_object

JPEG = jpeg()
WITHHELD = reading() | dict(
    hairs=[{**hair, "class": None, "class_probability": None} for hair in reading()["hairs"]],
    counts={"total": 3, "terminal": None, "vellus": None},
    density_per_cm2={"total": {"value": 200.0, "low": 160.0, "high": 250.0}, "terminal": None, "vellus": None},
    terminal_to_vellus=None,
    vellus_share=None,
    diversity=None,
)
CAPTURES: dict[str, tuple[dict[str, Any], Visit]] = {
    "from the worklist": ({}, VISIT),
    "typed": ({"study_uid": "2.25.124", "accession_number": None}, TYPED),
    "refused": (REFUSED, TYPED),
    "without scale": ({"um_per_px": None, "calibration_id": None, **REFUSED}, TYPED),
    "before schema 2": ({"light": None, "study_uid": None}, TYPED),
    "in white light": ({"light": "white", "site": "vertex"}, TYPED),
    "at a site of the clinic's own": ({"site": "behind the ear"}, TYPED),
    "classes withheld": ({"reading": WITHHELD}, TYPED),
    "no hair": ({"reading": reading(0)}, TYPED),
    "clock not trusted": ({"clock_trusted": False}, VISIT),
}
with_reading = pytest.mark.parametrize("case", [name for name, (c, _) in CAPTURES.items() if "reasons" not in c])
every = pytest.mark.parametrize("case", CAPTURES)


def photograph_of(case: str) -> ClinicObject:
    changes, visit = CAPTURES[case]
    return photograph_object(DEVICE, kept(JPEG, **changes), visit, JPEG)


def report_of(case: str, revision: int = 1) -> ClinicObject:
    changes, visit = CAPTURES[case]
    return report_object(DEVICE, kept(JPEG, **changes), visit, revision)


def read(built: ClinicObject) -> Dataset:
    return pydicom.dcmread(io.BytesIO(built.data))


def items(ds: Dataset) -> list[Dataset]:
    return [item for child in ds.get("ContentSequence", []) for item in (child, *items(child))]


def named(ds: Dataset, code: codes.Code) -> list[Dataset]:
    return [item for item in items(ds) if item.ConceptNameCodeSequence[0].CodeValue == code.value]


def test_a_photograph_holds_the_cameras_bytes_and_what_is_known_of_them() -> None:
    built = photograph_of("from the worklist")
    ds = read(built)
    (frame,) = generate_frames(ds.PixelData)
    assert frame.startswith(JPEG)
    assert len(frame) - len(JPEG) < 2  # padding
    assert (ds.Columns, ds.Rows, ds.PhotometricInterpretation) == (640, 480, "YBR_FULL_422")
    assert ds.PixelSpacing == [0.00277, 0.00277]
    assert ds.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.50"
    assert (ds.PatientID, str(ds.PatientName), ds.AccessionNumber) == ("P-0042", "Doe^Jané", "A7")
    assert ds.LightSourcePolarization == "POLARIZED"
    assert (ds.DateOfLastCalibration, ds.TimeOfLastCalibration) == ("20260201", "081530")
    assert ds.AcquisitionDateTime == "20260301123001.123456+0100"
    assert ds.TimezoneOffsetFromUTC == "+0100"
    assert ds.AnatomicRegionSequence[0].CodeValue == "16621002"
    assert ds.ImageLaterality == "L"
    assert (ds.SOPInstanceUID, ds.SeriesInstanceUID, ds.StudyInstanceUID) == (
        built.uid,
        built.series_uid,
        built.study_uid,
    )


def test_a_photograph_that_was_not_measured_says_why() -> None:
    assert read(photograph_of("refused")).ImageComments == "Not measured: Too blurred: hold still and press again."
    assert "PixelSpacing" not in read(photograph_of("without scale"))
    assert "clock" in read(photograph_of("clock not trusted")).ImageComments


def test_colour_in_full_resolution_is_said_to_be_so() -> None:
    full = jpeg(sampling=1)
    assert read(photograph_object(DEVICE, kept(full), VISIT, full)).PhotometricInterpretation == "YBR_FULL"


@pytest.mark.parametrize("data", [jpeg(progressive=True), JPEG[:40], b"", b"\xff\xd8\xff", b"\x89PNG"])
def test_what_would_have_to_be_changed_is_refused(data: bytes) -> None:
    with pytest.raises(errors.PhotographNotSendable):
        jpeg_header(data)


def test_a_report_holds_every_figure_and_every_hair() -> None:
    ds = read(report_of("from the worklist"))
    assert [float(n.MeasuredValueSequence[0].NumericValue) for n in named(ds, codes.DENSITIES["total"][1])] == [160.0]
    (count,) = named(ds, codes.HAIR_COUNT)
    assert count.MeasuredValueSequence[0].NumericValue == 3
    findings = [item.ConceptCodeSequence[0].CodeValue for item in named(ds, codes.FINDING)]
    assert findings == ["FIELD", "VELLUS", "TERMINAL", "TERMINAL"]
    assert len({item.UID for item in named(ds, codes.TRACKING_UID)}) == 4
    first = named(ds, codes.REGION)[0]
    assert first.GraphicData[:4] == [10.5, 20.5, 17.5, 23.5]  # half a pixel: DICOM counts from the corner
    assert first.ContentSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID == (
        photograph_of("from the worklist").uid
    )
    assert [item.TextValue for item in named(ds, codes.COMMENT)] == ["Slightly soft: below 5 µm."]
    assert [item.TextValue for item in named(ds, codes.ALGORITHM_VERSION)] == ["ab" * 32]


def test_a_figure_that_is_withheld_is_not_there() -> None:
    ds = read(report_of("classes withheld"))
    for code in (codes.TERMINAL_COUNT, codes.VELLUS_SHARE, codes.DENSITIES["vellus"][0], codes.CLASS_PROBABILITY):
        assert named(ds, code) == []
    assert {item.ConceptCodeSequence[0].CodeValue for item in named(ds, codes.FINDING)} == {"FIELD", "HAIR"}


def test_highdicom_reads_the_report() -> None:
    document: Any = srread(io.BytesIO(report_of("from the worklist").data))
    groups = document.content.get_planar_roi_measurement_groups()
    assert len(groups) == 3
    widths = groups[0].get_measurements(CodedConcept(*codes.DIAMETER))
    assert [float(width.value) for width in widths] == [22.0, 4.0]
    assert len(document.content.get_image_measurement_groups()) == 1


@every
def test_the_same_rows_give_the_same_bytes(case: str) -> None:
    assert photograph_of(case).data == photograph_of(case).data


@with_reading
def test_the_same_reading_gives_the_same_report(case: str) -> None:
    assert report_of(case).data == report_of(case).data


def test_a_revision_is_another_object_that_names_the_one_before() -> None:
    first, second = report_of("typed"), report_of("typed", 2)
    assert first.uid != second.uid
    assert first.series_uid == second.series_uid
    (before,) = read(second).PredecessorDocumentsSequence
    assert before.ReferencedSeriesSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID == first.uid


def test_no_two_objects_share_a_uid() -> None:
    other_device, other_capture = replace(DEVICE, serial="TS-0002"), replace(kept(JPEG), id="cd" * 16)
    built = [
        photograph_of("typed"),
        report_of("typed"),
        photograph_object(other_device, kept(JPEG), TYPED, JPEG),
        photograph_object(DEVICE, other_capture, TYPED, JPEG),
    ]
    assert len({one.uid for one in built} | {one.series_uid for one in built}) == 8
    assert all(re.fullmatch(r"2\.25\.[1-9]\d{0,38}", one.uid) and len(one.uid) <= 64 for one in built)


def test_a_number_that_is_none_never_gets_in() -> None:
    for value in (float("nan"), float("inf"), -float("inf")):
        with pytest.raises(ValueError, match="no measurement"):
            content.decimal(value)
    assert all(len(content.decimal(value)) <= 16 for value in (1 / 3, -1e-200 / 3, 12345678.9012345678))


def test_a_reading_of_120_hairs_is_a_report_in_a_blink() -> None:
    many = kept(JPEG, reading=reading(120))
    assert len(named(read(report_object(DEVICE, many, VISIT)), codes.REGION)) == 120


# What independent checkers say


def verdict(command: list[str], data: bytes, folder: Path) -> str:
    path = folder / "object.dcm"
    path.write_bytes(data)
    done = subprocess.run([*command, str(path)], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def iod_errors(data: bytes, folder: Path) -> list[str]:
    said = verdict(["dciodvfy"], data, folder)
    assert "DermoscopicPhotographyImage" in said or "Comprehensive3DSR" in said
    return [line for line in said.splitlines() if line.startswith("Error")]


@pytest.mark.clinic
@every
def test_dciodvfy_finds_no_error_in_a_photograph(case: str, tmp_path: Path) -> None:
    assert iod_errors(photograph_of(case).data, tmp_path) == []


@pytest.mark.clinic
@with_reading
def test_dciodvfy_finds_no_error_in_a_report(case: str, tmp_path: Path) -> None:
    assert iod_errors(report_of(case, 2 if case == "typed" else 1).data, tmp_path) == []


@pytest.mark.clinic
def test_dciodvfy_would_find_one(tmp_path: Path) -> None:
    ds = read(photograph_of("typed"))
    del ds.Modality
    file = io.BytesIO()
    ds.save_as(file)
    assert iod_errors(file.getvalue(), tmp_path)


TEMPLATE_CHECK = [
    "java", "-XX:TieredStopAtLevel=1", "-Djdk.xml.xpathTotalOpLimit=0", "-Djdk.xml.xpathExprOpLimit=0",
    "-Djdk.xml.xpathExprGrpLimit=0", "-cp",
    "/usr/share/java/pixelmed.jar:/usr/share/java/*", "com.pixelmed.validate.DicomSRValidator",
]  # fmt: skip


def template_errors(data: bytes, folder: Path) -> list[str]:
    said = verdict(TEMPLATE_CHECK, data, folder)
    assert "Found Root Template TID_1500" in said
    assert "IOD validation complete" in said
    return [line for line in said.splitlines() if line.startswith("Error")]


@pytest.mark.clinic
def test_the_report_follows_its_template(tmp_path: Path) -> None:
    # the checker of 2022 takes the group of the field for that of a hair where there is exactly one hair
    small = report_object(DEVICE, kept(JPEG, reading=reading(2)), VISIT)
    assert template_errors(small.data, tmp_path) == []


@pytest.mark.clinic
def test_the_template_check_would_find_an_error(tmp_path: Path) -> None:
    ds = read(report_object(DEVICE, kept(JPEG, reading=reading(0)), VISIT))
    limit = named(ds, codes.DENSITIES["total"][1])[0]  # as TID 310 has it, which this checker does not take
    limit.RelationshipType = "HAS PROPERTIES"
    named(ds, codes.AREA)[0].ContentSequence = [limit]
    file = io.BytesIO()
    ds.save_as(file)
    assert template_errors(file.getvalue(), tmp_path)
