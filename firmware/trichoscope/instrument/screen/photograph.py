"""The photograph of a reading with its hairs, at the size of the screen, and the histogram of their widths."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from pygame import Rect

from ...measurement.overlay import SHIFT, TERMINAL, VELLUS, fixed
from ...measurement.reading import Reading
from . import style
from .drawing import Drawing, resized
from .pages import Image
from .style import INK, LINE, MUTED, SMALL, TEXT

_DASH_PX, _SPACE_PX = 4.0, 3.0

WIDEST_UM, BIN_UM = 150.0, 5.0
"""Wider hairs stand in the last bar."""


def with_hairs(photograph: Image, reading: Reading, size: tuple[int, int]) -> Image:
    """The photograph at another size with its hairs drawn as in `measurement.overlay`: terminal hairs solid, vellus
    hairs dashed, with a disc or a ring at the root. Where classes are withheld all hairs are drawn alike.
    """
    picture = resized(photograph, size)
    scale = np.array(size) / np.array(reading.size_px)
    vellus = [reading.classes_shown and hair.hair_class == "vellus" for hair in reading.hairs]
    paths = [hair.path_px * scale for hair in reading.hairs]
    thick = [path for path, dashed in zip(paths, vellus, strict=True) if not dashed]
    thin = [path for path, dashed in zip(paths, vellus, strict=True) if dashed]
    seam = picture.copy()
    cv2.polylines(seam, _sparse(paths), False, INK, 3, cv2.LINE_AA, SHIFT)
    cv2.addWeighted(seam, 0.5, picture, 0.5, 0, dst=picture)
    cv2.polylines(picture, _sparse(thick), False, TERMINAL, 1, cv2.LINE_AA, SHIFT)
    cv2.polylines(picture, _dashes(thin), False, VELLUS, 1, cv2.LINE_AA, SHIFT)
    one = 1 << SHIFT
    for path, dashed in zip(paths, vellus, strict=True):
        x, y = (round(float(v) * one) for v in path[0])
        rings = ((3.8, INK), (3.2, VELLUS), (1.4, INK)) if dashed else ((2.8, INK), (2.1, TERMINAL))
        for radius, colour in rings:
            cv2.circle(picture, (x, y), round(radius * one), colour, -1, cv2.LINE_AA, SHIFT)
    return picture


def _sparse(paths: Sequence[NDArray[np.floating]]) -> list[NDArray[np.int32]]:
    """The paths with about every third point: on the screen all of them stand closer than a pixel."""
    return [fixed(np.concatenate([path[: -1 : max(1, min(3, len(path) // 4))], path[-1:]])) for path in paths]


def _dashes(paths: Sequence[NDArray[np.floating]]) -> list[NDArray[np.int32]]:
    """The paths in pieces, cut at their points."""
    if not paths:
        return []
    points = np.concatenate(paths)
    first = np.cumsum([0, *(len(path) for path in paths[:-1])])
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    along -= np.repeat(along[first], [len(path) for path in paths])
    drawn = along % (_DASH_PX + _SPACE_PX) < _DASH_PX
    begins = drawn.copy()
    begins[1:] &= ~drawn[:-1]
    begins[first] = True
    ends = drawn.copy()
    ends[:-1] &= ~drawn[1:]
    ends[first[1:] - 1] = drawn[first[1:] - 1]
    ends[-1] = drawn[-1]
    in_cv2 = fixed(points)
    return [in_cv2[i : j + 1] for i, j in zip(np.flatnonzero(begins), np.flatnonzero(ends), strict=True)]


def marker(drawing: Drawing, left: int, y: int, *, vellus: bool) -> None:
    """A hair as it is drawn in the photograph, 34 pixels wide."""
    surface = drawing.surface
    colour = VELLUS if vellus else TERMINAL
    for x in range(left + 8, left + 34, 9) if vellus else (left + 4,):
        surface.fill(colour, Rect(x, y - 1, 6 if vellus else 30, 3))
    drawing.dot((left + 5, y), 5, colour, width=2.5 if vellus else None)


def scale_bar(drawing: Drawing, place: Rect, um_per_px: float) -> None:
    """1 mm, or the half or double of it that takes no more than a quarter of the picture; bottom left.

    Args:
        place: where the picture lies.
        um_per_px: of the picture on the screen.
    """
    um = max((um for um in (100, 200, 500, 1000, 2000, 5000) if um / um_per_px <= place.width / 4), default=100)
    bar = Rect(0, 0, round(um / um_per_px), 4)
    label = f"{um / 1000:g} mm"
    plate = Rect(place.left + 8, place.bottom - 60, max(bar.width, style.width_of(label, "Text", SMALL)) + 24, 52)
    drawing.plate(plate, INK)
    bar.midbottom = (plate.centerx, plate.bottom - 10)
    drawing.surface.fill(TEXT, bar)
    drawing.text(label, (plate.centerx, plate.bottom - 22), SMALL, align="centre")


def histogram(drawing: Drawing, area: Rect, reading: Reading) -> None:
    """How many hairs have which width. Terminal bars are full, vellus bars hollow; a line stands at the threshold."""
    surface = drawing.surface
    chart = Rect(area.left, area.top, area.width, area.height - 24)
    n = round(WIDEST_UM / BIN_UM)
    widths = np.array([hair.diameter_um for hair in reading.hairs], np.float64)
    vellus = np.array([hair.hair_class == "vellus" and reading.classes_shown for hair in reading.hairs], bool)
    place = np.minimum(np.nan_to_num(widths) / BIN_UM, n - 1).astype(np.intp)
    thin, thick = (np.bincount(place[chosen], minlength=n) for chosen in (vellus, ~vellus))
    most = max(int((thin + thick).max()), 1)
    step = chart.width / n
    for i in range(n):
        left, right = round(chart.left + i * step), round(chart.left + (i + 1) * step) - 2
        bottom = chart.bottom
        for count, colour, hollow in ((thick[i], TERMINAL, False), (thin[i], VELLUS, True)):
            if count:
                tall = max(3, round(count / most * (chart.height - 6)))
                bar = Rect(left, bottom - tall, right - left, tall)
                surface.fill(colour, bar)
                if hollow and tall > 4:
                    surface.fill(INK, bar.inflate(-4, -4))
                bottom -= tall
    surface.fill(LINE, Rect(chart.left, chart.bottom, chart.width, 2))
    if reading.classes_shown:
        x = round(chart.left + reading.threshold_um / BIN_UM * step) - 1
        for y in range(chart.top, chart.bottom, 7):
            surface.fill(TEXT, Rect(x - 1, y, 2, 4))
        marks = [(reading.threshold_um, f"{reading.threshold_um:g}", TEXT)]
    else:
        marks = [(40.0, "40", MUTED)]
    marks += [(um, f"{um:g}", MUTED) for um in (0.0, 80.0)]
    for um, label, colour in marks:
        x = round(chart.left + um / BIN_UM * step)
        drawing.text(label, (x, area.bottom - 2), SMALL, colour, align="left" if um == 0 else "centre")
    x = round(chart.left + 120.0 / BIN_UM * step) - style.width_of("120", "Text", SMALL) // 2
    drawing.text("120 µm", (x, area.bottom - 2), SMALL, MUTED)
    if not len(widths):
        drawing.text("no hair", (chart.centerx, chart.centery + 7), SMALL, MUTED, align="centre")
