"""The training set: rendered photographs as the network will see them, with the maps it should answer.

    python -m models.training.scenes --count 4000

Every scene is one array of cells in models/training/cache, (height, width, 12 + 10) uint8: the 2 × 2 RGB pixels of
a cell, then the channels of targets. A scene is drawn from its seed alone and never rendered twice.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training import targets
from trichoscope.measurement.hairnet import resample
from trichoscope.simulation import Rendering, Scalp, Scope, draw_scene, render

CACHE = Path(__file__).parent / "cache"
SHARES = {"clipped": 0.4, "long": 0.32, "coarse_clipped": 0.12, "coarse_long": 0.16}
TRAINING_SEED, HELD_OUT_SEED = 1_000_000, 100
"""First seeds of the two sets. Evaluation has seeds of its own."""
PICTURE = 12
"""Channels of a cell's pixels; those of targets.CHANNELS follow."""
_FIELD_UM = (4400.0, 3300.0)  # a scene need not be larger than what the network sees at once
_MEGAPIXELS = 1.4


def scene(seed: int) -> tuple[Scalp, Scope]:
    """The scalp and the scope of one seed, in a picture no larger than training needs."""
    rng = np.random.default_rng(seed)
    scalp, scope = draw_scene(rng, str(rng.choice(list(SHARES), p=list(SHARES.values()))))
    width = min(scope.width_px, _FIELD_UM[0] / scope.um_per_px)
    height = min(scope.height_px, _FIELD_UM[1] / scope.um_per_px)
    shrink = min(1.0, (_MEGAPIXELS * 1e6 / (width * height)) ** 0.5)
    return scalp, replace(scope, width_px=round(width * shrink), height_px=round(height * shrink))


def cells(photograph: Rendering) -> NDArray[np.uint8]:
    """Picture and targets of a rendering, (height, width, PICTURE + targets) uint8, edges padded with grey."""
    picture = resample(photograph.pixels, photograph.um_per_px)
    height, width = picture.shape[:2]
    per_cell = 2 * np.array([photograph.pixels.shape[1] / width, photograph.pixels.shape[0] / height])
    picture = np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), constant_values=128)
    size = picture.shape[1] // 2, picture.shape[0] // 2
    hairs = [(hair, True) for hair in photograph.hairs] + [(hair, False) for hair in photograph.shafts]
    drawn = [
        targets.Drawn(
            (hair.path_px + 0.5) / per_cell - 0.5, hair.diameter_um, rooted, not hair.seen, hair.root_covered
        )
        for hair, rooted in sorted(hairs, key=lambda pair: pair[0].z)
    ]
    folded = picture.reshape(size[1], 2, size[0], 2, 3).transpose(0, 2, 1, 3, 4).reshape(size[1], size[0], PICTURE)
    return np.concatenate([folded, targets.draw(drawn, size)], 2)


def picture_of(cells: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The pixels of an array of cells, (2 × height, 2 × width, 3)."""
    height, width = cells.shape[:2]
    folded = cells[..., :PICTURE].reshape(height, width, 2, 2, 3)
    return np.ascontiguousarray(folded.transpose(0, 2, 1, 3, 4).reshape(2 * height, 2 * width, 3))


def files(split: str) -> list[Path]:
    """The scenes there are, in the order of their seeds; more may come while rendering goes on."""
    return sorted(CACHE.glob(f"{split}-*.npy"))


def keep(job: tuple[str, int]) -> Path:
    """Render one scene into the cache."""
    split, seed = job
    path = CACHE / f"{split}-{seed:08d}.npy"
    if not path.exists():
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.save(file, cells(render(*scene(seed), seed)))
        part.rename(path)
    return path


def _start() -> None:
    cv2.setNumThreads(1)
    os.nice(19)  # a training may be running beside it


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--count", type=int, default=4000, help="training scenes")
    arguments.add_argument("--held-out", type=int, default=64, help="scenes for the figure in the training log")
    arguments.add_argument("--processes", type=int, default=os.cpu_count())
    asked = arguments.parse_args()
    CACHE.mkdir(exist_ok=True)

    def jobs() -> Iterator[tuple[str, int]]:
        yield from (("held-out", HELD_OUT_SEED + k) for k in range(asked.held_out))
        yield from (("training", TRAINING_SEED + k) for k in range(asked.count))

    with ProcessPoolExecutor(asked.processes, initializer=_start) as pool:
        for number, path in enumerate(pool.map(keep, jobs(), chunksize=1), 1):
            if number % 100 == 0:
                print(number, path.name, flush=True)


if __name__ == "__main__":
    main()
