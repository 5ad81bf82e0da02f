"""A photograph and its exact truth, from a scalp, a scope and a seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from . import optics, skin
from .growth import VELLUS_MAX_UM, Shaft, grow
from .scalp import Scalp, Scope
from .shading import draw_shaft

Image = NDArray[np.float32]
SKIN_UM = 6.0  # skin has nothing finer to show once it is behind a lens
HIDDEN_SHARE = 0.25  # a shaft of which less is to be seen cannot be asked for
FAINT_CONTRAST = 0.045


@dataclass(frozen=True, eq=False)
class TrueHair:
    """A hair of the scalp. Photograph pixels, (0, 0) the centre of the top-left one; paths leave the picture."""

    root_px: tuple[float, float]
    path_px: NDArray[np.float64]
    diameter_um: float
    """Mean apparent width of what is in the picture, before any blur."""
    hair_class: str
    """By diameter_um at 40 µm."""
    unit: int
    cut_by_frame: bool
    hidden: bool
    """Covered by other hairs or as pale as its skin: nobody could find it, so it counts neither for nor against."""
    z: int
    """Drawing order: higher is nearer to the lens."""


@dataclass(frozen=True, eq=False)
class Rendering:
    """A simulated photograph."""

    pixels: NDArray[np.uint8]
    """height × width × 3, RGB, as decoded from `jpeg`."""
    jpeg: bytes
    um_per_px: float
    hairs: tuple[TrueHair, ...]
    """Those with their root in the picture: the ones to be counted."""
    shafts: tuple[TrueHair, ...]
    """Those that only reach into it."""

    def truth(self, edge_px: int = 0) -> dict[str, Any]:
        """In the format of the metric: JSON-ready, paths ending at the frame."""
        height, width = self.pixels.shape[:2]
        hairs = [
            {
                "root_px": [round(float(v), 2) for v in h.root_px],
                "path_px": [[round(float(x), 1), round(float(y), 1)] for x, y in _inside(h.path_px, width, height)],
                "class": h.hair_class,
                "diameter_um": round(h.diameter_um, 2),
                "unit": h.unit,
                "ignore": h.hidden,
            }
            for h in self.hairs
        ]
        return {
            "scale_um_per_px": self.um_per_px,
            "size_px": [width, height],
            "edge_px": edge_px,
            "hairs": hairs,
        }


def _inside(path: NDArray[np.float64], width: int, height: int) -> NDArray[np.float64]:
    """The path up to the first point outside the picture; at least two points."""
    x, y = path[:, 0], path[:, 1]
    out = np.flatnonzero((x < -0.5) | (y < -0.5) | (x > width - 0.5) | (y > height - 0.5))
    return path[: max(int(out[0]), 2)] if len(out) else path


def _under_the_skin(
    rng: np.random.Generator, light: Image, shafts: list[Shaft], scalp: Scalp, um_per_px: float
) -> None:
    """Root shadows, rings and funnels round the ostia, and the shadows that shafts throw; multiplies `light`."""
    h, w = light.shape[:2]
    coarse = max(um_per_px, 12.0)
    size = (int(w * um_per_px / coarse) + 1, int(h * um_per_px / coarse) + 1)
    layers = [np.zeros(size[::-1], np.float32) for _ in range(3)]
    ring = np.zeros(size[::-1], np.float32)
    cast = np.zeros(size[::-1], np.float32)
    general_depth = rng.uniform(60, 420)
    offset = rng.normal(0, 0.35, 2)
    for shaft in shafts:
        wide = float(shaft.width_um.mean())
        line = shaft.path_um + offset * shaft.height_um[:, None]
        points = np.round(line / coarse * 16).astype(np.int32)
        cv2.polylines(cast, [points], False, min(wide / coarse, 1.0), max(1, round(wide / coarse)), cv2.LINE_AA, 4)
        if shaft.unit < 0:
            continue
        root = shaft.path_um[0]
        if not ((-600 < root) & (root < np.array([w, h]) * um_per_px + 600)).all():
            continue
        back = root - shaft.path_um[1]
        back = back / max(float(np.hypot(*back)), 1e-6)
        depth = general_depth * rng.uniform(0.6, 1.5) * min(wide / 60, 1.2)
        strength = min(shaft.melanin, 1.0) * min(wide / 60, 1.2) * rng.uniform(0.4, 1.2)
        for k, layer in enumerate(layers):
            a, b = root + back * depth * (0.02 + 0.25 * k), root + back * depth * (0.35 + 0.32 * k)
            ends = [tuple(int(v) for v in np.round(q / coarse * 16)) for q in (a, b)]
            seen = strength * (0.7, 0.6, 0.5)[k]
            cv2.line(layer, ends[0], ends[1], seen, max(1, round(wide * (1 + 0.4 * k) / coarse)), cv2.LINE_AA, 4)
        centre = tuple(int(v) for v in np.round((root - back * 20) / coarse * 16))
        cv2.circle(ring, centre, int(rng.uniform(50, 130) / coarse * 16), rng.uniform(0.3, 1), -1, cv2.LINE_AA, 4)
    shadow = sum(
        cv2.GaussianBlur(layer, (0, 0), sigma / coarse) for layer, sigma in zip(layers, (22, 45, 80), strict=True)
    )
    ring = cv2.GaussianBlur(ring, (0, 0), 30 / coarse)
    cast = cv2.GaussianBlur(cast, (0, 0), rng.uniform(25, 70) / coarse)
    # skin above a dark root scatters blue back: red is lost most (Tyndall, as in a blue naevus)
    shadow_rgb = np.float32([1.0, 0.68, 0.40]) * rng.uniform(0.8, 1.2, 3).astype(np.float32)
    ring_rgb = skin.BLOOD * 0.35 if rng.random() < 0.6 else np.float32([0.2, 0.3, 0.38])
    absorb = (
        (scalp.root_shadow * rng.uniform(0.6, 1.3) * shadow)[..., None] * shadow_rgb
        + (scalp.perifollicular * ring)[..., None] * ring_rgb
        + (rng.uniform(0.05, 0.3) * cast)[..., None]
    )
    matte = np.exp(-absorb.astype(np.float32))
    warp = np.array([[um_per_px / coarse, 0, 0], [0, um_per_px / coarse, 0]], np.float32)
    light *= cv2.warpAffine(
        matte, warp, (w, h), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
    )


def _rims(
    rng: np.random.Generator, light: Image, shafts: list[Shaft], scalp: Scalp, scope: Scope, px_um: float
) -> None:
    """Over the shafts' first micrometres: keratin collars, flakes and wrinkles of the funnel."""
    h, w = light.shape[:2]
    shiny = scope.glint * (0.2 if scope.polarised else 1.0)
    for shaft in shafts:
        if shaft.unit < 0 or rng.random() > 0.25 + 0.5 * scalp.scaling:
            continue
        x, y = shaft.path_um[0] / px_um
        if not (-20 < x < w + 20 and -20 < y < h + 20):
            continue
        wide = float(shaft.width_um.mean())
        r = int(max(wide * 1.8, 50) / px_um) + 3
        x0, x1, y0, y1 = max(int(x) - r, 0), min(int(x) + r, w), max(int(y) - r, 0), min(int(y) + r, h)
        if x1 - x0 < 3 or y1 - y0 < 3:
            continue
        layer = np.zeros((y1 - y0, x1 - x0), np.float32)
        if rng.random() < 0.5:
            angle = np.degrees(np.arctan2(*(shaft.path_um[1] - shaft.path_um[0])[::-1])) + 180 + rng.normal(0, 25)
            for _ in range(rng.integers(1, 4)):
                axes = (int(wide * rng.uniform(0.5, 1.5) / px_um * 16), int(wide * rng.uniform(0.4, 1.1) / px_um * 16))
                centre = (int((x - x0) * 16), int((y - y0) * 16))
                span = rng.uniform(40, 110)
                cv2.ellipse(
                    layer,
                    centre,
                    axes,
                    angle,
                    -span,
                    span,
                    rng.uniform(0.2, 0.7),
                    max(1, round(7 / px_um)),
                    cv2.LINE_AA,
                    4,
                )
            colour = light[y0:y1, x0:x1] * (1 + 0.8 * shiny * rng.uniform(0.3, 1)) + 0.1 * shiny
        else:
            shift = rng.normal(0, 0.3 * wide, 2) / px_um
            angles = np.sort(rng.uniform(0, 6.28, 8))
            radii = rng.uniform(10, 0.55 * wide + 12) / px_um * rng.uniform(0.5, 1.2, 8)
            points = np.stack(
                [x - x0 + shift[0] + radii * np.cos(angles), y - y0 + shift[1] + radii * np.sin(angles)], 1
            )
            cv2.fillPoly(layer, [np.round(points * 16).astype(np.int32)], rng.uniform(0.3, 0.9), cv2.LINE_AA, 4)
            colour = np.float32([0.5, 0.48, 0.45]) * rng.uniform(0.5, 1.2)
        layer = cv2.GaussianBlur(layer, (0, 0), max(4 / px_um, 0.5))[..., None]
        light[y0:y1, x0:x1] += layer * (colour - light[y0:y1, x0:x1])


