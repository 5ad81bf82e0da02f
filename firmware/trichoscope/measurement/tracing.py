"""Maps → hairs: where each leaves the skin, and where it runs, through crossings, to its tip."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .hair import Trace
from .hairnet import NET_UM_PER_PX, Maps

CELL_UM = 2 * NET_UM_PER_PX

SHARED_PATH = 0.6
"""So much of a path in the middle half of another's shaft is the other's: there no second hair can be seen."""
LONE_TIP_THRESHOLD, OWN_SHAFT_UM, ARRIVAL_CELLS = 0.6, 75.0, 2.5
"""A tip that no path explains is a hair's if it is this sure, if so much of the shaft behind it is no other hair's
path, and if the way back comes this near to where the shaft itself says that its root is."""
STEP_CELLS = 2.0
FIRST_STEPS = 16
"""A shaft is told from another by its first 400 µm: further on, long hairs of one unit may lie on each other."""
REACH_CELLS = 1.6
"""A path may be corrected sideways by this much a step, towards the ridge of the centreline map."""
PULL, TRUST = 0.6, 0.35
"""How far a step follows the ridge sideways, and the heading the mapped axis: the rest is momentum."""
STRAY_CELLS = 0.8
"""A shaft seldom strays sideways by more than this in a step (standard deviation); touching hairs are 3 or more off."""
OTHER_WAY = 0.85
"""Cosine of twice the angle (16°) from which on a shaft under the path is another's, that crosses it."""
PATIENCE = 6
"""A path goes straight on under another shaft for this many steps, over bare skin (a gap, a glint) for half as many."""
MIN_LENGTH_UM, MAX_LENGTH_UM = 80.0, 20_000.0
"""Shorter is a mark on the skin; longer is a path that goes round in circles."""
SHAFT, COVER_UM, COVERED, ROOT_ODDS = 0.3, 2500.0, (0.05, 0.12), 1.8
"""Where shafts (by a centreline of this probability) cover this share of the skin within this window, a root is
likelier: its odds are multiplied by up to this. Clipped hair covers at most 0.09 of real and 0.07 of rendered
photographs, long hair more. See docs/decisions/0005-roots-under-hair.md."""

Floats = NDArray[np.float32]


def find_peaks(heat: Floats, threshold: float) -> tuple[Floats, Floats]:
    """Peaks of the root or tip map at least two cells apart: (n, 2) sub-cell x, y and (n,) probability.

    The network answers with a Gaussian about the point; its logarithm is a parabola, so three cells
    a side place the peak between cells.
    """
    highest = cv2.dilate(heat, np.ones((5, 5), np.uint8))
    ys, xs = np.divmod(np.flatnonzero(heat >= threshold), heat.shape[1])
    peak = heat[ys, xs] >= highest[ys, xs]
    ys, xs = ys[peak], xs[peak]
    # int8 maps have ties: of equal cells that see each other the first in reading order is the peak
    beside = (np.abs(xs[:, None] - xs) <= 2) & (np.abs(ys[:, None] - ys) <= 2)
    first = ~np.tril(beside, -1).any(1)
    ys, xs = ys[first], xs[first]
    rows, columns = np.clip(ys, 1, heat.shape[0] - 2), np.clip(xs, 1, heat.shape[1] - 2)

    def log(row: NDArray[np.intp], column: NDArray[np.intp]) -> Floats:
        return np.asarray(np.log(np.clip(heat[row, column], 1e-3, 1)), np.float32)

    def vertex(before: Floats, here: Floats, after: Floats) -> Floats:
        curvature = np.minimum(before - 2 * here + after, -1e-3)
        return np.asarray(np.clip(0.5 * (before - after) / curvature, -0.5, 0.5), np.float32)

    here = log(ys, xs)
    dx = np.where(columns == xs, vertex(log(ys, columns - 1), here, log(ys, columns + 1)), 0)
    dy = np.where(rows == ys, vertex(log(rows - 1, xs), here, log(rows + 1, xs)), 0)
    return np.stack([xs + dx, ys + dy], 1).astype(np.float32), heat[ys, xs]


