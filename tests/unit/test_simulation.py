"""The simulated scalp: what is asked for is what is there, and the truth says where."""

from __future__ import annotations

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from trichoscope.simulation import STYLES, Scalp, Scope, draw_scene, render

BARE = Scalp(density_per_cm2=0.2, loose_hairs_per_cm2=0, fibres=0, scaling=0, sebum=0, pores_per_cm2=0)
CLEAN = Scope(
    width_px=900, height_px=700, um_per_px=3.0, glint=0, noise=0, vignetting=0, cast_gradient=0, jpeg_quality=97
)
DARK_ON_PALE = Scalp(
    loose_hairs_per_cm2=0, fibres=0, scaling=0, sebum=0, grain=0.1, sulci=0, root_shadow=0, perifollicular=0,
    wetness=0, pigment_variation=0, melanin=1.0, skin_melanin=0.05,
)  # fmt: skip


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not() -> None:
    scene = Scalp(), replace(CLEAN, noise=0.01)
    assert render(*scene, 5).jpeg == render(*scene, 5).jpeg
    assert render(*scene, 5).jpeg != render(*scene, 6).jpeg


@pytest.mark.parametrize("style", STYLES)
def test_every_style_gives_a_picture_of_the_size_and_scale_of_its_scope(style: str) -> None:
    scalp, scope = draw_scene(np.random.default_rng(11), style)
    scope = replace(scope, width_px=320, height_px=240)
    photograph = render(scalp, scope, 11)
    assert photograph.pixels.shape == (240, 320, 3)
    assert photograph.pixels.dtype == np.uint8
    assert photograph.um_per_px == scope.um_per_px
    decoded = cv2.imdecode(np.frombuffer(photograph.jpeg, np.uint8), cv2.IMREAD_COLOR_RGB)
    np.testing.assert_array_equal(np.asarray(decoded), photograph.pixels)


def test_a_style_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="bald"):
        draw_scene(np.random.default_rng(0), "bald")


def test_density_is_that_of_the_scalp() -> None:
    """Four large fields; units stand regularly, so the count scatters less than 1/√N, which is 4 % here."""
    scope = Scope(width_px=600, height_px=450, um_per_px=20.0)
    counts = [len(render(Scalp(density_per_cm2=160), scope, seed).hairs) for seed in range(4)]
    area_cm2 = 1.2 * 0.9
    assert np.mean(counts) / area_cm2 == pytest.approx(160, rel=0.1)


def test_share_of_vellus_hairs_and_widths_are_those_of_the_scalp() -> None:
    scalp = Scalp(density_per_cm2=250, vellus_share=0.4, terminal_um=(80, 5), vellus_um=(25, 3))
    hairs = render(scalp, Scope(width_px=1200, height_px=900, um_per_px=10.0), 3).hairs
    vellus = [h.diameter_um for h in hairs if h.hair_class == "vellus"]
    terminal = [h.diameter_um for h in hairs if h.hair_class == "terminal"]
    assert len(vellus) / len(hairs) == pytest.approx(0.4, abs=0.1)
    assert np.mean(vellus) == pytest.approx(25, abs=2)
    assert np.mean(terminal) == pytest.approx(80, abs=3)
    assert max(vellus) <= 40 < min(terminal)


