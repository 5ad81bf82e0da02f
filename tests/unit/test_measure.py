"""The whole measurement with the shipped model: how a scalp is held, lit and scaled does not change its hairs."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from models.training.score import match
from trichoscope.frame import Frame
from trichoscope.measurement import hairnet as hairnet_module
from trichoscope.measurement.hairnet import Hairnet
from trichoscope.measurement.measure import measure
from trichoscope.measurement.reading import Reading, to_contract
from trichoscope.simulation import Scalp, Scope, render

Pixels = NDArray[np.uint8]
Points = NDArray[np.float64]

WIDTH, HEIGHT, UM_PER_PX = 1400, 1120, 2.5
SAME_ROOT_UM = 40.0
"""Less than a shaft is wide: nearer than two hairs usually stand. The same root moves by 3 µm in the median."""
SAME_HAIRS = 0.8
"""The network is not invariant by construction: hairs about which it is in doubt come and go with every change.
Six scalps and five changes gave 0.84 to 1."""
SAME_WIDTH = 0.05
"""Of the mean width, where the same six scalps and five changes gave 0.03 at most; and two readings of one scalp,
with 25 hairs each and a spread of a third between them, differ by more."""


@pytest.fixture(scope="module")
def hairnet() -> Hairnet:
    return Hairnet.load(threads=1)


KINDS = {
    "clipped": Scalp(density_per_cm2=260, vellus_share=0.25),
    "long": Scalp(density_per_cm2=160, clipped=False, length_um=(1500, 3000)),
}
SCOPE = Scope(width_px=WIDTH, height_px=HEIGHT, um_per_px=UM_PER_PX)


@pytest.fixture(scope="module", params=KINDS)
def scalp(request: pytest.FixtureRequest) -> Pixels:
    return render(KINDS[request.param], SCOPE, seed=2).pixels


@pytest.fixture(scope="module")
def reading(scalp: Pixels, hairnet: Hairnet) -> Reading:
    reading = measure(Frame(scalp, UM_PER_PX), hairnet)
    assert len(reading.hairs) >= 10  # or the shares below say nothing
    return reading


def roots(reading: Reading) -> Points:
    return np.array([hair.root_px for hair in reading.hairs]).reshape(-1, 2)


def widths(reading: Reading) -> NDArray[np.float64]:
    return np.array([hair.diameter_um for hair in reading.hairs])


def assert_the_same_hairs(before: Reading, after: Reading, back: Callable[[Points], Points]) -> None:
    """back: from pixels of the changed picture to those of the first."""
    distance_um = np.linalg.norm(roots(before)[:, None] - back(roots(after))[None], axis=2) * UM_PER_PX
    i, j = linear_sum_assignment(np.minimum(distance_um, 5 * SAME_ROOT_UM))
    same = distance_um[i, j] <= SAME_ROOT_UM
    assert 2 * same.sum() / (len(before.hairs) + len(after.hairs)) >= SAME_HAIRS
    mean_before, mean_after = widths(before)[i[same]].mean(), widths(after)[j[same]].mean()
    assert mean_after == pytest.approx(mean_before, rel=SAME_WIDTH)


def test_turned_by_90_degrees(scalp: Pixels, reading: Reading, hairnet: Hairnet) -> None:
    turned = measure(Frame(np.ascontiguousarray(np.rot90(scalp)), UM_PER_PX), hairnet)
    assert_the_same_hairs(reading, turned, lambda at: np.stack([WIDTH - 1 - at[:, 1], at[:, 0]], 1))


def test_mirrored(scalp: Pixels, reading: Reading, hairnet: Hairnet) -> None:
    mirrored = measure(Frame(np.ascontiguousarray(scalp[:, ::-1]), UM_PER_PX), hairnet)
    assert_the_same_hairs(reading, mirrored, lambda at: np.stack([WIDTH - 1 - at[:, 0], at[:, 1]], 1))


@pytest.mark.parametrize("gain", [1 / 1.15, 1.15])
def test_brighter_and_darker(scalp: Pixels, reading: Reading, hairnet: Hairnet, gain: float) -> None:
    lit = measure(Frame(np.clip(scalp * gain, 0, 255).astype(np.uint8), UM_PER_PX), hairnet)
    assert_the_same_hairs(reading, lit, lambda at: at)


def test_at_a_coarser_scale(scalp: Pixels, reading: Reading, hairnet: Hairnet) -> None:
    """3.5 µm/px instead of 2.5: widths stay in micrometres."""
    small = np.asarray(cv2.resize(scalp, (WIDTH * 5 // 7, HEIGHT * 5 // 7), interpolation=cv2.INTER_AREA), np.uint8)
    coarse = measure(Frame(small, UM_PER_PX * 7 / 5), hairnet)
    assert_the_same_hairs(reading, coarse, lambda at: (at + 0.5) * 7 / 5 - 0.5)


def test_the_same_frame_twice_is_the_same_reading(scalp: Pixels, reading: Reading, hairnet: Hairnet) -> None:
    again = measure(Frame(scalp, UM_PER_PX), hairnet)
    np.testing.assert_array_equal(roots(again), roots(reading))
    np.testing.assert_array_equal(widths(again), widths(reading))


def test_two_threads_give_the_reading_of_one(scalp: Pixels, reading: Reading) -> None:
    again = measure(Frame(scalp, UM_PER_PX), Hairnet.load(threads=2))
    np.testing.assert_array_equal(roots(again), roots(reading))
    np.testing.assert_array_equal(widths(again), widths(reading))


def test_the_threshold_changes_classes_and_nothing_else(scalp: Pixels, hairnet: Hairnet) -> None:
    readings = [measure(Frame(scalp, UM_PER_PX), hairnet, threshold_um) for threshold_um in (30.0, 40.0, 45.0, 60.0)]
    for each in readings:
        np.testing.assert_array_equal(roots(each), roots(readings[0]))
        np.testing.assert_array_equal(widths(each), widths(readings[0]))
        for hair in each.hairs:
            assert hair.hair_class == ("vellus" if hair.diameter_um <= each.threshold_um else "terminal")
            assert 0.5 <= hair.class_probability <= 1
    vellus = [sum(hair.hair_class == "vellus" for hair in each.hairs) for each in readings]
    assert vellus == sorted(vellus)
    assert vellus[0] < vellus[-1]  # there are hairs between 30 and 60 µm: the thresholds did something


def test_bare_skin_has_no_hair(hairnet: Hairnet) -> None:
    assert measure(Frame(np.full((480, 640, 3), 170, np.uint8), 3.2), hairnet).hairs == ()


def test_the_other_runtime_finds_the_same_hairs(
    scalp: Pixels, reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both run the same int8 model; their kernels may round a code the other way."""
    pytest.importorskip("ai_edge_litert", reason="without it the other runtime is the only one")
    runtime = pytest.importorskip("tflite_runtime.interpreter", reason="made for Python 3.11 and older, with numpy 1")
    monkeypatch.setattr(
        hairnet_module,
        "_interpreter",
        lambda model, threads: runtime.Interpreter(model_content=model, num_threads=threads),
    )
    other = measure(Frame(scalp, UM_PER_PX), Hairnet.load(threads=1))
    assert_the_same_hairs(reading, other, lambda at: at)


def test_the_width_of_nearly_every_hair_lies_within_its_own_error(hairnet: Hairnet) -> None:
    away = []
    for scalp, seed in itertools.product(KINDS.values(), (3, 4, 5)):
        photograph = render(scalp, SCOPE, seed)
        truth = photograph.truth()
        found = to_contract(measure(Frame(photograph.pixels, UM_PER_PX), hairnet), "scalp")["hairs"]
        for i, j in match(truth, found):
            if not truth["hairs"][i]["ignore"]:
                error_um = found[j]["diameter_um"] - truth["hairs"][i]["diameter_um"]
                away.append(abs(error_um) / found[j]["diameter_error_um"])
    assert len(away) >= 80
    assert np.mean(np.array(away) <= 1.96) >= 0.9
    assert np.mean(3 * np.array(away) <= 1.96) < 0.9, "a third of it would be too little"
