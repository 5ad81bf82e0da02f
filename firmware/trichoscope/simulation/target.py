"""A calibration target under the scope: dots, ticks or a grey card, with the exact scale of the picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import optics
from .scalp import Scope

Image = NDArray[np.float32]
Points = NDArray[np.float64]

PAPER = np.array([0.82, 0.81, 0.78], np.float32)
INK = np.array([0.05, 0.05, 0.06], np.float32)
GREY = np.array([0.18, 0.18, 0.18], np.float32)
COVER = np.array([0.42, 0.22, 0.15], np.float32)
"""A finger over a part of the target."""


@dataclass(frozen=True)
class Dots:
    """A square grid of round dots."""

    pitch_um: float = 500.0
    diameter_um: float = 250.0

    def ink(self, x: Image, y: Image, um_per_px: float) -> Image:
        """Share of ink, 0–1, at points of the target in µm; the edge is one pixel wide."""
        p = np.float32(self.pitch_um)
        dx, dy = (v - np.round(v / p) * p for v in (x, y))
        return _inside(np.float32(self.diameter_um / 2) - np.hypot(dx, dy), um_per_px)


@dataclass(frozen=True)
class Ticks:
    """An endless row of ticks that start from one line, every fifth and tenth longer by a factor."""

    pitch_um: float = 500.0
    width_um: float = 40.0
    length_um: float = 800.0
    fifth: float = 1.5
    tenth: float = 2.0
    ground: tuple[float, float, float] = (0.82, 0.81, 0.78)

    def ink(self, x: Image, y: Image, um_per_px: float) -> Image:
        """Share of ink, 0–1, at points of the target in µm; the edge is one pixel wide."""
        p = np.float32(self.pitch_um)
        k = np.round(x / p)
        length = np.full_like(x, self.length_um)
        length[k % 5 == 0] = self.length_um * self.fifth
        length[k % 10 == 0] = self.length_um * self.tenth
        across = np.float32(self.width_um / 2) - np.abs(x - k * p)
        y = y + np.float32(self.length_um / 2)
        return _inside(across, um_per_px) * _inside(np.minimum(y, length - y), um_per_px)


@dataclass(frozen=True)
class View:
    """How the target lies before the lens."""

    rotation_deg: float = 0.0
    shift_um: tuple[float, float] = (0.0, 0.0)
    tilt_deg: float = 0.0
    tilt_axis_deg: float = 0.0
    lens_distance_um: float = 60_000.0
    """From the entrance pupil to the target: the nearer, the more a tilt changes the scale across the picture."""
    radial: tuple[float, float] = (0.0, 0.0)
    """k1, k2: an ideal point lies at r (1 + k1 r² + k2 r⁴) from the centre, r being 1 in the corner."""
    cover_share: float = 0.0
    """Share of the picture's width over which a finger lies."""

    def on_target(self, points_px: Points, size_px: tuple[int, int], um_per_px: float) -> Points:
        """(n, 2) pixels → (n, 2) µm on the target, exact. um_per_px is the nominal one, of a flat target on the axis.

        A pinhole camera looks along z at a plane through (0, 0, distance), tilted about an axis in it.
        """
        centre = (np.array(size_px) - 1) / 2
        q = points_px - centre
        r2 = (q**2).sum(1, keepdims=True) / (np.array(size_px) ** 2).sum() * 4
        q = q * (1 + self.radial[0] * r2 + self.radial[1] * r2**2) * um_per_px
        tilt, axis = np.radians([self.tilt_deg, self.tilt_axis_deg])
        along = np.array([np.cos(axis), np.sin(axis), 0.0])
        across = np.array([-np.sin(axis) * np.cos(tilt), np.cos(axis) * np.cos(tilt), np.sin(tilt)])
        normal = np.cross(along, across)
        ray = np.column_stack([q, np.full(len(q), self.lens_distance_um)])
        hit = ray * (self.lens_distance_um * normal[2] / (ray @ normal))[:, None] - [0, 0, self.lens_distance_um]
        turn = np.radians(self.rotation_deg) - axis
        u, v = hit @ along, hit @ across
        plane = np.column_stack([np.cos(turn) * u + np.sin(turn) * v, -np.sin(turn) * u + np.cos(turn) * v])
        return np.asarray(plane + self.shift_um)


