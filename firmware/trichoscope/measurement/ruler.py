"""A target of known pitch in a photograph becomes micrometres per pixel, with an uncertainty.

Two targets: a square grid of dark dots, which also shows tilt, stretched pixels and lens distortion, and a row of dark
parallel ticks (a stage micrometer, an etched scale), which shows the scale along the row and some of the tilt.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import PitchImplausible, TargetDistorted, TargetNotFound, TargetTilted, TargetTooFine, TargetTooSmall
from ..frame import SCALE_RANGE_UM_PER_PX

Points = NDArray[np.float64]
Grey = NDArray[np.uint8]

MIN_DOTS, MIN_ROWS = 12, 3
MIN_TICKS = 8
"""Hairs stand so evenly by chance only in short rows; of 24 rendered scalps none shows four on one line."""
MIN_PITCH_PX = 8.0
"""Closer marks run into each other through lens, demosaicing and JPEG, and beat with the pixels."""
REGULAR = 0.03
"""Root mean square of the residuals, as a share of the pitch: a printed target stays below 0.005, chance does not."""
UNCERTAINTY_WARNING, UNCERTAINTY_LIMIT = 0.003, 0.01
"""Share of the scale: 0.3 % is what calibration is for, 1 % is 2 % of every density."""
PERSPECTIVE_WARNING, PERSPECTIVE_LIMIT = 2.0, 6.0
"""Percent by which the scale differs between the corners: widths there differ as much, and focus does too."""
STRETCH_WARNING, STRETCH_LIMIT = 0.5, 2.0
"""Percent by which the scale differs between two directions: a tilt of 6° and 11°, or pixels that are not square."""
DISTORTION_WARNING, DISTORTION_LIMIT = 1.0, 5.0
"""Percent by which a corner is displaced towards or away from the centre."""

_DISTORTION_PRIOR = 0.02
"""Standard deviation of what a scope's lens does in the corner: steadies the fit where dots cover half the picture."""
_GRADIENT_PRIOR = 0.01
"""The same of the change of scale from the centre to the corner, for ticks, which see little of it."""
_ROW_DISTORTION_PRIOR = 0.005
"""The same of the displacement of the corners by the lens, for ticks."""
_UNSEEN_BY_DOTS = 0.0001
"""Standard uncertainty, a share of the scale, of what the fit does not hold: a lens with more than one term of
distortion. Rendered lenses with a second term of up to 0.2 % in the corner are off by as much."""
_UNSEEN_BY_TICKS = 0.0007
"""The same of what one row does not show: foreshortening, a tilt of 4° being 0.12 %, and the lens's second term."""
_COVERAGE = 1.96  # of a 95 % interval
_REDUCED_PX = 1600  # marks are searched for in a picture of at most this size and then measured in the whole one


@dataclass(frozen=True)
class Scale:
    """Micrometres per pixel of one photograph and how far they may be trusted."""

    um_per_px: float
    """Mean over the picture: the area of target it shows is um_per_px² times the number of its pixels."""
    uncertainty_um_per_px: float
    """Half of the 95 % interval; without the error of the target itself."""
    marks: int
    residual_px: float
    """Root mean square distance of the marks from the fit."""
    perspective_percent: float
    """Difference of scale between the corners."""
    stretch_percent: float | None
    """Difference of scale between two directions at the centre; None: not seen by a row of ticks."""
    distortion_percent: float | None
    """Displacement of the corners by the lens, outwards positive; None: not seen by a row of ticks."""
    warnings: tuple[str, ...]