def test_hairs_are_dark_where_the_truth_says_they_are_and_as_wide() -> None:
    """Equivalent width of the darkness across each lone shaft against its true width."""
    scalp = replace(DARK_ON_PALE, density_per_cm2=40, unit_sizes=(1, 0, 0, 0), vellus_share=0.0, length_um=(500, 700))
    scope = replace(CLEAN, gamma=1.0, polarised=True, sharpening=0, field_blur_um=0)
    photograph = render(scalp, scope, 2)
    errors = []
    for hair in photograph.hairs:
        path = hair.path_px
        middle = path[len(path) // 2]
        along = (path[-1] - path[0]) / np.linalg.norm(path[-1] - path[0])
        reach = np.arange(-40, 40.5, 0.5)
        at = (middle + reach[:, None] * np.array([-along[1], along[0]])).astype(np.float32)
        if (at < 1).any() or (at > np.array([898, 698])).any():
            continue
        grey = photograph.pixels.mean(2, dtype=np.float32)
        profile = np.asarray(cv2.remap(grey, at[..., :1], at[..., 1:], cv2.INTER_LINEAR))[:, 0]
        bright = np.median(np.r_[profile[:30], profile[-30:]])
        dark = np.percentile(profile, 5)
        width_um = ((bright - profile) / (bright - dark)).sum() * 0.5 * 3.0
        errors.append(width_um / hair.diameter_um - 1)
    assert len(errors) >= 3
    assert abs(np.median(errors)) < 0.08


def test_a_root_outside_the_picture_is_not_a_hair_to_count() -> None:
    photograph = render(Scalp(clipped=False, length_um=(2000, 4000)), CLEAN, 4)
    height, width = photograph.pixels.shape[:2]
    for hair in photograph.hairs:
        assert -0.5 <= hair.root_px[0] < width and -0.5 <= hair.root_px[1] < height
    assert photograph.shafts
    for hair in photograph.shafts:
        assert not (0 <= hair.root_px[0] < width - 1 and 0 <= hair.root_px[1] < height - 1)
    assert any(hair.cut_by_frame for hair in photograph.hairs)


def test_thin_white_hair_on_white_skin_is_marked_as_not_to_be_asked_for_and_black_hair_is_not() -> None:
    """Behind a soft lens and in grain that leave little of a 20 µm hair's contrast, but enough of a black one's."""
    thin = replace(DARK_ON_PALE, unit_sizes=(1, 0, 0, 0), density_per_cm2=300, vellus_share=1.0, vellus_um=(20, 2))

    def hidden(melanin: float) -> float:
        scalp = replace(thin, melanin=melanin, skin_melanin=0.0)
        return float(np.mean([h.hidden for h in render(scalp, replace(CLEAN, psf_um=20, noise=0.02), 8).hairs]))

    assert hidden(1.0) == 0.0
    assert hidden(0.02) > 0.5


def test_a_root_under_another_shaft_is_not_asked_for_but_its_shaft_is_still_seen() -> None:
    """Dense long hair: nobody sees the roots that others lie on; of some the shaft comes out elsewhere."""
    scalp = replace(DARK_ON_PALE, clipped=False, length_um=(3000, 5000), density_per_cm2=300)
    hairs = render(scalp, CLEAN, 6).hairs
    covered = [hair for hair in hairs if hair.root_covered]
    assert 0.1 < len(covered) / len(hairs) < 0.6
    assert all(hair.hidden for hair in covered)
    assert any(hair.seen for hair in covered)
    alone = render(replace(scalp, density_per_cm2=3, unit_sizes=(1, 0, 0, 0)), CLEAN, 6).hairs
    assert not any(hair.root_covered for hair in alone)


def test_loose_hairs_and_ticks_change_the_picture_but_not_the_truth() -> None:
    bare = render(BARE, CLEAN, 9)
    dirty = render(replace(BARE, loose_hairs_per_cm2=60), replace(CLEAN, tick_pitch_um=500), 9)
    assert not bare.hairs
    assert not dirty.hairs
    assert np.percentile(dirty.pixels, 0.5) < 0.6 * np.percentile(bare.pixels, 0.5)


def test_an_enlarged_picture_keeps_its_scale_and_its_truth() -> None:
    """A cheap scope's picture has the same scalp as its sensor's, with the roots at the same place of the field."""
    sharp = render(DARK_ON_PALE, replace(CLEAN, width_px=450, height_px=350, um_per_px=6.0), 12)
    large = render(DARK_ON_PALE, replace(CLEAN, upscale=2.0), 12)
    assert len(sharp.hairs) == len(large.hairs) > 0
    for small, big in zip(sharp.hairs, large.hairs, strict=True):
        np.testing.assert_allclose((np.array(small.root_px) + 0.5) * 2 - 0.5, big.root_px, atol=1e-6)
        assert small.diameter_um == pytest.approx(big.diameter_um, rel=0.02)


def test_the_truth_is_json_and_ends_at_the_frame() -> None:
    photograph = render(Scalp(clipped=False, length_um=(1500, 3000)), CLEAN, 4)
    truth = json.loads(json.dumps(photograph.truth(edge_px=10)))
    assert truth["size_px"] == [900, 700]
    assert truth["edge_px"] == 10
    assert len(truth["hairs"]) == len(photograph.hairs)
    for hair in truth["hairs"]:
        path = np.array(hair["path_px"])
        assert len(path) >= 2
        assert ((path[:-1] > -1) & (path[:-1] < [901, 701])).all()
