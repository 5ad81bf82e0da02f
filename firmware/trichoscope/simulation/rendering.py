"""A photograph and its exact truth, from a scalp, a scope and a seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from . import optics, skin, visibility
from .growth import VELLUS_MAX_UM, Shaft, grow
from .scalp import Scalp, Scope
from .shading import Painted, draw_shaft

Image = NDArray[np.float32]
SKIN_UM = 6.0  # skin has nothing finer to show once it is behind a lens

# colours in linear light, red, green, blue
TYNDALL = np.array([1.0, 0.68, 0.40], np.float32)
"""How much a dark root under the skin takes from each channel: most from red, as skin scatters blue back."""
BROWN_RING = np.array([0.2, 0.3, 0.38], np.float32)
KERATIN = np.array([0.5, 0.48, 0.45], np.float32)
BLUE_INK = np.array([0.05, 0.04, 0.25], np.float32)
VIOLET_INK = np.array([0.25, 0.02, 0.2], np.float32)
TEXTILES = np.array([[0.05, 0.1, 0.5], [0.9, 0.9, 0.95], [0.6, 0.05, 0.08], [0.3, 0.3, 0.3]], np.float32)
ETCHING = np.array([0.02, 0.02, 0.02], np.float32)
BUBBLE_RIM = np.array([0.1, 0.09, 0.08], np.float32)
WHITE = np.array([1, 1, 1], np.float32)


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
    seen: bool
    """Something of its shaft is to be seen: it is neither covered by other hairs nor lost in its skin."""
    root_covered: bool
    """Other hairs lie on its root."""
    z: int
    """Drawing order: higher is nearer to the lens."""

    @property
    def hidden(self) -> bool:
        """Nobody could tell that a hair leaves the skin here, so it counts neither for nor against."""
        return self.root_covered or not self.seen


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


def _soft(layer: Image, sigma_px: float) -> Image:
    return np.asarray(cv2.GaussianBlur(layer, (0, 0), sigma_px), np.float32)


def _fixed(point: NDArray[np.float64]) -> tuple[int, int]:
    """x, y for OpenCV with shift 4: 16ths of a pixel."""
    x, y = np.round(point * 16)
    return int(x), int(y)


def _under_the_skin(
    rng: np.random.Generator, light: Image, shafts: list[Shaft], scalp: Scalp, um_per_px: float
) -> None:
    """Root shadows, rings and funnels round the ostia, and the shadows that shafts throw; multiplies `light`."""
    h, w = light.shape[:2]
    coarse = max(um_per_px, 12.0)  # µm per pixel of the layers: all of this is soft
    size = (int(h * um_per_px / coarse) + 1, int(w * um_per_px / coarse) + 1)
    roots = [np.zeros(size, np.float32) for _ in range(3)]  # from shallow and sharp to deep and blurred
    ring = np.zeros(size, np.float32)
    cast = np.zeros(size, np.float32)
    general_depth = rng.uniform(60, 420)
    offset = rng.normal(0, 0.35, 2)
    for shaft in shafts:
        wide = float(shaft.width_um.mean())
        line = shaft.path_um + offset * shaft.height_um[:, None]
        points = np.round(line / coarse * 16).astype(np.int32)
        cv2.polylines(cast, [points], False, min(wide / coarse, 1.0), max(1, round(wide / coarse)), cv2.LINE_AA, 4)
        exit_um = shaft.path_um[0]
        if shaft.unit >= 0 and ((exit_um > -600) & (exit_um < np.array([w, h]) * um_per_px + 600)).all():
            _root(rng, roots, ring, shaft, general_depth, coarse)
    shallow, middle, deep = (_soft(layer, um / coarse) for layer, um in zip(roots, (22, 45, 80), strict=True))
    shadow = shallow + middle + deep
    ring = _soft(ring, 30 / coarse)
    cast = _soft(cast, rng.uniform(25, 70) / coarse)
    shadow_rgb = TYNDALL * rng.uniform(0.8, 1.2, 3).astype(np.float32)
    ring_rgb = skin.BLOOD * 0.35 if rng.random() < 0.6 else BROWN_RING
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


def _root(
    rng: np.random.Generator, layers: list[Image], ring: Image, shaft: Shaft, general_depth: float, coarse_um: float
) -> None:
    """One shaft's way on under the skin, into each of the layers, and the ring round its ostium."""
    wide = float(shaft.width_um.mean())
    root = shaft.path_um[0]
    back = root - shaft.path_um[1]
    back = back / max(float(np.hypot(*back)), 1e-6)
    depth = general_depth * rng.uniform(0.6, 1.5) * min(wide / 60, 1.2)
    strength = min(shaft.melanin, 1.0) * min(wide / 60, 1.2) * rng.uniform(0.4, 1.2)
    for k, layer in enumerate(layers):
        a, b = root + back * depth * (0.02 + 0.25 * k), root + back * depth * (0.35 + 0.32 * k)
        thickness = max(1, round(wide * (1 + 0.4 * k) / coarse_um))
        seen = strength * (0.7, 0.6, 0.5)[k]
        cv2.line(layer, _fixed(a / coarse_um), _fixed(b / coarse_um), seen, thickness, cv2.LINE_AA, 4)
    radius = int(rng.uniform(50, 130) / coarse_um * 16)
    cv2.circle(ring, _fixed((root - back * 20) / coarse_um), radius, rng.uniform(0.3, 1), -1, cv2.LINE_AA, 4)


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
        r = int(max(float(shaft.width_um.mean()) * 1.8, 50) / px_um) + 3
        x0, x1, y0, y1 = max(int(x) - r, 0), min(int(x) + r, w), max(int(y) - r, 0), min(int(y) + r, h)
        if x1 - x0 < 3 or y1 - y0 < 3:
            continue
        patch = light[y0:y1, x0:x1]
        root = (x - x0, y - y0)
        if rng.random() < 0.5:
            layer = _wrinkles(rng, shaft, root, patch.shape[:2], px_um)
            colour = patch * (1 + 0.8 * shiny * rng.uniform(0.3, 1)) + 0.1 * shiny
        else:
            layer = _flake(rng, shaft, root, patch.shape[:2], px_um)
            colour = KERATIN * rng.uniform(0.5, 1.2)
        patch += _soft(layer, max(4 / px_um, 0.5))[..., None] * (colour - patch)


