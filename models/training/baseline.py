"""A plain baseline with OpenCV alone: black-hat, Otsu, skeleton, connected pieces. What the network has to beat.

Its settings are sizes in µm, chosen once for hair and left alone. Dark hair only, as such programs do.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscope.frame import Frame

_UM_PER_PX = 5.0  # works at this scale: finer only slows it, coarser loses thin hairs
_WIDEST_UM = 160.0
_SHORTEST_UM = 100.0


def find_hairs(frame: Frame, threshold_um: float = 40.0) -> list[dict[str, Any]]:
    """Hairs in the contract's format, root_px, path_px, diameter_um and class; photograph pixels."""
    height, width = frame.pixels.shape[:2]
    factor = frame.um_per_px / _UM_PER_PX
    grey = cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2GRAY)
    size = max(8, round(width * factor)), max(8, round(height * factor))
    grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    grey = cv2.medianBlur(grey, 3)
    side = int(_WIDEST_UM / _UM_PER_PX) | 1
    dark = cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    _, mask = cv2.threshold(dark, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    radius = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    skeleton = _skeleton(np.asarray(mask, np.uint8))
    neighbours = cv2.filter2D(skeleton, -1, np.ones((3, 3)), borderType=cv2.BORDER_CONSTANT) - skeleton
    skeleton[neighbours > 2] = 0  # hairs that touch or cross come apart where their skeletons meet
    _, labels, stats, _ = cv2.connectedComponentsWithStats(skeleton, connectivity=8)
    hairs = []
    for label, (left, top, across, down, count) in enumerate(stats):
        if label == 0 or count * _UM_PER_PX < _SHORTEST_UM:
            continue
        ys, xs = np.nonzero(labels[top : top + down, left : left + across] == label)
        points = np.stack([xs + left, ys + top], 1).astype(float)
        offset = points - points.mean(0)
        along = offset @ np.linalg.svd(offset, full_matrices=False)[2][0]
        path = points[np.argsort(along)]
        widths = 2 * radius[path[:, 1].astype(int), path[:, 0].astype(int)] * _UM_PER_PX
        third = max(len(path) // 3, 1)
        if widths[-third:].mean() > widths[:third].mean():
            path = path[::-1]  # a hair is thicker at its root
        scale = np.array([width / grey.shape[1], height / grey.shape[0]])
        path = (path[:: max(1, len(path) // 8)] + 0.5) * scale - 0.5
        diameter_um = float(np.median(widths))
        hairs.append(
            {
                "root_px": path[0].tolist(),
                "path_px": path.tolist(),
                "diameter_um": diameter_um,
                "class": "vellus" if diameter_um <= threshold_um else "terminal",
            }
        )
    return hairs


def _skeleton(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """One pixel wide, 0 and 1: thinning of Zhang and Suen (1984)."""
    image = np.pad(mask > 0, 1).astype(np.uint8)
    while True:
        before = int(image.sum())
        for phase in (0, 1):
            p = [np.roll(image, shift, (0, 1)) for shift in _AROUND]
            total = sum(q.astype(np.int16) for q in p)
            turns = sum((1 - p[k]) & p[(k + 1) % 8] for k in range(8))
            n, e, s, w = p[0], p[2], p[4], p[6]
            ends = (n & e & s) | (e & s & w) if phase == 0 else (n & e & w) | (n & s & w)
            image[(image == 1) & (total >= 2) & (total <= 6) & (turns == 1) & (ends == 0)] = 0
            image[0] = image[-1] = image[:, 0] = image[:, -1] = 0
        if int(image.sum()) == before:
            return np.ascontiguousarray(image[1:-1, 1:-1])


_AROUND = ((1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1))
"""Shifts that bring the neighbour to the north, then clockwise."""
