"""The stored pictures of the pages, and how a page is compared with its own. `python -m tests.screen.stored` writes all
of them anew: look at each before it is committed.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

FOLDER = Path(__file__).parent / "pages"
BLOCK = 16
TOLERANCE = 8.0
"""Mean difference, of 255, in the worst block of 16 × 16 pixels. Stored pictures have 256 colours, which costs up to 3,
and OpenCV 4.11 with pygame-ce 2.5.5 differs from OpenCV 5 with 2.5.8 by up to 5.4, on thin lines; one other digit in
the smallest text makes at least 14."""


def decoded(png: bytes) -> NDArray[np.uint8]:
    """height × width × 3."""
    return np.asarray(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Mean difference in the block where it is greatest."""
    height, width = one.shape[:2]
    apart = np.abs(one.astype(np.int16) - other).mean(2)
    blocks = apart.reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK)
    return float(blocks.mean((1, 3)).max())


def write_all() -> None:
    import io  # noqa: PLC0415

    from PIL import Image  # noqa: PLC0415

    from trichoscope.instrument.screen import Screen  # noqa: PLC0415

    from .samples import pages  # noqa: PLC0415

    FOLDER.mkdir(exist_ok=True)
    with Screen("dummy") as screen:
        for name, page in pages().items():
            screen.show(page)
            picture = Image.open(io.BytesIO(screen.png())).convert("RGB")
            picture.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
                FOLDER / f"{name}.png", optimize=True
            )


if __name__ == "__main__":
    write_all()
