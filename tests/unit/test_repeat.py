"""The repeated photographs of the evaluation: one scalp, never the same picture; and the spread that they give."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from models.training import repeat
from models.training.speed import REFERENCE
from trichoscope.measurement.hairnet import Hairnet
from trichoscope.measurement.measure import measure


def test_one_scalp_gives_other_pictures_and_the_same_hairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeat, "REFERENCE", replace(REFERENCE, width_px=1000, height_px=800))
    frames = repeat.photographs(3)
    assert {frame.pixels.shape for frame in frames} == {frames[0].pixels.shape}
    assert all((one.pixels != other.pixels).any() for one, other in itertools.pairwise(frames))
    hairnet = Hairnet.load(threads=1)
    counts = [len(measure(frame, hairnet).hairs) for frame in frames]
    assert min(counts) >= 10
    assert max(counts) <= 1.3 * min(counts), "another scalp would have another density"


def test_the_spread_is_that_within_scalps() -> None:
    rng = np.random.default_rng(1)
    between = np.array([[100.0], [200.0], [300.0]])
    assert repeat.spread(between + rng.normal(0, 5, (3, 400))) == pytest.approx(5, rel=0.05)
