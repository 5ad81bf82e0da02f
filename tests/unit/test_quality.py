"""Quality: what spoils a photograph is named in plain words, what does not spoil it is let through."""

from __future__ import annotations

import time

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from trichoscope.frame import Frame
from trichoscope.measurement.hair import Width
from trichoscope.measurement.quality import BLUR_UM, THIN_BLUR_UM, Quality, assess

Image = NDArray[np.uint8]
UM = 2.5


def width(blur_um: float = 10.0, *, measured: bool = True) -> Width:
    return Width(70.0, 3.0, 1.0, measured, 0.8, blur_um)


@pytest.fixture(scope="module")
def skin() -> Image:
    """1280 × 960 px: textured skin with 60 clipped hairs of 70 µm, focused to 10 µm."""
    rng = np.random.default_rng(0)
    texture = cv2.GaussianBlur(rng.normal(0, 1, (960, 1280)).astype(np.float32), (0, 0), 5)
    picture = 165 + 14 * texture / texture.std()
    for _ in range(60):
        x, y = rng.uniform([0, 0], [1280, 960])
        angle = rng.normal(0.4, 0.2)
        tip = (round(x + 180 * np.cos(angle)), round(y + 180 * np.sin(angle)))
        cv2.line(picture, (round(x), round(y)), tip, 35.0, 28, cv2.LINE_AA)
    picture = cv2.GaussianBlur(picture, (0, 0), 4) + rng.normal(0, 2, picture.shape)
    return np.asarray(np.clip(picture[..., None] * [1.1, 0.95, 0.85], 0, 255), np.uint8)


def judge(pixels: Image, n: int = 40, um_per_px: float = UM) -> Quality:
    """With no shaft blur to go by, so that the picture itself decides."""
    return assess(Frame(np.ascontiguousarray(pixels), um_per_px), [width(measured=False)] * n, at_corner(n))


def at_corner(n: int) -> NDArray[np.float64]:
    """Roots, all in the upper left quarter."""
    return np.zeros((n, 2))


def soften(pixels: Image, sigma_um: float) -> Image:
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma_um / UM), np.uint8)


def scaled(pixels: Image, factor: float) -> Image:
    return np.asarray(np.clip(pixels * factor, 0, 255), np.uint8)


