"""The reading: figures by hand, intervals by simulation, what is withheld and how it is written."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from trichoscope.frame import Frame
from trichoscope.measurement.hair import Hair, HairClass
from trichoscope.measurement.quality import Quality
from trichoscope.measurement.reading import (
    Interval,
    Reading,
    density_interval,
    from_contract,
    read_hairs,
    to_contract,
    unit_regularity,
)
from trichoscope.measurement.units import follicular_units

GOOD = Quality((), (), 10.0)
BLURRED = Quality(("Blurred by movement: hold the scope still and press again.",), ("Slightly soft.",), 60.0)


def hair(x: float, y: float, diameter_um: float = 70.0, unit: int = 0, **changes: Any) -> Hair:
    name: HairClass = "vellus" if diameter_um <= 40 else "terminal"
    path = np.array([[x, y], [x + 20, y], [x + 40, y]], np.float32)
    return replace(
        Hair((x, y), path, diameter_um, 3.0, 1.0, True, 200.0, 0.7, name, 0.97, unit, 0.9, False, False, False),
        **changes,
    )


def read(hairs: list[Hair], quality: Quality = GOOD, um_per_px: float = 5.0) -> Reading:
    """Of 2000 × 1000 px: at 5 µm/px, 10 × 5 mm = 0.5 cm²."""
    frame = Frame(np.zeros((1000, 2000, 3), np.uint8), um_per_px)
    return read_hairs(
        frame,
        hairs,
        quality,
        threshold_um=40.0,
        model_name="hairnet",
        model_sha256="ab" * 32,
        firmware_version="1.2.3",
        elapsed_ms={"model": 12.34, "total": 20.0},
    )


SIX = [
    hair(100, 100, 80, 0),
    hair(110, 110, 60, 0),
    hair(900, 500, 20, 1),
    hair(1500, 700, 42, 2),
    hair(1510, 700, 90, 2),
    hair(1520, 700, 68, 2),
]


def test_ok__every_figure_by_hand() -> None:
    r = read(SIX)
    assert (r.total, r.terminal, r.vellus) == (6, 5, 1)
    assert r.area_mm2 == pytest.approx(50)
    assert r.total_per_cm2 is not None and r.total_per_cm2.value == pytest.approx(12)
    assert r.vellus_per_cm2 is not None and r.vellus_per_cm2.value == pytest.approx(2)
    assert r.terminal_to_vellus == pytest.approx(5)
    assert r.vellus_share == pytest.approx(1 / 6)
    assert r.diversity == pytest.approx(2 / 6)  # 20 and 42 µm: at 45 µm, not at the vellus threshold
    assert r.diameter_mean_um == pytest.approx(60)
    assert r.diameter_median_um == pytest.approx(64)
    assert r.diameter_sd_um == pytest.approx(np.std([80, 60, 20, 42, 90, 68], ddof=1))
    assert r.cumulative_thickness_mm_per_cm2 == pytest.approx(0.360 / 0.5)
    assert r.units == 3
    assert [r.units_per_cm2, r.hairs_per_unit] == pytest.approx([6, 2])


def test_ok__no_vellus_hair_leaves_no_ratio() -> None:
    r = read([h for h in SIX if h.hair_class == "terminal"])
    assert r.terminal_to_vellus is None
    assert r.vellus_share == 0


def test_ok__no_hair_still_bounds_the_density() -> None:
    r = read([])
    assert r.total == 0 and r.units == 0
    assert r.diameter_mean_um is None and r.hairs_per_unit is None and r.vellus_share is None
    assert r.total_per_cm2 is not None
    # 0.5 cm²: a density of 8/cm² would leave e^-4 of Poisson frames empty, and units make empty frames commoner
    assert r.total_per_cm2.low == 0 and 8 <= r.total_per_cm2.high <= 20


def test_ok__above_5_um_per_px_only_the_classes_are_withheld() -> None:
    fine, coarse = read(SIX, um_per_px=5.0), read(SIX, um_per_px=5.01)
    assert fine.vellus == 1
    assert coarse.total == 6 and coarse.total_per_cm2 is not None and coarse.diameter_mean_um is not None
    for figure in ("terminal", "vellus", "vellus_per_cm2", "terminal_per_cm2", "terminal_to_vellus", "vellus_share"):
        assert getattr(coarse, figure) is None, figure
    assert coarse.diversity is None
    written = to_contract(coarse, "a.jpg")
    assert {h["class"] for h in written["hairs"]} == {None}
    assert written["density_per_cm2"]["vellus"] is None


def test_ok__an_unusable_frame_shows_reasons_and_no_figure() -> None:
    r = read(SIX, BLURRED)
    written = to_contract(r, "a.jpg")
    assert written["quality"] == {"usable": False, "reasons": list(BLURRED.reasons)}
    assert written["hairs"] == []
    shown = {k: written[k] for k in ("counts", "density_per_cm2", "diameter_um", "units")}
    assert all(v is None for part in shown.values() for v in part.values())
    assert all(written[k] is None for k in ("diversity", "vellus_share", "cumulative_thickness_mm_per_cm2"))
    assert len(r.hairs) == 6  # kept for research


def test_ok__few_hairs_and_guessed_widths_are_said() -> None:
    assert read(SIX).warnings == ()
    assert any("2 hairs" in w for w in read(SIX[:2]).warnings)
    guessed = [replace(h, diameter_measured=i > 2) for i, h in enumerate(SIX)]
    assert any("3 of 6" in w for w in read(guessed).warnings)


def test_ok__contract_has_exactly_the_agreed_keys_and_is_plain_json() -> None:
    odd = [*SIX, hair(5, 5, 50, 3, diameter_error_um=float("nan"), diameter_sd_um=float("inf"))]
    written = to_contract(read(odd), "a.jpg")
    assert json.loads(json.dumps(written, allow_nan=False)) == written
    assert set(written) == {
        "image", "size_px", "scale_um_per_px", "area_mm2", "threshold_um", "hairs", "counts", "density_per_cm2",
        "terminal_to_vellus", "vellus_share", "diameter_um", "diversity", "cumulative_thickness_mm_per_cm2", "units",
        "quality", "warnings", "elapsed_ms",
    }  # fmt: skip
    assert set(written["counts"]) == set(written["density_per_cm2"]) == {"total", "terminal", "vellus"}
    assert set(written["density_per_cm2"]["total"]) == {"value", "low", "high"}
    assert set(written["units"]) == {"count", "per_cm2", "hairs_per_unit"}
    assert written["size_px"] == [2000, 1000]
    first, last = written["hairs"][0], written["hairs"][-1]
    assert first["root_px"] == [100, 100] and len(first["path_px"]) == 3
    assert (first["class"], first["unit"], first["cut_by_frame"]) == ("terminal", 0, False)
    assert last["diameter_error_um"] is None and last["diameter_sd_um"] is None


# --- intervals ------------------------------------------------------------------------------------------------------

SIZES = np.array([1, 2, 3, 4])
SHARES = np.array([0.40, 0.40, 0.15, 0.05])


def by_chance(rng: np.random.Generator, per_mm2: float, side: float) -> NDArray[np.float64]:
    return rng.uniform(0, side, (rng.poisson(per_mm2 * side**2), 2))


def as_follicles(rng: np.random.Generator, per_mm2: float, side: float) -> NDArray[np.float64]:
    """A random process in which no two points are nearer than 0.5 mean spacings (Matérn's second)."""
    radius = 0.5 / np.sqrt(per_mm2)
    crowd = -np.log(1 - per_mm2 * np.pi * radius**2) / (np.pi * radius**2)
    points = by_chance(rng, crowd, side)
    age = rng.random(len(points))
    pairs = cKDTree(points).query_pairs(radius, output_type="ndarray")
    younger = np.where(age[pairs[:, 0]] < age[pairs[:, 1]], pairs[:, 0], pairs[:, 1])
    return np.delete(points, younger, 0)


def frames(rng: np.random.Generator, place: Any, density: float, size_mm: tuple[float, float], n: int, mix: Any) -> Any:
    """Roots in mm of n frames of a scalp whose density is known."""
    width, height = size_mm
    side = max(2.2 * width, 12.0)
    done = 0
    while done < n:
        units = place(rng, density / 100 / float(SIZES @ mix), side)
        count = rng.choice(SIZES, len(units), p=mix)
        roots = np.repeat(units, count, 0) + rng.normal(0, 0.05, (count.sum(), 2))
        for x in np.arange(0.5, side - width, width + 0.5):
            for y in np.arange(0.5, side - height, height + 0.5):
                inside = (roots >= [x, y]).all(1) & (roots < [x + width, y + height]).all(1)
                yield roots[inside] - [x, y]
                done += 1


def coverage(place: Any, density: float, area_cm2: float, n: int = 200, mix: Any = SHARES, share: float = 1.0) -> float:
    """Share of frames whose interval holds the truth; `share` of the hairs are of the class asked for."""
    rng = np.random.default_rng(7)
    size = (np.sqrt(area_cm2 * 100 * 4 / 3), np.sqrt(area_cm2 * 100 * 3 / 4))
    held = []
    for roots in frames(rng, place, density, size, n, mix):
        unit = follicular_units(roots * 1000, np.zeros_like(roots))
        chosen = rng.random(len(roots)) < share
        centres = np.array([roots[unit == u].mean(0) for u in range(unit.max(initial=-1) + 1)]).reshape(-1, 2)
        interval = density_interval(
            np.unique(unit[chosen], return_counts=True)[1],
            area_cm2,
            n_units=len(centres),
            n_all=len(roots),
            regularity=unit_regularity(centres, size),
            count_error=0.0,
        )
        held.append(interval.low <= share * density <= interval.high)
    return float(np.mean(held))


@pytest.mark.parametrize("place", [by_chance, as_follicles])
def test_ok__intervals_hold_the_true_density_in_95_percent_of_frames(place: Any) -> None:
    held = [coverage(place, density, area) for density in (40, 120, 250) for area in (0.06, 0.26, 1.2)]
    assert 0.93 <= np.mean(held) <= 0.97, held  # 1,800 frames: standard error 0.5 %
    assert min(held) > 0.88, held


def test_ok__intervals_of_lone_hairs_by_chance() -> None:
    held = [coverage(by_chance, 100, area, mix=np.array([1.0, 0, 0, 0])) for area in (0.06, 0.26)]
    assert 0.93 <= np.mean(held) <= 0.98, held


def test_ok__intervals_of_a_rare_class() -> None:
    held = [coverage(as_follicles, 150, area, share=0.15) for area in (0.1, 0.26, 0.6)]
    assert 0.93 <= np.mean(held) <= 0.985, held


def test_fail__a_poisson_interval_does_not_hold_for_units_by_chance() -> None:
    """The control: what the interval would be without the units."""
    rng = np.random.default_rng(7)
    size = (5.888, 4.416)  # 0.26 cm²
    n = np.array([len(r) for r in frames(rng, by_chance, 120, size, 300, SHARES)])
    held = np.abs(n - 0.26 * 120) <= 1.96 * np.sqrt(np.maximum(n, 1))
    assert held.mean() < 0.90


def interval(n: int, **changes: Any) -> Interval:
    given: dict[str, Any] = {"n_units": n // 2, "n_all": n, "regularity": 0.5, "count_error": 0.0} | changes
    return density_interval(np.full(n // 2, 2), 1.0, **given)


def test_ok__intervals_narrow_with_the_count_and_widen_with_the_error() -> None:
    relative = [(interval(n).high - interval(n).low) / n for n in (10, 40, 160, 640)]
    assert relative == sorted(relative, reverse=True)
    assert relative[3] == pytest.approx(relative[1] / 4, rel=0.15)
    assert interval(600).high - 600 < 600 * 0.05 * 1.96 < interval(600, count_error=0.05).high - 600
    assert interval(40).low < 40 < interval(40).high
    assert interval(40, regularity=0.9).high < interval(40, regularity=0.0).high


def test_ok__regularity_tells_a_lattice_from_chance() -> None:
    rng = np.random.default_rng(1)
    lattice = (
        np.stack(np.meshgrid(np.arange(10), np.arange(10)), -1).reshape(-1, 2) + 0.5 + rng.normal(0, 0.1, (100, 2))
    )
    assert unit_regularity(lattice, (10, 10)) > 0.8
    chance = [unit_regularity(rng.uniform(0, 10, (100, 2)), (10, 10)) for _ in range(20)]
    assert np.mean(chance) < 0.15
    assert unit_regularity(np.zeros((0, 2)), (10, 10)) == pytest.approx(0.5)


@pytest.mark.parametrize("reading", [read(SIX), read([]), read(SIX, BLURRED), read(SIX, um_per_px=8.0)])
def test_what_was_written_is_read_back_and_written_the_same(reading: Reading) -> None:
    document = json.loads(json.dumps(to_contract(reading, "a.jpg")))
    back = from_contract(document, model_name="hairnet", model_sha256="ab" * 32, firmware_version="1.2.3")
    assert to_contract(back, "a.jpg") == document
    assert back.classes_shown == reading.classes_shown
