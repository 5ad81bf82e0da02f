"""How one shaft looks: a soft-edged translucent cylinder, drawn straight into the picture."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .scalp import Scalp, Scope

Floats = NDArray[np.float32]

EUMELANIN_PER_UM = np.array([0.050, 0.072, 0.100], np.float32)
"""Absorption of a black shaft per µm of chord, red, green, blue: 70 µm let 3 % of red and 0.1 % of blue through."""
PHEOMELANIN_PER_UM = np.array([0.002, 0.016, 0.034], np.float32)
SCATTERED, FROM_BELOW = np.float32(0.15), np.float32(0.7)
RING_LIGHT = np.array([0.85, 0.95, 1.0], np.float32)  # white LEDs are a little blue

_TABLE = np.linspace(-4, 4, 2049)
_PHI = np.cumsum(np.exp(-(_TABLE**2) / 2))
_PHI = (_PHI / _PHI[-1]).astype(np.float32)


def phi(z: NDArray[np.floating[Any]]) -> Floats:
    """Standard normal distribution function, by table (error < 0.1 %)."""
    return np.asarray(_PHI[np.clip((z + 4) * 256, 0, 2048).astype(np.int32)])


@dataclass(frozen=True, eq=False)
class Painted:
    """What a shaft left in the picture."""

    pixels: NDArray[np.intp]
    """Flat indices of the pixels that the shaft covers by more than half."""
    along_um: Floats
    """How far from the root each of them lies."""


@dataclass(frozen=True, eq=False)
class _Near:
    """The n pixels near a shaft, in the shaft's own coordinates. Pixels; (n,) where nothing else is said."""

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    s: Floats
    """Way along the shaft from its root; negative before it."""
    d: Floats
    """Distance from its middle, positive to the right of the growth direction."""
    radius: Floats
    sigma: Floats
    """Gaussian blur by defocus."""
    total: np.float32
    """Length of the shaft, one number."""
    um: np.float32
    """µm per pixel, one number."""

    def wander(self, rng: np.random.Generator, amount: float, knot_um: float) -> Floats:
        """Random change along the shaft with standard deviation `amount` and a knot every so many µm."""
        knots = int(self.total * self.um / knot_um) + 4
        v = (rng.normal(0, amount, knots + 2)).astype(np.float32)
        position = np.clip(self.s * self.um / knot_um + 1, 0, knots)
        i = position.astype(np.int32)
        return np.asarray(v[i] + (v[i + 1] - v[i]) * (position - i))


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
    near = _pixels_near(path_px, width_px, sigma_px, um_per_px, image.shape[:2])
    if near is None:
        return None
    if scalp.wetness > 0.05:  # lumps of fluid
        near = replace(near, radius=near.radius * (1 + near.wander(rng, 0.035 * scalp.wetness, 60)))
    cover = _cover(rng, near, rooted)
    under = image[near.rows, near.columns]
    colour, opacity = _body(rng, near, under, melanin, pheomelanin, scalp.pigment_variation)
    shiny = scope.glint * (0.1 if scope.polarised else 1.0)
    if shiny > 0.01:
        colour = colour + _streaks(rng, near, shiny)
        if scalp.wetness > 0.15 and rng.random() < 0.6:
            colour = colour + _sparks(rng, near, shiny, scalp.wetness)

    alpha = (cover * opacity)[:, None]
    image[near.rows, near.columns] = under + alpha * (colour - under)
    solid = cover > 0.5 * cover.max()  # a thin hair out of focus is solid nowhere
    if float(cover.sum()) < 1e-3:
        return None
    return Painted(near.rows[solid] * image.shape[1] + near.columns[solid], near.s[solid] * near.um)


def _pixels_near(
    path_px: NDArray[np.float64],
    width_px: NDArray[np.float64],
    sigma_px: NDArray[np.float64],
    um_per_px: float,
    size: tuple[int, ...],
) -> _Near | None:
    """The pixels of a picture of `size` (h, w) that a shaft can reach, each with its place on the nearest segment."""
    reach = float((width_px / 2 + 3.2 * sigma_px).max() + 1.5)
    corner = np.maximum(np.floor(path_px.min(0) - reach).astype(int), 0)
    end = np.minimum(np.ceil(path_px.max(0) + reach).astype(int) + 1, size[::-1])
    across, down = (int(v) for v in end - corner)
    if across < 2 or down < 2:
        return None
    index = _segments(path_px - corner, reach, (down, across))
    flat = np.flatnonzero(index)
    if len(flat) < 2:
        return None
    k = index.ravel()[flat].astype(np.int32) - 1
    ys, xs = np.divmod(flat, across)

    p = path_px.astype(np.float32) - corner.astype(np.float32)
    step = np.diff(p, axis=0)
    length = np.maximum(np.hypot(step[:, 0], step[:, 1]), 1e-3)
    ux, uy = step[:, 0] / length, step[:, 1] / length
    start = np.concatenate([[0], np.cumsum(length)]).astype(np.float32)
    rx, ry = xs.astype(np.float32) - p[k, 0], ys.astype(np.float32) - p[k, 1]
    t = rx * ux[k] + ry * uy[k]
    share = np.clip(t / length[k], 0, 1)

    def along(values: NDArray[np.float64]) -> Floats:
        v = values.astype(np.float32)
        return np.asarray(v[k] + (v[k + 1] - v[k]) * share)

    return _Near(
        rows=ys + corner[1],
        columns=xs + corner[0],
        s=start[k] + t,
        d=ry * ux[k] - rx * uy[k],
        radius=along(width_px / 2),
        sigma=along(sigma_px),
        total=start[-1],
        um=np.float32(um_per_px),
    )


