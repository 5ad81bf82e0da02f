"""Focus and exposure of the live picture."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest

from tests.screen.samples import hairs, photograph
from trichoscope.instrument.screen.aids import look
from trichoscope.instrument.screen.pages import FOCUS_GOOD, Image
from trichoscope.measurement.quality import BLUR_UM, THIN_BLUR_UM

FINE_UM = 4.0
"""Of the photograph that is painted; the live picture is a quarter of it."""


@cache
def live(blur_um: float) -> Image:
    size = (1600, 1200)
    whole = photograph(hairs(70, size, FINE_UM), size, FINE_UM)
    if blur_um:
        whole = np.asarray(cv2.GaussianBlur(whole, (0, 0), blur_um / FINE_UM), np.uint8)
    return np.asarray(cv2.resize(whole, (400, 300), interpolation=cv2.INTER_AREA), np.uint8)


def test_focus_falls_with_blur_and_is_good_where_thin_hairs_are_measured_well() -> None:
    blurs = (0.0, 8.0, 16.0, 24.0, 34.0, 50.0, 70.0)
    found = [look(live(blur), 4 * FINE_UM).focus for blur in blurs]
    assert found == sorted(found, reverse=True)
    assert found[0] > FOCUS_GOOD
    for blur, focus in zip(blurs[2:6], found[2:6], strict=True):  # what the picture's own pixels add is in the slack
        assert focus == pytest.approx(1 - blur / (2 * BLUR_UM), abs=0.12)
    assert look(live(1.4 * THIN_BLUR_UM), 4 * FINE_UM).focus < FOCUS_GOOD


def test_focus_does_not_depend_on_the_light() -> None:
    sharp = live(12.0)
    dim = np.asarray(sharp // 3, np.uint8)
    assert look(dim, 16.0).focus == pytest.approx(look(sharp, 16.0).focus, abs=0.06)


def test_nothing_but_noise_is_not_in_focus() -> None:
    noise = np.random.default_rng(1).normal(120, 3, (600, 800, 3)).astype(np.uint8)
    assert look(noise, 16.0).focus == 0
    assert look(np.full((600, 800, 3), 90, np.uint8), 16.0).focus == 0


@pytest.mark.parametrize(
    ("picture", "exposure"),
    [
        (live(0), "good"),
        (live(0) // 5, "dark"),
        (np.full((600, 800, 3), 250, np.uint8), "bright"),
        (cv2.rectangle(live(0).copy(), (0, 0), (399, 40), (255, 255, 255), -1), "glare"),
    ],
    ids=["good", "dark", "bright", "glare"],
)
def test_exposure_in_a_word(picture: Image, exposure: str) -> None:
    assert look(picture, 16.0).exposure == exposure


def test_a_picture_smaller_than_what_is_looked_at_is_no_error() -> None:
    assert look(live(0)[:100, :120], 16.0).exposure == "good"
