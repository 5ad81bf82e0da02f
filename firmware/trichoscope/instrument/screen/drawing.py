"""What pages are drawn with. Whatever can be touched is drawn and remembered in one call, so that the two agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
import pygame
from pygame import Rect

from . import icons, style
from .events import Event
from .pages import Image, State
from .style import BODY, CAUTION, GAP, INK, LINE, MUTED, PLATE, RAISED, SMALL, TEXT, TOUCH, Colour, Face

Align = Literal["left", "centre", "right"]
Kind = Literal["plain", "primary", "chosen"]
Button = tuple[str, Event | None, str | None, Kind, float]
"""Label, what it asks for, sign, look, and share of the row's width."""

ACTIONS = Rect(GAP, 480 - GAP - TOUCH, 800 - 2 * GAP, TOUCH)
"""Where a page's buttons stand: at the bottom, nearest the hand."""

SIGN: dict[State, Colour] = {
    "good": style.GOOD,
    "caution": CAUTION,
    "bad": style.BAD,
    "plain": MUTED,
    "waiting": MUTED,
}
"""Colour of the sign that stands for a state; the sign's shape says the same."""


@dataclass(frozen=True)
class Target:
    """What is touched, and what that asks for."""

    area: Rect
    event: Event


class Drawing:
    """A page in the making on a surface of 800 × 480.

    Args:
        pressed: where a finger lies: the target under it is drawn so.
    """

    def __init__(self, surface: pygame.Surface, pressed: tuple[int, int] | None = None) -> None:
        self.surface = surface
        self.targets: list[Target] = []
        self._pressed = pressed

    def text(
        self,
        text: str,
        at: tuple[float, float],
        size: int = BODY,
        colour: Colour = TEXT,
        *,
        face: Face = "Text",
        align: Align = "left",
        room: int | None = None,
    ) -> int:
        """One line with its baseline at `at`, shortened to the room given. Returns its width."""
        face = face if face != "Code" or text.isascii() else "Strong"
        if room is not None:
            text = style.shortened(text, room, face, size)
        line = style.rendered(text, face, size, colour)
        x = at[0] - {"left": 0, "centre": line.get_width() / 2, "right": line.get_width()}[align]
        self.surface.blit(line, (round(x), round(at[1]) - style.font(face, size).get_ascent()))
        return line.get_width()

    def paragraph(
        self,
        text: str,
        at: tuple[float, float],
        room: int,
        size: int = BODY,
        colour: Colour = TEXT,
        *,
        face: Face = "Text",
        align: Align = "left",
        most: int | None = None,
    ) -> float:
        """Lines below each other, the first with its baseline at `at`. Returns the baseline of the next."""
        y = at[1]
        for line in style.wrapped(text, room, face, size, most):
            self.text(line, (at[0], y), size, colour, face=face, align=align)
            y += leading(size)
        return y

    def lines(
        self, text: str, at: tuple[float, float], room: int, size: int = SMALL, colour: Colour = TEXT, most: int = 2
    ) -> None:
        """At most so many lines, close together, with their middle at `at`."""
        found = style.wrapped(text, room, "Text", size, most)
        pitch = round(size * 1.15)
        y = at[1] + size * 0.364 - pitch * (len(found) - 1) / 2
        for line in found:
            self.text(line, (at[0], y), size, colour)
            y += pitch

    def plate(self, area: Rect, colour: Colour = PLATE, *, outline: Colour | None = None, width: int = 2) -> None:
        """A rectangle with round corners."""
        self.surface.blit(_rounded(area.size, colour, outline, width), area)

    def icon(self, name: str, centre: tuple[float, float], size: int = 28, colour: Colour = TEXT) -> None:
        self.surface.blit(icons.icon(name, size, colour), (round(centre[0] - size / 2), round(centre[1] - size / 2)))

    def sign(self, state: State, centre: tuple[float, float], size: int = 28) -> None:
        self.icon(state, centre, size, SIGN[state])

    def line(self, start: tuple[int, int], end: tuple[int, int], colour: Colour, width: int = 3) -> None:
        pygame.draw.aaline(self.surface, colour, start, end, width)

    def dot(self, centre: tuple[float, float], radius: float, colour: Colour, *, width: float | None = None) -> None:
        """A disc, or a ring of a width."""
        size = 2 * round(radius) + 2
        self.surface.blit(
            _disc(size, radius, width, colour), (round(centre[0] - size / 2), round(centre[1] - size / 2))
        )

    def picture(self, picture: Image, area: Rect) -> Rect:
        """The whole picture, as large as it fits. Returns where it lies; what is left of the area becomes dark."""
        height, width = picture.shape[:2]
        scale = min(area.width / width, area.height / height)
        place = Rect(0, 0, max(1, round(width * scale)), max(1, round(height * scale)))
        place.center = area.center
        if place != area:
            self.surface.fill(INK, area)
        if place.size != (width, height):
            picture = resized(picture, place.size)
        self.surface.blit(pygame.image.frombuffer(np.ascontiguousarray(picture).data, place.size, "RGB"), place)
        return place

    def touch(self, area: Rect, event: Event) -> bool:
        """Remember what is touched. Returns whether a finger lies there."""
        self.targets.append(Target(Rect(area), event))
        return self._pressed is not None and area.collidepoint(self._pressed)

    def button(
        self,
        area: Rect,
        label: str,
        event: Event | None,
        *,
        icon: str | None = None,
        kind: Kind = "plain",
        size: int = BODY,
    ) -> None:
        """A label on a plate, after a sign or, on a narrow one, below it. Without an event it cannot be used."""
        pressed = event is not None and self.touch(area, event)
        fill, ink = {
            "plain": (RAISED, TEXT),
            "primary": (TEXT, INK),
            "chosen": (PLATE, TEXT),
        }[kind]
        if event is None:
            fill, ink = PLATE, LINE
        if pressed:
            fill, ink = (MUTED, INK) if kind == "primary" else (TEXT, INK)
        self.plate(area, fill, outline=TEXT if kind == "chosen" else None, width=3)
        face: Face = "Strong"
        if icon and label and area.width < 120:
            self.icon(icon, (area.centerx, area.top + 24), 28, ink)
            self.text(label, (area.centerx, area.bottom - 11), SMALL, ink, face=face, align="centre")
            return
        sign = 28 if icon else 0
        space = 10 if icon and label else 0
        room = area.width - sign - space - 20
        wide = min(style.width_of(label, face, size), room) if label else 0
        x = area.centerx - (sign + space + wide) / 2
        if icon:
            self.icon(icon, (x + sign / 2, area.centery), sign, ink)
        if label:
            self.text(label, (x + sign + space, middle(area, size)), size, ink, face=face, room=room)

    def buttons(self, area: Rect, row: Sequence[Button]) -> None:
        """A row of buttons that fills the area."""
        whole = sum(share for *_, share in row)
        wide = area.width - GAP * (len(row) - 1)
        x = float(area.left)
        for label, event, icon, kind, share in row:
            right = x + wide * share / whole
            self.button(
                Rect(round(x), area.top, round(right) - round(x), area.height), label, event, icon=icon, kind=kind
            )
            x = right + GAP