def measure_dots(pixels: NDArray[np.uint8], pitch_um: float) -> Scale:
    """The scale from a square grid of dark round dots, turned in any way, a part of it covered.

    Args:
        pixels: height × width × 3, RGB.
        pitch_um: between the centres of neighbouring dots, in both directions.

    Raises TargetNotFound, TargetTooFine, TargetTooSmall, TargetTilted, TargetDistorted or PitchImplausible.
    """
    grey = np.ascontiguousarray(pixels[..., 1])
    index, places, pitch_px = _grid(grey)
    if len(index) < 4:
        raise TargetNotFound("No grid of dots was seen.")
    if pitch_px < MIN_PITCH_PX:
        raise TargetTooFine(f"The dots are {pitch_px:.1f} pixels apart; at least {MIN_PITCH_PX:.0f} are needed.")
    places, seen = _dot_centres(grey, places, pitch_px)
    places, index = places[seen], index[seen]
    if len(index) < MIN_DOTS or min(len(np.unique(index[:, axis])) for axis in (0, 1)) < MIN_ROWS:
        raise TargetTooSmall(
            f"{len(index)} dots were seen; {MIN_DOTS} are needed, in {MIN_ROWS} rows and {MIN_ROWS} columns."
        )
    fit = _PlaneFit.of(places, index * pitch_um, (grey.shape[1], grey.shape[0]), pitch_um)
    um_per_px = fit.um_per_px(fit.parameters)
    _check_plausible(um_per_px, pitch_um)
    residual_px = fit.residual_um / um_per_px
    if residual_px > REGULAR * pitch_px:
        raise TargetNotFound("There are dots, but they do not form an even grid.")
    uncertainty = _COVERAGE * float(np.hypot(fit.standard_error(fit.um_per_px), _UNSEEN_BY_DOTS * um_per_px))
    perspective, stretch = fit.perspective_percent(), fit.stretch_percent()
    distortion = -100 * float(fit.parameters[8])
    if perspective > PERSPECTIVE_LIMIT:
        raise TargetTilted(f"The scale differs by {perspective:.1f} % across the picture.")
    if stretch > STRETCH_LIMIT:
        raise TargetTilted(f"The scale differs by {stretch:.1f} % between directions, or the pixels are not square.")
    if abs(distortion) > DISTORTION_LIMIT:
        raise TargetDistorted(f"The corners are displaced by {abs(distortion):.1f} %.")
    warnings = [*_common_warnings(uncertainty / um_per_px, perspective)]
    if stretch > STRETCH_WARNING:
        warnings.append(
            f"The scale differs by {stretch:.1f} % between directions: the target is tilted or pixels are not square."
        )
    if abs(distortion) > DISTORTION_WARNING:
        warnings.append(f"The lens displaces the corners by {abs(distortion):.1f} %: widths there are off by up to "
                        f"{3 * abs(distortion):.1f} %.")  # fmt: skip
    return Scale(
        um_per_px, uncertainty, int(fit.used.sum()), residual_px, perspective, stretch, distortion, tuple(warnings)
    )


def measure_ticks(pixels: NDArray[np.uint8], pitch_um: float) -> Scale:
    """The scale from a row of dark parallel ticks, long and short ones mixed, some of them covered or crossed.

    Args:
        pixels: height × width × 3, RGB.
        pitch_um: between neighbouring ticks.

    Raises TargetNotFound, TargetTooFine, TargetTooSmall, TargetTilted or PitchImplausible.
    """
    grey = np.ascontiguousarray(pixels[..., 1])
    row = _Row.longest(_Strokes.of(grey))
    if row is None or len(row.index) < 4:
        raise TargetNotFound("No row of evenly spaced parallel ticks was seen.")
    if row.pitch_px < MIN_PITCH_PX:
        raise TargetTooFine(f"The ticks are {row.pitch_px:.1f} pixels apart; at least {MIN_PITCH_PX:.0f} are needed.")
    if not row.aligned():
        raise TargetNotFound("There are parallel strokes, but they do not stand on one line: these may be hairs.")
    if len(row.index) < MIN_TICKS:
        raise TargetTooSmall(f"{len(row.index)} ticks in a row were seen; {MIN_TICKS} are needed.")
    fit = _RowFit.of(grey, row)
    um_per_px = pitch_um / fit.spacing_px
    _check_plausible(um_per_px, pitch_um)
    if fit.residual_px > REGULAR * fit.spacing_px:
        raise TargetNotFound("There are parallel strokes, but they are not evenly spaced: these may be hairs.")
    relative = _COVERAGE * float(np.hypot(fit.spacing_error_px / fit.spacing_px, _UNSEEN_BY_TICKS))
    if fit.perspective_percent > PERSPECTIVE_LIMIT:
        raise TargetTilted(f"The scale differs by {fit.perspective_percent:.1f} % across the picture.")
    warnings = tuple(_common_warnings(relative, fit.perspective_percent))
    return Scale(
        um_per_px, relative * um_per_px, fit.ticks, fit.residual_px, fit.perspective_percent, None, None, warnings
    )


