"""The measurements of one photograph as DICOM Comprehensive 3D SR after TID 1500 (PS3.16).

One group (TID 1501) has the figures of the field, one group (TID 1410) each hair.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from ..records import Kept
from . import codes, content, photograph
from .codes import Code
from .objects import MANUFACTURER, ClinicObject, Device, Visit, begun, coded, finished, uid, uid_of

SOP_CLASS = "1.2.840.10008.5.1.4.1.1.88.34"
"""Comprehensive 3D SR Storage."""

_CONTAINS, _MODIFIES, _OBSERVES, _SELECTED_FROM = content.RELATIONS


def report_object(device: Device, kept: Kept, visit: Visit, revision: int = 1) -> ClinicObject:
    """The report of a capture that has a reading, with its hairs.

    Args:
        revision: 1 for what was shown at the capture; each later measurement of the same photograph has the next one,
            and names the one before as its predecessor.
    """
    ds = begun(device, kept, visit, "report", SOP_CLASS, revision)
    ds.Modality = "SR"
    ds.SeriesDescription = f"Hair measurements, {kept.capture.site}"[:64]
    ds.CompletionFlag, ds.VerificationFlag, ds.PreliminaryFlag = "COMPLETE", "UNVERIFIED", "FINAL"
    ds.ReferencedPerformedProcedureStepSequence = []
    ds.PerformedProcedureCodeSequence = []
    ds.CurrentRequestedProcedureEvidenceSequence = [
        _evidence(
            visit.study_uid,
            uid(device.serial, kept.id, "photograph", "series"),
            photograph.SOP_CLASS,
            uid_of(device, kept, "photograph"),
        )
    ]
    if revision > 1:
        before = uid_of(device, kept, "report", revision - 1)
        ds.PredecessorDocumentsSequence = [_evidence(visit.study_uid, ds.SeriesInstanceUID, SOP_CLASS, before)]
    if visit.step_id or visit.procedure_id:
        ds.ReferencedRequestSequence = [_request(visit)]
    scheme = Dataset()
    scheme.CodingSchemeDesignator, scheme.CodingSchemeUID = codes.OWN_SCHEME, codes.OWN_SCHEME_UID
    scheme.CodingSchemeName, scheme.CodingSchemeResponsibleOrganization = codes.OWN_SCHEME_NAME, MANUFACTURER
    ds.CodingSchemeIdentificationSequence = [scheme]

    ds.ValueType, ds.ConceptNameCodeSequence, ds.ContinuityOfContent = "CONTAINER", [coded(codes.REPORT)], "SEPARATE"
    template = Dataset()
    template.MappingResource, template.TemplateIdentifier = "DCMR", "1500"
    ds.ContentTemplateSequence = [template]
    return finished(ds, ExplicitVRLittleEndian, content.content_sequence(_tree(device, kept, revision)))


def _tree(device: Device, kept: Kept, revision: int) -> list[bytes]:
    reading: Mapping[str, Any] | None = kept.capture.reading
    assert reading is not None
    groups = [
        _field(device, kept, reading, revision),
        *(_hair(device, kept, number, hair, revision) for number, hair in enumerate(reading["hairs"], start=1)),
    ]
    return [
        content.code(_MODIFIES, codes.LANGUAGE, codes.ENGLISH),
        content.code(_OBSERVES, codes.OBSERVER_TYPE, codes.DEVICE),
        content.uid(_OBSERVES, codes.OBSERVER_UID, uid(device.serial, "device")),
        content.text(_OBSERVES, codes.OBSERVER_NAME, MANUFACTURER),
        content.text(_OBSERVES, codes.OBSERVER_MANUFACTURER, MANUFACTURER),
        content.text(_OBSERVES, codes.OBSERVER_MODEL, MANUFACTURER),
        content.text(_OBSERVES, codes.OBSERVER_SERIAL, device.serial),
        content.code(_MODIFIES, codes.PROCEDURE_REPORTED, codes.IMAGING_PROCEDURE),
        content.container(_CONTAINS, codes.MEASUREMENTS, groups),
    ]


def _field(device: Device, kept: Kept, reading: Mapping[str, Any], revision: int) -> bytes:
    """TID 1501: the figures of the whole photograph. A figure that is withheld is left out."""
    capture = kept.capture
    counts, diameters, units, quality = (reading[part] for part in ("counts", "diameter_um", "units", "quality"))
    figures = [
        _figure(codes.AREA, reading["area_mm2"], codes.MM2),
        _figure(codes.HAIR_COUNT, counts["total"], codes.ONE),
        _figure(codes.TERMINAL_COUNT, counts["terminal"], codes.ONE),
        _figure(codes.VELLUS_COUNT, counts["vellus"], codes.ONE),
        *(
            _figure(name, interval[part], codes.PER_CM2)
            for kind, names in codes.DENSITIES.items()
            if (interval := reading["density_per_cm2"][kind]) is not None
            for part, name in zip(("value", "low", "high"), names, strict=True)
        ),
        _figure(codes.TERMINAL_TO_VELLUS, reading["terminal_to_vellus"], codes.ONE),
        _figure(codes.VELLUS_SHARE, reading["vellus_share"], codes.ONE),
        _figure(codes.DIAMETER, diameters["mean"], codes.UM, codes.MEAN),
        _figure(codes.DIAMETER, diameters["median"], codes.UM, codes.MEDIAN),
        _figure(codes.DIAMETER, diameters["sd"], codes.UM, codes.STANDARD_DEVIATION),
        _figure(codes.DIVERSITY, reading["diversity"], codes.ONE),
        _figure(codes.THICKNESS, reading["cumulative_thickness_mm_per_cm2"], codes.MM_PER_CM2),
        _figure(codes.UNIT_COUNT, units["count"], codes.ONE),
        _figure(codes.UNIT_DENSITY, units["per_cm2"], codes.PER_CM2),
        _figure(codes.HAIRS_PER_UNIT, units["hairs_per_unit"], codes.ONE),
        _figure(codes.THRESHOLD, reading["threshold_um"], codes.UM),
    ]
    remarks = [*quality["reasons"], *reading["warnings"]]
    return content.container(
        _CONTAINS,
        codes.GROUP,
        [
            *_tracked("Field", uid(device.serial, kept.id, revision, "field")),
            content.code(_CONTAINS, codes.FINDING, codes.FIELD),
            _site(capture.site),
            content.text(_MODIFIES, codes.ALGORITHM, capture.model_name),
            content.text(_MODIFIES, codes.ALGORITHM_VERSION, capture.model_sha256),
            *(figure for figure in figures if figure),
            content.code(_CONTAINS, codes.IMAGE_QUALITY, codes.USABLE if quality["usable"] else codes.UNUSABLE),
            *(content.text(_CONTAINS, codes.COMMENT, remark) for remark in remarks),
            _photograph(_CONTAINS, codes.SOURCE_OF_MEASUREMENT, device, kept),
        ],
        template="1501",
    )


def _hair(device: Device, kept: Kept, number: int, hair: Mapping[str, Any], revision: int) -> bytes:
    """TID 1410: a hair's path from the root to the tip, its width and its class."""
    kind = {"terminal": codes.TERMINAL, "vellus": codes.VELLUS, None: codes.HAIR}[hair["class"]]
    figures = [
        _figure(codes.DIAMETER, hair["diameter_um"], codes.UM, codes.MEAN),
        _figure(codes.DIAMETER, hair["diameter_sd_um"], codes.UM, codes.STANDARD_DEVIATION),
        _figure(codes.DIAMETER_ERROR, hair["diameter_error_um"], codes.UM),
        _figure(codes.LENGTH, hair["length_um"], codes.UM),
        _figure(codes.CLASS_PROBABILITY, hair["class_probability"], codes.ONE),
        _figure(codes.UNIT_NUMBER, hair["unit"], codes.ONE),
    ]
    # in DICOM (0, 0) is the corner of the first pixel (PS3.3 C.18.6.1.1), in a reading its centre
    path = [(x + 0.5, y + 0.5) for x, y in hair["path_px"]]
    source = _photograph(_SELECTED_FROM, codes.SOURCE, device, kept)
    return content.container(
        _CONTAINS,
        codes.GROUP,
        [
            *_tracked(f"Hair {number}", uid(device.serial, kept.id, revision, "hair", number)),
            content.code(_CONTAINS, codes.FINDING, kind),
            _site(kept.capture.site),
            *(figure for figure in figures if figure),
            content.polyline(_CONTAINS, codes.REGION, path, [source]),
        ],
        template="1410",
    )


