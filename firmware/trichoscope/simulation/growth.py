"""Where hairs stand, how they run and how thick they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .scalp import Scalp

VELLUS_MAX_UM = 40.0  # TrichoScan's definition, the default threshold of a reading


@dataclass(frozen=True, eq=False)
class Shaft:
    """One shaft above the skin. Positions in µm from the picture's top-left corner."""

    path_um: NDArray[np.float64]
    """(n, 2) x, y from root to tip, evenly spaced."""
    height_um: NDArray[np.float64]
    """(n,) height above the skin."""
    width_um: NDArray[np.float64]
    """(n,) apparent width."""
    melanin: float
    pheomelanin: float
    unit: int
    """Follicular unit; −1 for a shaft that has its root elsewhere, or nowhere."""
    cut: bool
    loose: bool = False
    """A cut bit that lies on the skin."""


def _curve(
    rng: np.random.Generator,
    start: NDArray[np.float64],
    angle: float,
    length: float,
    curl: float,
    step: float,
    bend_per_mm: float | None = None,
) -> NDArray[np.float64]:
    """A path of the given length whose curvature wanders: a sum of a constant bend, drawn if not given, and waves."""
    n = max(4, int(np.ceil(length / step)) + 1)
    s = np.linspace(0.0, length, n)
    bend = (rng.normal(0, curl) if bend_per_mm is None else bend_per_mm) * 1e-3
    wave = rng.normal(0, curl * 0.8) * 1e-3 * np.sin(s * (2 * np.pi / rng.uniform(900, 3500)) + rng.uniform(0, 6.28))
    ds = s[1]
    theta = angle + np.cumsum((bend + wave) * ds)
    steps = np.stack([np.cos(theta[:-1]), np.sin(theta[:-1])], 1) * ds
    return np.concatenate([start[None], start + np.cumsum(steps, 0)])


def _width_profile(rng: np.random.Generator, scalp: Scalp, mean: float, n: int, cut: bool) -> NDArray[np.float64]:
    t = np.linspace(0, 1, n)
    width = 1 - scalp.taper * rng.uniform(0, 1.5) * (t - 0.5)
    width *= 1 + rng.uniform(0, 0.05) * np.sin(t * rng.uniform(2, 14) + rng.uniform(0, 6.28))
    if not cut:
        point = rng.uniform(0.25, 0.6) * min(1.0, 1500 / (n * 25))  # the tapered share of an uncut hair
        width *= np.clip((1 - t) / point, 0.12, 1) ** rng.uniform(0.35, 0.7)
    elif rng.random() < 0.15:
        width *= np.where(t < 0.12, 1 - 0.25 * rng.random(), 1.0)
    return mean * width / np.mean(width)


def grow(rng: np.random.Generator, scalp: Scalp, field_um: tuple[float, float], step_um: float) -> list[Shaft]:
    """Every shaft whose root lies in or near a field (width, height); loose cut hairs and strays included.

    Units stand on a jittered triangular lattice: follicles keep their distance, unlike a Poisson process.
    """
    width, height = field_um
    margin = float(np.clip(scalp.length_um[1] * 0.9, 200, 2500))
    sizes = np.array(scalp.unit_sizes) / np.sum(scalp.unit_sizes)
    mean_size = float(sizes @ np.arange(1, 5))
    spacing = np.sqrt(1e8 / max(scalp.density_per_cm2 / mean_size, 0.1) * 2 / np.sqrt(3))
    rows = int(np.ceil((height + 2 * margin) / (spacing * 0.866))) + 1
    columns = int(np.ceil((width + 2 * margin) / spacing)) + 1
    r, c = np.mgrid[0:rows, 0:columns]
    centres = np.stack([(c + 0.5 * (r % 2)) * spacing, r * spacing * 0.866], -1).reshape(-1, 2)
    centres += rng.normal(0, 0.2 * spacing, centres.shape) + rng.uniform(-0.5, 0.5, 2) * spacing - margin
    gradient = rng.normal(0, scalp.direction_swirl, 2) * 1e-3
    parting = rng.random() < 0.08  # a parting or a whorl: the direction flips across a line
    combed = rng.normal(0, scalp.curl_per_mm)  # long hair lies and bends as its neighbours do
    shafts: list[Shaft] = []
    for unit, centre in enumerate(centres):
        angle = np.radians(scalp.direction_deg) + gradient @ (centre - [width / 2, height / 2])
        if parting and centre[0] > width / 2:
            angle += 2.4
        angle += np.radians(rng.normal(0, scalp.direction_jitter_deg))
        shafts += _unit(rng, scalp, unit, centre, angle, int(rng.choice(4, p=sizes)) + 1, step_um, combed)
    shafts += _loose(rng, scalp, field_um, step_um)
    order = rng.random(len(shafts)) + np.array([0.3 * (s.unit < 0) for s in shafts])
    return [shafts[i] for i in np.argsort(order, kind="stable")]


