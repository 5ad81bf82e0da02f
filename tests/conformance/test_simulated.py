"""The knobs of the simulated probe, and what stands behind them: its scalp, its hand, its faults."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import simplejpeg
from numpy.typing import NDArray

from tests.conformance.conftest import DEADLINES
from trichoscope.errors import CameraHung, FrameStale
from trichoscope.instrument.camera import Fault, Photograph, SimulatedProcess, SimulatedSettings
from trichoscope.instrument.camera.settings import MARGIN_UM, FaultKind

SETTINGS = SimulatedSettings(size_px=(640, 480), um_per_px=4.0)


@pytest.fixture(scope="module")
def drawn() -> Iterator[SimulatedProcess]:
    camera = SimulatedProcess(SETTINGS, DEADLINES)
    camera.start()
    camera.place(patient="visit 7", site="vertex")
    assert camera.wait_drawn(60)
    yield camera
    camera.close()


@pytest.fixture
def camera(drawn: SimulatedProcess) -> Iterator[SimulatedProcess]:
    """On the scalp, lit and held well; without faults left."""
    drawn.place(patient="visit 7", site="vertex", light="white", defocus_um=0.0, exposure=1.0, tremor_um=0.0)
    yield drawn
    assert drawn.wait_drawn(60)


def press(camera: SimulatedProcess) -> Photograph:
    return camera.capture(time.monotonic_ns())


def seen(photograph: Photograph) -> NDArray[np.uint8]:
    return np.asarray(simplejpeg.decode_jpeg(photograph.jpeg))


def sharpness(pixels: NDArray[np.uint8]) -> float:
    return float(cv2.Laplacian(pixels, cv2.CV_32F).var())


def test_a_frame_that_began_before_its_light_is_dark(camera: SimulatedProcess) -> None:
    camera.place(light="off")
    assert seen(press(camera)).max() < 10
    before_ns = time.monotonic_ns()
    camera.place(light="white")
    lit = press(camera)
    assert lit.sensor_time_ns > before_ns
    assert seen(lit).mean() > 60


def test_live_picture_and_photograph_show_the_same_scalp(camera: SimulatedProcess) -> None:
    photograph = seen(press(camera)).astype(np.float32)
    live = camera.preview().astype(np.float32)
    assert live.shape == photograph.shape
    assert np.abs(live - photograph).mean() < 4


def test_the_hand_trembles(camera: SimulatedProcess) -> None:
    camera.place(tremor_um=40.0)
    places = {press(camera).metadata["tremor_um"] for _ in range(3)}
    assert len(places) == 3
    assert all(abs(x) < MARGIN_UM and abs(y) < MARGIN_UM for x, y in places)


def test_its_focus_and_exposure_are_knobs(camera: SimulatedProcess) -> None:
    sharp = seen(press(camera))
    camera.place(defocus_um=20.0)
    blurred = seen(press(camera))
    camera.place(defocus_um=0.0, exposure=2.0)
    bright = seen(press(camera))
    assert sharpness(blurred) < 0.2 * sharpness(sharp)
    assert bright.mean() == pytest.approx(sharp.mean() * 2 ** (1 / 1.8), rel=0.1)


def test_another_site_is_another_scalp_and_the_first_is_still_there(camera: SimulatedProcess) -> None:
    first = seen(press(camera)).astype(np.float32)
    camera.place(site="occipital")
    assert not camera.drawn()
    in_the_air = press(camera)
    assert not in_the_air.metadata["drawn"]
    assert sharpness(seen(in_the_air)) < 0.1 * sharpness(first.astype(np.uint8))
    assert camera.wait_drawn(60)
    other = press(camera)
    assert other.metadata["drawn"]
    assert np.abs(seen(other).astype(np.float32) - first).mean() > 8
    camera.place(site="vertex")
    assert camera.drawn()
    assert np.abs(seen(press(camera)).astype(np.float32) - first).mean() < 2


def test_the_patients_code_is_in_no_command_line_and_in_no_photograph(camera: SimulatedProcess) -> None:
    camera.place(patient="secret 4711")
    lines = b"".join(file.read_bytes() for file in _command_lines())
    assert b"camera.scalp" in lines  # it is being drawn
    assert b"4711" not in lines
    assert "4711" not in repr(press(camera).metadata)
    camera.place(patient="visit 7")


def _command_lines() -> list[Path]:
    ours = (Path("/proc") / pid for pid in Path("/proc/self/task").parent.parent.iterdir() if pid.name.isdigit())
    return [pid / "cmdline" for pid in ours if (pid / "cmdline").exists()]


@pytest.mark.parametrize("kind", ["hang", "crash", "late", "stale", "torn", "unplugged", "wrong_exposure"])
def test_a_fault_fires_and_the_press_gets_a_good_photograph(camera: SimulatedProcess, kind: FaultKind) -> None:
    press(camera)
    fired = camera.fired
    camera.disturb(Fault(kind))
    press_ns = time.monotonic_ns()
    photograph = camera.capture(press_ns)
    assert camera.fired == fired + 1
    assert photograph.sensor_time_ns >= press_ns
    assert photograph.exposure_us == SETTINGS.exposure_us
    assert seen(photograph).mean() > 60  # it was lit, also by a process that was started since


def test_a_black_frame_is_black(camera: SimulatedProcess) -> None:
    """No driver can tell it from a scope without its light: the quality of the picture says so."""
    camera.disturb(Fault("black"))
    assert seen(press(camera)).max() < 10


@pytest.mark.parametrize(
    ("kind", "times", "error"),
    [("hang", 2, CameraHung), ("stale", 6, FrameStale)],
)
def test_a_fault_that_stays_is_its_error(
    camera: SimulatedProcess, kind: FaultKind, times: int, error: type[Exception]
) -> None:
    fired = camera.fired
    camera.disturb(Fault(kind, times=times))
    with pytest.raises(error):
        press(camera)
    assert camera.fired == fired + times
    assert seen(press(camera)).mean() > 60


def test_one_fault_waits_for_another(camera: SimulatedProcess) -> None:
    fired = camera.fired
    camera.disturb(Fault("unplugged", on="preview"), Fault("hang", on="open"), Fault("stale"))
    press(camera)
    assert camera.fired == fired
    with pytest.raises(CameraHung):
        # the live picture fails, and then the opening
        short = DEADLINES.__class__(open_s=1.5, preview_s=2, capture_s=1.5, again_s=0)
        camera._deadlines = short
        camera.preview()
    camera._deadlines = DEADLINES
    assert camera.fired == fired + 2
    press(camera)
    assert camera.fired == fired + 3
