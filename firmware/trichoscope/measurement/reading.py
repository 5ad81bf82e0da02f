"""The reading: every figure that one photograph supports, and none that it does not."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..frame import Frame
from .hair import Hair
from .quality import VELLUS_MAX_UM_PER_PX, Quality

DIVERSITY_THIN_UM = 45.0
"""Hairs up to this width count as thin in the diversity: the cut at which the 20 % rule of de Lacharrière (2001)
separated androgenetic alopecia best in 240 men (area under the curve 0.884). Fixed, so that visits compare even where
the clinic's vellus threshold was changed."""
COUNT_ERROR = 0.14
"""Relative standard deviation of the detector's own count in one frame. Its count was 17 % low on rendered clipped
scalps and 10 % high on real ones; with this the 95 % interval held the true density of 74 of 78 rendered photographs
(models/results.md). Set it anew whenever the model changes."""
FEW_HAIRS = 5
"""Below this, mean and spread of widths and all shares say more about chance than about the scalp."""


@dataclass(frozen=True)
class Interval:
    """A value and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Reading:
    """What one photograph says. A figure that is None is withheld; `warnings` or `quality.reasons` say why."""

    size_px: tuple[int, int]
    scale_um_per_px: float
    area_mm2: float
    threshold_um: float
    """Vellus ≤ threshold < terminal."""
    hairs: tuple[Hair, ...]
    """Hairs whose root lies in the picture. Kept for research even where the quality withholds every figure."""
    quality: Quality
    warnings: tuple[str, ...]

    total: int | None
    terminal: int | None
    vellus: int | None
    total_per_cm2: Interval | None
    terminal_per_cm2: Interval | None
    vellus_per_cm2: Interval | None
    terminal_to_vellus: float | None
    """None also where no vellus hair was found."""
    vellus_share: float | None
    """Share of hairs classed vellus."""
    diameter_mean_um: float | None
    diameter_median_um: float | None
    diameter_sd_um: float | None
    diversity: float | None
    """Hair diameter diversity: share of hairs with an apparent width ≤ `DIVERSITY_THIN_UM`, whatever their class."""
    cumulative_thickness_mm_per_cm2: float | None
    """Sum of the apparent widths per area of skin."""
    units: int | None
    units_per_cm2: float | None
    hairs_per_unit: float | None

    model_name: str
    model_sha256: str
    firmware_version: str
    elapsed_ms: Mapping[str, float]

    @property
    def classes_shown(self) -> bool:
        """Whether terminal and vellus hairs are told apart in what is shown."""
        return self.quality.usable and self.scale_um_per_px <= VELLUS_MAX_UM_PER_PX


def read_hairs(
    frame: Frame,
    hairs: Sequence[Hair],
    quality: Quality,
    *,
    threshold_um: float,
    model_name: str,
    model_sha256: str,
    firmware_version: str,
    elapsed_ms: Mapping[str, float],
) -> Reading:
    """Every figure from the hairs of one frame.

    An unusable frame shows no figure. Above `VELLUS_MAX_UM_PER_PX` the classes and what follows from them (counts and
    densities by class, shares, ratio, diversity) are withheld; total density, widths and units are given.
    """
    n, area_cm2 = len(hairs), frame.area_mm2 / 100
    unit = np.array([hair.unit for hair in hairs], np.intp)
    vellus = np.array([hair.hair_class == "vellus" for hair in hairs], bool)
    width = np.array([hair.diameter_um for hair in hairs], np.float64)
    width = width[np.isfinite(width)]
    shown = quality.usable
    classed = shown and frame.um_per_px <= VELLUS_MAX_UM_PER_PX
    n_units = len(np.unique(unit))
    n_vellus = int(vellus.sum())

    regularity = _regularity(hairs, unit, frame) if shown else 0.0

    def density(chosen: NDArray[np.bool_]) -> Interval:
        sizes = np.unique(unit[chosen], return_counts=True)[1]
        return density_interval(sizes, area_cm2, n_units=n_units, n_all=n, regularity=regularity)

    return Reading(
        size_px=frame.size_px,
        scale_um_per_px=frame.um_per_px,
        area_mm2=frame.area_mm2,
        threshold_um=threshold_um,
        hairs=tuple(hairs),
        quality=quality,
        warnings=(*quality.warnings, *_warnings(hairs, shown)),
        total=n if shown else None,
        terminal=n - n_vellus if classed else None,
        vellus=n_vellus if classed else None,
        total_per_cm2=density(np.ones(n, bool)) if shown else None,
        terminal_per_cm2=density(~vellus) if classed else None,
        vellus_per_cm2=density(vellus) if classed else None,
        terminal_to_vellus=(n - n_vellus) / n_vellus if classed and n_vellus else None,
        vellus_share=n_vellus / n if classed and n else None,
        diameter_mean_um=float(width.mean()) if shown and len(width) else None,
        diameter_median_um=float(np.median(width)) if shown and len(width) else None,
        diameter_sd_um=float(width.std(ddof=1)) if shown and len(width) > 1 else None,
        diversity=float((width <= DIVERSITY_THIN_UM).mean()) if classed and len(width) else None,
        cumulative_thickness_mm_per_cm2=float(width.sum()) * 1e-3 / area_cm2 if shown else None,
        units=n_units if shown else None,
        units_per_cm2=n_units / area_cm2 if shown else None,
        hairs_per_unit=n / n_units if shown and n_units else None,
        model_name=model_name,
        model_sha256=model_sha256,
        firmware_version=firmware_version,
        elapsed_ms=dict(elapsed_ms),
    )


def _warnings(hairs: Sequence[Hair], shown: bool) -> list[str]:
    if not shown:
        return []
    warnings = []
    if 0 < len(hairs) < FEW_HAIRS:
        warnings.append(f"Only {len(hairs)} hairs: widths and shares of so few hairs are not reliable.")
    guessed = sum(not hair.diameter_measured for hair in hairs)
    if guessed * 3 > len(hairs):
        warnings.append(f"The width of {guessed} of {len(hairs)} hairs is estimated, not measured.")
    return warnings


def density_interval(
    unit_sizes: NDArray[np.integer[Any]],
    area_cm2: float,
    *,
    n_units: int,
    n_all: int,
    regularity: float,
    count_error: float = COUNT_ERROR,
) -> Interval:
    """Density of hairs /cm² with its 95 % interval, taking the frame as one sample of the site around it.

    Hairs come in units, so a count scatters more than a Poisson count of the same mean; units keep their distance, so
    it scatters less. With s the unit sizes, N their sum and M the units, Var(N) = Σ s² − regularity · N² / M: Σ s² is
    the compound Poisson variance, regularity is 0 for units placed by chance and 1 for a perfect lattice. The interval
    is the score interval for that variance (it stays right for few hairs and for none), with Student's t because the
    dispersion is itself estimated from M units, and with the detector's own relative error.

    Simulated over 20–300 hairs/cm², 0.05–1.3 cm² and unit sizes 1–4, without detector error, the interval holds the
    true density in 94 % of frames where units stand by chance, 95 % where they keep half the mean distance and 97–99 %
    where they stand on a jittered lattice: too wide there rather than too narrow.

    Args:
        unit_sizes: hairs of the class asked for in each unit that has any.
        n_units: all units in the frame.
        n_all: all hairs in the frame.
        regularity: of the unit positions, 0–1.
        count_error: relative standard deviation of the detector's count in one frame.
    """
    n = int(unit_sizes.sum())
    variance = float((unit_sizes.astype(np.float64) ** 2).sum()) - regularity * n**2 / max(n_units, 1)
    # One further hair of the dispersion expected before looking, or few hairs would claim to know theirs: 1.6 for all
    # hairs (units of 1–4, standing half regularly); the rarer a class, the closer to Poisson, whose dispersion is 1.
    expected = 1 + 0.6 * (n / n_all if n_all else 1.0)
    dispersion = max((variance + expected) / (n + 1), 0.15)
    t = _student_975(8 + n_units)
    # (n − µ)² = t² (dispersion · µ + count_error² · µ²), solved for µ
    a = 1 - (t * count_error) ** 2
    b = n + t**2 * dispersion / 2
    root = math.sqrt(max(b**2 - a * n**2, 0.0))
    return Interval(n / area_cm2, (b - root) / a / area_cm2, (b + root) / a / area_cm2)


def _student_975(degrees: float) -> float:
    """97.5 % quantile of Student's t, Cornish–Fisher expansion (Abramowitz & Stegun 26.7.5); right to 0.001 from 8."""
    z = 1.959964
    return z + (z**3 + z) / (4 * degrees) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)


