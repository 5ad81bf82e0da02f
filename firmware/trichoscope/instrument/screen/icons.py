"""Signs, drawn as strokes in a square of 24 units and smoothed, so that they need no picture files."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import cos, radians, sin

import cv2
import numpy as np
import pygame

from .style import Colour

Point = tuple[float, float]
_FINE = 8
"""Signs are drawn so many times larger and then reduced."""


@dataclass(frozen=True)
class Stroke:
    """A line through points, closed or not, or the area within; `gap` is rubbed out instead."""

    points: tuple[Point, ...]
    closed: bool = False
    filled: bool = False
    gap: bool = False
    width: float = 2.2


def _line(*points: Point, width: float = 2.2, gap: bool = False) -> Stroke:
    return Stroke(points, width=width, gap=gap)


def _shape(*points: Point, filled: bool = False) -> Stroke:
    return Stroke(points, closed=True, filled=filled)


def _arc(centre: Point, radius: float, start: float = 0, stop: float = 360, *, filled: bool = False) -> Stroke:
    """Degrees from three o'clock, clockwise."""
    steps = max(4, round(abs(stop - start) / 8))
    angles = [radians(start + (stop - start) * i / steps) for i in range(steps + 1)]
    points = tuple((centre[0] + radius * cos(a), centre[1] + radius * sin(a)) for a in angles)
    return Stroke(points, closed=filled, filled=filled)


def _dot(x: float, y: float, radius: float = 1.5) -> Stroke:
    return _arc((x, y), radius, filled=True)


def _box(left: float, top: float, right: float, bottom: float, *, filled: bool = False) -> Stroke:
    return _shape((left, top), (right, top), (right, bottom), (left, bottom), filled=filled)


_OCTAGON = ((8, 2.5), (16, 2.5), (21.5, 8), (21.5, 16), (16, 21.5), (8, 21.5), (2.5, 16), (2.5, 8))
_GEAR = tuple(
    (12 + r * cos(radians(45 * k + d)), 12 + r * sin(radians(45 * k + d)))
    for k in range(8)
    for d, r in ((-14, 9.6), (14, 9.6), (20, 7.2), (25, 7.2))
)
_LIDS = tuple((12 + 10.2 * cos(radians(t)), 12 + 6.6 * sin(radians(t))) for t in range(0, 360, 10))