def moved(pixels: Image, length_um: float, angle: float) -> Image:
    n = round(length_um / UM) | 1
    kernel = np.zeros((n, n), np.float32)
    reach = np.array([np.cos(angle), np.sin(angle)]) * (n // 2)
    start, end = (tuple(int(v) for v in np.rint(n // 2 + s * reach)) for s in (-1, 1))
    cv2.line(kernel, start, end, 1.0, 1)
    return np.asarray(cv2.filter2D(pixels, -1, kernel / kernel.sum()), np.uint8)


def with_glare(pixels: Image, share: float) -> Image:
    lit = pixels.copy()
    height, wide = lit.shape[:2]
    cv2.circle(lit, (wide // 2, height // 2), round(np.sqrt(share * height * wide / np.pi)), (255, 255, 255), -1)
    return lit


def test_ok__a_good_photograph_passes_without_a_word(skin: Image) -> None:
    assert judge(skin) == Quality((), (), judge(skin).blur_um)
    assert judge(skin).usable


@pytest.mark.parametrize("change", [lambda p: p[:, ::-1], lambda p: p[::-1, ::-1].transpose(1, 0, 2)])
def test_ok__turning_the_picture_changes_nothing(skin: Image, change: object) -> None:
    turned = judge(change(skin))  # type: ignore[operator]
    assert turned.usable and not turned.warnings
    assert turned.blur_um == pytest.approx(judge(skin).blur_um, rel=0.1)


@pytest.mark.parametrize("extra_um", [20, 35, 50])
def test_ok__blur_is_read_in_micrometres(skin: Image, extra_um: float) -> None:
    assert judge(soften(skin, extra_um)).blur_um == pytest.approx(np.hypot(10, extra_um), rel=0.2)


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_ok__blur_on_the_skin_does_not_depend_on_the_camera(skin: Image, factor: float) -> None:
    soft = soften(skin, 25)
    same = cv2.resize(soft, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC)
    again = judge(np.asarray(same, np.uint8), um_per_px=UM / factor)
    assert again.blur_um == pytest.approx(judge(soft).blur_um, rel=0.2)


def test_ok__soft_is_a_warning_and_blurred_is_a_reason(skin: Image) -> None:
    soft, blurred = judge(soften(skin, 22)), judge(soften(skin, 45))
    assert soft.usable and "soft" in soft.warnings[0].lower()
    assert not blurred.usable and "focus" in blurred.reasons[0]


@pytest.mark.parametrize(("rows", "columns", "words"), [
    (slice(480), slice(640, None), "A quarter of the picture"), (slice(None), slice(640), "Half of the picture"),
])  # fmt: skip
def test_ok__a_part_out_of_focus_is_a_warning(skin: Image, rows: slice, columns: slice, words: str) -> None:
    partly = skin.copy()
    partly[rows, columns] = soften(skin, 50)[rows, columns]
    quality = judge(partly)
    assert quality.usable
    assert quality.warnings[0].startswith(words)


def test_ok__a_sharp_hair_says_that_its_quarter_is_in_focus(skin: Image) -> None:
    partly = skin.copy()
    partly[:480, 640:] = soften(skin, 50)[:480, 640:]
    frame = Frame(partly, UM)
    assert assess(frame, [width()], np.array([[700.0, 100.0]])).warnings == ()
    assert assess(frame, [width()], np.array([[700.0, 500.0]])).warnings != ()


def test_ok__movement_across_the_hairs_is_told_from_defocus(skin: Image) -> None:
    shaken = judge(moved(skin, 190, 0.4 + np.pi / 2))
    assert not shaken.usable
    assert "hold the scope still" in shaken.reasons[0]


def test_ok__what_the_caliper_met_on_the_shafts_decides(skin: Image) -> None:
    frame = Frame(skin, UM)
    assert assess(frame, [width(THIN_BLUR_UM - 1)] * 9, at_corner(9)).warnings == ()
    assert assess(frame, [width(THIN_BLUR_UM + 1)] * 9, at_corner(9)).warnings != ()
    assert not assess(frame, [width(BLUR_UM + 1)] * 9, at_corner(9)).usable
    assert assess(frame, [width(BLUR_UM + 1)] * 2, at_corner(2)).usable  # too few to say


@pytest.mark.parametrize(("factor", "word"), [(0.5, None), (1.3, None), (0.2, "dark"), (0.0, "dark"), (4.0, "bright")])
def test_ok__exposure(skin: Image, factor: float, word: str | None) -> None:
    quality = judge(scaled(skin, factor))
    assert quality.usable == (word is None), quality
    assert word is None or word in quality.reasons[0]


@pytest.mark.parametrize(("share", "usable", "warned"), [(0.02, True, False), (0.10, True, True), (0.30, False, False)])
def test_ok__glare(skin: Image, share: float, usable: bool, warned: bool) -> None:
    quality = judge(with_glare(skin, share))
    assert quality.usable == usable
    assert ("Glare" in " ".join(quality.warnings)) == warned
    assert usable or "Glare" in quality.reasons[0]


def test_ok__a_coarse_scale_costs_the_vellus_figures_only(skin: Image) -> None:
    coarse = judge(skin, um_per_px=6.0)
    assert coarse.usable and any("vellus" in w for w in coarse.warnings)
    assert not any("vellus" in w for w in judge(skin, um_per_px=2.0).warnings)
    hopeless = judge(skin, um_per_px=25.0)
    assert not hopeless.usable and "coarse" in hopeless.reasons[0]


def test_ok__bald_skin_is_a_reading_with_a_question(skin: Image) -> None:
    quality = judge(skin, n=0)
    assert quality.usable and "No hair found" in quality.warnings[0]


@pytest.mark.parametrize("noise", [0.0, 4.0])
def test_ok__a_blank_wall_is_no_reading(noise: float) -> None:
    wall = np.random.default_rng(0).normal(170, noise, (960, 1280, 3)).clip(0, 255).astype(np.uint8)
    quality = judge(wall, n=0)
    assert not quality.usable and "Nothing to see" in quality.reasons[0]


@pytest.mark.parametrize("side", range(4))
def test_ok__plain_borders_are_measured(skin: Image, side: int) -> None:
    framed = np.rot90(np.rot90(skin, side).copy(), 0).copy()
    framed[:, : framed.shape[1] // 5] = 128
    warning = " ".join(judge(np.rot90(framed, -side)).warnings)
    assert "20 % of the picture is a plain border" in warning


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 900, 3), (40, 30, 3)])
def test_ok__any_size_gets_an_answer(shape: tuple[int, int, int]) -> None:
    grey = np.full(shape, 150, np.uint8)
    assert not judge(grey).usable


def test_ok__twelve_megapixels_cost_milliseconds(skin: Image) -> None:
    frame = Frame(np.ascontiguousarray(np.tile(skin, (4, 4, 1))[:3040, :4056]), 3.2)
    spent = []
    for _ in range(5):
        began = time.process_time()
        assess(frame, [], at_corner(0))
        spent.append(time.process_time() - began)
    assert min(spent) < 0.05  # measured: 8 ms