def _check_plausible(um_per_px: float, pitch_um: float) -> None:
    low, high = SCALE_RANGE_UM_PER_PX
    if not low <= um_per_px <= high:
        raise PitchImplausible(f"With a pitch of {pitch_um:g} µm the scale would be {um_per_px:.3g} µm per pixel.")


def _common_warnings(relative: float, perspective: float) -> Iterator[str]:
    if relative > UNCERTAINTY_LIMIT:
        raise TargetTooSmall(f"The scale is uncertain by {100 * relative:.1f} %, {100 * UNCERTAINTY_LIMIT:.0f} % "
                             "is the limit: show more of the target, sharp.")  # fmt: skip
    if relative > UNCERTAINTY_WARNING:
        yield f"The scale is uncertain by {100 * relative:.1f} %: show more of the target, sharp and over the middle."
    if perspective > PERSPECTIVE_WARNING:
        yield f"The scale differs by {perspective:.1f} % across the picture: lay the target flat against the scope."


def _reduced(grey: Grey) -> tuple[Grey, NDArray[np.float64]]:
    """The picture at a size in which to search, and by what to multiply (x + ½, y + ½) to come back."""
    height, width = grey.shape
    factor = max(1.0, max(height, width) / _REDUCED_PX)
    size = round(width / factor), round(height / factor)
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA) if factor > 1 else grey
    return np.asarray(cv2.GaussianBlur(small, (0, 0), 0.8), np.uint8), np.array([width, height]) / size


