"""How one shaft looks: a soft-edged translucent cylinder, drawn straight into the picture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .scalp import Scalp, Scope

Floats = NDArray[np.float32]

EUMELANIN_PER_UM = np.array([0.050, 0.072, 0.100], np.float32)
"""Absorption of a black shaft per µm of chord, red, green, blue: 70 µm let 3 % of red and 0.1 % of blue through."""
PHEOMELANIN_PER_UM = np.array([0.002, 0.016, 0.034], np.float32)

_TABLE = np.linspace(-4, 4, 2049)
_PHI = np.cumsum(np.exp(-(_TABLE**2) / 2))
_PHI = (_PHI / _PHI[-1]).astype(np.float32)


def phi(z: Floats) -> Floats:
    """Standard normal distribution function, by table (error < 0.1 %)."""
    return _PHI[np.clip((z + 4) * 256, 0, 2048).astype(np.int32)]


@dataclass(frozen=True, eq=False)
class Painted:
    """What a shaft left in the picture."""

    pixels: NDArray[np.intp]
    """Flat indices of the pixels that the shaft covers by more than half."""
    contrast: float
    """Mean relative difference between the shaft and what was under it."""


def draw_shaft(
    image: Floats,
    rng: np.random.Generator,
    path_px: NDArray[np.float64],
    width_px: NDArray[np.float64],
    sigma_px: NDArray[np.float64],
    melanin: float,
    pheomelanin: float,
    rooted: bool,
    um_per_px: float,
    scalp: Scalp,
    scope: Scope,
) -> Painted | None:
    """Composite one shaft over `image` (h × w × 3, linear light). None where it misses the picture."""
    h, w = image.shape[:2]
    reach = float((width_px / 2 + 3.2 * sigma_px).max() + 1.5)
    low = np.floor(path_px.min(0) - reach).astype(int)
    high = np.ceil(path_px.max(0) + reach).astype(int) + 1
    x0, y0 = np.maximum(low, 0)
    x1, y1 = np.minimum(high, (w, h))
    if x1 - x0 < 2 or y1 - y0 < 2:
        return None

    # each pixel near the shaft learns its segment: thick lines painted with the segment's number
    index = np.zeros((y1 - y0, x1 - x0), np.int16)
    corner = np.array([x0, y0])
    fixed = np.round((path_px - corner) * 16).astype(np.int32)
    thickness = max(int(np.ceil(2 * reach)), 3)
    for k in range(len(fixed) - 1):
        a, b = fixed[k], fixed[k + 1]
        if max(a[0], b[0]) < -16 * reach or min(a[0], b[0]) > 16 * (x1 - x0 + reach):
            continue
        if max(a[1], b[1]) < -16 * reach or min(a[1], b[1]) > 16 * (y1 - y0 + reach):
            continue
        cv2.line(index, (int(a[0]), int(a[1])), (int(b[0]), int(b[1])), k + 1, thickness, cv2.LINE_8, 4)
    flat = np.flatnonzero(index)
    if len(flat) < 2:
        return None
    k = index.ravel()[flat].astype(np.int32) - 1
    ys, xs = np.divmod(flat, x1 - x0)
    x, y = xs.astype(np.float32), ys.astype(np.float32)

    p = path_px.astype(np.float32) - corner.astype(np.float32)
    step = np.diff(p, axis=0)
    length = np.maximum(np.hypot(step[:, 0], step[:, 1]), 1e-3)
    ux, uy = step[:, 0] / length, step[:, 1] / length
    start = np.concatenate([[0], np.cumsum(length)]).astype(np.float32)
    rx, ry = x - p[k, 0], y - p[k, 1]
    t = rx * ux[k] + ry * uy[k]
    d = ry * ux[k] - rx * uy[k]  # signed distance to the right of the growth direction
    s = start[k] + t
    at = np.clip(t / length[k], 0, 1)
    total = start[-1]

    def along(values: NDArray[np.float64]) -> Floats:
        v = values.astype(np.float32)
        return v[k] + (v[k + 1] - v[k]) * at

    sigma = along(sigma_px)
    radius = along(width_px) / 2
    um = np.float32(um_per_px)

    def wander(amount: float, knot_um: float = 60.0) -> Floats:
        """Random change along the shaft, with a knot every so many µm."""
        knots = int(total * um / knot_um) + 4
        v = (rng.normal(0, amount, knots + 2)).astype(np.float32)
        position = np.clip(s * um / knot_um + 1, 0, knots)
        i = position.astype(np.int32)
        return v[i] + (v[i + 1] - v[i]) * (position - i)

    if scalp.wetness > 0.05:
        radius = radius * (1 + wander(0.035 * scalp.wetness))
    inside = phi((radius - d) / sigma) - phi((-radius - d) / sigma)
    slant = rng.normal(0, 0.18)
    blunt = 0.25 * d * d / np.maximum(radius, 0.5)  # cut ends are a little round
    tip = phi((total - s + slant * d - blunt) / sigma)
    if rooted:
        rim = np.maximum(sigma, rng.uniform(4, 16) / um)  # the ostium's rim is not a knife edge
        base = phi((s + rng.normal(0, 0.25) * d) / rim)
    else:
        base = phi((s + slant * d) / sigma)
    cover = np.clip(inside * tip * base, 0, 1)

    # light through the shaft: Beer–Lambert over the chord of an elliptic section; edges refract darker
    across = np.clip(np.abs(d) / np.maximum(radius, 0.3), 0, 1)
    chord = 2 * radius * um * np.sqrt(np.maximum(1 - 0.85 * across**2, 0.05))
    pigment = melanin * np.clip(
        1 + wander(0.6 * scalp.pigment_variation, 120) + wander(0.3 * scalp.pigment_variation, 35), 0.15, 2
    )
    depth = (chord * pigment)[:, None] * ((1 - pheomelanin) * EUMELANIN_PER_UM + pheomelanin * PHEOMELANIN_PER_UM)
    scatter = rng.uniform(0.006, 0.02) + 0.5 * np.exp(-depth) * (1 - rng.uniform(0.1, 0.6) * across**3)[:, None]
    opacity = 0.6 + 0.4 * (1 - np.exp(-1.6 * depth.mean(1)))
    if pigment.mean() < 0.2:
        opacity *= rng.uniform(0.7, 1.0)

    # ring light: one or two streaks along the shaft, broken by its lumps, and glints of fluid
    shiny = scope.glint * (0.1 if scope.polarised else 1.0)
    colour = scatter
    if shiny > 0.01:
        streak = np.zeros_like(d)
        place = rng.uniform(0.2, 0.55)
        two = rng.random() < 0.6
        for side in (-1, 1) if two else (rng.choice((-1, 1)) * rng.uniform(0, 1),):
            lateral = np.maximum(rng.uniform(0.10, 0.22) * radius, 0.35 * sigma + 0.3)
            gain = rng.uniform(0.3, 1.0) * np.clip(rng.uniform(-0.5, 1.0) + wander(0.4, 90), 0, 1.6)
            streak += gain * np.exp(-(((d - side * place * radius) / lateral) ** 2))
        resolved = np.clip(radius / np.maximum(sigma, 0.3) / 2.5, 0, 1)
        colour = colour + (shiny * rng.uniform(0.1, 0.9) * streak * resolved)[:, None] * np.float32([0.85, 0.95, 1.0])
        if scalp.wetness > 0.15 and rng.random() < 0.6:
            cells = rng.random((int(total * um / 22) + 3, 8), np.float32)
            row = np.clip(s * um / 22, 0, len(cells) - 1).astype(np.int32)
            column = np.clip(4 + d * um / 22, 0, 7).astype(np.int32)
            spark = np.clip(cells[row, column] - (1 - 0.12 * scalp.wetness), 0, 1) * 10
            colour = colour + (shiny * spark)[:, None]

    alpha = (cover * opacity)[:, None]
    rows, columns = ys + y0, xs + x0
    under = image[rows, columns]
    image[rows, columns] = under + alpha * (colour - under)
    solid = cover > 0.5
    weight = float(cover.sum())
    if weight < 1e-3:
        return None
    change = np.abs((colour - under).mean(1)) / (under.mean(1) + 0.05)
    contrast = float((change * cover * opacity).sum() / weight)
    return Painted(rows[solid] * w + columns[solid], contrast)
