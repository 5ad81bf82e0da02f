"""The overlay: hairs where they are, told apart without colour, and nothing where nothing may be shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from trichoscope.frame import Frame
from trichoscope.measurement.hair import Hair, HairClass
from trichoscope.measurement.overlay import REFUSED, TERMINAL, VELLUS, draw
from trichoscope.measurement.quality import Quality
from trichoscope.measurement.reading import Reading, read_hairs

Image = NDArray[np.uint8]
GOOD = Quality((), (), 10.0)


def hair(y: float, name: HairClass = "terminal", x: float = 300.0, unit: int = 0, cut: bool = False) -> Hair:
    path = np.stack([np.linspace(x, x + 200, 40), np.full(40, y)], 1).astype(np.float32)
    width = 30.0 if name == "vellus" else 80.0
    return Hair((x, y), path, width, 3.0, 1.0, True, 500.0, 0.8, name, 0.95, unit, 0.9, cut, False, False)


def blank(width: int = 800, height: int = 600, um_per_px: float = 3.0) -> Frame:
    return Frame(np.full((height, width, 3), 150, np.uint8), um_per_px)


def read(frame: Frame, hairs: list[Hair], quality: Quality = GOOD) -> Reading:
    return read_hairs(
        frame,
        hairs,
        quality,
        threshold_um=40.0,
        model_name="m",
        model_sha256="0",
        firmware_version="0",
        elapsed_ms={},
    )


def drawn(*hairs: Hair, frame: Frame | None = None, **given: Any) -> Image:
    frame = frame or blank()
    return draw(frame, read(frame, list(hairs), **given))


def near(picture: Image, colour: tuple[int, int, int], tolerance: int = 40) -> NDArray[np.bool_]:
    return np.asarray(np.abs(picture.astype(int) - colour).max(2) < tolerance)


def test_ok__a_new_picture_of_the_same_shape() -> None:
    frame = blank()
    picture = drawn(hair(400), frame=frame)
    assert picture.shape == frame.pixels.shape and picture.dtype == np.uint8
    assert (frame.pixels == 150).all()


def test_ok__hairs_run_where_their_paths_run() -> None:
    line = near(drawn(hair(400)), TERMINAL)[400, 310:495]
    assert line.all()
    assert not near(drawn(hair(400)), TERMINAL)[430, 290:520].any()


def test_ok__classes_differ_in_colour_and_in_dashes() -> None:
    picture = drawn(hair(350), hair(450, "vellus", unit=1))
    terminal, vellus = near(picture, TERMINAL)[350, 310:495], near(picture, VELLUS)[450, 310:495]
    assert terminal.all()
    assert 0.3 < vellus.mean() < 0.9  # dashed: told apart without colour
    assert not near(picture, VELLUS)[350, 290:520].any()


def test_ok__the_two_colours_differ_in_lightness_too() -> None:
    weights = np.array([0.2126, 0.7152, 0.0722])
    light = [float(weights @ (np.array(colour) / 255) ** 2.2) for colour in (TERMINAL, VELLUS)]
    assert (light[1] + 0.05) / (light[0] + 0.05) > 1.5


def test_ok__too_coarse_a_scale_draws_no_classes() -> None:
    picture = drawn(hair(350), hair(450, "vellus", unit=1), frame=blank(um_per_px=7.0))
    assert near(picture, TERMINAL)[450, 310:495].all()
    assert not near(picture, VELLUS).any()


def test_ok__roots_units_and_cut_ends_are_marked() -> None:
    alone = drawn(hair(400, unit=0), hair(440, unit=1))
    together = drawn(hair(400, unit=0), hair(440, unit=0))
    ring = (slice(360, 480), slice(240, 298))
    assert (alone[ring] == 150).mean() > (together[ring] == 150).mean() + 0.01
    root = near(alone, TERMINAL)[380:420, 290:310]
    assert root.sum() > 3 * near(alone, TERMINAL)[380:420, 340:360].sum() / 4  # a disc, thicker than the line
    whole, cut = drawn(hair(300, x=599)), drawn(hair(300, x=599, cut=True))
    assert near(cut, (255, 255, 255), 60)[290:311, 780:].sum() > near(whole, (255, 255, 255), 60)[290:311, 780:].sum()


def test_ok__legend_and_scale_bar_leave_the_picture_free() -> None:
    picture = drawn(hair(400), hair(440, "vellus", unit=1))
    touched = (picture != 150).any(2)
    assert touched[:130, :250].mean() > 0.5 and touched[-55:, -150:].mean() > 0.3
    assert touched.mean() < 0.25
    assert not touched[:, 550:][:450].any()


@pytest.mark.parametrize("um_per_px", [0.7, 2.77, 3.2, 5.0, 12.0])
def test_ok__the_scale_bar_is_as_long_as_a_round_number(um_per_px: float) -> None:
    frame = blank(1200, 900, um_per_px)
    corner = drawn(frame=frame)[-60:, -400:]
    lengths = [np.flatnonzero(row) for row in near(corner, (255, 255, 255), 30)]
    bar = max((np.ptp(row) + 1 for row in lengths if len(row)), default=0) * um_per_px
    mantissa = bar / 10 ** np.floor(np.log10(bar) + 0.02)
    assert min(abs(mantissa / step - 1) for step in (1, 2, 5, 10)) < 0.05, bar
    assert bar / um_per_px <= 1200 / 5 + 6


def test_ok__an_unusable_frame_shows_why_and_no_hair() -> None:
    refused = Quality(("Blurred by movement: hold the scope still and press again.",), (), 60.0)
    picture = drawn(hair(400), hair(440, "vellus", unit=1), quality=refused)
    assert near(picture, REFUSED).any()
    assert not near(picture, TERMINAL).any() and not near(picture, VELLUS).any()


@pytest.mark.parametrize("size", [(1, 1), (30, 700), (170, 170), (4056, 3040)])
@pytest.mark.parametrize("reasons", [(), ("Too dark: check the light and press again. " * 4,)])
def test_ok__any_size(size: tuple[int, int], reasons: tuple[str, ...]) -> None:
    frame = blank(*size)
    assert drawn(hair(5, x=2), frame=frame, quality=Quality(reasons, ("soft",), 10.0)).shape == frame.pixels.shape


def test_ok__lines_keep_their_proportion() -> None:
    def thickness(size: int) -> int:
        shaft = replace(hair(0), root_px=(size * 0.4, size * 0.5), path_px=np.array([[0.4, 0.5], [0.9, 0.5]]) * size)
        return int(near(drawn(shaft, frame=blank(size, size)), TERMINAL, 60)[:, size * 2 // 3].sum())

    assert thickness(1800) >= thickness(600) + 2
    assert thickness(1800) < 0.005 * 1800
