"""A scalp of known truth before the emulated USB microscope: frames are written into the node that the driver reads.

It obeys the light: where no ring is lit by its GPIO line, the picture is nearly black.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.hardware.machine import header, scope

FRAME_S = 0.1


def yuyv(rgb: NDArray[np.uint8]) -> bytes:
    """height × width × 3 → the bytes of a YUYV frame: colour of every second pixel."""
    y, cb, cr = (
        rgb.astype(np.float32) @ np.array(row, np.float32) + offset
        for row, offset in (
            ((0.257, 0.504, 0.098), 16),
            ((-0.148, -0.291, 0.439), 128),
            ((0.439, -0.368, -0.071), 128),
        )
    )  # fmt: skip  ITU-R BT.601, studio range, as OpenCV reads it
    frame = np.empty((*y.shape, 2), np.uint8)
    frame[..., 0] = np.rint(y)
    frame[:, ::2, 1] = np.rint(cb[:, ::2])
    frame[:, 1::2, 1] = np.rint(cr[:, ::2])
    return frame.tobytes()


@contextmanager
def filmed(rgb: NDArray[np.uint8], rings: tuple[int, ...]) -> Iterator[None]:
    """The scope sees this picture for as long as the context lasts, where one of the lines `rings` (BCM) is high."""
    from linuxpy.video.device import Device, VideoOutput  # noqa: PLC0415  only where there are wires

    lit, dark = yuyv(rgb), yuyv(np.asarray(cv2.convertScaleAbs(rgb, alpha=0.03), np.uint8))
    over = threading.Event()

    def feed() -> None:
        for count in itertools.count():
            if over.wait(FRAME_S):
                return
            frame = bytearray(lit if any(header.level(ring) for ring in rings) else dark)
            frame[0:64:2] = bytes([16 + count % 200]) * 32  # so that no two photographs are the same
            os.write(device.fileno(), frame)

    with Device(Path("/dev") / scope.FED) as device:
        VideoOutput(device).set_format(rgb.shape[1], rgb.shape[0], "YUYV")
        os.write(device.fileno(), dark)
        feeder = threading.Thread(target=feed)
        feeder.start()
        try:
            yield
        finally:
            over.set()
            feeder.join()
