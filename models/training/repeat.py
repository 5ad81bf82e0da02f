"""How alike the readings of one scalp are: rendered once, photographed again by a hand that is never quite the same."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from models.training.speed import REFERENCE
from trichoscope.frame import Frame
from trichoscope.measurement.hairnet import Hairnet
from trichoscope.measurement.measure import measure
from trichoscope.measurement.reading import Interval, Reading
from trichoscope.photograph import decode_pixels
from trichoscope.simulation import Scalp, Scope, draw_scene, render

SCALPS, PHOTOGRAPHS = 8, 4
"""Scalps, and photographs of each."""
SHIFT_UM = 150.0
"""Either way from the first field: the probe is put down on a mark."""
NOISE = 2.0
"""Grey levels, standard deviation, anew in each photograph."""
FIRST_SEED = 9_500_000


def _value(interval: Interval | None) -> float:
    return math.nan if interval is None else interval.value


FIGURES: dict[str, tuple[Callable[[Reading], float], str]] = {
    "density, per cm²": (lambda reading: _value(reading.total_per_cm2), "{:.1f}"),
    "terminal, per cm²": (lambda reading: _value(reading.terminal_per_cm2), "{:.1f}"),
    "vellus, per cm²": (lambda reading: _value(reading.vellus_per_cm2), "{:.1f}"),
    "mean width, µm": (lambda reading: reading.diameter_mean_um or math.nan, "{:.2f}"),
}


def again(rng: np.random.Generator, scope: Scope) -> Scope:
    """The same scope in the same hand: a little out of focus, lit a little otherwise."""
    return replace(
        scope,
        focus_um=scope.focus_um + rng.uniform(-20, 20),
        exposure=scope.exposure * math.exp(rng.normal(0, 0.04)),
        white_balance=(1 + rng.normal(0, 0.02), 1.0, 1 + rng.normal(0, 0.02)),
    )


def photographs(seed: int) -> list[Frame]:
    """PHOTOGRAPHS of one scalp of clipped hair, each 2 × SHIFT_UM smaller than what was rendered."""
    rng = np.random.default_rng(seed)
    scalp, _ = draw_scene(rng, "clipped")
    room_px = round(SHIFT_UM / REFERENCE.um_per_px)
    return [_photograph(rng, scalp, again(rng, REFERENCE), seed, room_px) for _ in range(PHOTOGRAPHS)]


def _photograph(rng: np.random.Generator, scalp: Scalp, scope: Scope, seed: int, room_px: int) -> Frame:
    pixels = render(scalp, scope, seed).pixels
    left, top = rng.integers(2 * room_px + 1, size=2)
    height, width = (size - 2 * room_px for size in pixels.shape[:2])
    seen = pixels[top : top + height, left : left + width] + rng.normal(0, NOISE, (height, width, 1))
    bgr = cv2.cvtColor(np.clip(seen, 0, 255).astype(np.uint8), cv2.COLOR_RGB2BGR)
    jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 92])[1]
    return Frame(decode_pixels(jpeg.tobytes()), scope.um_per_px)


def spread(values: NDArray[np.float64]) -> float:
    """Of one reading about its scalp's mean: (scalps, photographs) → pooled standard deviation."""
    return float(np.sqrt(np.nanmean(np.nanvar(values, axis=1, ddof=1))))


def report(hairnet: Hairnet) -> str:
    """Markdown: the spread of each figure, and the smallest change between two readings that is not chance."""
    readings = [
        [measure(frame, hairnet) for frame in photographs(FIRST_SEED + k)]
        for k in track(range(SCALPS), "repeated", transient=True)
    ]
    lines = [
        f"The same spot photographed {PHOTOGRAPHS} times, {SCALPS} rendered scalps of clipped hair, "
        f"12.3 MP at {REFERENCE.um_per_px} µm/px: field moved by up to {SHIFT_UM:.0f} µm, focus by up to 20 µm, "
        "other noise and light.",
        "",
        "| figure | mean | SD of one reading | smallest change that is not chance, 95 % |",
        "|---|---|---|---|",
    ]
    for name, (figure, form) in FIGURES.items():
        values = np.array([[figure(reading) for reading in of_scalp] for of_scalp in readings])
        sd, mean = spread(values), float(np.nanmean(values))
        least = 1.96 * math.sqrt(2) * sd
        lines.append(f"| {name} | {form.format(mean)} | {form.format(sd)} ({sd / mean:.1%}) | {form.format(least)} |")
    return "\n".join(lines)
