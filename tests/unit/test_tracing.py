"""From maps to hairs, by maps drawn from the truth: what the network would answer if it made no mistake."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from models.training import score, targets
from trichoscope.measurement.hair import Trace
from trichoscope.measurement.hairnet import Maps
from trichoscope.measurement.tracing import CELL_UM, find_peaks, trace
from trichoscope.simulation import Rendering, Scalp, Scope, render

SCOPE = Scope(width_px=1000, height_px=800, um_per_px=3.2)
CELL_PX = CELL_UM / 3.2  # 4 pixels
CLIPPED = Scalp(density_per_cm2=220, vellus_share=0.2, loose_hairs_per_cm2=40)
LONG = Scalp(density_per_cm2=150, clipped=False, length_um=(2000, 5000), curl_per_mm=0.2)


def perfect(drawn: list[targets.Drawn], size: tuple[int, int]) -> Maps:
    """Maps of `size` cells, as the network is taught them."""
    answer = targets.draw(drawn, size)

    def plane(name: str) -> NDArray[np.float32]:
        return answer[..., targets.CHANNELS.index(name)].astype(np.float32)

    first = targets.CHANNELS.index("direction_x")
    vectors = answer[..., first : first + 4].copy().view(np.int8).astype(np.float32)
    x, y = vectors[..., 0] / 127, vectors[..., 1] / 127
    return Maps(
        root=plane("root") / np.float32(255),
        tip=plane("tip") / np.float32(255),
        centreline=plane("centreline") / np.float32(255),
        orientation=np.dstack([x * x - y * y, 2 * x * y]),
        to_root_um=vectors[..., 2:] * np.float32(4),
        width_um=50 * np.exp(plane("log_width") * np.float32(4 / 255) - np.float32(2.5)),
        cell_px=(CELL_PX, CELL_PX),
        root_threshold=0.4,
        tip_threshold=0.5,
        centreline_threshold=0.18,
    )


def maps_of(photograph: Rendering) -> Maps:
    height, width = photograph.pixels.shape[:2]
    hairs = [(h, True) for h in photograph.hairs] + [(h, False) for h in photograph.shafts]
    drawn = [
        targets.Drawn((h.path_px + 0.5) / CELL_PX - 0.5, h.diameter_um, rooted, not h.seen, h.root_covered)
        for h, rooted in sorted(hairs, key=lambda pair: pair[0].z)
    ]
    return perfect(drawn, (round(width / CELL_PX), round(height / CELL_PX)))


def traced(photograph: Rendering) -> list[Trace]:
    return trace(maps_of(photograph), photograph.pixels.shape[1::-1])


def line(x: float, y: float, to_x: float, to_y: float, width_um: float = 60.0, rooted: bool = True) -> targets.Drawn:
    return targets.Drawn(np.array([[x, y], [to_x, to_y]]), width_um, rooted)


def test_a_doubtful_root_counts_where_hair_covers_the_skin() -> None:
    def found(neighbours: int) -> int:
        doubtful, rest = line(100, 20, 100, 60), [line(6 * k, 90, 6 * k, 190) for k in range(1, neighbours + 1)]
        maps = perfect([doubtful, *rest], (200, 200))
        maps.root[10:30, 90:110] *= 0.37  # 0.4 is the threshold
        maps.tip[50:70, 90:110] = 0  # or it would be found from there
        return len(trace(maps, (800, 800)))

    assert found(neighbours=2) == 2, "on open skin it does not"
    assert found(neighbours=32) == 33


def f1(photograph: Rendering) -> float:
    found = [{"root_px": t.root_px, "path_px": t.path_px.tolist()} for t in traced(photograph)]
    truth = photograph.truth()
    return 2 * len(score.match(truth, found)) / (len(truth["hairs"]) + len(found))


@pytest.mark.parametrize("scalp", [CLIPPED, LONG], ids=["clipped", "long"])
def test_perfect_maps_give_every_hair_once(scalp: Scalp) -> None:
    assert np.mean([f1(render(scalp, SCOPE, seed)) for seed in (1, 2)]) > 0.95


def test_roots_are_placed_between_cells() -> None:
    """Lone hairs at known places: a tenth of a cell is 1.3 µm."""
    rng = np.random.default_rng(5)
    at = np.array([[x, y] for x in range(12, 110, 20) for y in range(12, 90, 20)]) + rng.uniform(-0.5, 0.5, (20, 2))
    maps = perfect([line(x, y, x + 12, y + 3) for x, y in at], (120, 100))
    found, _ = find_peaks(maps.root, 0.4)
    error = np.linalg.norm(found[:, None] - at[None], axis=2).min(1)
    assert len(found) == 20
    assert error.max() < 0.1


def test_two_hairs_of_one_ostium_stay_two_and_keep_their_own_directions() -> None:
    maps = perfect([line(40, 40, 70, 30), line(40, 44, 70, 54)], (100, 90))
    first, second = sorted(trace(maps, (400, 360)), key=lambda t: t.root_px[1])
    assert first.path_px[-1][1] < first.root_px[1] - 20
    assert second.path_px[-1][1] > second.root_px[1] + 20


def test_a_path_goes_straight_on_through_a_crossing() -> None:
    maps = perfect([line(20, 50, 100, 50), line(60, 15, 58, 90, width_um=90)], (120, 100))
    across = min(trace(maps, (480, 400)), key=lambda t: t.root_px[0])
    assert across.path_px[-1][0] == pytest.approx(100 * CELL_PX, abs=3 * CELL_PX)
    assert abs(across.path_px[:, 1] / CELL_PX - 50).max() < 2
    assert across.crossed[len(across.path_px) // 2 - 3 : len(across.path_px) // 2 + 3].any()
    assert not across.crossed[:5].any()


def test_a_shaft_without_a_root_in_the_picture_is_no_hair_and_one_that_leaves_it_says_so() -> None:
    maps = perfect([line(-20, 20, 130, 25, rooted=False), line(50, 60, 130, 70)], (100, 90))
    (only,) = trace(maps, (400, 360))
    assert only.cut_by_frame
    whole = trace(perfect([line(50, 60, 80, 64)], (100, 90)), (400, 360))
    assert [t.cut_by_frame for t in whole] == [False]


def test_the_network_s_width_is_read_along_the_path() -> None:
    maps = perfect([line(20, 20, 60, 24, width_um=25), line(20, 60, 60, 64, width_um=95)], (100, 90))
    thin, thick = sorted(trace(maps, (400, 360)), key=lambda t: t.root_px[1])
    assert thin.network_width_um == pytest.approx(25, rel=0.03)
    assert thick.network_width_um == pytest.approx(95, rel=0.03)


def test_empty_maps_give_no_hair() -> None:
    assert trace(perfect([], (50, 40)), (200, 160)) == []


def test_a_turned_picture_gives_the_turned_hairs() -> None:
    drawn = [line(30, 30, 60, 40), line(70, 60, 40, 75), line(30, 36, 58, 50, width_um=30)]
    turned = [replace(d, path=np.stack([99 - d.path[:, 1], d.path[:, 0]], 1)) for d in drawn]
    here = sorted(t.root_px for t in trace(perfect(drawn, (100, 100)), (400, 400)))
    there = sorted((y, 399 - x) for x, y in (t.root_px for t in trace(perfect(turned, (100, 100)), (400, 400))))
    np.testing.assert_allclose(here, there, atol=0.5)


def test_a_hair_found_from_both_ends_is_one_hair_and_the_surer_end_is_its_root() -> None:
    maps = perfect([line(20, 40, 70, 44)], (100, 90))
    y, x = 44, 70
    maps.root[y - 1 : y + 2, x - 1 : x + 2] = 0.5
    assert len(find_peaks(maps.root, 0.4)[0]) == 2
    (only,) = trace(maps, (400, 360))
    assert only.root_px[0] == pytest.approx(20.5 * CELL_PX - 0.5, abs=1)


def test_equal_cells_are_one_peak() -> None:
    root = np.zeros((20, 20), np.float32)
    root[10, 10:12] = 0.8
    at, _ = find_peaks(root, 0.4)
    assert at == pytest.approx(np.array([[10.5, 10.0]]), abs=0.01)


def test_a_hair_whose_root_hides_beside_another_s_is_found_from_its_tip() -> None:
    """A V of two hairs from one ostium of which the network saw one root; without tips there is but one hair."""
    maps = perfect([line(30, 40, 75, 30), line(30, 43, 75, 54)], (100, 90))
    maps.root[42:] = 0
    assert len(find_peaks(maps.root, 0.4)[0]) == 1
    found = trace(maps, (400, 360))
    assert len(found) == 2
    assert all(np.hypot(t.root_px[0] - 121.5, t.root_px[1] - 167.5) < 20 for t in found)
    maps.tip[:] = 0
    assert len(trace(maps, (400, 360))) == 1
