"""The skin between the hairs: colour, furrows, grain, pores, scales, vessels, sebum. Linear light, float32 RGB."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .scalp import Scalp, Scope

Image = NDArray[np.float32]

SKIN_LIGHT = np.array([0.62, 0.44, 0.36], np.float32)  # reflectance of very light skin, red, green, blue
SKIN_DARK = np.array([0.11, 0.058, 0.036], np.float32)
BLOOD = np.array([0.12, 0.62, 0.52], np.float32)  # how much haemoglobin takes from each channel
SCALES = np.array([0.62, 0.6, 0.55], np.float32)
COLD_LIGHT = np.array([0.8, 0.88, 1.0], np.float32)
WHITE_LIGHT = np.array([1, 1, 1], np.float32)


def noise(rng: np.random.Generator, shape: tuple[int, int], cell: float, stretch: float = 1.0) -> Image:
    """Smooth noise of about unit variance whose features are `cell` pixels wide, and `stretch` times as long."""
    height, width = shape
    rows, columns = int(height / cell) + 4, int(width / (cell * stretch)) + 4
    grid = rng.integers(0, 256, (rows, columns), np.uint8).astype(np.float32)
    grid = (grid - 127.5) * (1 / 58.0)  # bicubic interpolation lowers the variance a little
    if cell <= 1.0 and stretch == 1.0:
        return grid[:height, :width]
    x, y = rng.uniform(0, 1, 2)
    warp = np.array([[1 / (cell * stretch), 0, 1 + x], [0, 1 / cell, 1 + y]], np.float32)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpAffine(grid, warp, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT), np.float32
    )


def _turned(rng: np.random.Generator, shape: tuple[int, int], cell: float, stretch: float, angle: float) -> Image:
    """Noise whose long features run along `angle` (radians)."""
    height, width = shape
    side = int(np.hypot(height, width)) + 4
    grid = rng.integers(0, 256, (int(side / cell) + 6, int(side / (cell * stretch)) + 6), np.uint8).astype(np.float32)
    grid = (grid - 127.5) * (1 / 58.0)
    c, s = np.cos(angle), np.sin(angle)
    warp = np.array([[c, s, 0], [-s, c, 0]]) / np.array([[cell * stretch], [cell]])
    warp[:, 2] = np.array(grid.shape[::-1]) / 2 - warp[:, :2] @ np.array([width / 2, height / 2])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    out = cv2.warpAffine(grid, warp.astype(np.float32), (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(out, np.float32)


def _furrows(rng: np.random.Generator, shape: tuple[int, int], cell: float) -> Image:
    """Sulci: the edges of a warped Voronoi mosaic, 1 in a furrow and 0 on the plateaus (F2 − F1, Worley 1996)."""
    step = max(cell / 12, 1.0)
    rows, columns = int(shape[0] / step) + 2, int(shape[1] / step) + 2
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32) * np.float32(step / cell)
    x += 0.25 * noise(rng, (rows, columns), 9)
    y += 0.25 * noise(rng, (rows, columns), 9)
    across, down = int(x.max()) + 4, int(y.max()) + 4
    jitter = rng.uniform(0, 1, (down + 2, across + 2, 2)).astype(np.float32)
    ix, iy = np.floor(x).astype(int), np.floor(y).astype(int)
    first = np.full(x.shape, 9.0, np.float32)
    second = first.copy()
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            cx, cy = np.clip(ix + dx + 1, 0, across + 1), np.clip(iy + dy + 1, 0, down + 1)
            d = np.hypot(ix + dx + jitter[cy, cx, 0] - x, iy + dy + jitter[cy, cx, 1] - y)
            second = np.minimum(second, np.maximum(d, first))
            first = np.minimum(first, d)
    edge = np.exp(-(((second - first) / 0.10) ** 2))
    return np.asarray(cv2.resize(edge, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR), np.float32)


def _dots(
    rng: np.random.Generator, shape: tuple[int, int], count: int, radius: tuple[float, float], ragged: float = 0.0
) -> Image:
    """Soft spots (0–1) of random radius in pixels; ragged ones are flakes."""
    layer = np.zeros(shape, np.float32)
    for _ in range(count):
        x, y = rng.uniform(0, shape[1]), rng.uniform(0, shape[0])
        r = rng.uniform(*radius)
        if ragged:
            angles = np.sort(rng.uniform(0, 2 * np.pi, 9))
            radii = r * (1 + ragged * rng.uniform(-0.8, 0.8, 9))
            stretch = rng.uniform(0.4, 1)
            points = np.stack([x + radii * np.cos(angles), y + stretch * radii * np.sin(angles)], 1)
            cv2.fillPoly(layer, [np.round(points * 16).astype(np.int32)], rng.uniform(0.3, 1), cv2.LINE_AA, 4)
        else:
            cv2.circle(layer, (int(x * 16), int(y * 16)), int(r * 16), 1.0, -1, cv2.LINE_AA, 4)
    return np.asarray(cv2.GaussianBlur(layer, (0, 0), max(0.35 * radius[0], 0.6)), np.float32)


def ramble(
    rng: np.random.Generator, start: NDArray[np.float64], angle: float, steps: int, bend: float, step: float
) -> NDArray[np.int32]:
    """A line (steps + 1, 2) whose direction wanders by `bend` radians a step; for OpenCV with shift 4."""
    points = [start]
    for _ in range(steps):
        angle += rng.normal(0, bend)
        points.append(points[-1] + np.array([np.cos(angle), np.sin(angle)]) * step)
    return np.round(np.array(points) * 16).astype(np.int32)


def _vessels(rng: np.random.Generator, shape: tuple[int, int], px_um: float, strength: float) -> Image:
    layer = np.zeros(shape, np.float32)
    area_mm2 = shape[0] * shape[1] * px_um**2 * 1e-6
    for _ in range(rng.poisson(1.2 * strength * area_mm2 + 0.01)):
        start = rng.uniform(0, 1, 2) * shape[::-1]
        angle, width = rng.uniform(0, 6.28), rng.uniform(8, 30) / px_um
        line = ramble(rng, start, angle, int(rng.integers(6, 30)), bend=0.45, step=40 / px_um)
        cv2.polylines(layer, [line], False, rng.uniform(0.3, 1), max(1, round(width)), cv2.LINE_AA, 4)
    return np.asarray(cv2.GaussianBlur(layer, (0, 0), max(10 / px_um, 0.7)), np.float32)


def paint(rng: np.random.Generator, scalp: Scalp, scope: Scope, shape: tuple[int, int], px_um: float) -> Image:
    """A field of bare skin, shape × 3, with px_um micrometres to a pixel."""
    h, w = shape
    tone = scalp.skin_melanin
    base = np.exp((1 - tone) * np.log(SKIN_LIGHT) + tone * np.log(SKIN_DARK)).astype(np.float32)
    blotch = noise(rng, shape, 900 / px_um) * 0.6 + noise(rng, shape, 260 / px_um) * 0.4
    shiny = scope.glint * (0.1 if scope.polarised else 1.0)

    # absorbance: pigment and blood, both patchy, go into an exponent
    blood = scalp.redness * (0.55 + 0.35 * noise(rng, shape, 700 / px_um) + 0.25 * noise(rng, shape, 180 / px_um))
    if scalp.vessels:
        blood += 0.6 * scalp.vessels**0.5 * _vessels(rng, shape, px_um, scalp.vessels)
    pigment = 0.07 * (0.4 + tone) * blotch

    # relief: furrows, wrinkles and grain seen by a ring light
    angle = rng.uniform(0, np.pi)
    grain = noise(rng, shape, max(22 / px_um, 1.0)) * 0.55 + noise(rng, shape, 55 / px_um) * 0.45
    wrinkle = _turned(rng, shape, rng.uniform(25, 60) / px_um, rng.uniform(3, 9), angle)
    fine = noise(rng, shape, max(11 / px_um, 1.0), 1.4)
    relief = scalp.grain * (0.06 * grain + 0.05 * wrinkle + 0.05 * fine)
    if scalp.sulci > 0.02:
        furrow = _furrows(rng, shape, rng.uniform(180, 520) / px_um)
        if rng.random() < 0.5:
            ridge = np.abs(_turned(rng, shape, rng.uniform(120, 300) / px_um, rng.uniform(2, 6), angle + 0.5))
            furrow = np.maximum(furrow * 0.5, np.exp(-((ridge / 0.10) ** 2)) * 0.8)
        relief -= scalp.sulci * 0.16 * furrow * np.clip(0.5 + 0.7 * noise(rng, shape, 500 / px_um), 0, 1.5)
    area_cm2 = h * w * px_um**2 * 1e-8
    pores = int(scalp.pores_per_cm2 * area_cm2)
    if pores:
        relief -= 0.25 * _dots(rng, shape, pores, (12 / px_um, 32 / px_um))

    pigment = pigment - relief
    skin = np.empty((h, w, 3), np.float32)
    for c in range(3):
        skin[..., c] = base[c] * np.exp(-(pigment + BLOOD[c] * blood))

    # scales: dull white flakes
    flakes = rng.poisson(scalp.scaling * 900 * area_cm2)
    if flakes:
        white = _dots(rng, shape, min(flakes, 4000), (14 / px_um, 60 / px_um), ragged=1.0)[..., None]
        skin += white * (SCALES * rng.uniform(0.7, 1.1) - skin) * 0.75

    # specular: glitter where a facet faces the ring, broad glare where sebum lies
    if shiny > 0.01:
        cell = max(rng.uniform(8, 24) / px_um, 1.0)
        facets = 0.7 * _turned(rng, shape, cell, rng.uniform(1, 3.5), angle) + 0.7 * noise(rng, shape, cell * 2.2)
        patches = np.clip(0.3 + 0.6 * noise(rng, shape, 420 / px_um) + 0.5 * wrinkle, 0, 2)
        sharp = np.clip(facets + 0.6 * wrinkle - rng.uniform(0.2, 1.3), 0, 1.5)
        tint = COLD_LIGHT if rng.random() < 0.7 else WHITE_LIGHT
        sheen = np.clip(0.5 * facets + 0.5 * noise(rng, shape, 60 / px_um) + 0.4 * wrinkle + 0.3, 0, 2) * patches
        skin += (shiny * (rng.uniform(0.0, 0.06) * sharp**1.5 * patches + rng.uniform(0.01, 0.09) * sheen))[
            ..., None
        ] * tint
        sparks = np.clip(fine + 0.5 * facets - rng.uniform(1.2, 2.0), 0, 0.8)
        skin += (shiny * rng.uniform(0.0, 0.4) * sharp**0.5 * sparks)[..., None] * tint
        if scalp.sebum > 0.02:
            oil = noise(rng, shape, rng.uniform(90, 300) / px_um) * 0.6 + 0.4 * wrinkle + 0.35 * facets
            oil = np.clip(oil - (2.2 - 1.3 * scalp.sebum), 0, 1)
            skin += (shiny * oil)[..., None]
    return skin
