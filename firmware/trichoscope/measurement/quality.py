"""Whether a photograph is good enough to be believed, in words a clinician can act on.

A *reason* makes the frame unusable: no figure is shown. A *warning* leaves the figures and says what to mind.
Where a threshold is not physics it lies well outside what 258 real photographs show (240 tiles of clipped scalp, 18 of
other scopes and phones), every one of which is usable.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..frame import Frame
from .hair import Width

VELLUS_MAX_UM_PER_PX = 5.0
"""Above this a 30 µm hair spans fewer than 6 pixels and vellus hairs cannot be classed."""
HAIR_MAX_UM_PER_PX = 20.0
"""Above this a terminal hair spans fewer than 4 pixels; the network was never trained there (2–15 µm/px)."""

# Blur is a Gaussian sigma on the skin in µm; its full width at half maximum is 2.355 sigma.
THIN_BLUR_UM = 17.0
"""Blur as wide (40 µm) as the widest vellus hair: thin hairs fade and their widths lean on the edge model."""
BLUR_UM = 34.0
"""Blur as wide (80 µm) as a terminal hair: hairs of one unit run together. The worst of 240 real tiles shows 26."""
MOTION_RATIO = 1.6
"""Moved is a frame whose edges in one direction are over `BLUR_UM` soft and this much softer than in another. None of
the real photographs is, nor over 2 % of tiles defocused by 17 or 33 µm; of tiles moved by 130 and 200 µm in any
direction 56 and 71 % are. The rest moved along their hairs, or are blurred enough overall to be refused as such."""
MOTION_STRENGTH = 0.15
"""A direction in which the strongest edges have less than this of the slope of the others' has none to judge by."""
GLARE_WARNING, GLARE_LIMIT = 0.05, 0.20
"""Share of the picture at white. Hairs under it are lost, so the count is low by about as much: 5 % is what the
detector itself may err, 20 % is more than the chance error of a small frame. Real photographs: at most 3 %."""
WHITE, BLACK = 250, 12
OVEREXPOSED_MEDIAN = 240
DARK_LEVEL = 55
"""The brightest skin (99th percentile) of the darkest real photograph is 109; this is two stops below."""
BLACK_WARNING = 0.20
DETAIL_LEVEL = 0.7
"""Slope of the strongest edges, grey levels per 5 µm: at least 2.3 in real tiles, 1.2 after a blur of 44 µm. Half of
that is a lens cap, a wall or fog."""
BAR_TOLERANCE, BAR_SHARE, BAR_WARNING = 3, 0.8, 0.01
"""A column or row at the border is a bar where this share of it holds one colour: over 0.82 in screenshots, at most
0.39 anywhere in photographs."""
FEW_WIDTHS = 5

_FINE_PX, _COARSE_PX = 1.4, 2.8  # the two scales of the edge-blur estimate, in sampled pixels
_SAMPLE_UM, _SAMPLE_PX = 5.0, 192


@dataclass(frozen=True)
class Quality:
    """The verdict on one frame. Unusable exactly where there is a reason."""

    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    blur_um: float
    """Gaussian sigma of the blur of the sharpest edges, on the skin."""

    @property
    def usable(self) -> bool:
        return not self.reasons


