"""A USB microscope of the video class (UVC) by Video4Linux.

It is found by vendor, product and serial number, never by /dev/video0, which is another one after every unplugging. The
mode is set once. A frame has no time of its own exposure: see `UsbCamera._begun_ns`.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import re
import select
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from ...errors import (
    CameraDriverMissing,
    CameraHung,
    CameraMissing,
    CameraModeRefused,
    CameraUnplugged,
    FrameTorn,
)
from .live import LIVE_PX, shrink
from .protocol import Photograph
from .settings import UsbSettings

BUFFERS = 4
PREVIEW_S, CAPTURE_S = 1.2, 2.2
"""Shorter than the deadlines of the process, so that the log says what was waited for."""
SLOWEST_PERIOD_NS = 200_000_000
"""Between two frames, where the camera does not say: 5 frames/s is the slowest that such scopes are sold with."""
FOURCC = {"MJPEG": "MJPG", "YUYV": "YUYV"}
GONE = {errno.ENODEV, errno.ENXIO, errno.EIO, errno.EPROTO, errno.ESHUTDOWN}
"""What a device that was pulled out answers, by the moment at which it was."""
MANUAL_EXPOSURE = 1
"""Of the control EXPOSURE_AUTO (linux/v4l2-controls.h)."""
EXPOSURE_STEP_US = 100
PADDING_BYTES = 4096
"""A camera may fill up its last packets."""

log = logging.getLogger(__name__)

_DEVICE = re.compile(r"([0-9a-f]{4}):([0-9a-f]{4})(?::(.+))?", re.IGNORECASE)
_END = b"\xff\xd9"


def find(root: Path, device: str) -> tuple[Path, tuple[Path, ...]]:
    """The video node of a USB camera and the input nodes of its keys, below `root`.

    Args:
        device: vendor:product or vendor:product:serial.

    Raises CameraMissing.
    """
    if (wanted := _DEVICE.fullmatch(device)) is None:
        raise CameraMissing(f"{device!r} is not vendor:product or vendor:product:serial.")
    vendor, product, serial = wanted.groups()
    for video in sorted((root / "sys/class/video4linux").glob("video*"), key=lambda path: int(path.name[5:])):
        usb = (video / "device").resolve().parent  # of the interface
        if _text(video / "index") != "0":  # a camera's further nodes have metadata, no pictures
            continue
        if (_text(usb / "idVendor"), _text(usb / "idProduct")) != (vendor.lower(), product.lower()):
            continue
        if serial is None or _text(usb / "serial") == serial:
            keys = sorted(usb.glob("*/input/input*/event*"))
            return root / "dev" / video.name, tuple(root / "dev/input" / key.name for key in keys)
    raise CameraMissing(f"USB {device}.")


def _text(file: Path) -> str | None:
    try:
        return file.read_text().strip()
    except OSError:  # not of this device, or it is going away
        return None


class UsbCamera:
    """The driver."""

    name = "usb"

    def __init__(self, settings: UsbSettings) -> None:
        self._settings = settings
        self._device: Any = None
        self._stream: Any = None
        self._keys: list[Any] = []
        self._period_ns = SLOWEST_PERIOD_NS
        self.size_px = settings.size_px

    def open(self) -> None:
        try:
            from evdev import InputDevice
            from linuxpy.video.device import Device, VideoCapture
        except ImportError as error:
            raise CameraDriverMissing(f"{error}.") from error
        node, keys = find(self._settings.root, self._settings.device)
        self._device = Device(node)
        with _unplugged():
            self._device.open()
            self._stream = VideoCapture(self._device, size=BUFFERS)
            self._set_mode()
            self._set_controls()
            self._stream.open()
        for key in keys:
            try:
                self._keys.append(InputDevice(key))
            except OSError as error:
                log.warning("the scope's own key cannot be read: %s", error)

    def preview(self) -> NDArray[np.uint8]:
        deadline = time.monotonic() + PREVIEW_S
        while True:
            frame = self._read(deadline)
            while self._ready(0):
                frame = self._read(deadline)
            if self._whole(frame):
                break
        if self._settings.pixel_format == "YUYV":
            return shrink(np.asarray(cv2.cvtColor(self._yuyv(frame), cv2.COLOR_YUV2RGB_YUYV), np.uint8))
        try:
            # decoded at a fraction of its size where that is still as large as the screen
            pixels = simplejpeg.decode_jpeg(frame.data, "RGB", min_width=min(LIVE_PX, self.size_px[0]), strict=False)
        except ValueError as error:
            raise FrameTorn(f"{error}.") from error
        return shrink(pixels)

    def capture(self, after_ns: int) -> Photograph:
        deadline = time.monotonic() + CAPTURE_S
        while True:
            frame = self._read(deadline)
            begun_ns = self._begun_ns(frame)
            if begun_ns >= after_ns and self._whole(frame):
                break
        exposure_us, gains = self._exposed()
        return Photograph(
            jpeg=self._jpeg(frame),
            sequence=frame.frame_nb,
            sensor_time_ns=begun_ns,
            exposure_us=exposure_us,
            gains=gains,
            metadata={"timestamp_ns": _stamp_ns(frame), "flags": int(frame.flags), "bytes": frame.nbytes},
        )

    def pressed(self) -> bool:
        """KEY_CAMERA. Some scopes send codes of their own; their key is not seen."""
        if not self._keys:  # where there is no scope there need be no evdev either
            return False
        from evdev import ecodes

        try:
            events = [event for key in self._keys for event in iter(key.read_one, None)]
        except OSError:  # unplugged: the next frame says so
            return False
        return any(
            event.type == ecodes.EV_KEY and event.code == ecodes.KEY_CAMERA and event.value == 1 for event in events
        )

    def close(self) -> None:
        parts = [*self._keys, self._stream, self._device]
        self._keys, self._stream, self._device = [], None, None
        for part in parts:
            if part is not None:
                with contextlib.suppress(OSError):  # it may have been pulled out
                    part.close()

    def _set_mode(self) -> None:
        width, height = self._settings.size_px
        fourcc = FOURCC[self._settings.pixel_format]
        self._stream.set_format(width, height, fourcc)
        got = self._stream.get_format()
        if (got.width, got.height, got.pixel_format.human_str()) != (width, height, fourcc):
            raise CameraModeRefused(f"{got.width} × {got.height} {got.pixel_format.human_str()} is all it offers.")
        try:
            self._period_ns = round(1e9 / self._stream.get_fps())
        except (OSError, ZeroDivisionError):
            self._period_ns = SLOWEST_PERIOD_NS

    def _set_controls(self) -> None:
        """Raises CameraModeRefused where a control is not there or does not take the value."""
        from linuxpy.video.device import ControlID

        settings = self._settings
        wanted: list[tuple[int, int]] = []
        if settings.exposure_us is not None:
            wanted += [
                (ControlID.EXPOSURE_AUTO, MANUAL_EXPOSURE),
                (ControlID.EXPOSURE_ABSOLUTE, round(settings.exposure_us / EXPOSURE_STEP_US)),
            ]
        if settings.gain is not None:
            wanted.append((ControlID.GAIN, settings.gain))
        if settings.white_balance_k is not None:
            wanted += [
                (ControlID.AUTO_WHITE_BALANCE, 0),
                (ControlID.WHITE_BALANCE_TEMPERATURE, settings.white_balance_k),
            ]
        for control, value in wanted:
            name = ControlID(control).name.lower()
            try:
                self._device.controls[control].value = value
                got = self._device.controls[control].value
            except KeyError:
                raise CameraModeRefused(f"It has no control {name}.") from None
            if got != value:
                raise CameraModeRefused(f"Control {name} is {got} instead of {value}.")

    def _exposed(self) -> tuple[float | None, tuple[float, ...]]:
        """Exposure time, µs, and gain as the camera has them now: one that started again by itself has forgotten."""
        from linuxpy.video.device import ControlID

        exposure_us: float | None = None
        gains: tuple[float, ...] = ()
        with _unplugged():
            if self._settings.exposure_us is not None:
                exposure_us = EXPOSURE_STEP_US * float(self._device.controls[ControlID.EXPOSURE_ABSOLUTE].value)
            if self._settings.gain is not None:
                gains = (float(self._device.controls[ControlID.GAIN].value),)
        return exposure_us, gains

    def _begun_ns(self, frame: Any) -> int:
        """The earliest time at which the exposure of a frame can have begun.

        The kernel stamps a frame when its first packet arrives (or its last, by the flags): it was exposed before that,
        and a camera may hold one frame back while it compresses it. The UVC clock that would tell is wrong in many.
        """
        from linuxpy.video.device import BufferFlag

        if frame.flags & BufferFlag.TIMESTAMP_MASK != BufferFlag.TIMESTAMP_MONOTONIC:
            raise CameraModeRefused("Its frames have no monotonic time.")
        exposure_us = self._settings.exposure_us
        before = self._period_ns + (self._period_ns if exposure_us is None else 1000 * exposure_us)
        if frame.flags & BufferFlag.TSTAMP_SRC_MASK == BufferFlag.TSTAMP_SRC_EOF:
            before += self._period_ns
        return _stamp_ns(frame) - before

    def _read(self, deadline: float) -> Any:
        """The oldest frame that waits, or the next one. Raises CameraHung, CameraUnplugged."""
        if not self._ready(max(0.0, deadline - time.monotonic())):
            raise CameraHung("No frame came.")
        with _unplugged():
            return self._stream.buffer.raw_read()

    def _ready(self, wait_s: float) -> bool:
        with _unplugged():
            return bool(select.select([self._device], [], [], wait_s)[0])

    def _whole(self, frame: Any) -> bool:
        """Not so where USB packets were lost."""
        from linuxpy.video.device import BufferFlag

        if frame.flags & BufferFlag.ERROR:
            return False
        if self._settings.pixel_format == "YUYV":
            return bool(len(frame.data) >= self.size_px[1] * frame.format.bytes_per_line)
        return _END in bytes(frame.data[-PADDING_BYTES:])

    def _yuyv(self, frame: Any) -> NDArray[np.uint8]:
        """height × width × 2."""
        width, height = self.size_px
        stride = frame.format.bytes_per_line
        rows = np.frombuffer(frame.data, np.uint8, height * stride).reshape(height, stride)
        return np.ascontiguousarray(rows[:, : 2 * width]).reshape(height, width, 2)

    def _jpeg(self, frame: Any) -> bytes:
        if self._settings.pixel_format == "MJPEG":
            return tidy_mjpeg(bytes(frame.data))
        bgr = cv2.cvtColor(self._yuyv(frame), cv2.COLOR_YUV2BGR_YUYV)
        return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, self._settings.jpeg_quality])[1].tobytes()


def tidy_mjpeg(frame: bytes) -> bytes:
    """A frame of MJPEG as a JPEG: without the filling after its end, with the Huffman tables that many leave out.

    The picture in it stays as it is. (AVI's MJPEG means the tables of JPEG's annex K where there are none.)
    """
    frame = frame[: frame.rfind(_END) + 2]
    tables, scan = _tables_and_scan(frame)
    if tables:
        return frame
    plain = cv2.imencode(".jpg", np.zeros((16, 16, 3), np.uint8), [cv2.IMWRITE_JPEG_OPTIMIZE, 0])[1].tobytes()
    return frame[:scan] + b"".join(_tables_and_scan(plain)[0]) + frame[scan:]


def _tables_and_scan(jpeg: bytes) -> tuple[list[bytes], int]:
    """The segments with Huffman tables (DHT), and where the scan (SOS) starts."""
    tables, at = [], 2
    while jpeg[at : at + 2] not in (b"\xff\xda", b""):
        end = at + 2 + int.from_bytes(jpeg[at + 2 : at + 4])
        if jpeg[at : at + 2] == b"\xff\xc4":
            tables.append(jpeg[at:end])
        at = end
    return tables, at


def _stamp_ns(frame: Any) -> int:
    stamp = frame.buff.timestamp
    return int(stamp.secs) * 10**9 + int(stamp.usecs) * 1000


@contextlib.contextmanager
def _unplugged() -> Iterator[None]:
    """Errors of the device that was pulled out, as CameraUnplugged."""
    try:
        yield
    except OSError as error:
        if error.errno in GONE:
            raise CameraUnplugged(f"{error.strerror}.") from error
        raise
