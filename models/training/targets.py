"""What the network should answer: the true hairs of a rendered photograph, drawn into maps of cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

CELL_UM = 12.8
"""Two input pixels of 6.4 µm."""
TO_ROOT_REACH_UM = 400.0
"""Further along a shaft the network is not asked for the way to the root."""
THIN_UM = 40.0
THIN_WEIGHT = 2.5
"""Hairs up to THIN_UM weigh this much more: they are fewer, fainter and harder."""

CHANNELS = (
    *("root", "tip", "centreline", "direction_x", "direction_y", "to_root_x", "to_root_y"),
    *("log_width", "shaft", "weight"),
)
"""Of the uint8 array that is stored. Signed quantities are two's complement int8."""
SHAFT, NEAR_ROOT = 1, 2
"""Bits of the shaft channel: direction and width are known here; the way to the root is asked for here."""

_POINT_SIGMA = 1.2  # cells; two roots 40 µm (3.1 cells) apart stay two peaks
_RIDGE_SIGMA = 0.8  # cells; thin, so that touching parallel hairs stay two ridges
_OPEN_CELLS = 4.0  # about a covered root: as far as another root's peak reaches
_MARGIN = 1.5  # cells beside a thin centreline that still are its shaft


@dataclass(frozen=True, eq=False)
class Drawn:
    """One true hair in cell coordinates: (0, 0) is the centre of the first cell."""

    path: NDArray[np.float64]
    """(n, 2) x, y from root to tip."""
    width_um: float
    rooted: bool
    """Its root lies in the picture and is a peak to find."""
    hidden: bool = False
    """Nobody could see it: whatever the network answers here is neither right nor wrong."""
    root_covered: bool = False
    """Its shaft is to be seen, its root is not: there a root is neither right nor wrong."""


