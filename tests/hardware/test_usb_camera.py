"""The real USB camera driver (linuxpy, evdev) on nodes of the kernel: what every camera must do, the plug, the key."""

# ruff: noqa: F401  what every camera must do is collected here too

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import simplejpeg

from tests.conformance.test_cameras import (
    test_a_photograph_can_be_asked_for_ahead,
    test_a_photograph_is_no_older_than_its_press_and_whole,
    test_a_photograph_says_how_it_was_taken,
    test_closing_leaves_nothing_and_it_can_be_opened_again,
    test_frames_are_numbered,
    test_it_has_the_name_of_the_configuration_and_a_size,
    test_no_key_is_pressed_by_itself,
    test_one_that_hangs_is_killed_and_works_again,
    test_one_that_is_not_there_is_said_to_be_missing_until_it_comes,
    test_the_live_picture_is_small_and_the_callers_own,
)
from tests.conformance.worlds import SIZE, World
from tests.hardware.machine import scope
from trichoscope.errors import CameraMissing, CameraUnplugged, TrichoscopeError
from trichoscope.instrument.camera import CameraProcess, Deadlines, UsbSettings

pytestmark = [pytest.mark.hardware, pytest.mark.usefixtures("emulated")]

DEADLINES = Deadlines(again_s=0)
"""Those of the instrument."""
SETTINGS = UsbSettings(scope.DEVICE, pixel_format="YUYV", size_px=SIZE)


class Plug(World):
    def unplug(self, camera: CameraProcess) -> None:
        scope.unplug()

    def plug(self) -> None:
        scope.plug(scope.VIVID)


@pytest.fixture(scope="module")
def world(emulated: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    scope.plug(scope.VIVID)
    yield Plug(SETTINGS, tmp_path_factory.mktemp("usb"))
    scope.unplug()


@pytest.fixture(scope="module")
def camera(world: World) -> Iterator[CameraProcess]:
    made = CameraProcess(SETTINGS, DEADLINES)
    yield made
    made.close()


def test_pulled_out_and_put_back_while_it_films(camera: CameraProcess) -> None:
    assert camera.preview().any()
    scope.tear_off()
    with pytest.raises((CameraUnplugged, CameraMissing)):
        camera.capture(time.monotonic_ns())
    with pytest.raises(CameraMissing):
        camera.preview()
    scope.plug(scope.put_back())
    deadline = time.monotonic() + 60
    while True:
        try:
            photograph = camera.capture(time.monotonic_ns())
            break
        except TrichoscopeError:
            if time.monotonic() > deadline:
                raise
    assert simplejpeg.decode_jpeg(photograph.jpeg).shape == (SIZE[1], SIZE[0], 3)


def test_the_key_of_the_scope_is_heard_once(camera: CameraProcess) -> None:
    from evdev import UInput, ecodes  # noqa: PLC0415  only where there are wires

    camera.close()
    with UInput({ecodes.EV_KEY: [ecodes.KEY_CAMERA, ecodes.KEY_ZOOM]}, name="scope") as key:
        scope.plug(scope.VIVID, key=str(key.device.path).rpartition("/")[2])
        camera.preview()
        assert not camera.pressed()
        for code in (ecodes.KEY_ZOOM, ecodes.KEY_CAMERA):
            for value in (1, 0):
                key.write(ecodes.EV_KEY, code, value)
                key.syn()
        heard: list[bool] = []
        for _ in range(4):
            camera.preview()
            heard.append(camera.pressed())
        assert heard.count(True) == 1, "pressed once, let go once, and another key that is not ours"
        camera.close()
