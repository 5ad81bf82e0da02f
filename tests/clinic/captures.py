"""Captures as the records hold them, for the tests of what leaves the instrument."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import cv2
import numpy as np

from trichoscope.clinic.objects import Device, Visit
from trichoscope.clock import Instant
from trichoscope.records import Capture, Kept

NOON = datetime(2026, 3, 1, 12, 30, 1, 123456, tzinfo=timezone(timedelta(hours=1)))
DEVICE = Device("TS-0001", "Clinic of Tests")
VISIT = Visit("2.25.123", NOON, "A7", "Doe^Jané", "19800101", "F", "RP1", "SPS1")
TYPED = Visit("2.25.124", NOON)
"""A visit that no worklist knows."""


class SetClock:
    """A clock that says what it was told."""

    def __init__(self, time: datetime = NOON, trusted: bool = True) -> None:
        self.instant = Instant(time, trusted)

    def now(self) -> Instant:
        return self.instant


def jpeg(width: int = 640, height: int = 480, seed: int = 1, *, progressive: bool = False, sampling: int = 2) -> bytes:
    """A smooth picture, 4:2:0 or with `sampling` 1 in full colour."""
    coarse = np.random.default_rng(seed).integers(30, 225, (height // 16, width // 16, 3), dtype=np.uint8)
    factor = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444 if sampling == 1 else cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420
    options = [cv2.IMWRITE_JPEG_PROGRESSIVE, int(progressive), cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factor]
    return cv2.imencode(".jpg", cv2.resize(coarse, (width, height)), options)[1].tobytes()


def reading(hairs: int = 3, **changes: Any) -> dict[str, Any]:
    """A reading as `to_contract` writes it."""
    vellus = hairs // 3
    hairs_found = [
        {
            "root_px": [10.0, 20.0 + i], "path_px": [[10.0 + 7 * k, 20.0 + i + 3 * k] for k in range(12)],
            "diameter_um": 22.0 if i < vellus else 71.3, "diameter_sd_um": 4.0, "diameter_error_um": 1.1,
            "diameter_measured": True, "length_um": 640, "pigment": 0.5,
            "class": "vellus" if i < vellus else "terminal", "class_probability": 0.98, "unit": i // 2, "score": 0.9,
            "cut_by_frame": False, "crossed": False, "out_of_focus": False,
        }
        for i in range(hairs)
    ]  # fmt: skip
    density = {"value": 200.0, "low": 160.0, "high": 250.0}
    return {
        "image": "", "size_px": [640, 480], "scale_um_per_px": 2.77, "area_mm2": 2.3571, "threshold_um": 40.0,
        "hairs": hairs_found, "counts": {"total": hairs, "terminal": hairs - vellus, "vellus": vellus},
        "density_per_cm2": {"total": density, "terminal": density, "vellus": density}, "terminal_to_vellus": 2.0,
        "vellus_share": 0.333, "diameter_um": {"mean": 55.0, "median": 71.3, "sd": 28.5}, "diversity": 0.333,
        "cumulative_thickness_mm_per_cm2": 9.8,
        "units": {"count": 2, "per_cm2": 84.9, "hairs_per_unit": 1.5}, "quality": {"usable": True, "reasons": []},
        "warnings": ["Slightly soft: below 5 µm."], "elapsed_ms": {},
        **changes,
    }  # fmt: skip


def capture(**changes: Any) -> Capture:
    return replace(
        Capture(
            patient="P-0042", site="temporal_left", operator="ab", taken_at=NOON, clock_trusted=True,
            threshold_um=40.0, um_per_px=2.77, calibration_id="2026-02-01T08:15:30+00:00", model_name="hairnet",
            model_sha256="ab" * 32, firmware_version="1.2.3", throttling=0, reading=reading(), study_uid="2.25.123",
            accession_number="A7", light="polarised",
        ),
        **changes,
    )  # fmt: skip


REFUSED: dict[str, Any] = {"reading": None, "reasons": ("Too blurred: hold still and press again.",)}


def kept(photograph: bytes = b"", **changes: Any) -> Kept:
    return Kept(7, "ab" * 16, hashlib.sha256(photograph).hexdigest(), len(photograph), capture(**changes))