def _dark_outlines(small: Grey, window_px: float, contrast: float) -> Iterator[tuple[Any, dict[str, float]]]:
    """Outline and moments of what is darker by `contrast` than the mean of its surroundings."""
    side = round(window_px) | 1
    light = cv2.blur(small.astype(np.float32), (side, side))
    dark = (small < light * (1 - contrast)).astype(np.uint8)
    outlines, _ = cv2.findContours(dark, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    for outline in outlines:
        if len(outline) >= 8:
            moments = cv2.moments(outline)
            if moments["m00"] >= 8:
                yield outline, moments


def _spread(moments: dict[str, float]) -> tuple[float, float, float]:
    """Variance along the long axis and across it, px², and the angle of the long axis."""
    a, b, c = (moments[key] / moments["m00"] for key in ("mu20", "mu11", "mu02"))
    root = float(np.hypot((a - c) / 2, b))
    return (a + c) / 2 + root, max((a + c) / 2 - root, 0.02), 0.5 * float(np.arctan2(2 * b, a - c))


# ---- dots


def _grid(grey: Grey) -> tuple[NDArray[np.int64], Points, float]:
    """Column and row (n, 2), rough centre (n, 2) px and rough pitch of the dots of the largest grid."""
    small, back = _reduced(grey)
    best: dict[tuple[int, int], int] = {}
    centres = np.empty((0, 2))
    for part in (4, 10, 24):  # the surroundings that a dot is compared with must be wider than the dot, not by much
        found, radii = _blobs(small, min(small.shape) / part)
        grid = _largest_grid(found, radii, small.shape) if len(found) >= 4 else {}
        if len(grid) > len(best):
            best, centres = grid, found
    index = np.array(list(best), np.int64).reshape(-1, 2)
    places = (centres[list(best.values())] + 0.5) * back - 0.5
    beside = [
        float(np.hypot(*((centres[best[i + 1, j]] - centres[n]) * back)))
        for (i, j), n in best.items() if (i + 1, j) in best
    ]  # fmt: skip
    return index, places, float(np.median(beside)) if beside else 0.0


def _blobs(small: Grey, window_px: float) -> tuple[Points, NDArray[np.float64]]:
    """Centres (n, 2) and radii (n,) of the round dark things of the commonest size, those cut by the border left out.

    Round is what fills the ellipse of its own second moments, and is not too long.
    """
    height, width = small.shape
    rows = []
    for outline, moments in _dark_outlines(small, window_px, 0.12):
        long, across, _ = _spread(moments)
        x, y, w, h = cv2.boundingRect(outline)
        inside = x > 0 and y > 0 and x + w < width and y + h < height
        filled = moments["m00"] / (4 * np.pi * np.sqrt(long * across))
        if inside and long < 2 * across and 0.85 < filled < 1.15:
            rows.append((moments["m10"] / moments["m00"], moments["m01"] / moments["m00"], moments["m00"]))
    blobs = np.array(rows).reshape(-1, 3)
    if len(blobs) == 0:
        return np.empty((0, 2)), np.empty(0)
    size = np.sort(np.log(blobs[:, 2]))
    alike = np.searchsorted(size, size + 0.5) - np.searchsorted(size, size - 0.5)
    like = np.abs(np.log(blobs[:, 2]) - size[np.argmax(alike)]) < 0.6
    return blobs[like, :2], np.sqrt(blobs[like, 2] / np.pi)


def _largest_grid(centres: Points, radii: NDArray[np.float64], shape: tuple[int, int]) -> dict[tuple[int, int], int]:
    """Column, row → number of the dot, of the largest square grid that grows from a few of the dots."""
    owner = np.zeros(shape, np.float32)
    for n, ((x, y), radius) in enumerate(zip(centres, radii, strict=True)):
        cv2.circle(owner, (round(x), round(y)), max(round(radius), 1), n + 1, -1)
    order = np.argsort(np.hypot(*(centres - np.median(centres, axis=0)).T))
    best: dict[tuple[int, int], int] = {}
    for seed in order[np.unique(np.linspace(0, len(order) - 1, 12).astype(int))]:
        if (steps := _steps(centres, int(seed))) is not None:
            grid = _grown(centres, owner, int(seed), steps)
            best = max(best, grid, key=len)
        if len(best) > 0.7 * len(centres):
            break
    return best


def _steps(centres: Points, seed: int) -> Points | None:
    """(2, 2): the vectors to the nearest dot and to the nearest one at about a right angle to it, as far away."""
    away = centres - centres[seed]
    distance = np.hypot(*away.T)
    distance[seed] = np.inf
    first = away[np.argmin(distance)]
    sine = (first[0] * away[:, 1] - first[1] * away[:, 0]) / (np.hypot(*first) * np.maximum(distance, 1e-9))
    upright = np.where(sine > 0.9, distance, np.inf)
    second = away[np.argmin(upright)]
    if not np.isfinite(upright.min()) or upright.min() > 1.3 * distance.min():
        return None
    return np.stack([first, second])


def _grown(centres: Points, owner: NDArray[np.float32], seed: int, steps: Points) -> dict[tuple[int, int], int]:
    """Every dot that is reached from the seed by going where the next one should be; steps follow what is met."""
    grid = {(0, 0): seed}
    taken = {seed}
    waiting = deque([((0, 0), steps)])
    height, width = owner.shape
    while waiting:
        (i, j), steps = waiting.popleft()
        here = centres[grid[i, j]]
        for axis, sign in ((0, 1), (0, -1), (1, 1), (1, -1)):
            place = (i + sign, j) if axis == 0 else (i, j + sign)
            x, y = here + sign * steps[axis]
            if place in grid or not (0 <= round(x) < width and 0 <= round(y) < height):
                continue
            n = int(owner[round(y), round(x)]) - 1
            if n < 0 or n in taken:
                continue
            met = steps.copy()
            met[axis] = 0.5 * steps[axis] + 0.5 * sign * (centres[n] - here)
            grid[place] = n
            taken.add(n)
            waiting.append((place, met))
    return grid


def _dot_centres(grey: Grey, places: Points, pitch_px: float) -> tuple[Points, NDArray[np.bool_]]:
    """Centroids of darkness, sub-pixel, and which of the dots lie far enough inside the picture to have one."""
    height, width = grey.shape
    half = max(int(0.48 * pitch_px), 3)
    y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float32)
    around = x**2 + y**2 > (0.92 * half) ** 2  # in the corners of the patch, farthest from all dots
    plane = np.linalg.pinv(np.stack([np.ones_like(x), x, y], -1)[around])
    centres, seen = places.copy(), np.zeros(len(places), bool)
    for n in range(len(places)):
        for _ in range(2):
            cx, cy = np.round(centres[n]).astype(int)
            if not (half <= cx < width - half and half <= cy < height - half):
                seen[n] = False
                break
            patch = grey[cy - half : cy + half + 1, cx - half : cx + half + 1].astype(np.float32)
            dx, dy = centres[n] - (cx, cy)
            r2 = (x - dx) ** 2 + (y - dy) ** 2
            level, slope_x, slope_y = plane @ patch[around]
            # a share of the light there: a centroid of mere differences leans to the brighter side
            paper = np.maximum(level + slope_x * x + slope_y * y, 1)
            dark = np.where(r2 < half**2, 1 - patch / paper, 0)
            # the outer quarter of the depth is left out: paper grain far from the dot has long levers
            weight = np.maximum(dark - 0.25 * float(dark.max()), 0)
            total = float(weight.sum())
            if total <= 0:
                seen[n] = False
                break
            centres[n] = cx + float((weight * x).sum()) / total, cy + float((weight * y).sum()) / total
            seen[n] = True
    return centres, seen