def _wrinkles(
    rng: np.random.Generator, shaft: Shaft, root: tuple[float, float], size: tuple[int, ...], px_um: float
) -> Image:
    """Arcs round the back of the root, 0–1, in a patch of `size` (h, w)."""
    layer = np.zeros(size, np.float32)
    wide = float(shaft.width_um.mean())
    x, y = shaft.path_um[1] - shaft.path_um[0]
    angle = np.degrees(np.arctan2(y, x)) + 180 + rng.normal(0, 25)
    centre = (int(root[0] * 16), int(root[1] * 16))
    thickness = max(1, round(7 / px_um))
    for _ in range(rng.integers(1, 4)):
        axes = (int(wide * rng.uniform(0.5, 1.5) / px_um * 16), int(wide * rng.uniform(0.4, 1.1) / px_um * 16))
        span = rng.uniform(40, 110)
        cv2.ellipse(layer, centre, axes, angle, -span, span, rng.uniform(0.2, 0.7), thickness, cv2.LINE_AA, 4)
    return layer


def _flake(
    rng: np.random.Generator, shaft: Shaft, root: tuple[float, float], size: tuple[int, ...], px_um: float
) -> Image:
    """A ragged scale beside the root, 0–1, in a patch of `size` (h, w)."""
    layer = np.zeros(size, np.float32)
    wide = float(shaft.width_um.mean())
    shift = rng.normal(0, 0.3 * wide, 2) / px_um
    angles = np.sort(rng.uniform(0, 6.28, 8))
    radii = rng.uniform(10, 0.55 * wide + 12) / px_um * rng.uniform(0.5, 1.2, 8)
    points = np.stack([root[0] + shift[0] + radii * np.cos(angles), root[1] + shift[1] + radii * np.sin(angles)], 1)
    cv2.fillPoly(layer, [np.round(points * 16).astype(np.int32)], rng.uniform(0.3, 0.9), cv2.LINE_AA, 4)
    return layer


def _on_the_plate(rng: np.random.Generator, light: Image, scalp: Scalp, scope: Scope, px_um: float) -> None:
    """Pen ink, fibres, the etched ruler and bubbles."""
    if rng.random() < scalp.ink:
        _ink(rng, light, px_um)
    for _ in range(rng.poisson(scalp.fibres)):
        _fibre(rng, light, px_um)
    if scope.tick_pitch_um:
        _ruler(rng, light, scope.tick_pitch_um, px_um)
    for _ in range(rng.poisson(scope.bubbles * 12)):
        _bubble(rng, light, px_um)


def _blend(light: Image, layer: Image, colour: Image, sigma_px: float) -> None:
    """Lay a colour over the picture where `layer` (0–1), a little blurred, says so."""
    light += _soft(layer, max(sigma_px, 0.4))[..., None] * (colour - light)


