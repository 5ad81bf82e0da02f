"""What the network is asked to answer, on hairs placed by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.training import targets
from models.training.targets import Drawn, draw

ROOT, TIP, RIDGE, LOG_WIDTH, BITS, WEIGHT = (
    targets.CHANNELS.index(name) for name in ("root", "tip", "centreline", "log_width", "shaft", "weight")
)


def straight(x: float, y: float, to_x: float, to_y: float, width_um: float = 70.0, **kind: bool) -> Drawn:
    return Drawn(np.array([[x, y], [to_x, to_y]]), width_um, kind.get("rooted", True), kind.get("hidden", False))


def vectors(maps: NDArray[np.uint8]) -> NDArray[np.float64]:
    return maps[..., 3:7].copy().view(np.int8).astype(float)


def peaks(heat: NDArray[np.uint8]) -> set[tuple[int, int]]:
    padded = np.pad(heat.astype(int), 1)
    around = [padded[1 + dy : -1 + dy or None, 1 + dx : -1 + dx or None] for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    ys, xs = np.nonzero((heat > 100) & (heat >= np.max(around, 0)))
    return {(int(x), int(y)) for x, y in zip(xs, ys, strict=True)}


def test_root_and_tip_are_peaks_at_the_ends_of_the_ridge() -> None:
    maps = draw([straight(10, 20, 50, 20)], (64, 40))
    assert peaks(maps[..., ROOT]) == {(10, 20)}
    assert peaks(maps[..., TIP]) == {(50, 20)}
    ys, xs = np.nonzero(maps[..., RIDGE] > 200)
    assert set(ys) == {20}
    assert (xs.min(), xs.max()) == (9, 51)  # half a cell beyond either end still counts as on it


def test_a_peak_keeps_its_place_between_the_cells() -> None:
    heat = draw([straight(10.3, 20.4, 50, 20.4)], (64, 40))[..., ROOT].astype(float)
    ys, xs = np.mgrid[0:40, 0:64]
    assert (heat * xs).sum() / heat.sum() == pytest.approx(10.3, abs=0.02)
    assert (heat * ys).sum() / heat.sum() == pytest.approx(20.4, abs=0.02)


def test_direction_runs_from_root_to_tip_and_the_way_to_the_root_runs_back() -> None:
    maps = draw([straight(10, 20, 34, 20)], (64, 40))
    middle = vectors(maps)[20, 22]
    assert middle[:2] == pytest.approx([127, 0])
    assert middle[2] / 64 * 256 == pytest.approx(-12 * targets.CELL_UM, abs=4)
    assert middle[3] == 0


def test_the_way_to_the_root_is_asked_for_near_the_root_only() -> None:
    bits = draw([straight(5, 20, 120, 20)], (128, 40))[20, :, BITS]
    reach = int(targets.TO_ROOT_REACH_UM / targets.CELL_UM)
    assert bits[6] == bits[5 + reach] == targets.SHAFT + targets.NEAR_ROOT
    assert bits[5 + reach + 2] == targets.SHAFT


@pytest.mark.parametrize("width_um", [12.0, 40.0, 90.0, 150.0])
def test_width_survives_its_code(width_um: float) -> None:
    code = draw([straight(10, 20, 50, 20, width_um)], (64, 40))[20, 30, LOG_WIDTH]
    assert 50 * np.exp(int(code) * 4 / 255 - 2.5) == pytest.approx(width_um, rel=0.01)


def test_two_hairs_of_one_ostium_40_um_apart_are_two_peaks() -> None:
    apart = 40 / targets.CELL_UM
    maps = draw([straight(20, 10, 20, 35), straight(20 + apart, 10, 30 + apart, 35)], (64, 40))
    assert len(peaks(maps[..., ROOT])) == 2


def test_touching_parallel_hairs_are_two_ridges() -> None:
    apart = 60 / targets.CELL_UM
    ridge = draw([straight(20, 5, 20, 35, 60), straight(20 + apart, 5, 20 + apart, 35, 60)], (64, 40))[20, :, RIDGE]
    assert ridge[20] > 200
    assert ridge[25] > 150
    assert ridge[22] < 30


def test_the_later_hair_owns_a_crossing() -> None:
    across, down = straight(5, 20, 60, 20, 60), straight(30, 5, 30, 35, 100)
    assert vectors(draw([across, down], (64, 40)))[20, 30, :2] == pytest.approx([0, 127])
    assert vectors(draw([down, across], (64, 40)))[20, 30, :2] == pytest.approx([127, 0])


def test_a_shaft_whose_root_lies_outside_has_no_root_but_knows_the_way_to_it() -> None:
    maps = draw([straight(-8, 20, 40, 20, rooted=False)], (64, 40))
    assert maps[..., ROOT].max() == 0
    assert vectors(maps)[20, 4, 2] / 64 * 256 == pytest.approx(-12 * targets.CELL_UM, abs=4)


def test_thin_hairs_weigh_more_and_hidden_ones_nothing() -> None:
    maps = draw([straight(5, 10, 30, 10, 25), straight(5, 30, 30, 30, hidden=True)], (64, 40))
    assert maps[10, 20, WEIGHT] == 100 * targets.THIN_WEIGHT
    assert maps[30, 20, WEIGHT] == 0
    assert maps[30, 20, BITS] == maps[30, 5, ROOT] == 0
    assert maps[20, 50, WEIGHT] == 100


def test_where_a_root_is_covered_nothing_is_asked_but_its_shaft_is() -> None:
    line = np.array([[5.0, 10.0], [40.0, 10.0]])
    maps = draw([Drawn(line, 60.0, rooted=True, root_covered=True)], (64, 40))
    root, weight, shaft = (maps[10, :, channel] for channel in (ROOT, WEIGHT, BITS))
    assert root.max() == 0
    assert weight[5] == 0
    assert weight[20] > 0
    assert shaft[20] > 0


def test_a_visible_hair_over_a_hidden_one_counts() -> None:
    maps = draw([straight(5, 20, 60, 20), straight(30, 5, 30, 35, hidden=True)], (64, 40))
    assert maps[20, 30, WEIGHT] == 100