@dataclass(frozen=True, eq=False)
class _PlaneFit:
    """Pixels → target: undistortion by q (1 + k r²) about the centre, then a homography.

    Coordinates are counted from the centre in units of half the diagonal, so that r is 1 in the corners.
    """

    parameters: NDArray[np.float64]
    """(9,): the homography by rows without its last element, 1, and k."""
    covariance: NDArray[np.float64]
    used: NDArray[np.bool_]
    residual_um: float
    size_px: tuple[int, int]

    @classmethod
    def of(cls, places_px: Points, target_um: NDArray[Any], size_px: tuple[int, int], pitch_um: float) -> _PlaneFit:
        centre, radius = (np.array(size_px) - 1) / 2, np.hypot(*size_px) / 2
        q = (places_px - centre) / radius
        # a dot half covered or a speck taken for one must not lead the first fit
        first, inside = cv2.findHomography(q, target_um, cv2.RANSAC, 0.04 * pitch_um)
        if first is None or inside.sum() < MIN_DOTS:
            raise TargetNotFound("There are dots, but they do not form an even grid.")
        parameters = np.r_[(first / first[2, 2]).ravel()[:8], 0.0]
        used = inside.ravel().astype(bool)
        for _ in range(3):
            parameters, inverse = _least_squares(q[used], target_um[used], parameters)
            away = np.hypot(*(_mapped(parameters, q) - target_um).T)
            used = away <= max(4 * float(np.median(away)), 1e-6 * pitch_um)
        freedom = max(2 * int(used.sum()) - 9, 1)
        variance = float((away[used] ** 2).sum()) / freedom
        return cls(parameters, variance * inverse, used, float(np.sqrt((away[used] ** 2).mean())), size_px)

    def um_per_px(self, parameters: NDArray[np.float64]) -> float:
        width, height = self.size_px
        t = np.arange(64) / 64
        zero, one = np.zeros(64), np.ones(64)
        outline = np.concatenate([np.stack(side, 1) for side in ((t, zero), (one, t), (1 - t, one), (zero, 1 - t))])
        q = (outline - 0.5) * (width, height) / (np.hypot(width, height) / 2)
        x, y = _mapped(parameters, q).T
        area_um2 = abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2
        return float(np.sqrt(area_um2 / (width * height)))

    def standard_error(self, figure: Callable[[NDArray[np.float64]], float]) -> float:
        slope = np.empty(9)
        for n, step in enumerate(_nudges(self.parameters)):
            slope[n] = (figure(self.parameters + step) - figure(self.parameters - step)) / (2 * step[n])
        return float(np.sqrt(slope @ self.covariance @ slope))

    def perspective_percent(self) -> float:
        width, height = self.size_px
        corner = np.array([width, height]) / np.hypot(width, height)
        scales = [
            float(np.sqrt(abs(np.linalg.det(self._jacobian(corner * sign)))))
            for sign in ((-1, -1), (-1, 1), (1, -1), (1, 1))
        ]
        return 100 * (max(scales) / min(scales) - 1)

    def stretch_percent(self) -> float:
        most, least = np.linalg.svd(self._jacobian(np.zeros(2)), compute_uv=False)
        return 100 * float(most / least - 1)

    def _jacobian(self, at: NDArray[np.float64]) -> NDArray[np.float64]:
        """(2, 2) µm by half diagonal, of the homography alone."""
        flat = np.r_[self.parameters[:8], 0.0]
        step = 1e-4 * np.eye(2)
        return np.asarray((_mapped(flat, at + step) - _mapped(flat, at - step)).T / 2e-4)