def _sample(stack: Floats, points: Floats) -> Floats:
    """Bilinear values of an h × w × k stack at (…, 2) cell coordinates; its outermost cells go on for ever.

    By hand: cv2.remap takes 2 ms to start on a few thousand points.
    """
    height, width, depth = stack.shape
    x = np.clip(points[..., 0], 0, width - 1.001)
    y = np.clip(points[..., 1], 0, height - 1.001)
    column, row = x.astype(np.int32), y.astype(np.int32)
    right, down = (x - column)[..., None], (y - row)[..., None]
    flat, at = stack.reshape(-1, depth), row * width + column
    upper = flat[at] * (1 - right) + flat[at + 1] * right
    lower = flat[at + width] * (1 - right) + flat[at + width + 1] * right
    return np.asarray(upper * (1 - down) + lower * down)


def _unit(v: Floats) -> Floats:
    return np.asarray(v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), np.float32(1e-6)))


def _around(points: Floats, maps: Maps) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
    """Rows, columns (n, k) of the cells within 6.5 of each point, and how much shaft is in each."""
    height, width = maps.root.shape
    dy, dx = np.mgrid[-6:7, -6:7]
    disc = np.hypot(dx, dy) <= 6.5
    cells = np.round(points).astype(int)[:, None] + np.stack([dx[disc], dy[disc]], 1)[None]
    inside = ((cells >= 0) & (cells < (width, height))).all(-1)
    x, y = np.clip(cells[..., 0], 0, width - 1), np.clip(cells[..., 1], 0, height - 1)
    return y, x, inside * maps.centreline[y, x]


def _way_along(points: Floats, maps: Maps, rooted: bool) -> Floats:
    """(n, 2) unit direction in which a shaft runs from its root, or back from its tip.

    Shaft cells near the point vote with their axis. At a root they are weighted by how near to it their own
    way back to a root ends: so two hairs of one ostium do not share a direction.
    """
    y, x, weight = _around(points, maps)
    away = np.stack([x, y], -1) - points[:, None]
    if rooted:
        back = away + maps.to_root_um[y, x] / CELL_UM
        weight = weight * np.exp(-0.5 * (back**2).sum(-1) / 1.5**2)
    weight = weight[..., None]
    axis = _axis((weight * maps.orientation[y, x]).sum(1))
    ahead = (weight * away).sum(1)  # the shaft lies on one side of its end
    return _towards(axis, ahead)


def _axis(orientation: Floats) -> Floats:
    """(n, 2) unit vectors of either sign from (n, 2) cosine and sine of twice their angle."""
    angle = 0.5 * np.arctan2(orientation[:, 1], orientation[:, 0])
    return np.stack([np.cos(angle), np.sin(angle)], 1).astype(np.float32)


def _towards(axis: Floats, way: Floats) -> Floats:
    """The axes (n, 2) with the sign that points the given way."""
    return axis * np.where((axis * way).sum(1, keepdims=True) < 0, np.float32(-1), np.float32(1))


def _under(path: Floats, plane: NDArray[Any]) -> NDArray[Any]:
    """What a map holds in the cell of each point of a path."""
    height, width = plane.shape[:2]
    x, y = np.clip(np.round(path).astype(int), 0, (width - 1, height - 1)).T
    return np.asarray(plane[y, x])


def _paint(plane: NDArray[np.uint8], paths: list[Floats], thickness: int) -> None:
    """Set the cells on paths to 1."""
    cv2.polylines(plane, [np.round(path * 16).astype(np.int32) for path in paths], False, 1, thickness, cv2.LINE_8, 4)


