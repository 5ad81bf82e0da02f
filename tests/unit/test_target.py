"""The simulated target: what is asked for is what is there, and its scale is exact."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from trichoscope.simulation.scalp import Scope
from trichoscope.simulation.target import Dots, GreyCard, Ticks, View, photograph_grey_card, photograph_target

CLEAN = Scope(width_px=320, height_px=240, um_per_px=6.0, noise=0.0, vignetting=0.0, cast_gradient=0.0, sharpening=0.0)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not() -> None:
    noisy = replace(CLEAN, noise=0.01)
    assert photograph_target(Dots(), View(), noisy, 1).jpeg == photograph_target(Dots(), View(), noisy, 1).jpeg
    assert photograph_target(Dots(), View(), noisy, 1).jpeg != photograph_target(Dots(), View(), noisy, 2).jpeg


@pytest.mark.parametrize("turn", [0, 30, 200])
def test_a_flat_target_has_the_nominal_scale_however_it_is_turned(turn: float) -> None:
    photograph = photograph_target(Dots(), View(turn, (100, -70)), CLEAN, 1)
    assert photograph.um_per_px == pytest.approx(6.0, rel=1e-9)
    assert photograph.pixels.shape == (240, 320, 3)


def test_lines_of_marks_stand_where_the_pitch_puts_them() -> None:
    """At 6 µm/px and 300 µm pitch a tick stands at the centre and every 50 pixels from it."""
    ticks = Ticks(pitch_um=300, width_um=60, length_um=5000)
    grey = photograph_target(ticks, View(), CLEAN, 1).pixels[120, :, 1].astype(float)
    dark = np.clip(grey.max() - 30 - grey, 0, None)
    for k in (-2, -1, 0, 1, 2):
        x = np.arange(round(159.5 + 50 * k) - 12, round(159.5 + 50 * k) + 13)
        assert (dark[x] * x).sum() / dark[x].sum() == pytest.approx(159.5 + 50 * k, abs=0.05)


def test_dots_cover_the_share_of_paper_that_their_size_says() -> None:
    grey = photograph_target(Dots(300, 150), View(), replace(CLEAN, psf_um=0.1, field_blur_um=0), 1).pixels[..., 1]
    whole = grey[:200, :300]  # 4 × 6 periods
    middle = (float(whole.min()) + float(whole.max())) / 2
    assert (whole < middle).mean() == pytest.approx(np.pi / 4 * 0.5**2, rel=0.05)


@pytest.mark.parametrize(
    ("view", "change"),
    [
        # foreshortening by cos 10° of one direction, seen as its square root; perspective adds second-order terms
        (View(tilt_deg=10, lens_distance_um=1e7), 1 / np.sqrt(np.cos(np.radians(10))) - 1),
        # the mean of r² over a rectangle is a third of that in its corner, and area grows by 1 + 4 k r²
        (View(radial=(0.01, 0.0)), 0.01 * 2 / 3),
    ],
)
def test_tilt_and_distortion_change_the_scale_as_geometry_says(view: View, change: float) -> None:
    assert photograph_target(Dots(), view, CLEAN, 1).um_per_px / 6.0 - 1 == pytest.approx(change, rel=0.03)


def test_a_tilt_makes_one_side_nearer() -> None:
    points = np.array([[0.0, 120.0], [1.0, 120.0], [318.0, 120.0], [319.0, 120.0]])
    x = View(tilt_deg=5, tilt_axis_deg=90, lens_distance_um=20_000).on_target(points, (320, 240), 6.0)
    left, right = np.hypot(*(x[1] - x[0])), np.hypot(*(x[3] - x[2]))
    assert abs(left / right - 1) > 0.01


def test_a_cover_hides_its_share() -> None:
    open_, covered = (photograph_target(Dots(), View(cover_share=share), CLEAN, 1).pixels for share in (0.0, 0.25))
    assert np.abs(open_[:, :200].astype(int) - covered[:, :200]).mean() < 2
    assert covered[:, 245:, 1].std() < 3


def test_a_grey_card_shows_the_light_and_nothing_else() -> None:
    even = photograph_grey_card(GreyCard(), CLEAN, 1).pixels
    assert even.std() < 1.5
    tinted = replace(CLEAN, white_balance=(1.3, 1.0, 0.7), grey_world=0.0)
    red, green, blue = photograph_grey_card(GreyCard(), tinted, 1).pixels.mean((0, 1))
    assert red > green > blue