def _on_the_plate(rng: np.random.Generator, light: Image, scalp: Scalp, scope: Scope, px_um: float) -> None:
    """Pen ink, fibres, bubbles and the etched ruler."""
    h, w = light.shape[:2]

    def blend(layer: Image, colour: NDArray[np.float32], sigma_um: float) -> None:
        soft = cv2.GaussianBlur(layer, (0, 0), max(sigma_um / px_um, 0.4))[..., None]
        light[...] += soft * (colour - light)

    if rng.random() < scalp.ink:
        layer = np.zeros((h, w), np.float32)
        a, b = rng.uniform(-0.2, 1.2, (2, 2)) * (w, h)
        width = max(2, round(rng.uniform(60, 400) / px_um))
        cv2.line(layer, tuple(map(int, a)), tuple(map(int, b)), rng.uniform(0.3, 0.8), width, cv2.LINE_AA)
        layer *= np.clip(0.8 + 0.5 * skin.noise(rng, (h, w), max(60 / px_um, 1)), 0, 1)
        blend(layer, np.float32([0.05, 0.04, 0.25]) if rng.random() < 0.6 else np.float32([0.25, 0.02, 0.2]), 20)
    for _ in range(rng.poisson(scalp.fibres)):
        layer = np.zeros((h, w), np.float32)
        angle, point = rng.uniform(0, 6.28), rng.uniform(0, 1, 2) * (w, h)
        points = [point]
        for _ in range(rng.integers(3, 40)):
            angle += rng.normal(0, 0.35)
            points.append(points[-1] + np.array([np.cos(angle), np.sin(angle)]) * 30 / px_um)
        line = np.round(np.array(points) * 16).astype(np.int32)
        cv2.polylines(
            layer, [line], False, rng.uniform(0.3, 0.9), max(1, round(rng.uniform(6, 20) / px_um)), cv2.LINE_AA, 4
        )
        kinds = ([0.05, 0.1, 0.5], [0.9, 0.9, 0.95], [0.6, 0.05, 0.08], [0.3, 0.3, 0.3])
        blend(layer, np.float32(kinds[rng.integers(4)]), 2)
    if scope.tick_pitch_um:
        layer = np.zeros((h, w), np.float32)
        angle = rng.choice([0, np.pi / 2, rng.uniform(0, np.pi)])
        u, v = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
        start = rng.uniform(0.1, 0.9, 2) * (w, h) - u * (w + h) / 2
        thick = max(1, round(rng.uniform(10, 45) / px_um))
        short, dark = rng.uniform(150, 500) / px_um, rng.uniform(0.5, 0.95)
        for k in range(int((w + h) * px_um / scope.tick_pitch_um)):
            a = start + u * k * scope.tick_pitch_um / px_um
            b = a + v * short * (2 if k % 10 == 0 else 1.5 if k % 5 == 0 else 1)
            ends = [tuple(int(q) for q in np.round(e * 16)) for e in (a, b)]
            cv2.line(layer, ends[0], ends[1], dark, thick, cv2.LINE_AA, 4)
        blend(layer, np.float32([0.02, 0.02, 0.02]), 3)
    for _ in range(rng.poisson(scope.bubbles * 12)):
        r = rng.uniform(20, 300) / px_um
        x, y = rng.uniform(0, w), rng.uniform(0, h)
        centre = (int(x * 16), int(y * 16))
        layer = np.zeros((h, w), np.float32)
        thick = max(1, round(0.12 * r))
        cv2.circle(layer, centre, int(r * 16), 0.55, thick, cv2.LINE_AA, 4)
        blend(layer, np.float32([0.1, 0.09, 0.08]), 4)
        layer[:] = 0
        span = rng.uniform(0, 360)
        axes = (int(r * 0.8 * 16), int(r * 0.8 * 16))
        cv2.ellipse(layer, centre, axes, 0, span, span + 60, 0.8, thick, cv2.LINE_AA, 4)
        blend(layer, np.float32([1, 1, 1]), 4)


