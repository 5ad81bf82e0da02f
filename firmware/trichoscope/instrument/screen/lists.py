"""Lists longer than the screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pygame import Rect

from .drawing import Drawing
from .events import Turn
from .pages import Check, Patients, SelfTest, Service
from .style import BODY, GAP, MUTED, PLATE, SMALL, TOUCH

TOP = 88
CHECKS = 5
_PITCH = 61


def pager(drawing: Drawing, page: Patients | Service | SelfTest, length: int, rows: int) -> None:
    """Up and down at the right edge, a screenful at a time, where the list is longer than the screen."""
    if length <= rows:
        return
    x, first = 800 - GAP - TOUCH, page.first
    up = Turn(replace(page, first=max(first - rows, 0))) if first > 0 else None
    down = Turn(replace(page, first=first + rows)) if first + rows < length else None
    drawing.button(Rect(x, TOP, TOUCH, 112), "", up, icon="up")
    drawing.button(Rect(x, TOP + 192, TOUCH, 112), "", down, icon="down")
    screens, at = -(-length // rows), first // rows + 1
    drawing.text(f"{at}/{screens}", (x + TOUCH / 2, TOP + 159), SMALL, MUTED, align="centre")


def checks(drawing: Drawing, page: Service | SelfTest, shown: Sequence[Check]) -> None:
    """Name, words and sign of each."""
    paged = len(shown) > CHECKS
    wide = 784 - (TOUCH + GAP if paged else 0)
    for i, check in enumerate(shown[page.first : page.first + CHECKS]):
        area = Rect(GAP, TOP + i * _PITCH, wide, _PITCH - 5)
        drawing.plate(area, PLATE)
        drawing.sign(check.state, (area.left + 26, area.centery), 28)
        drawing.text(check.name, (area.left + 52, area.centery + 9), BODY, face="Strong", room=180)
        drawing.lines(check.words, (area.left + 244, area.centery), area.width - 256, SMALL)
    pager(drawing, page, len(shown), CHECKS)