def assess(frame: Frame, widths: Sequence[Width], roots_px: NDArray[np.float64]) -> Quality:
    """Judge one frame, of any size in the same time: it looks at samples of the picture.

    Args:
        frame: the photograph.
        widths: one for each hair found, in any order; empty where no hair was found.
        roots_px: (n, 2) x, y of the same hairs.
    """
    edges = _Edges.of(frame)
    slope, blur_um = edges.strongest()
    shafts = [width.blur_um for width in widths if width.measured and math.isfinite(width.blur_um)]
    # what the caliper met on the shafts themselves counts, where there are enough of them to say
    if len(shafts) >= FEW_WIDTHS:
        blur_um = float(np.median(shafts))
    coarse = frame.um_per_px > VELLUS_MAX_UM_PER_PX
    thin = _thinned(frame.pixels)
    reasons, warnings = _exposure(thin)

    if frame.um_per_px > HAIR_MAX_UM_PER_PX:
        reasons.append(
            f"Scale too coarse ({frame.um_per_px:.1f} µm/px): hairs cannot be told apart. Use a closer view."
        )
    elif coarse:
        warnings.append(
            f"Scale too coarse for vellus hairs ({frame.um_per_px:.1f} µm/px, at most {VELLUS_MAX_UM_PER_PX:.0f}): "
            "terminal and vellus figures are withheld; thin hairs may be missing from the density."
        )
    if not reasons:  # in a frame that is too dark or too bright, focus cannot be judged
        if slope * _SAMPLE_UM / edges.um_per_px < DETAIL_LEVEL:
            reasons.append("Nothing to see: no hair and no skin texture. Clear the lens, put the scope on the scalp.")
        elif edges.moved():
            reasons.append("Blurred by movement: hold the scope still and press again.")
        elif blur_um > BLUR_UM:
            reasons.append("Out of focus: put the scope flat on the skin, focus and press again.")
        elif blurred := _blurred_quarters(frame, edges, widths, roots_px):
            warnings.append(
                f"{('A quarter', 'Half', 'Three quarters', 'Most')[blurred - 1]} of the picture is out of focus: hairs "
                "there are missed, so densities are too low. Put the scope flat on the skin."
            )
        elif blur_um > THIN_BLUR_UM and not coarse:
            warnings.append("Slightly soft: thin hairs may be missed and their widths are less certain.")
    if not widths and not reasons:
        warnings.append("No hair found. Check that the picture shows bald skin and not something else.")
    bars = 0.0 if reasons else _bar_share(thin)
    if bars > BAR_WARNING:
        warnings.append(
            f"{100 * bars:.0f} % of the picture is a plain border, not skin: densities are too low. Crop the picture."
        )
    return Quality(tuple(reasons), tuple(warnings), blur_um)


def _blurred_quarters(frame: Frame, edges: _Edges, widths: Sequence[Width], roots_px: NDArray[np.float64]) -> int:
    """Quarters of the picture whose edges are over `BLUR_UM` soft and in which no hair was measured that is not.

    Of the quarters of 240 real tiles blurred by 44 µm, 99 % are found. A quarter in focus that shows nothing but the
    shadow of a root would be too; hence the hairs.
    """
    width, height = frame.size_px
    sharp = [w.measured and w.blur_um <= BLUR_UM for w in widths]
    x, y = roots_px[sharp].T
    seen = set(2 * (y >= height / 2) + (x >= width / 2))
    return sum(blur > BLUR_UM and k not in seen for k, blur in enumerate(edges.quarters()))


def _exposure(rgb: NDArray[np.uint8]) -> tuple[list[str], list[str]]:
    reasons: list[str] = []
    warnings: list[str] = []
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    white = float((grey >= WHITE).mean())
    black = float((cv2.max(cv2.max(rgb[..., 0], rgb[..., 1]), rgb[..., 2]) <= BLACK).mean())
    below = np.cumsum(np.bincount(grey.ravel(), minlength=256)) / grey.size
    if np.searchsorted(below, 0.99) < DARK_LEVEL:
        reasons.append("Too dark: check the light and press again.")
    elif black > BLACK_WARNING:
        warnings.append(f"{100 * black:.0f} % of the picture is black: densities may be too low.")
    if np.searchsorted(below, 0.5) >= OVEREXPOSED_MEDIAN:
        reasons.append("Too bright: lower the light or the exposure and press again.")
    elif white > GLARE_LIMIT:
        reasons.append(f"Glare hides {100 * white:.0f} % of the picture: wipe the skin, tilt the scope, press again.")
    elif white > GLARE_WARNING:
        warnings.append(f"Glare hides {100 * white:.0f} % of the picture: densities are too low by about as much.")
    return reasons, warnings


