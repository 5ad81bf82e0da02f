"""What stands above the pages: who and where, and the marks of the instrument."""

from __future__ import annotations

from pygame import Rect

from . import style
from .drawing import Drawing, middle
from .events import Back
from .pages import SITES, Banner
from .style import BAD, BODY, CAUTION, GAP, LEAD, MUTED, SMALL, TEXT, TOUCH, Colour, Face

BAR = 48
BATTERY_LOW, BATTERY_EMPTY = 20, 8


def bar(drawing: Drawing, banner: Banner, right: str | None = None) -> None:
    """A low bar: patient and site at the left, marks at the right."""
    area = Rect(0, 0, 800, BAR)
    room = marks(drawing, banner, 792, 24) - 28
    taken = _who(drawing, banner, 12, middle(area, BODY), BODY, room)
    if right is not None and room - taken > 90:
        drawing.text(right, (12 + taken + 20, middle(area, SMALL)), SMALL, MUTED)


def head(drawing: Drawing, banner: Banner, title: str, *, below: str | None = None, problem: str | None = None) -> None:
    """A high bar with the way back, a title, patient and site below it (or other words, or a problem), and marks."""
    drawing.button(Rect(GAP, GAP, TOUCH, TOUCH), "", Back(), icon="back")
    x = GAP + TOUCH + 16
    room = marks(drawing, banner, 792, 30) - 16 - x
    drawing.text(title, (x, 42), LEAD, face="Strong", room=room)
    if problem is not None:
        drawing.sign("caution", (x + 12, 66), 24)
        drawing.text(problem, (x + 32, 73), SMALL, room=792 - x - 32)
    elif below is not None:
        drawing.text(below, (x, 73), SMALL, MUTED, room=792 - x)
    else:
        _who(drawing, banner, x, 73, SMALL, 792 - x)


def notice(drawing: Drawing, text: str, area: Rect) -> None:
    drawing.sign("caution", (area.left + 14, area.centery), 28)
    drawing.lines(text, (area.left + 38, area.centery), area.width - 38)


def _who(drawing: Drawing, banner: Banner, x: int, baseline: int, size: int, room: int) -> int:
    """Patient and site, the site whole. Returns the width taken."""
    code = banner.patient or "No patient"
    face: Face = "Code" if banner.patient else "Text"
    site = "" if banner.site is None else SITES[banner.site]
    after = 24 + style.width_of(site, "Text", size) if site else 0
    fitting = style.largest(code, room - after, face, (size, SMALL))
    wide = drawing.text(code, (x, baseline), fitting, face=face, room=room - after)
    if site:
        drawing.dot((x + wide + 12, baseline - size * 0.36), 2.5, MUTED)
        drawing.text(site, (x + wide + 24, baseline), size)
    return wide + after


def marks(drawing: Drawing, banner: Banner, right: int, y: int, *, brief: bool = False) -> int:
    """Clock, battery, storage and unsent captures, from right to left. Returns how far left they reach.

    Args:
        brief: without storage and unsent captures where they are in order, and without the sign of a notice: leaves
            room for its words.
    """
    clock = f"{banner.now:%H:%M}"
    x = _mark(drawing, right, y, "clock", clock if banner.clock_trusted else f"{clock} ?", banner.clock_trusted)
    if banner.battery_percent is not None:
        x = _battery(drawing, x, y, banner.battery_percent, banner.on_mains)
    if not brief or banner.storage_low:
        x = _mark(drawing, x, y, "storage", _amount(banner.free_bytes), not banner.storage_low)
    if not brief and banner.unsent:
        x = _mark(drawing, x, y, "unsent", str(banner.unsent), True)
    if not brief and banner.notice is not None:
        drawing.sign("caution", (x - 12, y), 24)
        x -= 24 + 16
    return x


def _mark(drawing: Drawing, right: int, y: int, icon: str, words: str, good: bool) -> int:
    colour: Colour = MUTED if good else CAUTION
    x = right - drawing.text(words, (right, y + 7), SMALL, TEXT if good else CAUTION, align="right")
    drawing.icon(icon if good else "caution", (x - 16, y), 22, colour)
    return x - 16 - 11 - 16


def _battery(drawing: Drawing, right: int, y: int, percent: int, on_mains: bool) -> int:
    low = percent <= BATTERY_LOW and not on_mains
    colour = BAD if low and percent <= BATTERY_EMPTY else CAUTION if low else MUTED
    x = right - drawing.text(f"{percent} %", (right, y + 7), SMALL, CAUTION if low else TEXT, align="right")
    drawing.icon("battery", (x - 18, y), 28, colour)
    inside = Rect(x - 18 - 9, y - 3, max(1, round(14 * percent / 100)), 7)
    drawing.surface.fill(colour, inside)
    if on_mains:
        drawing.icon("mains", (x - 46, y), 22, MUTED)
        x -= 26
    return x - 18 - 14 - 16


def _amount(free: int) -> str:
    if free >= 10**10:
        return f"{free / 10**9:.0f} GB"
    return f"{free / 10**9:.1f} GB" if free >= 10**9 else f"{free / 10**6:.0f} MB"