def _unit(
    rng: np.random.Generator,
    scalp: Scalp,
    unit: int,
    centre: NDArray[np.float64],
    angle: float,
    size: int,
    step_um: float,
    combed_per_mm: float,
) -> list[Shaft]:
    along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    fan = np.radians(rng.uniform(3, 14)) * (1 - 0.6 * scalp.matting)
    elevation = np.radians(rng.uniform(*scalp.elevation_deg))
    grey = rng.random() < scalp.grey_share
    melanin = float(np.clip(scalp.melanin * rng.normal(1, 0.08), 0.02, 1.1)) * (0.03 if grey else 1.0)
    low, high = scalp.length_um
    common = np.exp(rng.uniform(np.log(low), np.log(high)))
    unit_bend = combed_per_mm + rng.normal(0, 0.4 * scalp.curl_per_mm)
    shafts = []
    thick_side = 0.0
    for k in range(size):
        vellus = rng.random() < scalp.vellus_share
        mean, sd = scalp.vellus_um if vellus else scalp.terminal_um
        diameter = float(np.clip(rng.normal(mean, sd), 9, 38) if vellus else np.clip(rng.normal(mean, sd), 41, 150))
        # hairs of one ostium come out side by side, seldom closer than they are thick
        if k == 0:
            side = 0.0
        else:
            gap = abs(rng.normal(0, scalp.ostium_um)) + rng.uniform(0.5, 1.15) * diameter * (1 - 0.3 * scalp.matting)
            side = thick_side + gap if rng.random() < 0.7 else -gap
        thick_side = max(thick_side, side)
        root = centre + across * side + along * rng.normal(0, scalp.ostium_um * (0.5 if k == 0 else 1.1))
        lean = (side / max(scalp.ostium_um * 2, 1)) * fan + rng.normal(0, fan * 0.8)
        if rng.random() < 0.1:
            lean += rng.normal(0, 0.4)  # a hair of its own mind; makes crossings inside a unit
        if vellus:
            length = rng.uniform(0.35, 0.9) * min(common, 900) * rng.uniform(0.4, 1)
            length = max(length, 110.0)
            lean += rng.normal(0, 0.3)
        else:
            length = common * rng.uniform(0.75, 1.15)
        rise = np.clip(elevation + rng.normal(0, 0.08), 0.05, 1.3)
        cut = scalp.clipped and (not vellus or rng.random() < 0.6)
        seen = length * np.cos(rise) if scalp.clipped else length
        curl = scalp.curl_per_mm * rng.uniform(0.4, 1.6)
        bend = None if scalp.clipped else unit_bend + rng.normal(0, 0.5 * curl) * (1 - 0.7 * scalp.matting)
        path = _curve(rng, root, angle + lean, max(seen, 90.0), curl, step_um, bend)
        n = len(path)
        s = np.linspace(0, seen, n)
        ceiling = rng.uniform(40, 500)  # the contact plate, or its own weight, holds a long hair down
        height = ceiling * (1 - np.exp(-s * np.tan(rise) / ceiling))
        shade = melanin * (rng.uniform(0.45, 0.95) if vellus else 1.0)
        width = _width_profile(rng, scalp, diameter, n, cut)
        shafts.append(Shaft(path, height, width, shade, scalp.pheomelanin, unit, cut))
    return shafts


def _loose(rng: np.random.Generator, scalp: Scalp, field_um: tuple[float, float], step_um: float) -> list[Shaft]:
    """Cut hairs that lie on the skin, and long ones that only pass through."""
    size = np.array(field_um)
    shafts = []
    for _ in range(rng.poisson(scalp.loose_hairs_per_cm2 * size.prod() * 1e-8)):
        length = rng.uniform(40, 160) if rng.random() < 0.8 else rng.uniform(160, 300)  # a trimmer leaves crumbs
        diameter = float(np.clip(rng.normal(scalp.terminal_um[0] * 0.8, 20), 12, 120))
        path = _curve(rng, rng.uniform(0, size), rng.uniform(0, 6.28), max(length, 1.2 * diameter), 0.3, step_um)
        flat = np.full(len(path), 10.0)
        shafts.append(
            Shaft(path, flat, np.full(len(path), diameter), scalp.melanin, scalp.pheomelanin, -1, True, loose=True)
        )
    for _ in range(rng.poisson(scalp.stray_hairs)):
        angle = rng.uniform(0, 6.28)
        start = (
            size / 2 + rng.uniform(-0.5, 0.5, 2) * size - 0.8 * size.max() * np.array([np.cos(angle), np.sin(angle)])
        )
        path = _curve(rng, start, angle, 2.4 * size.max(), min(scalp.curl_per_mm, 0.3), step_um)
        diameter = float(rng.uniform(15, 90))
        height = np.full(len(path), rng.uniform(20, 400))
        melanin = scalp.melanin * rng.uniform(0.2, 1)
        shafts.append(Shaft(path, height, np.full(len(path), diameter), melanin, scalp.pheomelanin, -1, True))
    return shafts
