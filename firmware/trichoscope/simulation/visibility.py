"""Which hairs can be asked for: what a finished photograph lets nobody see is no truth to measure against."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .shading import Painted

SHOWN_SHARE = 0.25
"""A shaft of which others leave less than this is not to be seen."""
ROOT_SHARE = 0.5
"""Nor is a root of which others leave less than this of its first `ROOT_UM`."""
ROOT_UM = 120.0
ROSE = 5.0
"""Signal to noise, summed over the shaft, at which a thing is reliably seen (Rose 1948, J. Opt. Soc. Am. 38:196)."""
LOOKED_AT_UM = 600.0
"""So much of the shaft from its root tells whether a hair is there."""
GREY_LEVELS = 3.0
"""Least noise of an 8-bit JPEG: in a black corner nothing changes from place to place, and yet nothing is seen."""

_STATIONS, _ACROSS = 16, 5


def uncovered(painted: Sequence[Painted | None], pixels: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """For each shaft, whether those drawn after it leave enough of it, and of its root, to be seen.

    Args:
        painted: in drawing order.
        pixels: of the picture.
    """
    owner = np.full(pixels, -1, np.int16)
    for z, mark in enumerate(painted):
        if mark is not None:
            owner[mark.pixels] = z
    shaft, root = np.zeros((2, len(painted)), bool)
    for z, mark in enumerate(painted):
        if mark is None or not len(mark.pixels):
            continue
        own = owner[mark.pixels] == z
        first = mark.along_um < ROOT_UM
        shaft[z] = own.mean() >= SHOWN_SHARE
        root[z] = not first.any() or own[first].mean() >= ROOT_SHARE
    return shaft, root


def discernible(
    pixels: NDArray[np.uint8],
    um_per_px: float,
    paths_px: Sequence[NDArray[np.float64]],
    widths_um: NDArray[np.float64],
    blur_um: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """For each shaft, whether its contrast in the finished photograph stands out from the skin beside it.

    The middle of the shaft is compared with the skin on its better side, in the better channel, station by station; the
    noise is how much that skin changes from one station to the next: grain, glare and furrows as wide as the hair.

    Args:
        pixels: height × width × 3, as decoded from the file.
        paths_px: (n, 2) x, y from root to tip, inside the picture.
        widths_um: apparent width of each shaft.
        blur_um: Gaussian sigma of its edges.
    """
    if not len(paths_px):
        return np.zeros(0, bool)
    centre, normal, independent = _stations(paths_px, um_per_px, np.hypot(widths_um, 2.35 * blur_um))
    wide = np.maximum(widths_um, um_per_px) / um_per_px  # pixels
    inner = np.linspace(-0.3, 0.3, _ACROSS) * wide[:, None]
    beside = wide[:, None] / 2 + 1.5 * blur_um[:, None] / um_per_px + np.linspace(0, 0.6, _ACROSS) * wide[:, None]
    offset = np.concatenate([inner, -beside, beside], 1)
    at = (centre[:, :, None] + normal[:, :, None] * offset[:, None, :, None]).astype(np.float32)
    x, y = (np.ascontiguousarray(at[..., k].reshape(len(at), -1)) for k in (0, 1))
    seen = np.asarray(cv2.remap(pixels, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)
    middle, left, right = np.moveaxis(seen.reshape(len(at), _STATIONS, 3, _ACROSS, 3).mean(3), 2, 0)
    signal_to_noise = [_signal_to_noise(middle, side, independent) for side in (left, right)]
    return np.asarray(np.maximum(*signal_to_noise) >= ROSE)


def _signal_to_noise(
    middle: NDArray[np.floating[Any]], side: NDArray[np.floating[Any]], independent: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(n,) in the better channel, of (n, stations, 3) levels."""
    signal = np.abs(np.median(middle - side, axis=1))
    # from station to station, so that a slope of the light is no noise; the median, so that one crossing hair is none
    noise = np.maximum(1.05 * np.median(np.abs(np.diff(side, axis=1)), axis=1), GREY_LEVELS)
    return np.asarray((signal / noise).max(1) * np.sqrt(independent))


def _stations(
    paths_px: Sequence[NDArray[np.float64]], um_per_px: float, spot_um: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Places (n, stations, 2) and unit normals along the shafts, and how many spots of their width they hold (n,)."""
    centre, normal = np.zeros((2, len(paths_px), _STATIONS, 2))
    length_um = np.zeros(len(paths_px))
    for k, path in enumerate(paths_px):
        arc = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
        reach = min(arc[-1], LOOKED_AT_UM / um_per_px)
        place = np.linspace(0.06, 0.94, _STATIONS) * reach
        centre[k] = np.stack([np.interp(place, arc, path[:, 0]), np.interp(place, arc, path[:, 1])], 1)
        along = np.gradient(centre[k], axis=0)
        along /= np.maximum(np.hypot(*along.T), 1e-9)[:, None]
        normal[k] = np.stack([-along[:, 1], along[:, 0]], 1)
        length_um[k] = reach * um_per_px
    return centre, normal, np.clip(length_um / np.maximum(spot_um, um_per_px), 1, _STATIONS)