def draw(hairs: Sequence[Drawn], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Maps of `size` (width, height) cells as (height, width, len(CHANNELS)) uint8; later hairs lie on top."""
    hairs = sorted(hairs, key=lambda hair: not hair.hidden)  # the hidden first: others then claim what these unweigh
    width, height = size
    root, tip, ridge = (np.zeros((height, width), np.float32) for _ in range(3))
    vectors = np.zeros((height, width, 4), np.int8)
    log_width, shaft = np.zeros((height, width), np.uint8), np.zeros((height, width), np.uint8)
    weight = np.ones((height, width), np.float32)
    best = np.full((height, width), -np.inf)  # who owns a cell: the topmost that covers it, else the nearest
    for order, hair in enumerate(hairs):
        half = hair.width_um / 2 / CELL_UM
        path, tangent, along = _dense(hair.path)
        ys, xs = _cells_near(path, max(half, 3 * _RIDGE_SIGMA), width, height)
        weight[ys, xs] = 0.0 if hair.hidden else THIN_WEIGHT if hair.width_um <= THIN_UM else 1.0
        if hair.rooted and not hair.hidden and not hair.root_covered:
            _add_point(root, path[0])
        if hair.hidden or len(ys) == 0:
            continue
        _add_point(tip, path[-1])
        _, k = cKDTree(path).query(np.stack([xs, ys], 1))
        offset = np.stack([xs, ys], 1) - path[k]
        side = offset[:, 0] * tangent[k, 1] - offset[:, 1] * tangent[k, 0]
        beyond = np.clip(np.abs((offset * tangent[k]).sum(1)) - 0.5, 0, None)  # past the root or the tip
        distance = np.hypot(side, beyond)
        ridge[ys, xs] = np.maximum(ridge[ys, xs], np.exp(-(distance**2) / (2 * _RIDGE_SIGMA**2)))

        key = np.where(distance <= half, 1.0 + order, -distance)
        mine = (distance <= max(half, _MARGIN)) & (key > best[ys, xs])
        ys, xs, k = ys[mine], xs[mine], k[mine]
        best[ys, xs] = key[mine]
        to_root = (path[0] - np.stack([xs, ys], 1)) * (CELL_UM / 256)
        vectors[ys, xs, :2] = np.round(tangent[k] * 127)
        vectors[ys, xs, 2:] = np.clip(np.round(to_root * 64), -127, 127)
        log_width[ys, xs] = encode_log_width(hair.width_um)
        shaft[ys, xs] = SHAFT + NEAR_ROOT * (along[k] * CELL_UM <= TO_ROOT_REACH_UM)
    for hair in hairs:
        if hair.rooted and hair.root_covered:
            _leave_open(weight, root, hair.path[0])
    peaks = (np.round(255 * heat).astype(np.uint8) for heat in (root, tip, ridge))
    percent = np.round(weight * 100).astype(np.uint8)
    return np.stack([*peaks, *np.moveaxis(vectors.view(np.uint8), 2, 0), log_width, shaft, percent], 2)


def encode_log_width(width_um: float) -> int:
    """ln(width / 50 µm) from −2.5 to 1.5 in 255 steps of 1.6 %."""
    return int(np.clip(np.round((np.log(width_um / 50) + 2.5) * 255 / 4), 0, 255))


def _dense(path: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The path in steps of at most 0.4 cells, its unit tangents, and the length from the root, all in cells."""
    step = np.hypot(*np.diff(path, axis=0).T)
    keep = np.concatenate([[True], step > 1e-6])
    path, length = path[keep], np.concatenate([[0], np.cumsum(step[step > 1e-6])])
    along = np.linspace(0, length[-1], max(2, int(np.ceil(length[-1] / 0.4)) + 1))
    dense = np.stack([np.interp(along, length, path[:, 0]), np.interp(along, length, path[:, 1])], 1)
    tangent = np.gradient(dense, axis=0)
    return dense, tangent / np.maximum(np.hypot(*tangent.T), 1e-9)[:, None], along


def _cells_near(
    path: NDArray[np.float64], reach: float, width: int, height: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    r = int(np.ceil(reach)) + 1
    dy, dx = np.mgrid[-r : r + 1, -r : r + 1]
    disc = np.hypot(dx, dy) <= reach + 0.8
    near = np.unique(np.round(path).astype(np.intp), axis=0)
    near = near[((near >= -r) & (near < (width + r, height + r))).all(1)]
    xs = (near[:, :1] + dx[disc]).ravel()
    ys = (near[:, 1:] + dy[disc]).ravel()
    inside = (xs >= 0) & (ys >= 0) & (xs < width) & (ys < height)
    return np.divmod(np.unique(ys[inside] * width + xs[inside]), width)


def _add_point(heat: NDArray[np.float32], point: NDArray[np.float64]) -> None:
    """A Gaussian of height 1 at its place between the cells; nothing for a point outside."""
    height, width = heat.shape
    if not (-0.5 <= point[0] < width - 0.5 and -0.5 <= point[1] < height - 0.5):
        return
    x0, y0 = np.maximum(np.round(point).astype(int) - 5, 0)
    window = heat[y0 : y0 + 11, x0 : x0 + 11]
    ys, xs = np.mgrid[y0 : y0 + window.shape[0], x0 : x0 + window.shape[1]]
    squared = (xs - point[0]) ** 2 + (ys - point[1]) ** 2
    np.maximum(window, np.exp(-squared / (2 * _POINT_SIGMA**2)), out=window)


def _leave_open(weight: NDArray[np.float32], root: NDArray[np.float32], point: NDArray[np.float64]) -> None:
    """No weight round a point, but for the peaks of roots that are to be seen."""
    x0, y0 = (max(int(np.floor(v - _OPEN_CELLS)), 0) for v in point)
    x1, y1 = (max(int(np.ceil(v + _OPEN_CELLS)) + 1, 0) for v in point)
    ys, xs = np.mgrid[y0 : min(y1, weight.shape[0]), x0 : min(x1, weight.shape[1])]
    near = np.hypot(xs - point[0], ys - point[1]) <= _OPEN_CELLS
    window = weight[y0:y1, x0:x1]
    window[near & (root[y0:y1, x0:x1] < 0.05)] = 0.0
