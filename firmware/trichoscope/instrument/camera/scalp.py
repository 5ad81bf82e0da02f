"""The scalp under the simulated probe, drawn in a process of its own: it takes seconds and much memory.

    python -m trichoscope.instrument.camera.scalp LIFELINE WIDTH HEIGHT UM_PER_PX PERSON SITE > scalp.jpg

PERSON is a number that stands for a patient, SITE the name of a place on the head.
"""

from __future__ import annotations

import os
import sys

import numpy as np

from ...simulation import Scalp, Scope, render
from .lifeline import die_with_parent

OPTICS_UM = 6.4
"""The simulated lens shows no finer detail than this; drawing finer pixels would take four times as long."""
JPEG_QUALITY = 96
THINNING_SITES = frozenset({"frontal", "vertex", "parietal"})
"""Where pattern hair loss shows; the back and the sides keep most of their hair (Hamilton 1951)."""


def draw(size_px: tuple[int, int], um_per_px: float, person: int, site: str) -> bytes:
    """A JPEG of clipped scalp. A person has one colour of hair and skin, and so much hair at each site."""
    hair = np.random.default_rng(person)
    place = np.random.default_rng([person, *site.encode()])
    loss = hair.uniform(0.0, 0.7) * (1.0 if site in THINNING_SITES else 0.15)
    melanin = hair.uniform(0.6, 1.0)
    scalp = Scalp(
        density_per_cm2=hair.uniform(170, 240) * (1 - 0.45 * loss) * place.uniform(0.93, 1.07),
        vellus_share=0.06 + 0.5 * loss,
        terminal_um=(hair.uniform(66, 84) * (1 - 0.15 * loss), 13.0),
        direction_deg=place.uniform(0, 360),
        curl_per_mm=hair.uniform(0.03, 0.3),
        melanin=melanin,
        skin_melanin=hair.uniform(0.0, 0.35) * melanin,
        redness=place.uniform(0.1, 0.4),
        scaling=place.uniform(0.05, 0.25),
        fibres=0.1,
    )
    width, height = size_px
    upscale = max(1.0, OPTICS_UM / um_per_px)
    scope = Scope(width_px=width, height_px=height, um_per_px=um_per_px, upscale=upscale, jpeg_quality=JPEG_QUALITY)
    return render(scalp, scope, int(place.integers(2**31))).jpeg


def main(lifeline: str, width: str, height: str, um_per_px: str, person: str, site: str) -> None:
    die_with_parent(int(lifeline))
    os.nice(10)
    sys.stdout.buffer.write(draw((int(width), int(height)), float(um_per_px), int(person), site))


if __name__ == "__main__":
    main(*sys.argv[1:])