def _figure(name: Code, value: float | None, unit: Code, derivation: Code | None = None) -> bytes:
    """TID 300; nothing for a figure that is withheld."""
    if value is None:
        return b""
    below = [content.code(_MODIFIES, codes.DERIVATION, derivation)] if derivation is not None else []
    return content.number(_CONTAINS, name, value, unit, below)


def _tracked(name: str, tracking_uid: str) -> list[bytes]:
    return [
        content.text(_OBSERVES, codes.TRACKING_NAME, name),
        content.uid(_OBSERVES, codes.TRACKING_UID, tracking_uid),
    ]


def _site(site: str) -> bytes:
    region, side = codes.SITES.get(site, (codes.SCALP, None))
    below = [content.code(_MODIFIES, codes.LATERALITY, side)] if side is not None else []
    return content.code(_MODIFIES, codes.FINDING_SITE, region, below)


def _photograph(relation: str, name: Code, device: Device, kept: Kept) -> bytes:
    return content.image(relation, name, photograph.SOP_CLASS, uid_of(device, kept, "photograph"))


def _evidence(study: str, series: str, sop_class: str, instance: str) -> Dataset:
    reference, within, item = Dataset(), Dataset(), Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = sop_class, instance
    within.SeriesInstanceUID, within.ReferencedSOPSequence = series, [reference]
    item.StudyInstanceUID, item.ReferencedSeriesSequence = study, [within]
    return item


def _request(visit: Visit) -> Dataset:
    item = Dataset()
    item.StudyInstanceUID = visit.study_uid
    item.ReferencedStudySequence = []
    item.AccessionNumber = visit.accession_number
    item.PlacerOrderNumberImagingServiceRequest = ""
    item.FillerOrderNumberImagingServiceRequest = ""
    item.RequestedProcedureID = visit.procedure_id
    item.RequestedProcedureDescription = ""
    item.RequestedProcedureCodeSequence = []
    return item
