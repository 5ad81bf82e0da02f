"""Live pictures: small copies for the screen."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

LIVE_PX = 800
"""The longer side of a live picture, at most: the width of the screen."""


def shrink(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture (height × width × 3) at most LIVE_PX on a side; a smaller one as it is."""
    height, width = pixels.shape[:2]
    scale = LIVE_PX / max(height, width)
    if scale >= 1:
        return pixels
    size = round(width * scale), round(height * scale)
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
