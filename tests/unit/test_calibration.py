"""Calibration: the scale of rendered targets is right within what it says, what is no target is refused, and a record
that is too old, of another size or damaged withholds figures in words.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from trichoscope import errors
from trichoscope.measurement.calibration import (
    GREY_CARD_LEVEL,
    Calibration,
    Exposure,
    Light,
    calibrate,
    from_toml,
    read_grey_card,
    to_toml,
    withheld_because,
)
from trichoscope.measurement.ruler import measure_dots, measure_ticks
from trichoscope.simulation import Scalp, Scope, render
from trichoscope.simulation.target import Dots, GreyCard, Ticks, View, photograph_grey_card, photograph_target

Run = Callable[..., Any]
Image = NDArray[np.uint8]
NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
SCOPE = Scope(width_px=800, height_px=600, um_per_px=6.0, vignetting=0.3, exposure=1.5)
GRID = Dots(400, 200)
SCALE = Ticks(100, 20, 300)
TURNED = View(rotation_deg=33, shift_um=(70, 40), tilt_deg=2, tilt_axis_deg=50)


def dots(view: View = TURNED, target: Dots = GRID, seed: int = 1, **scope: Any) -> tuple[Image, float]:
    photograph = photograph_target(target, view, replace(SCOPE, **scope), seed)
    return photograph.pixels, photograph.um_per_px


def ticks(view: View = TURNED, target: Ticks = SCALE, seed: int = 1, **scope: Any) -> tuple[Image, float]:
    photograph = photograph_target(target, view, replace(SCOPE, **scope), seed)
    return photograph.pixels, photograph.um_per_px


CONDITIONS: dict[str, tuple[View, dict[str, Any]]] = {
    "flat": (View(), {}),
    "turned": (View(rotation_deg=158, shift_um=(10, 60)), {}),
    "tilted": (View(20, (0, 0), tilt_deg=4, tilt_axis_deg=130), {}),
    "bent by the lens": (View(75, radial=(0.006, 0.0)), {}),
    "blurred": (TURNED, {"psf_um": 14.0, "field_blur_um": 10.0}),
    "noisy": (TURNED, {"noise": 0.04, "demosaic": True, "jpeg_quality": 70}),
    "unevenly lit": (TURNED, {"vignetting": 0.6, "cast_gradient": 0.3, "exposure": 2.0}),
    "partly covered": (replace(TURNED, cover_share=0.3), {}),
    "fine": (TURNED, {"um_per_px": 3.0}),
    "coarse": (TURNED, {"um_per_px": 12.0}),
}


@pytest.mark.parametrize(("view", "scope"), CONDITIONS.values(), ids=CONDITIONS)
def test_ok__dots_give_the_scale(view: View, scope: dict[str, Any]) -> None:
    pixels, truth = dots(view, **scope)
    scale = measure_dots(pixels, GRID.pitch_um)
    assert scale.um_per_px == pytest.approx(truth, rel=0.001)
    assert abs(scale.um_per_px - truth) < 2 * scale.uncertainty_um_per_px
    assert scale.uncertainty_um_per_px < 0.001 * truth


@pytest.mark.parametrize(("view", "scope"), CONDITIONS.values(), ids=CONDITIONS)
def test_ok__ticks_give_the_scale(view: View, scope: dict[str, Any]) -> None:
    coarse = scope.get("um_per_px", 6.0) / 6.0
    target = Ticks(100 * coarse, 20 * coarse, 300 * coarse)
    pixels, truth = ticks(view, target, **scope)
    scale = measure_ticks(pixels, target.pitch_um)
    assert scale.um_per_px == pytest.approx(truth, rel=0.003)
    assert abs(scale.um_per_px - truth) < 2 * scale.uncertainty_um_per_px


def test_ok__tilt_stretch_and_distortion_are_told_apart() -> None:
    flat = measure_dots(dots(View(10))[0], 400)
    assert (flat.perspective_percent, flat.stretch_percent, flat.distortion_percent) == pytest.approx(
        (0, 0, 0), abs=0.1
    )
    assert flat.warnings == ()
    tilted = measure_dots(dots(View(10, tilt_deg=8, lens_distance_um=40_000))[0], 400)
    assert tilted.stretch_percent == pytest.approx(100 * (1 / np.cos(np.radians(8)) - 1), abs=0.15)
    assert tilted.perspective_percent > 1
    assert "tilted" in " ".join(tilted.warnings)
    bent = measure_dots(dots(View(10, radial=(0.02, 0.0)))[0], 400)
    assert bent.distortion_percent == pytest.approx(-2, abs=0.2)
    assert "lens" in " ".join(bent.warnings)


def test_ok__pixels_that_are_not_square_are_seen() -> None:
    pixels, _ = dots(View(10))
    wide = cv2.resize(pixels, (808, 600), interpolation=cv2.INTER_CUBIC)
    assert measure_dots(np.asarray(wide, np.uint8), 400).stretch_percent == pytest.approx(1.0, abs=0.15)


def test_ok__a_grid_that_shows_less_is_less_certain() -> None:
    whole, part = (measure_dots(dots(replace(TURNED, cover_share=share), noise=0.03)[0], 400) for share in (0, 0.6))
    assert part.marks < whole.marks
    assert part.uncertainty_um_per_px > whole.uncertainty_um_per_px


def test_fail__nothing_and_noise_are_no_target() -> None:
    for pixels in (
        np.full((300, 400, 3), 128, np.uint8),
        np.random.default_rng(1).integers(0, 256, (300, 400, 3), dtype=np.uint8),
    ):
        for measure in (measure_dots, measure_ticks):
            with pytest.raises(errors.TargetNotFound):
                measure(pixels, 500)


@pytest.mark.parametrize("clipped", [True, False])
def test_fail__hairs_are_no_target(clipped: bool) -> None:
    """Parallel hairs, all of one direction: as like a row of ticks as a scalp gets."""
    scalp = Scalp(density_per_cm2=220, clipped=clipped, direction_jitter_deg=1, direction_swirl=0, curl_per_mm=0.05)
    for seed in (1, 2):
        pixels = render(scalp, Scope(width_px=800, height_px=600, um_per_px=5.0), seed).pixels
        for measure in (measure_dots, measure_ticks):
            with pytest.raises((errors.TargetNotFound, errors.TargetTooSmall)):
                measure(pixels, 200)


def test_fail__one_target_is_not_the_other() -> None:
    with pytest.raises(errors.TargetNotFound):
        measure_ticks(dots()[0], 400)
    with pytest.raises(errors.TargetNotFound):
        measure_dots(ticks()[0], 100)


@pytest.mark.parametrize("pitch_px", [6.5, 4.0, 2.2])
def test_fail__a_pitch_that_beats_with_the_pixels_is_refused(pitch_px: float) -> None:
    pitch = 6.0 * pitch_px
    with pytest.raises((errors.TargetTooFine, errors.TargetNotFound)):
        measure_dots(dots(target=Dots(pitch, pitch / 2))[0], pitch)
    with pytest.raises((errors.TargetTooFine, errors.TargetNotFound)):
        measure_ticks(ticks(target=Ticks(pitch, pitch / 3, 500))[0], pitch)


def test_fail__too_few_periods() -> None:
    with pytest.raises(errors.TargetTooSmall, match="are needed"):
        measure_dots(dots(View(10), Dots(1200, 600))[0], 1200)
    with pytest.raises(errors.TargetTooSmall, match="are needed"):
        measure_ticks(ticks(View(10), Ticks(800, 60, 1200))[0], 800)


def test_fail__too_tilted_and_too_bent() -> None:
    with pytest.raises(errors.TargetTilted):
        measure_dots(dots(View(10, tilt_deg=16))[0], 400)
    with pytest.raises(errors.TargetDistorted):
        measure_dots(dots(View(10, radial=(0.08, 0.0)))[0], 400)


@pytest.mark.parametrize("pitch_um", [10.0, 4900.0, 0.0, float("nan"), 1e6])
def test_fail__a_pitch_that_cannot_be_that_of_the_target(pitch_um: float) -> None:
    with pytest.raises(errors.PitchImplausible):
        calibrate([dots()[0]], "dots", pitch_um, NOW)


def test_ok__several_photographs_are_averaged_and_must_agree() -> None:
    (one, first), (two, second) = dots(seed=1), dots(replace(TURNED, rotation_deg=80), seed=2)
    both = calibrate([one, two], "dots", 400, NOW)
    assert both.um_per_px == pytest.approx((first + second) / 2, rel=0.001)
    assert both.photographs == 2
    zoomed, _ = dots(um_per_px=6.1)
    with pytest.raises(errors.TargetsDisagree):
        calibrate([one, zoomed], "dots", 400, NOW)
    with pytest.raises(errors.TargetsDisagree, match="size"):
        calibrate([one, two[:500]], "dots", 400, NOW)


def card(grey: GreyCard | None = None, **scope: Any) -> Image:
    settings: dict[str, Any] = {"gamma": 2.2, "grey_world": 0.0, "cast_gradient": 0.0, **scope}
    return photograph_grey_card(grey or GreyCard(), replace(SCOPE, **settings), 1).pixels


def test_ok__the_grey_card_gives_gains_that_make_it_grey() -> None:
    light = read_grey_card(card(white_balance=(1.25, 1.0, 0.8), vignetting=0.0))
    # 2.2 and the curve of sRGB differ by a few percent
    assert np.array(light.gains) / light.gains[1] == pytest.approx([1 / 1.25, 1, 1 / 0.8], rel=0.04)


def test_ok__the_flat_field_makes_the_card_even() -> None:
    pixels = card(vignetting=0.3, noise=0.002)
    light = read_grey_card(pixels)
    linear = (pixels[..., 1] / 255.0) ** 2.2
    even = linear / light.flat_field((800, 600))
    assert light.falloff > 0.2
    assert even.std() / even.mean() < 0.25 * linear.std() / linear.mean()


@pytest.mark.parametrize(
    ("pixels", "word"),
    [
        (card(exposure=0.02), "dark"),
        (card(exposure=4.0), "bright"),
        (card(white_balance=(1.0, 1.0, 0.08)), "colour"),
        (card(GreyCard(texture=0.2)), "plain"),
        (dots()[0], "plain"),
        (card(vignetting=0.45), "falls"),
    ],
)
def test_fail__a_grey_card_that_is_none(pixels: Image, word: str) -> None:
    with pytest.raises(errors.GreyCardUnusable, match=word):
        read_grey_card(pixels)


USED = Exposure(20_000.0, 1.0, (2.0, 1.5))


def test_ok__the_corrected_exposure_makes_the_card_as_bright_and_grey_as_it_is_to_be() -> None:
    found = read_grey_card(card(exposure=0.3, white_balance=(1.25, 1.0, 0.8), vignetting=0.0))
    then = USED.corrected(found)
    brighter = then.exposure_us * then.analogue_gain / (USED.exposure_us * USED.analogue_gain)
    red, blue = (after / before for after, before in zip(then.colour_gains, USED.colour_gains, strict=True))
    balance = (1.25 * red, 1.0, 0.8 * blue)
    again = read_grey_card(card(exposure=0.3 * brighter, white_balance=balance, vignetting=0.0))
    # the renderer's curve of 2.2 and that of sRGB differ by a few percent
    assert again.level == pytest.approx(GREY_CARD_LEVEL, rel=0.06)
    assert again.gains == pytest.approx([1, 1, 1], abs=0.05)
    assert found.level < 0.9 * GREY_CARD_LEVEL  # there was something to correct


@pytest.mark.parametrize(
    ("level", "exposure_us", "analogue_gain"),
    [
        (118, 20_000, 1.0),
        (200, 10_000, 1.0),  # 5,980 µs would do, but no fraction of a period
        (84, 30_000, 1.423),
        (45, 30_000, 4.7),
        (40, 30_000, 5.8),
    ],
)
def test_ok__time_before_gain_and_whole_periods_of_mains_light(
    level: float, exposure_us: float, analogue_gain: float
) -> None:
    light = Light(level, (1.0, 1.0, 1.0), (1.0,) + (0.0,) * 8, 0.0)
    then = USED.corrected(light)
    assert then.exposure_us == exposure_us
    assert then.analogue_gain == pytest.approx(analogue_gain, rel=0.05)
    assert then.colour_gains == USED.colour_gains


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    return calibrate([dots()[0]], "dots", 400, NOW, grey_card=card(), exposure=USED)


def test_ok__the_record_survives_its_file(calibration: Calibration) -> None:
    assert from_toml(to_toml(calibration)) == calibration
    by_ticks = calibrate([ticks()[0]], "ticks", 100, NOW)
    assert by_ticks.stretch_percent is None
    assert from_toml(to_toml(by_ticks)) == by_ticks


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("format = 1", "format = 2"),
        ("format = 1", ""),
        ('target = "dots"', 'target = "hairs"'),
        ("pitch_um = ", "pitch = "),
        ("um_per_px = ", "um_per_px = 10"),
        ("um_per_px = ", "um_per_px = nan #"),
        ("um_per_px = ", "um_per_px = true #"),
        ("size_px = [800, 600]", "size_px = [800]"),
        ("size_px = [800, 600]", "size_px = 800"),
        ("valid_days = 90", "valid_days = 0"),
        ("+00:00", ""),
        ("gains = [", "gains = [0.1, "),
        ("exposure_us = ", "exposure_us = -"),
        ("colour_gains = [", "colour_gains = [1.0, "),
        ("marks = ", "marks = = "),
        ("warnings = [", "unheard_of = 1\nwarnings = ["),
    ],
)
def test_fail__a_record_that_was_meddled_with(old: str, new: str, calibration: Calibration) -> None:
    text = to_toml(calibration)
    assert old in text
    with pytest.raises(errors.CalibrationUnreadable):
        from_toml(text.replace(old, new, 1))


def test_ok__figures_are_shown_while_the_calibration_holds(calibration: Calibration) -> None:
    last = NOW + timedelta(days=90) - timedelta(seconds=1)
    assert withheld_because(calibration, NOW, (800, 600)) is None
    assert withheld_because(calibration, last, (800, 600)) is None


def test_fail__figures_are_withheld_with_words(calibration: Calibration) -> None:
    assert "not calibrated" in (withheld_because(None, NOW) or "")
    assert "out of date" in (withheld_because(calibration, NOW + timedelta(days=90)) or "")
    assert "set the clock" in (withheld_because(calibration, NOW - timedelta(days=1)) or "")
    assert "another size" in (withheld_because(calibration, NOW, (600, 800)) or "")


def save(path: Path, pixels: Image) -> Path:
    cv2.imwrite(str(path), pixels[..., ::-1])
    return path


def test_ok__the_command_writes_what_it_shows(trichoscope: Run, tmp_path: Path) -> None:
    pixels, truth = dots()
    photo, out = save(tmp_path / "grid.png", pixels), tmp_path / "scope.toml"
    outcome = trichoscope("calibrate", photo, "--target", "dots", "--pitch-um", 400, "--out", out, "--json")
    assert outcome.exit_code == 0
    shown = json.loads(outcome.stdout)
    assert shown["um_per_px"] == pytest.approx(truth, rel=0.001)
    assert from_toml(out.read_text()).um_per_px == shown["um_per_px"]


def test_fail__the_command_says_why_and_keeps_the_old_calibration(trichoscope: Run, tmp_path: Path) -> None:
    photo, out = save(tmp_path / "grid.png", dots()[0]), tmp_path / "scope.toml"
    out.write_text("old")
    outcome = trichoscope("calibrate", photo, "--target", "ticks", "--pitch-um", 400, "--out", out)
    assert (outcome.exit_code, outcome.stderr[:4]) == (16, "E603")
    assert out.read_text() == "old"
    assert trichoscope("calibrate", photo, "--target", "hairs", "--pitch-um", 400).exit_code == 2
    outcome = trichoscope("calibrate", photo, "--target", "dots", "--pitch-um", 400, "--out", photo)
    assert (outcome.exit_code, outcome.stderr[:4]) == (19, "E902")


@pytest.mark.parametrize(
    ("age_days", "arguments", "code"),
    [(91, (), "E612"), (-2, (), "E612"), (1, ("--scale-um", 6), "E614"), (None, (), "E611")],
)
def test_fail__analyze_refuses_a_calibration_first(
    age_days: int | None, arguments: tuple[Any, ...], code: str, calibration: Calibration, trichoscope: Run,
    tmp_path: Path,
) -> None:  # fmt: skip
    file = tmp_path / "scope.toml"
    if age_days is not None:
        file.write_text(to_toml(replace(calibration, made_at=datetime.now(UTC) - timedelta(days=age_days))))
    outcome = trichoscope("analyze", "missing.jpg", "--calibration", file, *arguments)
    assert (outcome.exit_code, outcome.stderr[:4]) == (16, code)


def test_ok__analyze_takes_its_scale_and_refuses_other_sizes(
    calibration: Calibration, trichoscope: Run, tmp_path: Path
) -> None:
    file, out = tmp_path / "scope.toml", tmp_path / "out.json"
    file.write_text(to_toml(replace(calibration, made_at=datetime.now(UTC))))
    fits = save(tmp_path / "fits.png", render(Scalp(), replace(SCOPE, um_per_px=6.0), 1).pixels)
    other = save(tmp_path / "other.png", np.full((100, 100, 3), 128, np.uint8))
    outcome = trichoscope("analyze", fits, other, "--calibration", file, "--json", out)
    first, second = json.loads(out.read_text())["readings"]
    assert first["scale_um_per_px"] == pytest.approx(calibration.um_per_px, rel=1e-3)
    assert (second["error"]["code"], outcome.exit_code) == ("E613", 16)