def _follow(
    starts: Floats, leaving: Floats, maps: Maps, ends: Floats, end_threshold: float
) -> tuple[list[Floats], NDArray[np.bool_]]:
    """Walk all hairs at once from one end to where `ends` peaks: paths in cells, and whether each left the picture."""
    height, width = maps.root.shape
    stack = np.dstack([maps.centreline, maps.orientation, ends])
    sideways = np.linspace(-REACH_CELLS, REACH_CELLS, 9, dtype=np.float32)
    likely = np.exp(-0.5 * (sideways / STRAY_CELLS) ** 2)
    centre = len(sideways) // 2
    n = len(starts)
    position, heading = starts.copy(), leaving.copy()
    track = [position.copy()]
    last_on_shaft = np.zeros(n, int)
    lost = np.zeros(n, int)
    left = np.zeros(n, bool)
    walking = np.arange(n)
    for step in range(1, int(MAX_LENGTH_UM / CELL_UM / STEP_CELLS)):
        if not len(walking):
            break
        here, along = position[walking], heading[walking]
        ahead = here + STEP_CELLS * along
        across = np.stack([-along[:, 1], along[:, 0]], 1)
        seen = _sample(stack, ahead[:, None] + sideways[None, :, None] * across[:, None])
        # only a shaft that runs the same way pulls: at a crossing the other one does not
        twice = np.stack([along[:, 0] ** 2 - along[:, 1] ** 2, 2 * along[:, 0] * along[:, 1]], 1)
        clarity = np.maximum(np.hypot(seen[..., 1], seen[..., 2]), 0.3)
        cosine = (seen[..., 1:3] * twice[:, None]).sum(-1) / clarity
        agreement = np.clip((cosine - OTHER_WAY) / (1 - OTHER_WAY), 0, 1)
        pull = seen[..., 0] * agreement * likely
        on_shaft = pull.max(1) >= maps.centreline_threshold
        weight = pull**2 + 1e-9
        weight /= weight.sum(1, keepdims=True)
        shift = np.where(on_shaft, PULL * (weight * sideways).sum(1), 0.0)
        ahead = ahead + shift[:, None].astype(np.float32) * across
        axis = _axis((weight[..., None] * seen[..., 1:3]).sum(1))
        mapped = _towards(axis, along)
        trust = np.where(on_shaft, TRUST, 0.0)[:, None].astype(np.float32)
        position[walking] = ahead
        heading[walking] = _unit((1 - trust) * _unit(ahead - here) + trust * mapped)
        track.append(position.copy())
        # under another shaft a hair may be out of sight for a while; on bare skin it has ended
        covered = seen[:, centre, 0] >= maps.centreline_threshold
        lost[walking] = np.where(on_shaft, 0, lost[walking] + np.where(covered, 1, 2))
        last_on_shaft[walking[on_shaft]] = step
        at_end = (seen[:, centre, 3] >= end_threshold) & (step * STEP_CELLS * CELL_UM > MIN_LENGTH_UM)
        outside = (ahead < -0.5).any(1) | (ahead > np.array([width, height]) - 0.5).any(1)
        left[walking[outside & (lost[walking] <= 2)]] = True
        walking = walking[~outside & ~at_end & (lost[walking] <= PATIENCE)]
    points = np.stack(track, 1)
    return [points[i, : last_on_shaft[i] + 1] for i in range(n)], left


def _beside_another(paths: list[Floats], widths_um: Floats, size: tuple[int, int]) -> list[NDArray[np.bool_]]:
    """For every path point, whether it lies on or touches another path.

    Paths are painted one after the other, as wide as they are and half a typical hair more, and each looks
    at what lies under it before it is painted: once in order and once in reverse.
    """
    touched = [np.zeros(len(p), bool) for p in paths]
    for order in (range(len(paths)), reversed(range(len(paths)))):
        painted = np.zeros(size[::-1], np.uint8)
        for i in order:
            touched[i] |= _under(paths[i], painted) > 0
            _paint(painted, [paths[i]], max(1, round((float(widths_um[i]) + 50.0) / CELL_UM)))
    return touched