def _thinned(pixels: NDArray[np.uint8], longest_px: int = 400) -> NDArray[np.uint8]:
    """Every k-th pixel: unlike an average it keeps small saturated spots saturated."""
    step = max(1, max(pixels.shape) // longest_px)
    return np.ascontiguousarray(pixels[::step, ::step])


def _bar_share(rgb: NDArray[np.uint8]) -> float:
    """Share of the picture in plain borders, as phones and viewers add them."""
    rows = rgb.astype(np.int16)
    inside = 1.0
    for lines in (rows, rows.transpose(1, 0, 2)):
        bars = _plain_lines(lines) + _plain_lines(lines[::-1])
        inside *= max(len(lines) - bars, 0) / len(lines)
    return 1 - inside


def _plain_lines(lines: NDArray[np.int16]) -> int:
    """How many lines from the first on hold one colour."""
    for i, line in enumerate(lines):
        if (np.abs(line - np.median(line, axis=0)).max(1) <= BAR_TOLERANCE).mean() < BAR_SHARE:
            return i
    return len(lines)


@dataclass(frozen=True, eq=False)
class _Edges:
    """Gradients of samples of the picture, reduced to about 5 µm a pixel, at two smoothing scales.

    An edge of blur σ seen at smoothing s has a slope proportional to 1/√(σ² + s²), so the ratio of its slopes at two
    scales gives σ (Elder & Zucker 1998; Zhuo & Sim 2011). On real tiles blurred further by 22, 33 and 44 µm the median
    reads 26, 36 and 45, their own 14 included; camera noise of 6 grey levels changes it by 0.1.
    """

    fine: NDArray[np.float32]
    """(n,) gradient magnitude, grey levels a pixel, smoothed by `_FINE_PX`."""
    coarse: NDArray[np.float32]
    slope: tuple[NDArray[np.float32], NDArray[np.float32]]
    """x and y part of the coarse gradient."""
    um_per_px: float

    @classmethod
    def of(cls, frame: Frame) -> _Edges:
        step = max(1, round(_SAMPLE_UM / frame.um_per_px))
        tiles = _samples(frame.pixels, step)
        fine_x, fine_y = _gradient(tiles, _FINE_PX)
        x, y = _gradient(tiles, _COARSE_PX)
        fine, coarse = (np.asarray(cv2.magnitude(*slope), np.float32).ravel() for slope in ((fine_x, fine_y), (x, y)))
        return cls(fine, coarse, (x, y), step * frame.um_per_px)

    def strongest(self, among: NDArray[np.bool_] | None = None) -> tuple[float, float]:
        """Slope (grey levels a pixel) and blur (Gaussian sigma, µm) of the strongest 2 % of edges, or those chosen."""
        fine, coarse = (a if among is None else a.compress(among) for a in (self.fine, self.coarse))
        least = int(0.98 * coarse.size)
        slope = np.partition(coarse, least)[least]
        strong = coarse >= slope
        ratio2 = float(np.median((fine.compress(strong) / np.maximum(coarse.compress(strong), 1e-3)) ** 2))
        ratio2 = min(max(ratio2, 1.001), _COARSE_PX**2 / _FINE_PX**2)
        return float(slope), math.sqrt((_COARSE_PX**2 - ratio2 * _FINE_PX**2) / (ratio2 - 1)) * self.um_per_px

    def quarters(self) -> list[float]:
        """Blur (Gaussian sigma, µm) of each quarter of the picture, row by row."""
        quarter = np.repeat(np.arange(4), self.coarse.size // 4)
        return [self.strongest(quarter == k)[1] for k in range(4)]

    def moved(self) -> bool:
        """Whether the edges of one direction are blurred and those of another are not."""
        x, y = self.slope
        flat, steep = (np.abs(a) > (1 + math.sqrt(2)) * np.abs(b) for a, b in ((x, y), (y, x)))
        slanted = ~(flat | steep)
        rising = (x > 0) == (y > 0)
        directions = (flat, steep, slanted & rising, slanted & ~rising)
        found = [self.strongest(among) for among in directions if among.any()]
        steepest = max(slope for slope, _ in found)
        told = [blur for slope, blur in found if slope >= MOTION_STRENGTH * steepest]
        return max(told) > max(BLUR_UM, MOTION_RATIO * min(told))


def _samples(pixels: NDArray[np.uint8], step: int) -> list[NDArray[np.float32]]:
    """Four squares of the green channel, one in the middle of each quadrant, reduced by `step`."""
    height, width = pixels.shape[:2]
    side = _SAMPLE_PX * step
    tiles = []
    for v in (0.25, 0.75):
        for u in (0.25, 0.75):
            top = int(np.clip(v * height - side / 2, 0, max(height - side, 0)))
            left = int(np.clip(u * width - side / 2, 0, max(width - side, 0)))
            tile = pixels[top : top + side, left : left + side, 1]
            size = (max(tile.shape[1] // step, 1), max(tile.shape[0] // step, 1))
            tiles.append(cv2.resize(tile, size, interpolation=cv2.INTER_AREA).astype(np.float32))
    return tiles


def _gradient(tiles: Sequence[NDArray[np.float32]], sigma: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """x and y slope of all tiles, flat, after a Gaussian smoothing."""
    smooth = [cv2.GaussianBlur(tile, (0, 0), sigma) for tile in tiles]
    x, y = (
        np.concatenate([cv2.Sobel(tile, cv2.CV_32F, dx, 1 - dx, scale=1 / 8).ravel() for tile in smooth])
        for dx in (1, 0)
    )
    return np.asarray(x, np.float32), np.asarray(y, np.float32)
