"""As much of linuxpy 0.25.0 as the driver uses, around a UVC camera with the manners of cheap ones.

Its MJPEG has no Huffman tables and is filled up with zeros; a frame is stamped when its first packet arrives, after its
exposure and one frame late; four frames wait in the kernel, then none is taken; a device that was pulled out can be
selected and answers ENODEV; a control takes what it can.
"""

from __future__ import annotations

import collections
import enum
import errno
import os
import threading
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import fake_world
import numpy as np

LATE = 1


class PixelFormat(enum.IntEnum):
    MJPEG = 0x47504A4D
    YUYV = 0x56595559

    def human_str(self) -> str:
        return int(self).to_bytes(4, "little").decode()


class BufferFlag(enum.IntFlag):
    ERROR = 0x40
    TIMESTAMP_MASK = 0xE000
    TIMESTAMP_MONOTONIC = 0x2000
    TSTAMP_SRC_MASK = 0x70000
    TSTAMP_SRC_EOF = 0x0
    TSTAMP_SRC_SOE = 0x10000


class ControlID(enum.IntEnum):
    AUTO_WHITE_BALANCE = 0x98090C
    GAIN = 0x980913
    WHITE_BALANCE_TEMPERATURE = 0x98091A
    EXPOSURE_AUTO = 0x9A0901
    EXPOSURE_ABSOLUTE = 0x9A0902


Format = collections.namedtuple("Format", "width height pixel_format size bytes_per_line")


@dataclass
class Control:
    _value: int
    highest: int

    @property
    def value(self) -> int:
        return self._value

    @value.setter
    def value(self, value: int) -> None:
        self._value = min(value, self.highest)


class Device:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._fds: tuple[int, int] | None = None
        self.controls: dict[int, Control] = {}

    def open(self) -> None:
        if not self._path.exists():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self._path))
        self._fds = os.pipe()
        self.controls = {
            ControlID.EXPOSURE_AUTO: Control(3, 3),
            ControlID.EXPOSURE_ABSOLUTE: Control(157, 5000),
            ControlID.GAIN: Control(0, 64),
        }

    def fileno(self) -> int:
        assert self._fds is not None
        return self._fds[0]

    def tell(self) -> None:
        """One more frame waits."""
        if self._fds is not None:
            os.write(self._fds[1], b".")

    def hear(self) -> None:
        os.read(self.fileno(), 1)

    def close(self) -> None:
        if self._fds is not None:
            for fd in self._fds:
                os.close(fd)
            self._fds = None


@dataclass
class Timestamp:
    secs: int
    usecs: int


@dataclass
class Buffer:
    timestamp: Timestamp


@dataclass
class Frame:
    data: bytes
    frame_nb: int
    flags: BufferFlag
    format: Format
    buff: Buffer

    @property
    def nbytes(self) -> int:
        return len(self.data)


class VideoCapture:
    def __init__(self, device: Device, size: int) -> None:
        self._device = device
        self._size = size
        self._format = Format(640, 480, PixelFormat.YUYV, 0, 1280)
        self._waiting: collections.deque[tuple[int, int]] = collections.deque()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.buffer = self

    def set_format(self, width: int, height: int, pixel_format: str) -> None:
        width, height = min(width, 1600), min(height, 1200)  # all it has
        code = PixelFormat(int.from_bytes(pixel_format.encode(), "little"))
        line = 2 * width + 64 if code is PixelFormat.YUYV else 0
        self._format = Format(width, height, code, line * height, line)

    def get_format(self) -> Format:
        return self._format

    def get_fps(self) -> Fraction:
        return Fraction(10**9, fake_world.PERIOD_NS)

    def open(self) -> None:
        self._thread = threading.Thread(target=self._expose, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        if fake_world.missing():
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))

    def raw_read(self) -> Frame:
        if fake_world.missing():
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        kind = fake_world.fault()
        if kind == "wrong_exposure":  # it started again by itself
            self._device.controls[ControlID.EXPOSURE_ABSOLUTE].value = 157
        with self._lock:
            number, stamp_ns = self._waiting.popleft()
            self._device.hear()
        if kind == "stale":
            stamp_ns -= 10**9
        data = self._data()
        flags = BufferFlag.TIMESTAMP_MONOTONIC | BufferFlag.TSTAMP_SRC_SOE
        if kind == "lost":
            flags |= BufferFlag.ERROR
        if kind == "torn":
            data = data[: len(data) // 3]
        stamp = Timestamp(stamp_ns // 10**9, stamp_ns % 10**9 // 1000)
        return Frame(data, number, flags, self._format, Buffer(stamp))

    def _expose(self) -> None:
        for number in range(10**9):
            if self._stop.wait(fake_world.PERIOD_NS * 1e-9):
                return
            with self._lock:
                if len(self._waiting) < self._size:
                    self._waiting.append((number, time.monotonic_ns()))
                    self._device.tell()
                elif fake_world.missing():
                    return

    def _data(self) -> bytes:
        width, height, code, _, line = self._format
        ramp = np.linspace(20, 220, width, dtype=np.uint8)
        if code is PixelFormat.YUYV:
            rows: Any = np.zeros((height, line), np.uint8)
            rows[:, 0 : 2 * width : 2] = ramp
            rows[:, 1 : 2 * width : 4] = 118
            rows[:, 3 : 2 * width : 4] = 148
            return bytes(rows)
        picture = np.repeat(np.broadcast_to(ramp, (height, width))[..., None], 3, axis=2)
        jpeg = cv2.imencode(".jpg", picture)[1].tobytes()
        return without_tables(jpeg) + bytes(512)


def without_tables(jpeg: bytes) -> bytes:
    """A JPEG without its Huffman tables, as MJPEG has it."""
    out, at = jpeg[:2], 2
    while jpeg[at : at + 2] != b"\xff\xda":
        end = at + 2 + int.from_bytes(jpeg[at + 2 : at + 4])
        if jpeg[at : at + 2] != b"\xff\xc4":
            out += jpeg[at:end]
        at = end
    return out + jpeg[at:]
