"""The figures of a reading, and their averages over the frames of a site."""

from __future__ import annotations

from typing import Any

import pytest

from trichoscope.records import FIGURES, Average, averages, figures


def reading(density: float, share: float | None) -> dict[str, Any]:
    def interval(value: float) -> dict[str, float]:
        return {"value": value, "low": value - 20, "high": value + 30}

    return {
        "counts": {"total": 100, "terminal": 80, "vellus": 20},
        "density_per_cm2": {"total": interval(density), "terminal": interval(100.0), "vellus": None},
        "terminal_to_vellus": 4.0, "vellus_share": share, "diameter_um": {"mean": 60.0, "sd": 9.0},
        "diversity": 0.2, "cumulative_thickness_mm_per_cm2": 9.0, "units": {"hairs_per_unit": 1.9},
    }  # fmt: skip


def test_figures_by_name() -> None:
    shown = figures(reading(180.0, 0.2))
    assert list(shown) == list(FIGURES)
    assert (shown["density_per_cm2"], shown["density_low_per_cm2"], shown["vellus_per_cm2"]) == (180.0, 160.0, None)
    assert set(figures(None).values()) == {None}


def test_frames_are_averaged_with_their_spread() -> None:
    site = averages([figures(reading(180.0, 0.2)), figures(reading(200.0, None)), figures(reading(220.0, 0.3))])
    assert site["density_per_cm2"] == Average(200.0, 20.0, 3)
    assert site["density_high_per_cm2"].mean == 230.0
    assert site["vellus_share"].frames == 2
    assert site["vellus_share"].mean == pytest.approx(0.25)
    assert "vellus_per_cm2" not in site


def test_one_frame_has_no_spread_and_none_no_average() -> None:
    assert averages([figures(reading(180.0, 0.2))])["density_per_cm2"] == Average(180.0, None, 1)
    assert averages([]) == {}
    assert averages([figures(None)]) == {}