ICONS: dict[str, tuple[Stroke, ...]] = {
    "good": (_arc((12, 12), 9.5), _line((7.5, 12.5), (11, 16), (16.8, 8.8))),
    "caution": (_shape((12, 3), (22, 20.5), (2, 20.5)), _line((12, 9.5), (12, 14)), _dot(12, 17.3, 1.3)),
    "bad": (_shape(*_OCTAGON), _line((8.5, 8.5), (15.5, 15.5)), _line((15.5, 8.5), (8.5, 15.5))),
    "plain": (_arc((12, 12), 9.5), _line((12, 11), (12, 16.5)), _dot(12, 7.5, 1.3)),
    "waiting": (_dot(5, 12), _dot(12, 12), _dot(19, 12)),
    "check": (_line((4, 12.5), (9.5, 18), (20, 6.5), width=2.8),),
    "back": (_line((20, 12), (4, 12)), _line((10.5, 5.5), (4, 12), (10.5, 18.5))),
    "up": (_line((5, 15.5), (12, 8.5), (19, 15.5), width=2.8),),
    "down": (_line((5, 8.5), (12, 15.5), (19, 8.5), width=2.8),),
    "battery": (_box(2, 7, 19, 17), _line((22, 10.5), (22, 13.5), width=2.6)),
    "mains": (
        _line((9, 2.5), (9, 7)),
        _line((15, 2.5), (15, 7)),
        _shape((6, 7.5), (18, 7.5), (18, 11.5), (14.5, 15.5), (9.5, 15.5), (6, 11.5)),
        _line((12, 15.5), (12, 21.5)),
    ),
    "storage": (
        _shape((5, 2.5), (14.5, 2.5), (19.5, 7.5), (19.5, 21.5), (5, 21.5)),
        _line((9, 6.5), (9, 10)),
        _line((13, 6.5), (13, 10)),
    ),
    "unsent": (_line((12, 15), (12, 3.5)), _line((7, 8.5), (12, 3.5), (17, 8.5)), _line((4, 15), (4, 20.5), (20, 20.5), (20, 15))),  # noqa: E501
    "clock": (_arc((12, 12), 9.5), _line((12, 6.5), (12, 12), (16, 14.5))),
    "person": (_arc((12, 7.5), 4.3), _arc((12, 21.5), 8.3, 180, 360), _line((3.7, 21), (20.3, 21))),
    "site": (
        _arc((12, 9.5), 6.8, 150, 390),
        _line((6.1, 12.9), (12, 21.5), (17.9, 12.9)),
        _dot(12, 9.5, 2.4),
    ),
    "history": (_line((3, 3), (3, 21), (21.5, 21)), _line((7, 15.5), (11.5, 10.5), (15, 13.5), (21, 6.5))),
    "service": (_shape(*_GEAR), _arc((12, 12), 3.2)),
    "white": (_arc((12, 12), 4.4), *(
        _line((12 + 7.2 * cos(a), 12 + 7.2 * sin(a)), (12 + 10 * cos(a), 12 + 10 * sin(a)))
        for a in (radians(45 * k) for k in range(8))
    )),
    "polarised": (_arc((12, 12), 9.5), *(
        _line((x, 12 - h), (x, 12 + h), width=1.8) for x, h in ((6.5, 6.6), (10.2, 8.6), (13.8, 8.6), (17.5, 6.6))
    )),
    "eye": (Stroke(_LIDS, closed=True), _arc((12, 12), 3, filled=True)),
    "eye-off": (
        Stroke(_LIDS, closed=True),
        _arc((12, 12), 3, filled=True),
        _line((3.2, 21.2), (21.2, 3.2), width=6, gap=True),
        _line((3.5, 21.5), (20.5, 2.5)),
    ),
    "enlarge": (_line((14, 3.5), (20.5, 3.5), (20.5, 10)), _line((20.5, 3.5), (13.5, 10.5)),
                _line((10, 20.5), (3.5, 20.5), (3.5, 14)), _line((3.5, 20.5), (10.5, 13.5))),
    "again": (_arc((12, 12.5), 8.6, -60, 240), _line((16.8, 0.8), (16.6, 5.2), (12.2, 5.6))),
    "keyboard": (
        _box(2, 5, 22, 19),
        *(_dot(x, y, 1.1) for y in (9.2, 12.4) for x in (5.5, 9.8, 14.2, 18.5)),
        _line((7.5, 15.9), (16.5, 15.9), width=1.8),
    ),
    "scan": (
        _line((2.5, 8), (2.5, 3.5), (7, 3.5)), _line((17, 3.5), (21.5, 3.5), (21.5, 8)),
        _line((21.5, 16), (21.5, 20.5), (17, 20.5)), _line((7, 20.5), (2.5, 20.5), (2.5, 16)),
        *(_line((x, 8), (x, 16), width=w) for x, w in ((6.6, 2), (10, 1.2), (13, 2.4), (17.2, 1.4))),
    ),
    "erase": (
        _shape((8, 5), (21.8, 5), (21.8, 19), (8, 19), (2.2, 12)),
        _line((12, 9), (18, 15)), _line((18, 9), (12, 15)),
    ),
    "ruler": (
        _box(2, 7.5, 22, 16.5),
        *(_line((x, 7.5), (x, 7.5 + h), width=1.8) for x, h in ((5.7, 3), (9.9, 4.6), (14.1, 3), (18.3, 4.6))),
    ),
    "test": (
        _box(4.5, 3.5, 19.5, 21.5),
        _line((8.5, 13), (11.3, 16), (16, 9.5)), _line((9, 3.5), (15, 3.5), width=4.4),
    ),
    "power": (_arc((12, 13), 8.4, -55, 235), _line((12, 2.5), (12, 12))),
    "camera": (
        _shape((2, 7), (7, 7), (8.8, 4), (15.2, 4), (17, 7), (22, 7), (22, 19.5), (2, 19.5)),
        _arc((12, 13), 4),
    ),
    "list": tuple(_line((8, y), (21, y)) for y in (5.5, 12, 18.5)) + tuple(_dot(3.8, y) for y in (5.5, 12, 18.5)),
}  # fmt: skip


@lru_cache(maxsize=256)
def icon(name: str, size: int, colour: Colour) -> pygame.Surface:
    """A sign of `size` pixels a side on nothing; not to be drawn on. Raises KeyError for an unknown one."""
    unit = size * _FINE / 24
    mask = np.zeros((size * _FINE, size * _FINE), np.uint8)
    for stroke in ICONS[name]:
        points = np.rint(np.array(stroke.points) * unit).astype(np.int32).reshape(-1, 1, 2)
        level = 0 if stroke.gap else 255
        if stroke.filled:
            cv2.fillPoly(mask, [points], level)
        else:
            cv2.polylines(mask, [points], stroke.closed, level, max(1, round(stroke.width * unit)))
    return stencil(cv2.resize(mask, (size, size), interpolation=cv2.INTER_AREA), colour)


def stencil(mask: cv2.typing.MatLike, colour: Colour) -> pygame.Surface:
    """A surface of one colour whose opacity is the mask, height × width."""
    height, width = mask.shape
    rgba = np.empty((height, width, 4), np.uint8)
    rgba[..., :3] = colour
    rgba[..., 3] = mask
    return pygame.image.frombytes(rgba.tobytes(), (width, height), "RGBA")
