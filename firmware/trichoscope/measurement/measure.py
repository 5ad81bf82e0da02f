"""The measurement from start to end: maps, traces, widths, classes, units, quality, reading, and its entry."""

from __future__ import annotations

import logging
import math
import time
from typing import Any

import cv2
import numpy as np

from .. import __version__
from ..errors import MeasurementFailed, TrichoscopeError
from ..frame import Frame
from .caliper import measure_widths
from .hair import Hair, HairClass, Trace, Width
from .hairnet import Hairnet
from .quality import assess
from .reading import Reading, read_hairs, to_contract
from .tracing import trace
from .units import follicular_units

OUT_OF_FOCUS_SHARE = 0.45
"""A shaft whose edge blur (sigma) exceeds this share of its width has no flat middle left to measure against."""
_HEADING_UM = 250.0

log = logging.getLogger(__name__)


def measure(frame: Frame, hairnet: Hairnet, threshold_um: float = 40.0) -> Reading:
    """Find, measure, class and count every hair of a frame. threshold_um: vellus ≤ threshold < terminal."""
    began = time.perf_counter()
    maps = hairnet.maps(frame)
    mapped = time.perf_counter()
    traces = trace(maps, frame.size_px)
    traced = time.perf_counter()
    widths = measure_widths(frame, traces, hairnet.threads)
    roots_px = np.array([t.root_px for t in traces], float).reshape(-1, 2)
    units = follicular_units(
        roots_px * frame.um_per_px, np.array([_heading(t, frame.um_per_px) for t in traces]).reshape(-1, 2)
    )
    hairs = [
        _hair(t, w, int(unit), frame.um_per_px, threshold_um) for t, w, unit in zip(traces, widths, units, strict=True)
    ]
    quality = assess(frame, widths, roots_px)
    ended = time.perf_counter()
    return read_hairs(
        frame,
        hairs,
        quality,
        threshold_um=threshold_um,
        model_name=hairnet.name,
        model_sha256=hairnet.sha256,
        firmware_version=__version__,
        elapsed_ms={
            "model": 1e3 * (mapped - began),
            "tracing": 1e3 * (traced - mapped),
            "widths": 1e3 * (ended - traced),
            "total": 1e3 * (ended - began),
        },
    )


def measured_entry(
    frame: Frame, image: str, hairnet: Hairnet, threshold_um: float, decode_ms: float
) -> tuple[Reading, dict[str, Any]]:
    """A reading, and what `analyze` and `reanalyze` write of it; `image` is the name of the photograph."""
    reading = measure(frame, hairnet, threshold_um)
    entry = to_contract(reading, image)
    total_ms = decode_ms + reading.elapsed_ms["total"]
    entry["elapsed_ms"] |= {"decode": round(decode_ms, 1), "total": round(total_ms, 1)}
    return reading, entry


def failed_entry(image: str, error: Exception) -> tuple[TrichoscopeError, dict[str, Any]]:
    """The numbered error that kept a photograph from its reading, and what is written of it."""
    if not isinstance(error, TrichoscopeError):
        log.error("unforeseen", exc_info=error)
        error = MeasurementFailed(f"{type(error).__name__}: {error}")
    return error, {"image": image, "error": {"code": error.code, "message": error.message}}


def _heading(found: Trace, um_per_px: float) -> np.ndarray:
    """Unit vector from the root to where the path has gone 250 µm, or ends."""
    away = found.path_px - np.asarray(found.root_px)
    distance = np.hypot(away[:, 0], away[:, 1]) * um_per_px
    i = int((distance >= min(_HEADING_UM, distance.max())).argmax())
    return np.asarray(away[i] * (um_per_px / max(float(distance[i]), 1e-9)))


def _hair(found: Trace, width: Width, unit: int, um_per_px: float, threshold_um: float) -> Hair:
    # class and width never contradict each other: the class is which side of the threshold the width is on,
    # and its probability follows from the width's own error, taken as normal in the logarithm
    error = max(width.error_um / width.diameter_um, 0.02)
    vellus = 0.5 * (1 + math.erf(math.log(threshold_um / width.diameter_um) / (error * math.sqrt(2))))
    name: HairClass = "vellus" if width.diameter_um <= threshold_um else "terminal"
    return Hair(
        root_px=found.root_px,
        path_px=found.path_px,
        diameter_um=width.diameter_um,
        diameter_sd_um=width.sd_um,
        diameter_error_um=width.error_um,
        diameter_measured=width.measured,
        length_um=cv2.arcLength(found.path_px, closed=False) * um_per_px,
        pigment=width.pigment,
        hair_class=name,
        class_probability=max(vellus, 1 - vellus),
        unit=unit,
        score=found.score,
        cut_by_frame=found.cut_by_frame,
        crossed=bool(found.crossed.any()),
        out_of_focus=width.blur_um > OUT_OF_FOCUS_SHARE * width.diameter_um,
    )