def leading(size: int) -> int:
    """From one baseline to the next."""
    return round(size * 1.25)


def middle(area: Rect, size: int) -> int:
    """The baseline at which capitals stand in the middle of an area's height."""
    return round(area.centery + size * 0.364)  # capitals of the typeface are 0.727 of its size


def resized(picture: Image, size: tuple[int, int]) -> Image:
    """A picture of another width and height, averaged where it gets smaller by much."""
    if picture.shape[1] >= 4 * size[0]:  # averaging all of 12 MP takes as long as the rest of the page
        picture = np.asarray(cv2.resize(picture, (2 * size[0], 2 * size[1]), interpolation=cv2.INTER_LINEAR), np.uint8)
    how = cv2.INTER_AREA if picture.shape[1] >= 1.5 * size[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, size, interpolation=how), np.uint8)


@lru_cache(maxsize=64)
def _disc(size: int, radius: float, width: float | None, colour: Colour) -> pygame.Surface:
    fine = 8
    mask = np.zeros((size * fine, size * fine), np.uint8)
    centre = (size * fine // 2, size * fine // 2)
    cv2.circle(mask, centre, round(radius * fine), 255, -1)
    if width is not None:
        cv2.circle(mask, centre, round((radius - width) * fine), 0, -1)
    return icons.stencil(cv2.resize(mask, (size, size), interpolation=cv2.INTER_AREA), colour)


@lru_cache(maxsize=128)
def _rounded(size: tuple[int, int], colour: Colour, outline: Colour | None, width: int) -> pygame.Surface:
    fine, radius = 4, 10
    whole = Rect(0, 0, size[0] * fine, size[1] * fine)
    large = pygame.Surface(whole.size, pygame.SRCALPHA)
    edge = outline or colour
    large.fill((*edge, 0))
    pygame.draw.rect(large, edge, whole, border_radius=radius * fine)
    if outline is not None:
        inner = whole.inflate(-2 * width * fine, -2 * width * fine)
        pygame.draw.rect(large, colour, inner, border_radius=(radius - width) * fine)
    return pygame.transform.smoothscale(large, size)