@dataclass(frozen=True, eq=False)
class TargetPhotograph:
    """A simulated photograph of a target."""

    pixels: NDArray[np.uint8]
    """height × width × 3, RGB, as decoded from `jpeg`."""
    jpeg: bytes
    um_per_px: float
    """√(area of target in the picture / number of pixels): exact, with tilt and distortion."""


@dataclass(frozen=True)
class GreyCard:
    """A plain card without a mark."""

    reflectance: float = 0.18
    texture: float = 0.0
    """Standard deviation of coarse blotches, as a share: dirt on the card."""

    def light(self, rng: np.random.Generator, size_px: tuple[int, int]) -> Image:
        width, height = size_px
        blotches = np.kron(rng.normal(0, self.texture, (height // 16 + 1, width // 16 + 1)), np.ones((16, 16)))
        light = self.reflectance * (1 + blotches[:height, :width, None]) * np.ones(3)
        return np.asarray(np.clip(light, 0, 1), np.float32)


def photograph_target(target: Dots | Ticks, view: View, scope: Scope, seed: int) -> TargetPhotograph:
    """Photograph a grid of dots or a row of ticks. The same arguments give the same bytes."""
    rng = np.random.default_rng(seed)
    size = scope.width_px, scope.height_px
    ground = np.array(target.ground, np.float32) if isinstance(target, Ticks) else PAPER
    light = np.empty((scope.height_px, scope.width_px, 3), np.float32)
    columns = np.arange(scope.width_px, dtype=np.float64)
    for top in range(0, scope.height_px, 64):  # in strips: the geometry is exact, in double precision
        rows = np.arange(top, min(top + 64, scope.height_px), dtype=np.float64)
        places = np.stack(np.meshgrid(columns, rows), -1).reshape(-1, 2)
        x, y = view.on_target(places, size, scope.um_per_px).astype(np.float32).T
        ink = target.ink(x, y, scope.um_per_px).reshape(len(rows), -1, 1)
        light[top : top + 64] = ground + ink * (INK - ground)
    covered = round(view.cover_share * scope.width_px)
    light[:, scope.width_px - covered :] = COVER
    pixels, jpeg = optics.encode(optics.expose(rng, light, scope, scope.um_per_px, ground), scope.jpeg_quality)
    return TargetPhotograph(pixels, jpeg, _scale(view, size, scope.um_per_px))


def photograph_grey_card(card: GreyCard, scope: Scope, seed: int) -> TargetPhotograph:
    """Photograph a grey card: what is left to be seen is the light, the field of the lens and the noise."""
    rng = np.random.default_rng(seed)
    light = card.light(rng, (scope.width_px, scope.height_px))
    pixels, jpeg = optics.encode(optics.expose(rng, light, scope, scope.um_per_px, GREY), scope.jpeg_quality)
    return TargetPhotograph(pixels, jpeg, scope.um_per_px)


def _inside(depth_um: Image, um_per_px: float) -> Image:
    """Share of a pixel on the inner side of an edge that is `depth_um` away, by its distance to the pixel's centre."""
    return np.asarray(np.clip(depth_um / np.float32(um_per_px) + np.float32(0.5), 0, 1), np.float32)


def _scale(view: View, size_px: tuple[int, int], um_per_px: float) -> float:
    width, height = size_px
    t = np.arange(512) / 512
    sides = [(t, 0 * t), (1 + 0 * t, t), (1 - t, 1 + 0 * t), (0 * t, 1 - t)]
    outline = np.concatenate([np.column_stack(side) for side in sides]) * [width, height] - 0.5
    x, y = view.on_target(outline, size_px, um_per_px).T
    area_um2 = abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
    return float(np.sqrt(area_um2 / (width * height)))