def _regularity(hairs: Sequence[Hair], unit: NDArray[np.intp], frame: Frame) -> float:
    if not hairs:
        return 0.0
    roots_mm = np.array([hair.root_px for hair in hairs]) * frame.um_per_px * 1e-3
    _, member = np.unique(unit, return_inverse=True)
    centres = np.stack([np.bincount(member, axis) for axis in roots_mm.T], 1) / np.bincount(member)[:, None]
    width, height = frame.size_px
    return unit_regularity(centres, (width * frame.um_per_px * 1e-3, height * frame.um_per_px * 1e-3))


def unit_regularity(centres_mm: NDArray[np.float64], size_mm: tuple[float, float]) -> float:
    """How evenly follicular units stand, 0 (by chance) to 0.9: the share by which the variance of their number falls.

    From the ratio R of the mean distance to the nearest unit to that expected by chance (Clark & Evans 1954, corrected
    for the frame's edge by Donnelly 1978): 1 − variance/mean = 2 (R − 1), read off simulated hard-core processes and
    jittered lattices (R 1.3 → 0.6, 1.45 → 0.9). Few units are drawn towards 0.5, worth three units. Between the
    quadrants of real frames of clipped scalp (60 frames of 4 quadrants) the variance of the number of units
    was 0.26 of its mean, so follicles do stand evenly.

    Args:
        centres_mm: (m, 2) one point for each unit.
        size_mm: width, height of the frame.
    """
    m = len(centres_mm)
    found = 0.0
    if m > 1:
        nearest = float(np.mean([_nearest(centres_mm, i) for i in range(m)]))
        area, perimeter = size_mm[0] * size_mm[1], 2 * (size_mm[0] + size_mm[1])
        by_chance = 0.5 * math.sqrt(area / m) + 0.0514 * perimeter / m + 0.041 * perimeter / m**1.5
        found = 2 * (nearest / by_chance - 1)
    return float(np.clip((m * found + 3 * 0.5) / (m + 3), 0.0, 0.9))