def _ink(rng: np.random.Generator, light: Image, px_um: float) -> None:
    h, w = light.shape[:2]
    layer = np.zeros((h, w), np.float32)
    a, b = rng.uniform(-0.2, 1.2, (2, 2)) * (w, h)
    width = max(2, round(rng.uniform(60, 400) / px_um))
    cv2.line(layer, tuple(map(int, a)), tuple(map(int, b)), rng.uniform(0.3, 0.8), width, cv2.LINE_AA)
    layer *= np.clip(0.8 + 0.5 * skin.noise(rng, (h, w), max(60 / px_um, 1)), 0, 1)
    _blend(light, layer, BLUE_INK if rng.random() < 0.6 else VIOLET_INK, 20 / px_um)


def _fibre(rng: np.random.Generator, light: Image, px_um: float) -> None:
    h, w = light.shape[:2]
    layer = np.zeros((h, w), np.float32)
    angle, start = rng.uniform(0, 6.28), rng.uniform(0, 1, 2) * (w, h)
    line = skin.ramble(rng, start, angle, int(rng.integers(3, 40)), bend=0.35, step=30 / px_um)
    strength, thickness = rng.uniform(0.3, 0.9), max(1, round(rng.uniform(6, 20) / px_um))
    cv2.polylines(layer, [line], False, strength, thickness, cv2.LINE_AA, 4)
    _blend(light, layer, TEXTILES[rng.integers(4)], 2 / px_um)


def _ruler(rng: np.random.Generator, light: Image, pitch_um: float, px_um: float) -> None:
    """Ticks across the picture, every fifth and tenth longer."""
    h, w = light.shape[:2]
    layer = np.zeros((h, w), np.float32)
    angle = rng.choice([0, np.pi / 2, rng.uniform(0, np.pi)])
    along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    start = rng.uniform(0.1, 0.9, 2) * (w, h) - along * (w + h) / 2
    thickness = max(1, round(rng.uniform(10, 45) / px_um))
    short, strength = rng.uniform(150, 500) / px_um, rng.uniform(0.5, 0.95)
    for k in range(int((w + h) * px_um / pitch_um)):
        a = start + along * k * pitch_um / px_um
        b = a + across * short * (2 if k % 10 == 0 else 1.5 if k % 5 == 0 else 1)
        cv2.line(layer, _fixed(a), _fixed(b), strength, thickness, cv2.LINE_AA, 4)
    _blend(light, layer, ETCHING, 3 / px_um)


def _bubble(rng: np.random.Generator, light: Image, px_um: float) -> None:
    """A dark ring, and a bright reflection along a part of its inside."""
    h, w = light.shape[:2]
    r = rng.uniform(20, 300) / px_um
    x, y = rng.uniform(0, w), rng.uniform(0, h)
    centre, inner = (int(x * 16), int(y * 16)), int(r * 0.8 * 16)
    thickness = max(1, round(0.12 * r))
    rim, reflection = np.zeros((h, w), np.float32), np.zeros((h, w), np.float32)
    cv2.circle(rim, centre, int(r * 16), 0.55, thickness, cv2.LINE_AA, 4)
    _blend(light, rim, BUBBLE_RIM, 4 / px_um)
    span = rng.uniform(0, 360)
    cv2.ellipse(reflection, centre, (inner, inner), 0, span, span + 60, 0.8, thickness, cv2.LINE_AA, 4)
    _blend(light, reflection, WHITE, 4 / px_um)


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
    grey = int(rng.choice([0, 128, 255, int(rng.integers(0, 256))]))
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

    light, skin_rgb = _bare_skin(rng, scalp, scope, (h, w), px_um)
    shafts = grow(rng, scalp, (w * px_um, h * px_um), step_um=max(25.0, 3 * px_um))
    _under_the_skin(rng, light, shafts, scalp, px_um)
    painted = _hair(rng, light, shafts, scalp, scope, px_um)
    _rims(rng, light, shafts, scalp, scope, px_um)
    _on_the_plate(rng, light, scalp, scope, px_um)
    pixels = optics.expose(rng, light, scope, px_um, skin_rgb)
    _on_the_screen(rng, pixels, scope)
    columns = _bars(rng, pixels, scope)
    pixels, jpeg = optics.encode(pixels, scope.jpeg_quality)

    placed = [
        hair
        for z, shaft in enumerate(shafts)
        if not shaft.loose and painted[z] is not None and (hair := _placed(shaft, z, scope, columns, px_um)) is not None
    ]
    hairs, crossing = _as_seen(placed, painted, h * w, pixels, scope)
    return Rendering(pixels, jpeg, scope.um_per_px, hairs, crossing)


