"""The figures of a reading by name, and their averages over several frames of one site."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

FIGURES = {
    "hairs": ("counts", "total"),
    "terminal": ("counts", "terminal"),
    "vellus": ("counts", "vellus"),
    "density_per_cm2": ("density_per_cm2", "total", "value"),
    "density_low_per_cm2": ("density_per_cm2", "total", "low"),
    "density_high_per_cm2": ("density_per_cm2", "total", "high"),
    "terminal_per_cm2": ("density_per_cm2", "terminal", "value"),
    "terminal_low_per_cm2": ("density_per_cm2", "terminal", "low"),
    "terminal_high_per_cm2": ("density_per_cm2", "terminal", "high"),
    "vellus_per_cm2": ("density_per_cm2", "vellus", "value"),
    "vellus_low_per_cm2": ("density_per_cm2", "vellus", "low"),
    "vellus_high_per_cm2": ("density_per_cm2", "vellus", "high"),
    "terminal_to_vellus": ("terminal_to_vellus",),
    "vellus_share": ("vellus_share",),
    "diameter_mean_um": ("diameter_um", "mean"),
    "diameter_sd_um": ("diameter_um", "sd"),
    "diversity": ("diversity",),
    "cumulative_thickness_mm_per_cm2": ("cumulative_thickness_mm_per_cm2",),
    "hairs_per_unit": ("units", "hairs_per_unit"),
}
"""Name → where `measurement.reading.to_contract` has it."""


@dataclass(frozen=True)
class Average:
    """One figure over several frames."""

    mean: float
    """Of an interval's ends too: the mean of the ends claims no more than one frame knows, as frames may overlap."""
    spread: float | None
    """Standard deviation between the frames (n − 1); None below two."""
    frames: int
    """That have this figure."""


def figures(reading: Mapping[str, Any] | None) -> dict[str, float | None]:
    """Every figure by its name; None where it is withheld, and all of them where there is no reading."""
    return {name: _look_up(reading, path) for name, path in FIGURES.items()}


def averages(frames: Iterable[Mapping[str, float | None]]) -> dict[str, Average]:
    """Averages of what `figures` gave for each frame; a figure that no frame has is left out."""
    frames = list(frames)
    averaged = {}
    for name in FIGURES:
        values = [value for frame in frames if (value := frame[name]) is not None]
        if values:
            averaged[name] = Average(fmean(values), stdev(values) if len(values) > 1 else None, len(values))
    return averaged


def _look_up(document: Any, path: Iterable[str]) -> Any:
    for key in path:
        document = None if document is None else document[key]
    return document