def _segments(path_px: NDArray[np.float64], reach: float, size: tuple[int, int]) -> NDArray[np.int16]:
    """A picture of `size` (h, w): thick lines painted with the number of their segment, from 1; 0 is far away."""
    index = np.zeros(size, np.int16)
    fixed = np.round(path_px * 16).astype(np.int32)
    thickness = max(int(np.ceil(2 * reach)), 3)
    beyond = np.array(size[::-1]) + reach
    for number, (a, b) in enumerate(pairwise(fixed), start=1):
        outside = (np.maximum(a, b) < -16 * reach) | (np.minimum(a, b) > 16 * beyond)
        if not outside.any():
            cv2.line(index, (int(a[0]), int(a[1])), (int(b[0]), int(b[1])), number, thickness, cv2.LINE_8, 4)
    return index


def _cover(rng: np.random.Generator, near: _Near, rooted: bool) -> Floats:
    """Share of each pixel, 0–1, that the blurred shaft covers: between its sides, before its tip, after its root."""
    s, d, radius, sigma = near.s, near.d, near.radius, near.sigma
    inside = phi((radius - d) / sigma) - phi((-radius - d) / sigma)
    slant = rng.normal(0, 0.18)
    blunt = 0.25 * d * d / np.maximum(radius, 0.5)  # cut ends are a little round
    tip = phi((near.total - s + slant * d - blunt) / sigma)
    if rooted:
        rim = np.maximum(sigma, rng.uniform(4, 16) / near.um)  # the ostium's rim is not a knife edge
        base = phi((s + rng.normal(0, 0.25) * d) / rim)
    else:
        base = phi((s + slant * d) / sigma)
    return np.asarray(np.clip(inside * tip * base, 0, 1))


def _body(
    rng: np.random.Generator, near: _Near, under: Floats, melanin: float, pheomelanin: float, variation: float
) -> tuple[Floats, Floats]:
    """Colour (n, 3) and opacity (n,) by the light that comes through the shaft: most from what lies under it (n, 3),
    the rest scattered by the shaft itself, which is why white hair is white on dark skin.

    Beer–Lambert over the chord of an elliptic section; edges refract darker.
    """
    across = np.clip(np.abs(near.d) / np.maximum(near.radius, 0.3), 0, 1)
    chord = 2 * near.radius * near.um * np.sqrt(np.maximum(1 - 0.85 * across**2, 0.05))
    patches = near.wander(rng, 0.6 * variation, 120)
    pigment = melanin * np.clip(1 + patches + near.wander(rng, 0.3 * variation, 35), 0.15, 2)
    depth = (chord * pigment)[:, None] * ((1 - pheomelanin) * EUMELANIN_PER_UM + pheomelanin * PHEOMELANIN_PER_UM)
    through = np.exp(-depth) * (1 - rng.uniform(0.1, 0.6) * across**3)[:, None]
    colour = rng.uniform(0.006, 0.02) + through * (SCATTERED + FROM_BELOW * under)
    opacity = 0.6 + 0.4 * (1 - np.exp(-1.6 * depth.mean(1)))
    if pigment.mean() < 0.2:
        opacity *= rng.uniform(0.7, 1.0)
    return colour, opacity


def _streaks(rng: np.random.Generator, near: _Near, shiny: float) -> Floats:
    """(n, 3) of light: the ring light's one or two reflections along the shaft, broken by its lumps."""
    streak = np.zeros_like(near.d)
    place = rng.uniform(0.2, 0.55)
    two = rng.random() < 0.6
    for side in (-1, 1) if two else (rng.choice((-1, 1)) * rng.uniform(0, 1),):
        lateral = np.maximum(rng.uniform(0.10, 0.22) * near.radius, 0.35 * near.sigma + 0.3)
        gain = rng.uniform(0.3, 1.0) * np.clip(rng.uniform(-0.5, 1.0) + near.wander(rng, 0.4, 90), 0, 1.6)
        streak += gain * np.exp(-(((near.d - side * place * near.radius) / lateral) ** 2))
    resolved = np.clip(near.radius / np.maximum(near.sigma, 0.3) / 2.5, 0, 1)
    return np.asarray((shiny * rng.uniform(0.1, 0.9) * streak * resolved)[:, None] * RING_LIGHT)


def _sparks(rng: np.random.Generator, near: _Near, shiny: float, wetness: float) -> Floats:
    """(n, 1) of light: glints of fluid, in cells of 22 µm along and across the shaft."""
    cells = rng.random((int(near.total * near.um / 22) + 3, 8), np.float32)
    row = np.clip(near.s * near.um / 22, 0, len(cells) - 1).astype(np.int32)
    column = np.clip(4 + near.d * near.um / 22, 0, 7).astype(np.int32)
    spark = np.clip(cells[row, column] - (1 - 0.12 * wetness), 0, 1) * 10
    return np.asarray((shiny * spark)[:, None])