def _nearest(points: NDArray[np.float64], i: int) -> float:
    squared = ((points - points[i]) ** 2).sum(1)
    squared[i] = np.inf
    return math.sqrt(squared.min())


def to_contract(reading: Reading, image_name: str) -> dict[str, Any]:
    """The reading as `trichoscope analyze --json` writes it: JSON types only, None (never NaN) for what is withheld.

    Where the frame is unusable no hair is listed; where the scale is too coarse hairs have no class.
    """
    shown, classed = reading.quality.usable, reading.classes_shown
    return {
        "image": image_name,
        "size_px": list(reading.size_px),
        "scale_um_per_px": reading.scale_um_per_px,
        "area_mm2": _rounded(reading.area_mm2, 4),
        "threshold_um": reading.threshold_um,
        "hairs": [_hair(hair, classed) for hair in reading.hairs] if shown else [],
        "counts": {"total": reading.total, "terminal": reading.terminal, "vellus": reading.vellus},
        "density_per_cm2": {
            "total": _interval(reading.total_per_cm2),
            "terminal": _interval(reading.terminal_per_cm2),
            "vellus": _interval(reading.vellus_per_cm2),
        },
        "terminal_to_vellus": _rounded(reading.terminal_to_vellus, 2),
        "vellus_share": _rounded(reading.vellus_share, 3),
        "diameter_um": {
            "mean": _rounded(reading.diameter_mean_um, 1),
            "median": _rounded(reading.diameter_median_um, 1),
            "sd": _rounded(reading.diameter_sd_um, 1),
        },
        "diversity": _rounded(reading.diversity, 3),
        "cumulative_thickness_mm_per_cm2": _rounded(reading.cumulative_thickness_mm_per_cm2, 2),
        "units": {
            "count": reading.units,
            "per_cm2": _rounded(reading.units_per_cm2, 1),
            "hairs_per_unit": _rounded(reading.hairs_per_unit, 2),
        },
        "quality": {"usable": shown, "reasons": list(reading.quality.reasons)},
        "warnings": list(reading.warnings),
        "elapsed_ms": {name: _rounded(ms, 1) for name, ms in reading.elapsed_ms.items()},
    }


