"""Widths of drawn shafts: supersampled translucent cylinders behind a lens, a tone curve, noise and JPEG."""

from __future__ import annotations

from dataclasses import astuple

import cv2
import numpy as np
import pytest

from trichoscope.frame import Frame
from trichoscope.measurement.caliper import BLOCK, measure_widths
from trichoscope.measurement.hair import Trace, Width

LENGTH_UM, ROW_UM, MARGIN_UM = 600.0, 260.0, 110.0
FINE = 3  # samples per pixel and axis


def photograph(
    widths_um: list[float],
    um_per_px: float = 3.0,
    blur_px: float = 1.3,
    *,
    absorption: float = 0.12,
    glow: float = 0.02,
    streaks: tuple[float, ...] = (),
    neighbour_um: float | None = None,
    seed: int = 0,
) -> Frame:
    """One straight shaft a row. Absorption per µm of chord; glow is light the shaft sends itself; streaks lie at
    these shares of the width beside the middle; a second, equal shaft may run this far (edge to edge) beside it."""
    rng = np.random.default_rng(seed)
    step = um_per_px / FINE
    height, width = (round(size / um_per_px) for size in (ROW_UM * len(widths_um), LENGTH_UM + 2 * MARGIN_UM))
    y, x = (np.mgrid[0 : height * FINE, 0 : width * FINE].astype(np.float32) + 0.5) * step
    skin = 0.5 * (1 + 0.05 * cv2.GaussianBlur(rng.normal(0, 8, x.shape).astype(np.float32), (0, 0), 12 / step))
    light = skin[..., None] * np.array([1.25, 0.95, 0.8], np.float32)
    inside = (x > MARGIN_UM) & (x < MARGIN_UM + LENGTH_UM)
    for row, diameter in enumerate(widths_um):
        for offset in (0.0,) if neighbour_um is None else (0.0, diameter + neighbour_um):
            beside = y - (row + 0.5) * ROW_UM - offset
            chord = diameter * np.sqrt(np.clip(1 - (2 * beside / diameter) ** 2, 0, None))
            shaft = inside & (chord > 0)
            light[shaft] = light[shaft] * np.exp(-absorption * chord[shaft, None]) + glow
            for place in streaks:
                light += (0.4 * shaft * np.exp(-0.5 * ((beside / diameter - place) / 0.06) ** 2))[..., None]
    light = cv2.GaussianBlur(light, (0, 0), blur_px * FINE)
    value = 255 * np.clip(cv2.resize(light, (width, height), interpolation=cv2.INTER_AREA), 0, 1) ** (1 / 2.0)
    noisy = np.clip(value + rng.normal(0, 4, value.shape), 0, 255).astype(np.uint8)
    _, jpeg = cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, 85])
    return Frame(np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8), um_per_px)


def traces(
    widths_um: list[float],
    um_per_px: float = 3.0,
    prior: tuple[float, ...] = (1.0,),
    aside_um: float = 4.0,
    crossed: bool = False,
) -> list[Trace]:
    """The shafts' traces, beside the middle, with a network's width that is wrong by these factors in turn."""
    found = []
    for row, diameter in enumerate(widths_um):
        x = MARGIN_UM + np.arange(0, LENGTH_UM + 1, 25.0)
        y = np.full_like(x, (row + 0.5) * ROW_UM + aside_um)
        path = (np.stack([x, y], 1) / um_per_px - 0.5).astype(np.float32)
        root = (float(path[0, 0]), float(path[0, 1]))
        found.append(Trace(root, path, 0.9, prior[row % len(prior)] * diameter, False, np.full(len(path), crossed)))
    return found


def errors(widths_um: list[float], measured: list[Width]) -> np.ndarray:
    return np.array([m.diameter_um for m in measured]) - widths_um


MIXED = [25.0, 32.0, 45.0, 60.0, 75.0, 90.0]


@pytest.mark.parametrize(("um_per_px", "blur_px"), [(2.0, 0.7), (3.0, 1.3), (3.0, 3.0), (5.0, 1.0)])
def test_widths_are_true_whatever_the_scale_the_blur_and_the_networks_error(um_per_px: float, blur_px: float) -> None:
    frame = photograph(MIXED, um_per_px, blur_px)
    for prior in ((0.88, 1.14), (1.14, 0.88)):
        measured = measure_widths(frame, traces(MIXED, um_per_px, prior))
        error = errors(MIXED, measured)
        assert np.abs(error).mean() <= 3.0
        assert abs(error.mean()) <= 2.0
        assert all(m.measured for m in measured)