def _of_another(paths: list[Floats], score: Floats, widths_um: Floats, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Paths on a surer hair's shaft: the same hair from its other end, from a mark on it or from its shadow."""
    painted = np.zeros(size[::-1], np.uint8)
    another = np.zeros(len(paths), bool)
    for i in np.argsort(-score, kind="stable"):
        another[i] = len(paths[i]) > 1 and _under(paths[i][:FIRST_STEPS], painted).mean() >= SHARED_PATH
        if not another[i]:
            _paint(painted, [paths[i]], max(2, round(0.5 * float(widths_um[i]) / CELL_UM)))
    return another


def _from_tips(maps: Maps, known: list[Floats], size: tuple[int, int]) -> tuple[list[Floats], Floats]:
    """Hairs whose root hides beside another's: walked back from tips that no known path explains.

    A hair has one tip, so a tip with a stretch of shaft of its own belongs to a hair of its own, even where
    both share an ostium and only one root shows. It counts if the walk arrives at a root by the shaft's own account.
    """
    tips, probability = find_peaks(maps.tip, LONE_TIP_THRESHOLD)
    if known and len(tips):
        ends = np.array([path[-1] for path in known])
        probability = probability * (np.linalg.norm(tips[:, None] - ends[None], axis=2).min(1) > 5)
    tips, probability = tips[probability > 0], probability[probability > 0]
    if not len(tips):
        return [], probability
    walks, left = _follow(tips, _way_along(tips, maps, rooted=False), maps, maps.root, maps.root_threshold)
    owned = np.zeros(size[::-1], np.uint8)
    _paint(owned, known, 2)
    paths, scores = [], []
    for walk, gone, score in zip(walks, left, probability, strict=True):
        own_um = int((_under(walk, owned) == 0).sum()) * STEP_CELLS * CELL_UM
        to_root = _under(walk, maps.to_root_um) / CELL_UM
        arrived = np.flatnonzero(np.hypot(to_root[:, 0], to_root[:, 1]) < ARRIVAL_CELLS)
        if gone or own_um < OWN_SHAFT_UM or not len(arrived) or arrived[0] < 3:
            continue
        k = int(arrived[0])
        paths.append(np.concatenate([(walk[k] + to_root[k])[None], walk[k::-1]]).astype(np.float32))
        scores.append(score)
    return paths, np.array(scores, np.float32)


def trace(maps: Maps, size_px: tuple[int, int]) -> list[Trace]:
    """Every hair whose root lies in the picture of size_px (width, height)."""
    maps = replace(maps, root=_roots_under_hair(maps))
    cells = maps.root.shape[1], maps.root.shape[0]
    roots, score = find_peaks(maps.root, maps.root_threshold)
    paths, left = _follow(roots, _way_along(roots, maps, rooted=True), maps, maps.tip, maps.tip_threshold)
    steps = np.array([len(p) - 1 for p in paths], int)
    keep = (steps * STEP_CELLS * CELL_UM >= MIN_LENGTH_UM) | (left & (steps > 0))
    widths = np.array([_width_along(path, maps) for path in paths], np.float32)
    keep &= ~_of_another(paths, score, widths, cells)
    paths = [path for path, kept in zip(paths, keep, strict=True) if kept]
    more, more_score = _from_tips(maps, paths, cells)
    paths += more
    score, left = np.concatenate([score[keep], more_score]), np.concatenate([left[keep], np.zeros(len(more), bool)])
    widths = np.concatenate([widths[keep], np.array([_width_along(path, maps) for path in more], np.float32)])

    width_px, height_px = size_px
    touched = _beside_another(paths, widths, cells)
    traces = []
    for path, sure, width, cut, crossed in zip(paths, score, widths, left, touched, strict=True):
        path_px = maps.to_photograph_px(path).astype(np.float32)
        x, y = float(path_px[0, 0]), float(path_px[0, 1])
        if -0.5 < x < width_px - 0.5 and -0.5 < y < height_px - 0.5:
            traces.append(Trace((x, y), path_px, float(sure), float(width), bool(cut), crossed))
    return traces


def _roots_under_hair(maps: Maps) -> Floats:
    """The root map, its odds raised where hair covers the skin."""
    height, width = maps.root.shape
    every = 8  # cells: cover changes slowly
    shafts = (maps.centreline >= SHAFT).astype(np.float32)
    coarse = cv2.resize(shafts, (-(-width // every), -(-height // every)), interpolation=cv2.INTER_AREA)
    window = round(COVER_UM / CELL_UM / every) | 1
    cover = cv2.blur(coarse, (window, window), borderType=cv2.BORDER_REFLECT)
    low, high = COVERED
    share = np.clip((cover - low) / (high - low), 0, 1)
    if not share.any():
        return maps.root
    odds = cv2.resize(np.asarray(ROOT_ODDS**share, np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(maps.root * odds / (1 + maps.root * (odds - 1)), np.float32)


def _width_along(path: Floats, maps: Maps) -> float:
    """Median of the network's width on a path, the first 25 µm at the root left out; of a mere point, its own."""
    return float(np.median(_under(path[1:] if len(path) > 1 else path, maps.width_um)))