def _on_the_screen(rng: np.random.Generator, pixels: NDArray[np.uint8], scope: Scope) -> None:
    """What software burns into pictures: captions and scale bars."""
    if not scope.burned_text:
        return
    h, w = pixels.shape[:2]
    scale = h / 600
    for _ in range(rng.integers(1, 4)):
        words = "".join(rng.choice(list("mes 0123456789 abcdeV#Lx"), rng.integers(3, 12)))
        colour = (255, 255, 255) if rng.random() < 0.6 else (20, 20, 20)
        at = (int(rng.uniform(0, 0.8) * w), int(rng.uniform(0.05, 0.97) * h))
        cv2.putText(pixels, words, at, cv2.FONT_HERSHEY_SIMPLEX, scale * rng.uniform(0.5, 1), colour, 2, cv2.LINE_AA)
    x, y, length = int(rng.uniform(0, 0.6) * w), int(rng.uniform(0.03, 0.97) * h), int(rng.uniform(0.1, 0.4) * w)
    bar = 255 if rng.random() < 0.5 else 0
    cv2.line(pixels, (x, y), (x + length, y), (bar, bar, bar), max(2, int(4 * scale)))


def _bars(rng: np.random.Generator, pixels: NDArray[np.uint8], scope: Scope) -> tuple[int, int]:
    """Grey side bars of a screenshot; the columns between which the photograph is to be seen."""
    w = pixels.shape[1]
    if not scope.bars:
        return 0, w
    left, right = int(rng.uniform(0, 0.15) * w), int(rng.uniform(0.85, 1) * w)
    grey = int(rng.choice([0, 128, 255, rng.integers(0, 256)]))
    pixels[:, :left] = grey
    pixels[:, right:] = grey
    return left, right