def from_contract(document: Mapping[str, Any], *, model_name: str, model_sha256: str, firmware_version: str) -> Reading:
    """The reading that `to_contract` wrote, as far as it was written: rounded, without blur or the hairs of an unusable
    frame, and with every hair terminal where the classes were withheld. Raises KeyError for another document.
    """
    density, diameter, units = document["density_per_cm2"], document["diameter_um"], document["units"]
    return Reading(
        size_px=(document["size_px"][0], document["size_px"][1]),
        scale_um_per_px=document["scale_um_per_px"],
        area_mm2=document["area_mm2"],
        threshold_um=document["threshold_um"],
        hairs=tuple(_hair_from(hair) for hair in document["hairs"]),
        quality=Quality(reasons=tuple(document["quality"]["reasons"]), warnings=(), blur_um=math.nan),
        warnings=tuple(document["warnings"]),
        total=document["counts"]["total"],
        terminal=document["counts"]["terminal"],
        vellus=document["counts"]["vellus"],
        total_per_cm2=_interval_from(density["total"]),
        terminal_per_cm2=_interval_from(density["terminal"]),
        vellus_per_cm2=_interval_from(density["vellus"]),
        terminal_to_vellus=document["terminal_to_vellus"],
        vellus_share=document["vellus_share"],
        diameter_mean_um=diameter["mean"],
        diameter_median_um=diameter["median"],
        diameter_sd_um=diameter["sd"],
        diversity=document["diversity"],
        cumulative_thickness_mm_per_cm2=document["cumulative_thickness_mm_per_cm2"],
        units=units["count"],
        units_per_cm2=units["per_cm2"],
        hairs_per_unit=units["hairs_per_unit"],
        model_name=model_name,
        model_sha256=model_sha256,
        firmware_version=firmware_version,
        elapsed_ms=document["elapsed_ms"],
    )


def _hair(hair: Hair, classed: bool) -> dict[str, Any]:
    return {
        "root_px": [_rounded(v, 1) for v in hair.root_px],
        "path_px": np.round(hair.path_px.astype(np.float64), 1).tolist(),
        "diameter_um": _rounded(hair.diameter_um, 1),
        "diameter_sd_um": _rounded(hair.diameter_sd_um, 1),
        "diameter_error_um": _rounded(hair.diameter_error_um, 1),
        "diameter_measured": bool(hair.diameter_measured),
        "length_um": _rounded(hair.length_um, 0),
        "pigment": _rounded(hair.pigment, 2),
        "class": hair.hair_class if classed else None,
        "class_probability": _rounded(hair.class_probability, 3) if classed else None,
        "unit": int(hair.unit),
        "score": _rounded(hair.score, 3),
        "cut_by_frame": bool(hair.cut_by_frame),
        "crossed": bool(hair.crossed),
        "out_of_focus": bool(hair.out_of_focus),
    }


def _hair_from(hair: Mapping[str, Any]) -> Hair:
    def number(name: str) -> float:
        return math.nan if hair[name] is None else float(hair[name])

    return Hair(
        root_px=(hair["root_px"][0], hair["root_px"][1]),
        path_px=np.array(hair["path_px"], np.float32).reshape(-1, 2),
        diameter_um=number("diameter_um"),
        diameter_sd_um=number("diameter_sd_um"),
        diameter_error_um=number("diameter_error_um"),
        diameter_measured=hair["diameter_measured"],
        length_um=number("length_um"),
        pigment=number("pigment"),
        hair_class=hair["class"] or "terminal",
        class_probability=number("class_probability"),
        unit=hair["unit"],
        score=number("score"),
        cut_by_frame=hair["cut_by_frame"],
        crossed=hair["crossed"],
        out_of_focus=hair["out_of_focus"],
    )


def _interval(interval: Interval | None) -> dict[str, float | None] | None:
    if interval is None:
        return None
    return {name: _rounded(getattr(interval, name), 1) for name in ("value", "low", "high")}


def _interval_from(document: Mapping[str, float] | None) -> Interval | None:
    return None if document is None else Interval(document["value"], document["low"], document["high"])


def _rounded(value: float | None, digits: int) -> float | None:
    return round(float(value), digits) if value is not None and math.isfinite(value) else None
