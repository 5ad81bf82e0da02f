"""A folder of photographs instead of a camera: each press gives the next file, after the last the first again."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ...errors import CameraMissing, TrichoscopeError
from ...photograph import find_photographs, read_pixels
from .live import shrink
from .protocol import Photograph
from .settings import PhotographsSettings

JPEG_QUALITY = 95
"""Of files that are no JPEG."""

log = logging.getLogger(__name__)


class PhotographsCamera:
    """Plays a folder. The live picture is the one that the next press gives. What is no whole photograph is left out.

    A frame "begins" when it is asked for; a JPEG is given byte for byte.
    """

    name = "photographs"

    def __init__(self, settings: PhotographsSettings) -> None:
        self._folder = settings.folder
        self._files: list[Path] = []
        self._next = 0
        self._sequence = 0
        self._pixels: NDArray[np.uint8] | None = None
        self.size_px = (0, 0)

    def open(self) -> None:
        try:
            self._files = find_photographs([self._folder])
        except TrichoscopeError as error:
            raise CameraMissing(str(error)) from error
        self._sequence = 0
        self._load()

    def preview(self) -> NDArray[np.uint8]:
        return shrink(self._shown())

    def capture(self, after_ns: int) -> Photograph:
        while (begun := time.monotonic_ns()) < after_ns:
            time.sleep((after_ns - begun) / 1e9)
        pixels = self._shown()
        path = self._files[self._next]
        jpeg = path.read_bytes()
        if not jpeg.startswith(b"\xff\xd8"):
            bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
            jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
        self._sequence += 1
        photograph = Photograph(jpeg, self._sequence, begun, None, (), {"file": path.name})
        self._next = (self._next + 1) % len(self._files)
        self._load()
        return photograph

    def pressed(self) -> bool:
        return False

    def close(self) -> None:
        self._pixels = None

    def _shown(self) -> NDArray[np.uint8]:
        if self._pixels is None:
            raise CameraMissing(f"{self._folder} is not open.")
        return self._pixels

    def _load(self) -> None:
        """Read the next photograph; those that cannot be read are taken out. Raises CameraMissing without any left."""
        while self._files:
            self._next %= len(self._files)
            try:
                self._pixels = read_pixels(self._files[self._next])
            except TrichoscopeError as error:
                log.warning("%s is left out: %s", self._files.pop(self._next).name, error)
                continue
            height, width = self._pixels.shape[:2]
            self.size_px = width, height
            return
        raise CameraMissing(f"No photograph in {self._folder} can be read.")
