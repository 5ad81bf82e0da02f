"""What helps to place the scope, read from the live picture."""

from __future__ import annotations

import math

import cv2
import numpy as np

from ...measurement.quality import BLUR_UM, DARK_LEVEL, GLARE_WARNING, OVEREXPOSED_MEDIAN, WHITE
from .pages import Aids, Exposure, Image

_SIDE_PX = 256
_FINE_PX, _COARSE_PX = 1.0, 2.0
_FAINT = 1.5
"""Slope, grey levels a pixel, below which the strongest edges are the camera's noise: nothing is in focus."""


def look(preview: Image, um_per_px: float) -> Aids:
    """Focus and exposure of a live picture: a forecast of what `measurement.quality` will say of the photograph.

    Args:
        preview: height × width × 3, RGB.
        um_per_px: of the live picture itself; where the instrument is not calibrated, roughly.
    """
    height, width = preview.shape[:2]
    top, left = max(height - _SIDE_PX, 0) // 2, max(width - _SIDE_PX, 0) // 2
    green = np.ascontiguousarray(preview[top : top + _SIDE_PX, left : left + _SIDE_PX, 1]).astype(np.float32)
    return Aids(focus=_focus(green, um_per_px), exposure=_exposure(preview))


def _focus(green: cv2.typing.MatLike, um_per_px: float) -> float:
    """1 − σ / 2 `BLUR_UM`, σ the blur of the strongest edges from the ratio of their slopes at two smoothings (Elder &
    Zucker 1998): 0.5 is the limit of what is measured, 0.75 that of thin hairs.
    """
    fine, coarse = (_slope(cv2.GaussianBlur(green, (0, 0), sigma)) for sigma in (_FINE_PX, _COARSE_PX))
    limit = np.percentile(coarse, 98)
    if limit < _FAINT:
        return 0.0
    strong = coarse >= limit
    ratio2 = float(np.median((fine[strong] / coarse[strong]) ** 2))
    ratio2 = min(max(ratio2, 1.001), _COARSE_PX**2 / _FINE_PX**2)
    blur_px = math.sqrt(max(_COARSE_PX**2 - ratio2 * _FINE_PX**2, 0.0) / (ratio2 - 1))
    return min(max(1 - blur_px * um_per_px / (2 * BLUR_UM), 0.0), 1.0)


def _slope(smooth: cv2.typing.MatLike) -> cv2.typing.MatLike:
    return cv2.magnitude(*(cv2.Sobel(smooth, cv2.CV_32F, dx, 1 - dx, scale=1 / 8) for dx in (1, 0)))


def _exposure(preview: Image) -> Exposure:
    grey = cv2.cvtColor(np.ascontiguousarray(preview[::4, ::4]), cv2.COLOR_RGB2GRAY)
    below = np.cumsum(np.bincount(grey.ravel(), minlength=256)) / grey.size
    if np.searchsorted(below, 0.99) < DARK_LEVEL:
        return "dark"
    if np.searchsorted(below, 0.5) >= OVEREXPOSED_MEDIAN:
        return "bright"
    return "glare" if 1 - below[WHITE - 1] > GLARE_WARNING else "good"
