"""Coded words: those of DICOM, SNOMED CT and UCUM, and our own where neither has one."""

from __future__ import annotations

from typing import NamedTuple

OWN_SCHEME = "99TRICHOSCOPE"
OWN_SCHEME_UID = "2.25.277223779763743839027659900233583230612"
OWN_SCHEME_NAME = "Trichoscope hair measurements"


class Code(NamedTuple):
    value: str
    scheme: str
    meaning: str


def _dcm(value: str, meaning: str) -> Code:
    return Code(value, "DCM", meaning)


def _sct(value: str, meaning: str) -> Code:
    return Code(value, "SCT", meaning)


def _own(value: str, meaning: str) -> Code:
    return Code(value, OWN_SCHEME, meaning)


# The frame of TID 1500 (PS3.16)
REPORT = _dcm("126000", "Imaging Measurement Report")
LANGUAGE = _dcm("121049", "Language of Content Item and Descendants")
ENGLISH = Code("en", "RFC5646", "English")
OBSERVER_TYPE = _dcm("121005", "Observer Type")
DEVICE = _dcm("121007", "Device")
OBSERVER_UID = _dcm("121012", "Device Observer UID")
OBSERVER_NAME = _dcm("121013", "Device Observer Name")
OBSERVER_MANUFACTURER = _dcm("121014", "Device Observer Manufacturer")
OBSERVER_MODEL = _dcm("121015", "Device Observer Model Name")
OBSERVER_SERIAL = _dcm("121016", "Device Observer Serial Number")
PROCEDURE_REPORTED = _dcm("121058", "Procedure reported")
IMAGING_PROCEDURE = _sct("363679005", "Imaging procedure")
MEASUREMENTS = _dcm("126010", "Imaging Measurements")
GROUP = _dcm("125007", "Measurement Group")
TRACKING_NAME = _dcm("112039", "Tracking Identifier")
TRACKING_UID = _dcm("112040", "Tracking Unique Identifier")
FINDING = _dcm("121071", "Finding")
FINDING_SITE = _sct("363698007", "Finding Site")
LATERALITY = _sct("272741003", "Laterality")
ALGORITHM = _dcm("111001", "Algorithm Name")
ALGORITHM_VERSION = _dcm("111003", "Algorithm Version")
SOURCE_OF_MEASUREMENT = _dcm("121112", "Source of Measurement")
REGION = _dcm("111030", "Image Region")
SOURCE = _sct("260753009", "Source")
DERIVATION = _dcm("121401", "Derivation")
IMAGE_QUALITY = _dcm("111101", "Image Quality")
COMMENT = _dcm("121106", "Comment")

MEAN = _sct("373098007", "Mean")
MEDIAN = _sct("373099004", "Median")
STANDARD_DEVIATION = _sct("386136009", "Standard Deviation")
AREA = _sct("42798000", "Area")
LENGTH = _sct("410668003", "Length")

# What no scheme has a word for
HAIR_COUNT = _own("HAIRS", "Hairs in the field")
TERMINAL_COUNT = _own("TERMINAL-HAIRS", "Terminal hairs in the field")
VELLUS_COUNT = _own("VELLUS-HAIRS", "Vellus hairs in the field")
DENSITIES = {
    kind: tuple(_own(f"{value}{end}", f"{meaning}{which}") for end, which in (
        ("", ""), ("-LOW", ", lower limit of the 95 % interval"), ("-HIGH", ", upper limit of the 95 % interval"),
    ))
    for kind, value, meaning in (
        ("total", "DENSITY", "Hair density"),
        ("terminal", "DENSITY-T", "Density of terminal hairs"),
        ("vellus", "DENSITY-V", "Density of vellus hairs"),
    )
}  # fmt: skip
"""Kind → the density and its limits. Limits are figures of their own: what PS3.16 has for them (TID 310) says how far
they lie from the value, and PixelMed's checker does not take it."""
TERMINAL_TO_VELLUS = _own("TERM-TO-VELLUS", "Terminal hairs per vellus hair")
VELLUS_SHARE = _own("VELLUS-SHARE", "Share of vellus hairs")
DIAMETER = _own("DIAMETER", "Apparent diameter of the hair shaft")
DIAMETER_ERROR = _own("DIAMETER-ERROR", "Standard error of the apparent diameter")
DIVERSITY = _own("DIVERSITY", "Hair diameter diversity")
THICKNESS = _own("THICKNESS", "Cumulative hair thickness per area")
UNIT_COUNT = _own("UNITS", "Follicular units in the field")
UNIT_DENSITY = _own("UNIT-DENSITY", "Density of follicular units")
HAIRS_PER_UNIT = _own("HAIRS-PER-UNIT", "Hairs per follicular unit")
THRESHOLD = _own("THRESHOLD", "Widest diameter of a vellus hair")
CLASS_PROBABILITY = _own("CLASS-PROB", "Probability of the class")
UNIT_NUMBER = _own("UNIT", "Follicular unit of the hair")
FIELD = _own("FIELD", "Field of hairs")
HAIR = _own("HAIR", "Hair")
TERMINAL = _own("TERMINAL", "Terminal hair")
VELLUS = _own("VELLUS", "Vellus hair")
USABLE = _own("USABLE", "Usable for measurement")
UNUSABLE = _own("UNUSABLE", "Not usable for measurement")


def _unit(symbol: str, meaning: str) -> Code:
    return Code(symbol, "UCUM", meaning)


UM = _unit("um", "um")
MM2 = _unit("mm2", "mm2")
ONE = _unit("1", "no units")
PER_CM2 = _unit("/cm2", "/cm2")
MM_PER_CM2 = _unit("mm/cm2", "mm/cm2")

# Where on the head
SCALP = _sct("43067004", "Skin of scalp")
LEFT = _sct("7771000", "Left")
RIGHT = _sct("24028007", "Right")
SITES: dict[str, tuple[Code, Code | None]] = {
    "frontal": (_sct("699900002", "Skin of frontal region of scalp"), None),
    "vertex": (_sct("61719002", "Skin of vertex of scalp"), None),
    "occipital": (_sct("79951008", "Skin of occipital region"), None),
    "temporal_left": (_sct("16621002", "Skin of temporal region"), LEFT),
    "temporal_right": (_sct("16621002", "Skin of temporal region"), RIGHT),
    "parietal": (_sct("21672008", "Skin of parietal region"), None),
}
"""Site of a capture → region and side. Any other site is the scalp, and its own name stands in the description."""