def _bare_skin(
    rng: np.random.Generator, scalp: Scalp, scope: Scope, size: tuple[int, int], px_um: float
) -> tuple[Image, NDArray[np.float32]]:
    """A picture of `size` (h, w) × 3, linear light, and its mean colour; painted no finer than skin is."""
    h, w = size
    skin_um = max(SKIN_UM, px_um)
    bare = skin.paint(rng, scalp, scope, (int(h * px_um / skin_um) + 3, int(w * px_um / skin_um) + 3), skin_um)
    warp = np.array([[px_um / skin_um, 0, 1], [0, px_um / skin_um, 1]], np.float32)
    light = cv2.warpAffine(bare, warp, (w, h), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return np.asarray(light, np.float32), bare.mean((0, 1))


def _hair(
    rng: np.random.Generator, light: Image, shafts: list[Shaft], scalp: Scalp, scope: Scope, px_um: float
) -> list[Painted | None]:
    """Draw every shaft, the lowest first, each as far out of focus as it lies from the plane of focus."""
    painted = []
    for shaft in shafts:
        away_um = np.abs(shaft.height_um - scope.focus_um)
        sigma_px = np.sqrt(0.35**2 + (scope.defocus_um_per_um * away_um / px_um) ** 2)
        mark = draw_shaft(
            light, rng, shaft.path_um / px_um, shaft.width_um / px_um, sigma_px,
            shaft.melanin, shaft.pheomelanin, shaft.unit >= 0, px_um, scalp, scope,
        )  # fmt: skip
        painted.append(mark)
    return painted


@dataclass(frozen=True, eq=False)
class _Placed:
    """A shaft in the photograph, before anybody looked whether it can be seen."""

    shaft: Shaft
    z: int
    path_px: NDArray[np.float64]
    shown_px: NDArray[np.float64]
    """The longest part of the path inside the picture."""
    diameter_um: float
    rooted: bool
    cut_by_frame: bool


def _placed(shaft: Shaft, z: int, scope: Scope, columns: tuple[int, int], px_um: float) -> _Placed | None:
    """Where a shaft lies and how wide it is there; None for one behind a bar.

    columns: between which the photograph is to be seen.
    """
    # enlarging keeps the picture's edges in place, not the centre of its first pixel
    path = shaft.path_um / scope.um_per_px + 0.5 * (px_um / scope.um_per_px - 1)
    low, high = np.array([columns[0], 0]) - 0.5, np.array([columns[1], scope.height_px]) - 0.5
    inside = np.asarray(((path > low) & (path < high)).all(1))
    rooted, cut = bool(inside[0]) and shaft.unit >= 0, not inside[-1]
    run = _longest_run(inside) if inside.any() else slice(0, 2)
    shown = path[run] if run.stop - run.start > 1 else path[:2]
    if scope.bars:  # what a bar covers is no hair
        if inside.sum() < 2:
            return None
        rooted &= run.start == 0
        path = shown
        width_um = shaft.width_um[run]
    else:
        width_um = shaft.width_um[inside] if inside.any() else shaft.width_um
    return _Placed(shaft, z, path, shown, float(width_um.mean()), rooted, bool(cut))


def _as_seen(
    placed: list[_Placed], painted: list[Painted | None], pixels_drawn: int, pixels: NDArray[np.uint8], scope: Scope
) -> tuple[tuple[TrueHair, ...], tuple[TrueHair, ...]]:
    """The truth of the finished photograph: hairs with their root in it, and those that only reach into it."""
    shaft_shown, root_shown = visibility.uncovered(painted, pixels_drawn)
    away_um = np.array([np.median(np.abs(p.shaft.height_um - scope.focus_um)) for p in placed])
    discernible = visibility.discernible(
        pixels,
        scope.um_per_px,
        [p.shown_px for p in placed],
        np.array([p.diameter_um for p in placed]),
        np.hypot(scope.psf_um, scope.defocus_um_per_um * away_um),
    )
    hairs: list[TrueHair] = []
    crossing: list[TrueHair] = []
    for p, stands_out in zip(placed, discernible, strict=True):
        hair = TrueHair(
            root_px=(float(p.path_px[0, 0]), float(p.path_px[0, 1])),
            path_px=p.path_px,
            diameter_um=p.diameter_um,
            hair_class="vellus" if p.diameter_um <= VELLUS_MAX_UM else "terminal",
            unit=p.shaft.unit,
            cut_by_frame=p.cut_by_frame,
            seen=bool(shaft_shown[p.z] and stands_out),
            root_covered=not root_shown[p.z],
            z=p.z,
        )
        (hairs if p.rooted else crossing).append(hair)
    return tuple(hairs), tuple(crossing)
