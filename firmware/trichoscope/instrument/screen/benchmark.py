"""How fast the screen is, for `scripts/benchmark`."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from statistics import median

from .aids import look
from .pages import Ready, Result
from .screen import Screen


@dataclass(frozen=True)
class LiveView:
    """Of the live view, measured as fast as it goes."""

    frames_per_s: float
    cpu_ms: float
    """Processor time of one picture, aids included: at 15 frames/s, 66 ms would fill a core."""


def live_view(screen: Screen, page: Ready, um_per_px: float, frames: int = 150) -> LiveView:
    """Show so many pictures, each with its aids found anew."""
    screen.show(page)
    started, worked = time.perf_counter(), time.process_time()
    for _ in range(frames):
        screen.events()
        screen.show(replace(page, aids=look(page.preview, um_per_px)))
    return LiveView(frames / (time.perf_counter() - started), 1000 * (time.process_time() - worked) / frames)


def show_ms(screen: Screen, page: Result, times: int = 20) -> float:
    """Median time of showing a result, milliseconds."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        screen.show(page)
        taken.append(time.perf_counter() - started)
    return 1000 * median(taken)
