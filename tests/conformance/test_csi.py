"""The camera on the ribbon, over a fake picamera2 that keeps to its API. Tried on no real one."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from importlib.util import find_spec

import numpy as np
import pytest
import simplejpeg

from tests.conformance.conftest import DEADLINES, world_of
from tests.conformance.worlds import World
from trichoscope.errors import CameraDriverMissing, CameraHung, CameraModeRefused, ExposureWrong
from trichoscope.instrument.camera import CameraProcess, CsiSettings, make_camera
from trichoscope.instrument.camera.csi import planes_of


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world_of("csi", tmp_path_factory.mktemp("csi")) as made:
        yield made


def test_photograph_and_live_picture_have_the_colours_of_the_sensor(camera: CameraProcess) -> None:
    photograph = simplejpeg.decode_jpeg(camera.capture(time.monotonic_ns()).jpeg)
    left, right = photograph[:, :8].mean((0, 1)), photograph[:, -8:].mean((0, 1))
    # Y 20 and 220, Cb 118, Cr 148 by ITU-T T.871
    assert left == pytest.approx([48, 9, 2], abs=4)
    assert right == pytest.approx([248, 209, 202], abs=4)
    live = camera.preview()
    assert live.shape == (240, 320, 3)
    assert live[:, 160].mean(0) == pytest.approx(photograph[:, 320].mean(0), abs=3)


@pytest.mark.parametrize("kind", ["stale", "wrong_exposure"])
def test_a_bad_frame_is_passed_over(camera: CameraProcess, world: World, kind: str) -> None:
    camera.open()
    pid, before = camera.pid, world.fired().count(kind)
    camera.preview()
    camera.capture(0)  # takes the preview made ahead, so that the fault meets the next photograph
    world.fail(kind)
    press_ns = time.monotonic_ns()
    photograph = camera.capture(press_ns)
    assert photograph.sensor_time_ns >= press_ns
    assert photograph.exposure_us == pytest.approx(5000, rel=0.02)
    assert world.fired().count(kind) == before + 1
    assert camera.pid == pid


def test_a_wait_that_ends_opens_it_again(camera: CameraProcess, world: World) -> None:
    """The job stays queued in picamera2: the next one would get its frame."""
    camera.open()
    pid = camera.pid
    world.fail("stuck")
    press_ns = time.monotonic_ns()
    assert camera.capture(press_ns).sensor_time_ns >= press_ns
    assert "stuck" in world.fired()
    assert camera.pid != pid


def test_wrong_exposure_that_stays_is_an_error_and_no_photograph(camera: CameraProcess, world: World) -> None:
    camera.capture(0)
    world.fail(*["wrong_exposure"] * 6)
    with pytest.raises(ExposureWrong, match="15000 instead of 5000"):
        camera.capture(time.monotonic_ns())
    assert camera.capture(time.monotonic_ns()).exposure_us == pytest.approx(5000, rel=0.02)


def test_two_hangs_are_an_error_and_the_third_try_works(camera: CameraProcess, world: World) -> None:
    camera.capture(0)
    world.fail("hang", "hang")
    with pytest.raises(CameraHung):
        camera.capture(time.monotonic_ns())
    assert world.fired()[-2:] == ["hang", "hang"]
    assert camera.capture(time.monotonic_ns()).jpeg


def test_a_size_that_is_not_offered_is_refused(world: World) -> None:
    camera = make_camera(dataclasses.replace(world.settings, size_px=(641, 480)), DEADLINES)  # type: ignore[arg-type]
    with pytest.raises(CameraModeRefused, match="640"):
        camera.open()
    camera.close()


@pytest.mark.skipif(find_spec("picamera2") is not None, reason="picamera2 is installed")
def test_without_picamera2_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    camera = make_camera(CsiSettings(), DEADLINES)
    with pytest.raises(CameraDriverMissing, match="picamera2"):
        camera.open()
    camera.close()


def test_planes_are_found_in_strides_longer_than_rows() -> None:
    width, height, stride = 10, 6, 16
    array = np.arange(height * 3 // 2 * stride, dtype=np.uint8).reshape(-1, stride)
    y, u, v = planes_of(array, (width, height))
    assert (y == array[:6, :10]).all()
    assert u.tolist() == [[96 + 8 * row + column for column in range(5)] for row in range(3)]
    assert v.tolist() == [[120 + 8 * row + column for column in range(5)] for row in range(3)]
