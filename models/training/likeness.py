"""How far rendered photographs are from real ones, figure by figure: what to change next in the renderer.

    python -m models.training.likeness FOLDER --scale-um 2.77 [--style clipped]

FOLDER holds real photographs of one scale; they are looked at, never copied. Each figure's distance is that of the
medians, in spreads (half the way from the 16th to the 84th percentile) of the rendered ones: above 1, most renders are
not like that.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from trichoscope.photograph import find_photographs, read_photograph
from trichoscope.simulation import STYLES, draw_scene, render

GRID_UM = 5.5
BANDS_CELLS = (1, 2, 4, 8, 16)
FIRST_SEED = 8_000_000


def figures(pixels: NDArray[np.uint8], um_per_px: float) -> dict[str, float]:
    """Of the skin: contrast (% of its brightness) and skewness of each band of detail, colour; and what is darkest."""
    factor = um_per_px / GRID_UM
    picture = np.asarray(cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.float32)
    grey = np.asarray(picture.mean(2), np.float32)
    bright = (grey > 0.55 * np.median(grey)).astype(np.uint8)  # hairs are darker than half the skin
    skin = cv2.erode(bright, np.ones((9, 9), np.uint8)) > 0
    found: dict[str, float] = {}
    finer = grey
    for cells in BANDS_CELLS:
        coarser = np.asarray(cv2.GaussianBlur(grey, (0, 0), cells), np.float32)
        band = (finer - coarser)[skin]
        name = f"{cells * GRID_UM:.0f} µm"
        found[f"detail {name}, %"] = float(100 * band.std() / grey[skin].mean())
        found[f"skewness {name}"] = float((((band - band.mean()) / band.std()) ** 3).mean())
        finer = coarser
    red, green, blue = np.median(picture[skin], 0)
    return found | {
        "white, %": float(100 * (grey > 245).mean()),
        "red / green": float(red / green),
        "blue / green": float(blue / green),
        "brightness of skin": float(np.median(grey)),
        "darkest percentile": float(np.percentile(grey, 1)),
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--scale-um", type=float, required=True)
    arguments.add_argument("--style", choices=STYLES, default="clipped")
    arguments.add_argument("--count", type=int, default=40, help="of each")
    asked = arguments.parse_args()

    paths = find_photographs([asked.folder])
    paths = paths[:: max(1, len(paths) // asked.count)]
    real = []
    for path in track(paths, "real", transient=True):
        real.append(figures(read_photograph(path, asked.scale_um).pixels, asked.scale_um))
    rendered = []
    for seed in track(range(FIRST_SEED, FIRST_SEED + asked.count), "rendered", transient=True):
        scalp, scope = draw_scene(np.random.default_rng(seed), asked.style)
        scope = replace(scope, um_per_px=asked.scale_um)
        rendered.append(figures(render(scalp, scope, seed).pixels, asked.scale_um))

    table = Table("", "Real", "Rendered", "Distance")
    for name in real[0]:
        there, here = (np.array([each[name] for each in side]) for side in (real, rendered))
        low, middle, high = np.percentile(here, (16, 50, 84))
        distance = (np.median(there) - middle) / max((high - low) / 2, 1e-6)
        table.add_row(name, f"{np.median(there):.2f}", f"{middle:.2f} ({low:.2f}–{high:.2f})", f"{distance:+.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
