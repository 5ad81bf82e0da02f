"""The optics sheet: its figures by hand, its limits, and the page."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from math import hypot, pi
from pathlib import Path
from typing import Any

import pytest

from hardware import circuit, optics
from trichoscope.config import load
from trichoscope.measurement.calibration import ANALOGUE_GAIN_RANGE, EXPOSURE_MAX_US

PAGE = Path(__file__).parents[2] / "hardware" / "optics.md"
SEEN, PARTS = optics.read()
CHOSEN: float = PARTS["lens"]["chosen_f_number"]


def test_the_page_says_what_the_parts_give() -> None:
    page = PAGE.read_text("utf-8").splitlines()
    assert [line for line in optics.tables(SEEN, PARTS) if line not in page] == [], "python hardware/optics.py"
    assert [line for line in optics.tables(replace(SEEN, focal_mm=16.0), PARTS) if line not in page] != []


def test_the_reference_build_sees_what_the_field_asks_for() -> None:
    """13.0 × 9.7 mm = 1.26 cm² at 3.2 µm/px; the program's defaults are of this camera."""
    width, height = SEEN.field_mm
    assert (width, height) == pytest.approx((13.0, 9.7), abs=0.05)
    assert width * height / 100 == pytest.approx(1.26, abs=0.005)
    assert 30 / SEEN.um_per_px == pytest.approx(9.4, abs=0.05)
    settings = load().camera
    assert settings.csi.size_px == SEEN.pixels
    assert settings.simulated.um_per_px == SEEN.um_per_px


def test_lengths_by_hand() -> None:
    """m = 1.55 / 3.2 = 0.4844; 25 (1 + 1/m) = 76.61; 25 (1 + m) = 37.11; 25 m = 12.11."""
    assert SEEN.magnification == pytest.approx(0.4844, abs=1e-4)
    assert SEEN.skin_to_lens_mm == pytest.approx(76.61, abs=0.01)
    assert SEEN.lens_to_sensor_mm == pytest.approx(37.11, abs=0.01)
    assert 1 / SEEN.skin_to_lens_mm + 1 / SEEN.lens_to_sensor_mm == pytest.approx(1 / 25), "the lens equation"
    assert SEEN.skin_to_sensor_mm == pytest.approx(76.61 + 37.11 + 2 * 0.47 / 1.47, abs=0.01)
    assert SEEN.room_mm == pytest.approx(114.36 - 17.526 - 12.11 - 42, abs=0.02)


def test_a_16_mm_lens_would_leave_no_room_for_plate_and_light() -> None:
    assert SEEN.room_mm > PARTS["light"]["led_height_mm"] + 5
    assert replace(SEEN, focal_mm=16.0, lens_longest_mm=50.0).room_mm < 0


def test_sharpness_by_hand() -> None:
    """f/4: 4 × 1.4844 = 5.94; 1.22 × 0.55 × 5.94 / 0.4844 = 8.23 µm; 150 × 6.25 / 76.61 = 12.24 µm."""
    assert SEEN.working_f_number(4) == pytest.approx(5.94, abs=0.005)
    assert SEEN.airy_radius_um(4) == pytest.approx(8.23, abs=0.01)
    assert SEEN.blur_um(4, 150) == pytest.approx(12.24, abs=0.01)
    assert SEEN.depth_um(4, 9.6) == pytest.approx(117.7, abs=0.1)
    in_focus = hypot(0.42 * 0.55 * 5.9375 / 0.484375, 3.2 / 12**0.5)
    assert SEEN.sigma_um(4, 0) == pytest.approx(in_focus, rel=1e-3)
    assert SEEN.sigma_um(4, 150) == pytest.approx(hypot(in_focus, 12.24 / 4), rel=1e-3)


def test_the_chosen_aperture_is_the_sharpest_over_the_depth_of_skin() -> None:
    sigmas = {n: SEEN.sigma_um(n, PARTS["check"]["depth_um"]) for n in PARTS["lens"]["f_numbers"]}
    assert min(sigmas, key=lambda n: sigmas[n]) == CHOSEN


def test_light_by_hand() -> None:
    """4 × 14.31 / π × 34² / (34² + 18²)² per mm² = 9,614 lx; behind both films 0.4 of it and L = E ρ / π."""
    white = optics.ring(PARTS, "white")
    assert white.illuminance_lx() == pytest.approx(4e6 * 14.308 / pi * 34**2 / (34**2 + 18**2) ** 2, rel=1e-3)
    luminance = white.illuminance_lx() * 0.35 / pi * 0.4
    exposure_ms = optics.exposure_ms(SEEN, PARTS, "white", 4, 0.35)
    assert exposure_ms == pytest.approx(12.5 * 5.9375**2 / luminance * 10, rel=1e-3)
    assert optics.irradiance_mw_cm2(PARTS, "white") == pytest.approx(9614 / 300 / 10, rel=1e-3)
    # a film before the LEDs, more current, and closer in
    ratio = 0.4 * 40 / 30 * (34**2 + 18**2) ** 2 / (34**2 + 12.5**2) ** 2
    polarised = optics.ring(PARTS, "polarised")
    assert polarised.illuminance_lx() == pytest.approx(ratio * white.illuminance_lx(), rel=1e-3)


@pytest.mark.parametrize("kind", ["white", "polarised"])
def test_light_suffices_for_the_darkest_skin_without_trembling(kind: optics.Kind) -> None:
    dark = optics.exposure_ms(SEEN, PARTS, kind, CHOSEN, PARTS["exposure"]["skin_reflectance"]["dark"])
    assert dark <= EXPOSURE_MAX_US / 1e3 * ANALOGUE_GAIN_RANGE[1] / 2, "with a stop in reserve"
    assert optics.evenness(SEEN, optics.ring(PARTS, kind)) > 0.9
    assert optics.blue_w_m2_sr(PARTS, kind) < optics.BLUE_LIMIT_W_M2_SR


def test_the_resistors_set_the_current_that_the_sheet_reckons_with() -> None:
    for kind, resistor in (("white", "R3"), ("polarised", "R4")):
        assert circuit.led_ma(circuit.read(), resistor) == pytest.approx(PARTS["light"][kind]["current_ma"], rel=0.02)


def mirrored(parts: Any, kind: optics.Kind) -> float:
    light = optics.ring(parts, kind)
    return light.mirrored_mm(SEEN.skin_to_lens_mm, SEEN.pupil_mm(CHOSEN), parts["light"]["led_side_mm"])


def test_the_plate_mirrors_no_white_led_into_the_field() -> None:
    assert mirrored(PARTS, "white") > SEEN.corner_mm + 2
    near = deepcopy(PARTS)
    near["light"]["white"]["radius_mm"] = 12.5
    assert mirrored(near, "white") < SEEN.corner_mm, "where the polarised ones stand, it would"


def test_the_mirror_image_by_hand() -> None:
    """A point LED 10 from the axis, as high as the lens: the ray to the middle of the pupil strikes half way."""
    light = optics.Ring(leds=1, lumen=1, radius_mm=10, height_mm=50, films=1, film_pass=0.4)
    assert light.mirrored_mm(50, 0, 0) == pytest.approx(5)


def test_evenness_falls_as_the_light_comes_nearer() -> None:
    ring = optics.ring(PARTS, "white")
    assert optics.evenness(SEEN, replace(ring, radius_mm=2.0, height_mm=10.0)) < 0.5 < optics.evenness(SEEN, ring)
