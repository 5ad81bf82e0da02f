"""The look of the screen: colours, sizes and the typeface, which is shipped so that it is the same everywhere.

Sizes are for a 5-inch panel (108 × 65 mm, 0.135 mm a pixel) at 60 cm: the smallest text has capitals of 2 mm, 11
minutes of arc, twice what normal sight needs.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import as_file, files
from typing import Literal

import pygame

from ...measurement import overlay

Colour = overlay.Colour
Face = Literal["Text", "Strong", "Code"]

SIZE = (800, 480)
TOUCH = 72
"""Side of what is touched: 9.7 mm. Nothing that is touched is smaller than 9 mm."""
GAP = 8

# Contrast on INK: TEXT 17, MUTED 9, the signs at least 4.5. Blue and yellow are for hairs alone (measurement.overlay).
INK: Colour = overlay.PLATE
PLATE: Colour = (34, 41, 48)
RAISED: Colour = (52, 61, 70)
LINE: Colour = (92, 104, 115)
TEXT: Colour = (244, 246, 247)
MUTED: Colour = (178, 188, 197)
# Okabe & Ito (2008), as the hairs are: told apart by every kind of colour vision, and never without a sign or a word.
GOOD: Colour = (0, 158, 115)
CAUTION: Colour = overlay.CAUTION
BAD: Colour = overlay.REFUSED

SMALL, BODY, LEAD, FIGURE, GREAT = 20, 24, 30, 40, 112


@lru_cache(maxsize=32)
def font(face: Face, size: int) -> pygame.font.Font:
    pygame.font.init()
    with as_file(files(__package__) / "fonts" / f"Inter-{face}.ttf") as path:
        return pygame.font.Font(path, size)


@lru_cache(maxsize=512)
def rendered(text: str, face: Face, size: int, colour: Colour) -> pygame.Surface:
    """One line of text on nothing; not to be drawn on."""
    return font(face, size).render(text, True, colour)


@lru_cache(maxsize=4096)
def width_of(text: str, face: Face, size: int) -> int:
    return font(face, size).size(text)[0]


def shortened(text: str, room: int, face: Face, size: int) -> str:
    """The text, or as much of its beginning as fits with an ellipsis; of a code the end is kept as well."""
    if width_of(text, face, size) <= room:
        return text
    for kept in range(len(text) - 1, 0, -1):
        tail = kept // 2 if face == "Code" else 0
        short = f"{text[: kept - tail].rstrip()}…{text[len(text) - tail :] if tail else ''}"
        if width_of(short, face, size) <= room:
            return short
    return "…"


@lru_cache(maxsize=256)
def wrapped(text: str, room: int, face: Face, size: int, most: int | None = None) -> tuple[str, ...]:
    """The text in lines that fit, of about the same length, at most so many; the last is shortened where it does not
    end there. What is too long for a line, such as a code, is broken after a hyphen or anywhere.
    """
    lines = _lines(text, room, face, size)
    if most is not None and len(lines) > most:
        lines = [*lines[: most - 1], " ".join(lines[most - 1 :])]
        return tuple(shortened(line, room, face, size) for line in lines)
    narrow, wide = 0, room
    while wide - narrow > 8:  # as narrow as the same number of lines allows, so that no word is left alone
        tried = (narrow + wide) // 2
        narrow, wide = (narrow, tried) if len(_lines(text, tried, face, size)) <= len(lines) else (tried, wide)
    return tuple(_lines(text, wide, face, size))


def _lines(text: str, room: int, face: Face, size: int) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and width_of(longer, face, size) <= room:
            lines[-1] = longer
        else:
            lines += _pieces(word, room, face, size)
    return lines


def _pieces(word: str, room: int, face: Face, size: int) -> list[str]:
    pieces = []
    while len(word) > 1 and width_of(word, face, size) > room:
        fitting = max((n for n in range(1, len(word)) if width_of(word[:n], face, size) <= room), default=1)
        cut = word.rfind("-", 0, fitting) + 1 or fitting
        pieces.append(word[:cut])
        word = word[cut:]
    return [*pieces, word]


def largest(text: str, room: int, face: Face, sizes: tuple[int, ...]) -> int:
    """The first of the sizes, largest first, at which the text fits; the last where none does."""
    return next((size for size in sizes if width_of(text, face, size) <= room), sizes[-1])