def _mapped(parameters: NDArray[np.float64], q: Points) -> Points:
    h = np.r_[parameters[:8], 1.0].reshape(3, 3)
    ideal = q * (1 + parameters[8] * (q**2).sum(1, keepdims=True))
    mapped = ideal @ h[:, :2].T + h[:, 2]
    return np.asarray(mapped[:, :2] / mapped[:, 2:])


def _nudges(parameters: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    """A small step in each parameter: lengths in µm are large, the others about 1."""
    size = np.r_[np.full(6, 1e-5 * np.abs(parameters[:6]).max()), 1e-6, 1e-6, 1e-6]
    yield from np.diag(size)


def _least_squares(
    q: Points, target_um: Points, parameters: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Gauss–Newton; the better parameters and the inverse of the normal matrix, per µm² of variance."""
    for _ in range(5):
        misfit = (target_um - _mapped(parameters, q)).ravel()
        slopes = np.stack(
            [
                (_mapped(parameters + step, q) - _mapped(parameters - step, q)).ravel() / (2 * step.max())
                for step in _nudges(parameters)
            ],
            1,
        )
        prior = float((misfit**2).mean()) / _DISTORTION_PRIOR**2
        normal = slopes.T @ slopes
        normal[8, 8] += prior
        right = slopes.T @ misfit
        right[8] -= prior * parameters[8]
        size = np.sqrt(np.diag(normal))  # lengths in µm beside shares: scaled, the matrix is well conditioned
        inverse = np.linalg.inv(normal / np.outer(size, size)) / np.outer(size, size)
        parameters = parameters + inverse @ right
    return parameters, inverse


# ---- ticks


@dataclass(frozen=True, eq=False)
class _Strokes:
    """Long thin dark things, in pixels of the whole picture."""

    centres: Points
    angles: NDArray[np.float64]
    lengths: NDArray[np.float64]
    widths: NDArray[np.float64]
    whole: NDArray[np.bool_]
    """Not cut by the border of the picture."""

    @classmethod
    def of(cls, grey: Grey) -> _Strokes:
        small, back = _reduced(grey)
        height, width = small.shape
        rows = []
        for outline, moments in _dark_outlines(small, min(small.shape) / 15, 0.07):
            long, across, angle = _spread(moments)
            if long > 9 * across and long > 6:
                x, y = moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]
                left, top, wide, high = cv2.boundingRect(outline)
                whole = left > 0 and top > 0 and left + wide < width and top + high < height
                rows.append((x, y, angle, np.sqrt(12 * long), np.sqrt(12 * across), whole))
        table = np.array(rows).reshape(-1, 6)
        places, sizes = (table[:, :2] + 0.5) * back - 0.5, table[:, 3:5] * back.mean()
        return cls(places, table[:, 2], sizes[:, 0], sizes[:, 1], table[:, 5] > 0)

    def parallel(self, n: int) -> NDArray[np.int64]:
        """The strokes within 4° of the n-th."""
        turn = np.abs((self.angles - self.angles[n] + np.pi / 2) % np.pi - np.pi / 2)
        return np.flatnonzero(turn < np.radians(4))


@dataclass(frozen=True, eq=False)
class _Row:
    """Strokes beside each other at even distances."""

    strokes: _Strokes
    members: NDArray[np.int64]
    index: NDArray[np.int64]
    """Of each member in the row; where a tick is missing, a number is."""
    pitch_px: float
    along: NDArray[np.float64]
    """Unit vector along the ticks; across them the row goes on."""

    @property
    def across(self) -> NDArray[np.float64]:
        return np.array([self.along[1], -self.along[0]])

    @classmethod
    def longest(cls, strokes: _Strokes) -> _Row | None:
        best: _Row | None = None
        tried: set[tuple[int, int]] = set()
        for seed in range(len(strokes.centres)):
            near = strokes.parallel(seed)
            if len(near) < 4:
                continue
            along = np.array([np.cos(strokes.angles[seed]), np.sin(strokes.angles[seed])])
            s = strokes.centres[near] @ (along[1], -along[0])
            t = strokes.centres[near] @ along
            at = int(np.flatnonzero(near == seed)[0])
            beside = _beside(s, t, strokes.lengths[near], at)
            for other in beside[:3]:
                if (seed, int(near[other])) in tried:
                    continue
                row = _walk(s, t, strokes.lengths[near], at, float(s[other] - s[at]))
                members = near[list(row.values())]
                tried.update(zip(members[:-1].tolist(), members[1:].tolist(), strict=True))
                if best is None or len(row) > len(best.index):
                    index = np.array(list(row))
                    pitch = float(np.polyfit(index, s[list(row.values())], 1)[0]) if len(row) > 1 else 0.0
                    best = cls(strokes, members, index, abs(pitch), along)
        return best

    def aligned(self) -> bool:
        """Whether the ticks' upper ends, lower ends or middles lie on one line, as those of a scale do."""
        whole = self.strokes.whole[self.members]
        if whole.sum() < 4:
            return False
        index, members = self.index[whole], self.members[whole]
        t = self.strokes.centres[members] @ self.along
        half = self.strokes.lengths[members] / 2
        spreads = []
        for ends in (t - half, t, t + half):
            off = ends - np.polyval(np.polyfit(index, ends, 1), index)
            spreads.append(float(np.median(np.abs(off))))
        return min(spreads) < max(0.06 * float(np.median(2 * half)), 1.5)


def _beside(s: NDArray[np.float64], t: NDArray[np.float64], length: NDArray[np.float64], at: int) -> NDArray[np.int64]:
    """The strokes on the one side of a stroke that overlap with it by half of the shorter one, the nearest first."""
    overlap = np.minimum(t + length / 2, t[at] + length[at] / 2) - np.maximum(t - length / 2, t[at] - length[at] / 2)
    fits = (overlap > 0.5 * np.minimum(length, length[at])) & (s > s[at] + 2) & (length < 4 * length[at])
    found = np.flatnonzero(fits & (4 * length > length[at]))
    return np.asarray(found[np.argsort(s[found])])


def _walk(
    s: NDArray[np.float64], t: NDArray[np.float64], length: NDArray[np.float64], at: int, step: float
) -> dict[int, int]:
    """Number in the row → stroke, both ways from one, over gaps of up to three; by number."""
    row = {0: at}
    for sign in (-1, 1):
        here, k, pace = at, 0, step
        while True:
            for gap in (1, 2, 3, 4):
                away = np.abs(s - (s[here] + sign * gap * pace))
                reach = 0.5 * (length + length[here]) - np.abs(t - t[here])
                away[reach < 0.5 * np.minimum(length, length[here])] = np.inf
                following = int(np.argmin(away))
                if away[following] < 0.15 * pace and following not in row.values():
                    break
            else:
                break
            pace += 0.3 * (sign * (s[following] - s[here]) / gap - pace)
            here, k = following, k + sign * gap
            row[k] = here
    return dict(sorted(row.items()))


@dataclass(frozen=True, eq=False)
class _RowFit:
    """Where every tick crosses lines along the row: s (1 + d r²) = a + b k + c k² + t (e + g k).

    s runs along the row, t along the ticks, both from the picture's centre; r is 1 in its corners; k is the number of
    the tick. c and g are what perspective does to first order; at the centre of the picture they are gone. d is the
    lens's distortion, of which a long row tells a little and the prior the rest.
    """

    spacing_px: float
    """Of ticks, mean over the picture."""
    spacing_error_px: float
    residual_px: float
    perspective_percent: float
    ticks: int

    @classmethod
    def of(cls, grey: Grey, row: _Row) -> _RowFit:
        height, width = grey.shape
        centre, radius = np.array([width - 1, height - 1]) / 2, float(np.hypot(width, height)) / 2
        k, s, t = _tick_points(grey, row, centre)
        # numbers from the middle of the row: sums and squares stay apart
        k = k - float(np.median(k))
        pitch = row.pitch_px
        used = np.ones(len(k), bool)
        for _ in range(3):
            x = np.stack([np.ones_like(k), k, k * k, t, t * k, -s * (s**2 + t**2) / radius**2], 1)
            near, off = x[used], s[used]
            solution, inverse, prior = _ridge(near, off, pitch, radius)
            away = s - x @ solution
            used = np.abs(away) <= max(5 * float(np.median(np.abs(away))), 0.1)
        _, b, c, _, g, d = solution
        k_centre = -solution[0] / b
        at_centre = b + 2 * c * k_centre
        # distortion changes areas by 1 + 4 d r², of which r² is ⅓ in the mean over a rectangle
        spacing = float(at_centre * (1 - 2 / 3 * d))
        slope = np.array([0, 1, 2 * k_centre, 0, 0, -2 / 3 * at_centre])
        # the points of one tick share its error: the variance is summed tick by tick
        ticks = np.unique(k[used])
        scores = np.stack([(x * away[:, None])[used & (k == tick)].sum(0) for tick in ticks])
        freedom = len(ticks) / max(len(ticks) - 4, 1)
        covariance = inverse @ (freedom * scores.T @ scores + prior) @ inverse
        gradient = 1.5 * float(np.hypot(c / b**2, g / b))  # of the scale, by pixel
        means = [float(away[used & (k == tick)].mean()) for tick in ticks]
        return cls(
            abs(spacing),
            float(np.sqrt(slope @ covariance @ slope)),
            float(np.sqrt(np.mean(np.square(means)))),
            100 * gradient * 2 * radius,
            len(ticks),
        )


def _ridge(
    x: NDArray[np.float64], s: NDArray[np.float64], pitch_px: float, radius_px: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Solution, inverse normal matrix and what the expectation of a small tilt adds to it."""
    normal = x.T @ x
    prior = np.zeros((6, 6))
    for _ in range(2):
        solution = np.asarray(np.linalg.solve(normal + prior, x.T @ s), np.float64)
        variance = float(((s - x @ solution) ** 2).mean())
        prior[2, 2] = variance * (radius_px / (_GRADIENT_PRIOR * pitch_px**2)) ** 2
        prior[4, 4] = variance * (radius_px / (_GRADIENT_PRIOR * pitch_px)) ** 2
        prior[5, 5] = variance / _ROW_DISTORTION_PRIOR**2
    return solution, np.asarray(np.linalg.inv(normal + prior), np.float64), prior


def _tick_points(
    grey: Grey, row: _Row, centre: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Number of the tick, and s and t of the middle of its width, at up to 24 places along each."""
    ks, ss, ts = [], [], []
    strokes = row.strokes
    for k, n in zip(row.index, row.members, strict=True):
        along = np.array([np.cos(strokes.angles[n]), np.sin(strokes.angles[n])])
        along = along if along @ row.along > 0 else -along
        across = np.array([along[1], -along[0]])
        reach = int(np.ceil(min(0.42 * row.pitch_px, 2 * strokes.widths[n] + 3)))
        u = np.linspace(-0.36, 0.36, min(max(int(0.7 * strokes.lengths[n]), 4), 24)) * strokes.lengths[n]
        v = np.arange(-reach, reach + 1)
        grid = strokes.centres[n] + u[:, None, None] * along + v[None, :, None] * across
        profile = cv2.remap(grey, grid.astype(np.float32), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]
        v_dark, good = _middles(profile.astype(np.float32), v.astype(np.float32))
        at = strokes.centres[n] - centre + u[good, None] * along + v_dark[good, None] * across
        ks.append(np.full(len(at), float(k)))
        ss.append(at @ row.across)
        ts.append(at @ row.along)
    return np.concatenate(ks), np.concatenate(ss), np.concatenate(ts)


def _middles(profile: NDArray[np.float32], v: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Centroid of darkness of each row of (m, 2r + 1), over a background that is a slope, and where there is one."""
    edge = max(len(v) // 6, 1)
    left, right = profile[:, :edge].mean(1), profile[:, -edge:].mean(1)
    ramp = (v - v[0]) / (v[-1] - v[0])
    dark = left[:, None] + (right - left)[:, None] * ramp - profile
    depth = dark.max(1)
    weight = np.maximum(dark - 0.3 * depth[:, None], 0)
    total = weight.sum(1)
    good = depth > 0.4 * max(float(np.median(depth)), 1)
    return np.asarray((weight * v).sum(1) / np.maximum(total, 1e-6)), np.asarray(good & (total > 0))
