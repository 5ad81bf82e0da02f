"""What every camera must do, each in its child process: the ribbon's and USB's over fakes of their libraries."""

from __future__ import annotations

import os
import select
import signal
import time

import numpy as np
import pytest
import simplejpeg

from tests.conformance.conftest import DEADLINES
from tests.conformance.worlds import SIZE, World
from trichoscope.errors import CameraMissing
from trichoscope.instrument.camera import CameraProcess


def ended(pid: int, within_s: float = 5) -> bool:
    """Whether a process that may not be ours has ended, as soon as it has."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([fd], [], [], within_s)[0])
    finally:
        os.close(fd)


def test_it_has_the_name_of_the_configuration_and_a_size(camera: CameraProcess, world: World) -> None:
    camera.open()
    assert camera.name == world.settings.driver
    assert camera.size_px == SIZE


def test_the_live_picture_is_small_and_the_callers_own(camera: CameraProcess) -> None:
    picture = camera.preview()
    assert picture.dtype == np.uint8
    height, width, channels = picture.shape
    assert channels == 3
    assert max(width, height) <= 800
    kept = picture.copy()
    camera.preview()
    assert (picture == kept).all()
    picture[:] = 0


def test_a_photograph_is_no_older_than_its_press_and_whole(camera: CameraProcess) -> None:
    for _ in range(3):
        camera.preview()
        press_ns = time.monotonic_ns()
        photograph = camera.capture(press_ns)
        assert press_ns <= photograph.sensor_time_ns <= time.monotonic_ns()
        assert simplejpeg.decode_jpeg(photograph.jpeg).shape == (SIZE[1], SIZE[0], 3)


def test_a_photograph_can_be_asked_for_ahead(camera: CameraProcess) -> None:
    later_ns = time.monotonic_ns() + 150_000_000
    assert camera.capture(later_ns).sensor_time_ns >= later_ns


def test_a_photograph_says_how_it_was_taken(camera: CameraProcess, world: World) -> None:
    photograph = camera.capture(time.monotonic_ns())
    assert photograph.metadata
    if world.settings.exposure_us is None:
        assert photograph.exposure_us is None
    else:
        assert photograph.exposure_us == pytest.approx(world.settings.exposure_us, rel=0.02)
    assert photograph.gains == pytest.approx(world.settings.gains, rel=0.02)


def test_frames_are_numbered(camera: CameraProcess) -> None:
    numbers = [camera.capture(time.monotonic_ns()).sequence for _ in range(4)]
    assert numbers == sorted(set(numbers))


def test_no_key_is_pressed_by_itself(camera: CameraProcess) -> None:
    camera.preview()
    assert not camera.pressed()


def test_one_that_hangs_is_killed_and_works_again(camera: CameraProcess) -> None:
    camera.open()
    assert camera.pid is not None
    before = camera.pid
    os.kill(before, signal.SIGSTOP)
    press_ns = time.monotonic_ns()
    assert camera.capture(press_ns).sensor_time_ns >= press_ns
    assert camera.pid != before
    assert ended(before)


def test_one_that_dies_works_again_at_once(camera: CameraProcess) -> None:
    camera.open()
    assert camera.pid is not None
    os.kill(camera.pid, signal.SIGKILL)
    began = time.monotonic()
    assert camera.preview().any()
    assert time.monotonic() - began < 2 * DEADLINES.preview_s  # no deadline was waited for
    assert camera.capture(0).jpeg


def test_one_that_is_not_there_is_said_to_be_missing_until_it_comes(camera: CameraProcess, world: World) -> None:
    camera.close()
    world.unplug(camera)
    for _ in range(2):
        with pytest.raises(CameraMissing, match="E101"):
            camera.preview()
    waiting = camera.pid
    with pytest.raises(CameraMissing):
        camera.capture(time.monotonic_ns())
    assert camera.pid == waiting  # looking again costs no new process
    world.plug()
    assert camera.capture(time.monotonic_ns()).jpeg


def test_closing_leaves_nothing_and_it_can_be_opened_again(camera: CameraProcess) -> None:
    camera.open()
    files = len(os.listdir("/proc/self/fd"))
    pid = camera.pid
    assert pid is not None
    camera.close()
    camera.close()
    assert camera.pid is None
    assert ended(pid)
    camera.open()
    assert len(os.listdir("/proc/self/fd")) == files
