"""The contact sheet of the card: twenty rendered photographs, five of each style, as the training set has them.

    python -m models.training.renders

Writes models/plots/renders.jpg.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from trichoscope.simulation import STYLES, draw_scene, render

SHEET = Path(__file__).parents[1] / "plots" / "renders.jpg"
EACH, FIRST_SEED = 5, 7_000_000
TILE = (360, 270)


def main() -> None:
    rows = []
    for place, style in enumerate(STYLES):
        row = []
        for seed in range(FIRST_SEED + EACH * place, FIRST_SEED + EACH * (place + 1)):
            pixels = render(*draw_scene(np.random.default_rng(seed), style), seed).pixels
            height, width = pixels.shape[:2]
            factor = max(TILE[0] / width, TILE[1] / height)
            method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
            row.append(cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=method)[: TILE[1], : TILE[0]])
        rows.append(np.hstack(row))
    sheet = cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(SHEET), sheet, [cv2.IMWRITE_JPEG_QUALITY, 85])


if __name__ == "__main__":
    main()
