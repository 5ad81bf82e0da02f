"""The USB scope: found in a fake /sys, over a fake linuxpy."""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import simplejpeg

from tests.conformance.conftest import DEADLINES, world_of
from tests.conformance.worlds import World, make_usb
from trichoscope.errors import CameraDriverMissing, CameraMissing, CameraModeRefused
from trichoscope.instrument.camera import CameraProcess, UsbSettings, make_camera
from trichoscope.instrument.camera.usb import UsbCamera, find, tidy_mjpeg


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world_of("usb", tmp_path_factory.mktemp("usb")) as made:
        yield made


@pytest.mark.parametrize(
    ("device", "node"),
    [("1b3f:8301:A7", "video2"), ("1B3F:8301:B0", "video12"), ("1b3f:8301", "video2")],
)
def test_found_by_vendor_product_and_serial(tmp_path: Path, device: str, node: str) -> None:
    make_usb(tmp_path, node=2)
    number = node.removeprefix("video")
    assert find(tmp_path, device) == (tmp_path / "dev" / node, (tmp_path / "dev/input" / f"event{number}",))


@pytest.mark.parametrize("device", ["1b3f:8301:C9", "1b3f:0001", "/dev/video0", ""])
def test_another_device_is_not_taken_for_it(tmp_path: Path, device: str) -> None:
    make_usb(tmp_path, node=0)
    with pytest.raises(CameraMissing):
        find(tmp_path, device)


def test_without_any_camera_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(CameraMissing):
        find(tmp_path, "1b3f:8301")


def test_without_its_libraries_it_says_so_and_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "evdev", None)
    camera = UsbCamera(UsbSettings())
    with pytest.raises(CameraDriverMissing):
        camera.open()
    assert not camera.pressed()


def test_mjpeg_becomes_a_jpeg_that_everything_reads(camera: CameraProcess) -> None:
    """The fake's frames have no Huffman tables and end in zeros, as many cameras' have."""
    jpeg = camera.capture(time.monotonic_ns()).jpeg
    assert jpeg.endswith(b"\xff\xd9")
    assert b"\xff\xc4" in jpeg
    grey = simplejpeg.decode_jpeg(jpeg)[0].mean(1)
    assert grey[[0, 320, -1]] == pytest.approx([20, 120, 220], abs=3)


def test_a_frame_that_has_its_tables_is_kept_byte_for_byte(pixels: np.ndarray[Any, Any]) -> None:
    jpeg = cv2.imencode(".jpg", pixels)[1].tobytes()
    assert tidy_mjpeg(jpeg) == jpeg


def test_yuyv_has_its_colours(world: World) -> None:
    settings = dataclasses.replace(world.settings, pixel_format="YUYV")  # type: ignore[arg-type]
    camera = make_camera(settings, DEADLINES)
    photograph = simplejpeg.decode_jpeg(camera.capture(time.monotonic_ns()).jpeg)
    live = camera.preview()
    camera.close()
    # Y 120, U 118, V 148 of studio range by ITU-R BT.601
    assert photograph[:, 318:322].mean((0, 1)) == pytest.approx([153, 109, 101], abs=4)
    assert live[:, 318:322].mean((0, 1)) == pytest.approx([153, 109, 101], abs=4)


@pytest.mark.parametrize("kind", ["torn", "lost", "stale"])
def test_a_bad_frame_is_passed_over(camera: CameraProcess, world: World, kind: str) -> None:
    camera.capture(0)
    pid, before = camera.pid, world.fired().count(kind)
    world.fail(kind, kind)
    press_ns = time.monotonic_ns()
    photograph = camera.capture(press_ns)
    assert photograph.sensor_time_ns >= press_ns
    assert simplejpeg.decode_jpeg(photograph.jpeg).shape == (480, 640, 3)
    assert world.fired().count(kind) == before + 2
    assert camera.pid == pid


def test_frames_that_waited_in_the_kernel_are_not_given(camera: CameraProcess) -> None:
    """Four of them are older than any press that comes later."""
    camera.open()
    first = camera.capture(time.monotonic_ns())
    press_ns = time.monotonic_ns()
    assert camera.capture(press_ns + 300_000_000).sequence >= first.sequence + 10


def test_a_camera_that_forgot_its_exposure_is_set_again(camera: CameraProcess, world: World) -> None:
    camera.capture(0)
    pid = camera.pid
    world.fail("wrong_exposure")
    assert camera.capture(time.monotonic_ns()).exposure_us == 5000
    assert world.fired()[-1] == "wrong_exposure"
    assert camera.pid != pid


def test_pulled_out_while_in_use_and_plugged_in_elsewhere(camera: CameraProcess, world: World) -> None:
    camera.preview()
    world.unplug(camera)
    with pytest.raises(CameraMissing):
        camera.capture(time.monotonic_ns())
    world.plug()
    press_ns = time.monotonic_ns()
    assert camera.capture(press_ns).sensor_time_ns >= press_ns


@pytest.mark.parametrize(("code", "pressed"), [(212, True), (28, False)])
def test_the_scopes_own_key(camera: CameraProcess, world: World, code: int, pressed: bool) -> None:
    camera.capture(0)
    (world.folder / "keys").write_text(str(code))
    camera.capture(0)
    assert (world.folder / "keys").read_text() == ""  # it was read
    assert camera.pressed() is pressed
    assert not camera.pressed()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"size_px": (4000, 3000)}, "1600 × 1200 MJPG is all"),
        ({"white_balance_k": 5000}, "no control auto_white_balance"),
        ({"gain": 100}, "gain is 64 instead of 100"),
    ],
)
def test_what_it_does_not_offer_is_refused(world: World, change: dict[str, Any], says: str) -> None:
    camera = make_camera(dataclasses.replace(world.settings, **change), DEADLINES)
    with pytest.raises(CameraModeRefused, match=says):
        camera.open()
    camera.close()