def _longest_run(inside: NDArray[np.bool_]) -> slice:
    """The longest stretch of True."""
    edges = np.flatnonzero(np.diff(np.r_[False, inside, False].astype(np.int8)))
    starts, ends = edges[::2], edges[1::2]
    k = int(np.argmax(ends - starts))
    return slice(int(starts[k]), int(ends[k]))


def render(scalp: Scalp, scope: Scope, seed: int) -> Rendering:
    """Draw one photograph. The same arguments give the same bytes."""
    rng = np.random.default_rng(seed)
    w, h = round(scope.width_px / scope.upscale), round(scope.height_px / scope.upscale)
    px_um = scope.um_per_px * scope.width_px / w  # of the sensor; the file has more pixels, not more detail
    field_um = (w * px_um, h * px_um)

    skin_um = max(SKIN_UM, px_um)
    bare = skin.paint(rng, scalp, scope, (int(field_um[1] / skin_um) + 3, int(field_um[0] / skin_um) + 3), skin_um)
    skin_rgb = bare.mean((0, 1))
    warp = np.array([[px_um / skin_um, 0, 1], [0, px_um / skin_um, 1]], np.float32)
    light = cv2.warpAffine(bare, warp, (w, h), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)

    shafts = grow(rng, scalp, field_um, step_um=max(25.0, 3 * px_um))
    _under_the_skin(rng, light, shafts, scalp, px_um)
    owner = np.full(h * w, -1, np.int16)
    painted = []
    for z, shaft in enumerate(shafts):
        away = np.abs(shaft.height_um - scope.focus_um)
        sigma = np.sqrt(0.35**2 + (scope.defocus_um_per_um * away / px_um) ** 2)
        mark = draw_shaft(
            light, rng, shaft.path_um / px_um, shaft.width_um / px_um, sigma,
            shaft.melanin, shaft.pheomelanin, shaft.unit >= 0, px_um, scalp, scope,
        )  # fmt: skip
        painted.append(mark)
        if mark is not None:
            owner[mark.pixels] = z
    left = np.bincount(owner[owner >= 0], minlength=len(shafts))
    _rims(rng, light, shafts, scalp, scope, px_um)
    _on_the_plate(rng, light, scalp, scope, px_um)
    pixels = optics.expose(rng, light, scope, px_um, skin_rgb)
    _on_the_screen(rng, pixels, scope)
    left_px, right_px = _bars(rng, pixels, scope)
    pixels, jpeg = optics.encode(pixels, scope.jpeg_quality)

    hairs, crossing = [], []
    for z, (shaft, mark) in enumerate(zip(shafts, painted, strict=True)):
        if shaft.loose or mark is None:
            continue
        # enlarging keeps the picture's edges in place, not the centre of its first pixel
        path = shaft.path_um / scope.um_per_px + 0.5 * (px_um / scope.um_per_px - 1)
        inside = ((path > [left_px - 0.5, -0.5]) & (path < np.array([right_px, scope.height_px]) - 0.5)).all(1)
        rooted, cut = bool(inside[0]) and shaft.unit >= 0, not inside[-1]
        if scope.bars:  # what a bar covers is no hair
            if inside.sum() < 2:
                continue
            run = _longest_run(inside)
            rooted &= run.start == 0
            path, inside = path[run], inside[run]
            width_um = shaft.width_um[run]
        else:
            width_um = shaft.width_um[inside] if inside.any() else shaft.width_um
        blur = np.hypot(
            scope.psf_um, scope.defocus_um_per_um * float(np.median(np.abs(shaft.height_um - scope.focus_um)))
        )
        faint = mark.contrast * min(1.0, float(width_um.mean()) / (2.5 * blur)) < FAINT_CONTRAST
        covered = len(mark.pixels) > 0 and left[z] < HIDDEN_SHARE * len(mark.pixels)
        hair = TrueHair(
            root_px=(float(path[0, 0]), float(path[0, 1])),
            path_px=path,
            diameter_um=float(width_um.mean()),
            hair_class="vellus" if width_um.mean() <= VELLUS_MAX_UM else "terminal",
            unit=shaft.unit,
            cut_by_frame=bool(cut),
            hidden=bool(faint or covered),
            z=z,
        )
        (hairs if rooted else crossing).append(hair)
    return Rendering(pixels, jpeg, scope.um_per_px, tuple(hairs), tuple(crossing))