def test_a_thin_hair_behind_a_blur_does_not_read_as_a_terminal_one() -> None:
    widths = [25.0, 70.0, 25.0, 80.0]  # at 5 µm/px with a blur of 2 px, half the maximum spans 33 µm
    measured = measure_widths(photograph(widths, 5.0, 2.0), traces(widths, 5.0, prior=(1.2,)))
    assert [m.diameter_um for m in measured[::2]] == pytest.approx([25.0, 25.0], abs=4.0)


@pytest.mark.parametrize("streaks", [(0.0,), (-0.22, 0.22)])
def test_glints_do_not_split_a_shaft(streaks: tuple[float, ...]) -> None:
    widths = [60.0, 75.0, 90.0]
    measured = measure_widths(photograph(widths, streaks=streaks), traces(widths, prior=(0.9,)))
    assert np.abs(errors(widths, measured)).max() <= 5.0


def test_a_neighbour_a_hair_away_does_not_widen() -> None:
    widths = [50.0, 70.0]
    frame = photograph(widths, neighbour_um=45.0)
    beside = [
        Trace(t.root_px, t.path_px + np.array([0, (w + 45.0) / 3.0], np.float32), 0.9, w, False, t.crossed)
        for t, w in zip(traces(widths), widths, strict=True)
    ]
    measured = measure_widths(frame, traces(widths, prior=(1.1,)) + beside)
    assert np.abs(errors(widths, measured[:2])).max() <= 5.0


def test_a_neighbour_that_nobody_traced_is_in_the_error() -> None:
    widths = [50.0, 70.0]
    alone, beside = (
        measure_widths(photograph(widths, neighbour_um=um), traces(widths, prior=(1.1,))) for um in (None, 10.0)
    )
    for true_um, one, other in zip(widths, alone, beside, strict=True):
        assert abs(other.diameter_um - true_um) > 2 * abs(one.diameter_um - true_um), "the neighbour spoils the width"
        assert other.error_um >= 1.8 * one.error_um
        assert abs(other.diameter_um - true_um) <= 1.96 * other.error_um


def test_a_light_hair_is_measured_and_has_negative_pigment() -> None:
    widths = [60.0, 75.0, 90.0]
    white = measure_widths(photograph(widths, absorption=1.0, glow=0.75), traces(widths, prior=(1.1,)))
    black = measure_widths(photograph(widths), traces(widths, prior=(1.1,)))
    assert np.abs(errors(widths, white)).max() <= 7.0
    assert all(m.pigment < -0.2 for m in white)
    assert all(m.pigment > 0.8 for m in black)


def test_the_blur_is_reported() -> None:
    sharp, soft = (
        measure_widths(photograph(MIXED, blur_px=blur_px), traces(MIXED))[-1].blur_um for blur_px in (0.8, 3.0)
    )
    assert sharp == pytest.approx(2.4, abs=1.5)
    assert soft == pytest.approx(9.0, abs=2.0)


def test_a_shaft_crossed_all_along_keeps_the_networks_width() -> None:
    (width,) = measure_widths(photograph([60.0]), traces([60.0], prior=(1.2,), crossed=True))
    assert not width.measured
    assert width.diameter_um == pytest.approx(72.0)
    assert width.error_um >= 0.1 * 72.0


def test_bare_skin_is_not_measured() -> None:
    bare = Frame(np.full((200, 300, 3), 180, np.uint8), 3.0)
    (width,) = measure_widths(bare, traces([60.0]))
    assert not width.measured
    assert width.diameter_um == 60.0
    assert np.isfinite([width.sd_um, width.error_um, width.pigment, width.blur_um]).all()


def test_a_stub_at_the_edge_of_the_picture_is_no_fault() -> None:
    path = np.array([[2.0, 1.0], [3.0, -0.4]], np.float32)
    stub = Trace((2.0, 1.0), path, 0.5, 50.0, True, np.zeros(2, bool))
    (width,) = measure_widths(photograph([60.0]), [stub])
    assert np.isfinite([width.diameter_um, width.sd_um, width.error_um, width.pigment, width.blur_um]).all()


def test_no_traces_no_widths() -> None:
    assert measure_widths(photograph([60.0]), []) == []


def test_blocks_and_threads_change_nothing() -> None:
    """More shafts than a block holds, in blocks of which the last is not full, by one thread and by two."""
    widths = [MIXED[i % len(MIXED)] for i in range(BLOCK + 7)]
    frame, found = photograph(widths), traces(widths, prior=(0.9, 1.1))
    one, two = measure_widths(frame, found), measure_widths(frame, found, threads=2)
    assert [astuple(width) for width in two] == [astuple(width) for width in one]
    assert np.abs(errors(widths, one)).mean() <= 3.0
