"""The page of earlier readings: a plot with intervals, and by how much the last differs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from pygame import Rect

from ...measurement.overlay import TERMINAL, VELLUS
from ...measurement.reading import Interval
from .banner import head
from .drawing import ACTIONS, Drawing
from .events import Turn
from .pages import History, PastReading, Quantity
from .style import BODY, LEAD, LINE, MUTED, PLATE, SMALL, TEXT, Colour

QUANTITIES: dict[Quantity, tuple[str, str, Colour]] = {
    "total": ("Density", "hairs/cm²", TEXT),
    "terminal": ("Terminal", "terminal/cm²", TERMINAL),
    "vellus": ("Vellus", "vellus/cm²", VELLUS),
    "width": ("Mean width", "µm", TEXT),
}
MOST = 12
"""The newest so many are shown."""
_PLOT = Rect(64, 124, 452, 224)


def difference(later: Interval, earlier: Interval) -> Interval:
    """later − earlier with its 95 % interval, from the two intervals, which need not be symmetric: the method of
    variance estimates recovery (Zou & Donner 2008).
    """
    d = later.value - earlier.value
    low = math.hypot(later.value - later.low, earlier.high - earlier.value)
    high = math.hypot(later.high - later.value, earlier.value - earlier.low)
    return Interval(d, d - low, d + high)


def history(drawing: Drawing, page: History) -> None:
    head(drawing, page.banner, "Readings so far")
    points = [(past, figure) for past in page.readings if (figure := _figure(past, page.quantity)) is not None][-MOST:]
    if points:
        _plot(drawing, page.quantity, points)
        _beside(drawing, page.quantity, points)
    else:
        words = "No reading of this site yet." if not page.readings else "This figure was withheld in every reading."
        drawing.text(words, (400, 250), BODY, MUTED, align="centre")
    drawing.buttons(
        ACTIONS,
        [
            (
                label,
                Turn(replace(page, quantity=quantity)),
                None,
                "primary" if quantity == page.quantity else "plain",
                1,
            )
            for quantity, (label, _, _) in QUANTITIES.items()
        ],
    )


def _figure(past: PastReading, quantity: Quantity) -> Interval | None:
    return {
        "total": past.total_per_cm2,
        "terminal": past.terminal_per_cm2,
        "vellus": past.vellus_per_cm2,
        "width": past.diameter_mean_um,
    }[quantity]


def _plot(drawing: Drawing, quantity: Quantity, points: Sequence[tuple[PastReading, Interval]]) -> None:
    """Figures with their intervals over the days; in the order taken, evenly, where a date is not to be trusted."""
    surface, (_, unit, colour) = drawing.surface, QUANTITIES[quantity]
    top = max(figure.high for _, figure in points) * 1.05
    step = _step(top)
    most = max(step * math.ceil(top / step), step)
    for i in range(round(most / step) + 1):
        y = round(_PLOT.bottom - i * step / most * _PLOT.height)
        surface.fill(LINE if i == 0 else PLATE, Rect(_PLOT.left, y - 1, _PLOT.width, 2))
        drawing.text(f"{i * step:g}", (_PLOT.left - 10, y + 7), SMALL, MUTED, align="right")
    drawing.text(unit, (_PLOT.left, _PLOT.top - 10), SMALL, MUTED)

    places, by_date = _places([past for past, _ in points])
    before: tuple[int, int] | None = None
    middles = []
    for place, (_, figure) in zip(places, points, strict=True):
        x = round(_PLOT.left + 34 + place * (_PLOT.width - 68))
        y, low, high = (round(_PLOT.bottom - v / most * _PLOT.height) for v in (figure.value, figure.low, figure.high))
        if before is not None:
            drawing.line(before, (x, y), LINE)
        before = (x, y)
        middles.append((x, y, low, high))
    for x, y, low, high in middles:
        surface.fill(colour, Rect(x - 1, high, 3, max(low - high, 1)))
        for end in (low, high):
            surface.fill(colour, Rect(x - 8, end - 1, 17, 3))
        drawing.dot((x, y), 8, colour)
    ends = [0] if len(points) == 1 else [0, len(points) - 1]
    for i in ends:
        drawing.text(_day(points[i][0]), (middles[i][0], _PLOT.bottom + 28), SMALL, MUTED, align="centre")
    if not by_date:
        drawing.text("in the order taken", (_PLOT.centerx, _PLOT.bottom + 28), SMALL, MUTED, align="centre")


def _beside(drawing: Drawing, quantity: Quantity, points: Sequence[tuple[PastReading, Interval]]) -> None:
    """The last figure, and by how much it differs from the first and the one before."""
    x = 548
    last, figure = points[-1]
    wide = drawing.text(f"{figure.value:.0f}", (x - 3, 168), 84, face="Strong") + 6
    drawing.text("µm" if quantity == "width" else "/cm²", (x + wide, 168), BODY)
    wide = drawing.text(f"{figure.low:.0f}–{figure.high:.0f}", (x, 204), LEAD) + 8
    drawing.text("95 %", (x + wide, 204), SMALL, MUTED)
    y = 254
    if len(points) == 1:
        drawing.paragraph(f"One visit, {_day(last)}: nothing to compare with.", (x, y), 244, SMALL, MUTED)
        return
    for past, before in dict.fromkeys((points[0], points[-2])):
        change = difference(figure, before)
        drawing.text(f"since {_day(past)}", (x, y), SMALL, MUTED, room=244)
        wide = drawing.text(_signed(change.value), (x, y + 31), LEAD, face="Strong") + 12
        drawing.text(f"{_signed(change.low)} to {_signed(change.high)}", (x + wide, y + 30), SMALL, MUTED)
        y += 70


def _places(readings: Sequence[PastReading]) -> tuple[list[float], bool]:
    """0–1 along the axis, and whether by date."""
    days = [past.at.timestamp() for past in readings]
    span = days[-1] - days[0]
    ordered = all(a < b for a, b in pairwise(days))
    if len(days) > 1 and ordered and all(past.clock_trusted for past in readings):
        return [(day - days[0]) / span for day in days], True
    return [i / max(len(days) - 1, 1) for i in range(len(days))] if len(days) > 1 else [0.5], len(days) == 1


def _step(top: float) -> float:
    """1, 2 or 5 × 10ⁿ, so that at most five lines reach the top."""
    raw = max(top, 1.0) / 5
    decade = 10.0 ** math.floor(math.log10(raw))
    return next(step * decade for step in (1, 2, 5, 10) if step * decade >= raw)


def _day(past: PastReading) -> str:
    return f"{past.at.day} {past.at:%b %y}" + ("" if past.clock_trusted else " ?")


def _signed(value: float) -> str:
    return f"{value:+.0f}".replace("-", "−").replace("+0", "0").replace("−0", "0")
