"""The photograph with what was found drawn into it: what a person checks a reading against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..frame import Frame
from .hair import Hair
from .reading import Interval, Reading

Image = NDArray[np.uint8]
Colour = tuple[int, int, int]

# Okabe & Ito (2008): told apart by every kind of colour vision, and on any skin. Vellus hairs are dashed as well.
TERMINAL: Colour = (86, 180, 233)
VELLUS: Colour = (240, 228, 66)
REFUSED: Colour = (213, 94, 0)
_WHITE: Colour = (255, 255, 255)
CAUTION: Colour = (230, 159, 0)
_MUTED: Colour = (200, 204, 208)
PLATE: Colour = (16, 20, 24)
SHIFT = 4
"""cv2 draws at 1/16 pixel."""


def draw(frame: Frame, reading: Reading) -> Image:
    """The frame's picture with hairs, units, scale bar and legend: (h, w, 3) uint8 RGB, a new array.

    Terminal hairs are solid, vellus hairs dashed; a disc marks the root, a thin ring a unit of several hairs, a cross
    bar a hair that the picture cuts. An unusable frame shows its reasons and no hair.
    """
    picture = frame.pixels.copy()
    look = _Look.of(picture)
    if not reading.quality.usable:
        _refusal(picture, look, reading.quality.reasons)
        return picture
    classed = reading.classes_shown
    _units(picture, look, reading.hairs)
    _shadows(picture, look, reading.hairs)
    for hair in reading.hairs:
        _hair(picture, look, hair, dashed=classed and hair.hair_class == "vellus")
    if min(reading.size_px) >= 160:
        _legend(picture, look, reading)
        _scale_bar(picture, look, reading.scale_um_per_px)
    return picture


@dataclass(frozen=True)
class _Look:
    """Sizes in pixels that keep their proportion to the picture."""

    line: int
    text: float
    gap: int

    @classmethod
    def of(cls, picture: Image) -> _Look:
        short = min(picture.shape[:2])
        text = max(12.0, short * 0.024)
        return cls(line=max(1, round(short / 600)), text=text, gap=round(text * 0.7))


def fixed(points: NDArray[np.floating]) -> NDArray[np.int32]:
    """(n, 2) x, y in pixels → (n, 1, 2) in the units that cv2 draws with `SHIFT`."""
    return np.rint(np.asarray(points, np.float64).reshape(-1, 1, 2) * (1 << SHIFT)).astype(np.int32)


def _polyline(picture: Image, points: NDArray[np.floating], colour: Colour, width: int) -> None:
    cv2.polylines(picture, [fixed(points)], False, colour, width, cv2.LINE_AA, SHIFT)


def _disc(picture: Image, centre: Sequence[float], radius: float, colour: Colour, width: int = -1) -> None:
    x, y = (round(v * (1 << SHIFT)) for v in centre)
    cv2.circle(picture, (x, y), round(radius * (1 << SHIFT)), colour, width, cv2.LINE_AA, SHIFT)


def _blend(picture: Image, layer: Image, opacity: float) -> None:
    cv2.addWeighted(layer, opacity, picture, 1 - opacity, 0, dst=picture)


def _units(picture: Image, look: _Look, hairs: Sequence[Hair]) -> None:
    roots: dict[int, list[tuple[float, float]]] = {}
    for hair in hairs:
        roots.setdefault(hair.unit, []).append(hair.root_px)
    layer = picture.copy()
    for members in roots.values():
        if len(members) > 1:
            (x, y), radius = cv2.minEnclosingCircle(np.array(members, np.float32))
            _disc(layer, (x, y), radius + 6 * look.line, _WHITE, look.line)
    _blend(picture, layer, 0.6)


def _shadows(picture: Image, look: _Look, hairs: Sequence[Hair]) -> None:
    """A dark seam round every line lets it stand out on pale skin and dark hair alike."""
    layer = picture.copy()
    for hair in hairs:
        _polyline(layer, hair.path_px, PLATE, look.line * 2 + 2)
    _blend(picture, layer, 0.55)


def _hair(picture: Image, look: _Look, hair: Hair, *, dashed: bool) -> None:
    colour = VELLUS if dashed else TERMINAL
    for piece in _dashes(hair.path_px, *_dash(look)) if dashed else [hair.path_px]:
        _polyline(picture, piece, colour, look.line)
    if hair.cut_by_frame:
        end, before = hair.path_px[-1], hair.path_px[max(len(hair.path_px) - 4, 0)]
        along = (end - before) / max(float(np.hypot(*(end - before))), 1e-6)
        end = end - along * 2 * look.line  # the frame's edge would hide it
        across = np.array([-along[1], along[0]]) * 5 * look.line
        _polyline(picture, np.stack([end - across, end + across]), _WHITE, look.line)
    _disc(picture, hair.root_px, 3.4 * look.line, PLATE)
    _disc(picture, hair.root_px, 2.6 * look.line, colour)


def _dash(look: _Look) -> tuple[float, float]:
    return 6.0 * look.line, 4.0 * look.line


def _dashes(path: NDArray[np.floating], dash: float, space: float) -> list[NDArray[np.float64]]:
    """The path in pieces of length `dash` with gaps of `space`, pixels."""
    path = np.asarray(path, np.float64)
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
    pieces = []
    for start in np.arange(0.0, max(along[-1], 1e-6), dash + space):
        stop = min(start + dash, along[-1])
        inner = (along > start) & (along < stop)
        s = np.concatenate([[start], along[inner], [stop]])
        pieces.append(np.stack([np.interp(s, along, path[:, 0]), np.interp(s, along, path[:, 1])], 1))
    return pieces


def _legend(picture: Image, look: _Look, reading: Reading) -> None:
    """Total density, then a table of the classes, then what else fits in a glance; top left."""
    total, size = reading.total_per_cm2, look.text
    if total is None:
        return
    head = f"{total.value:.0f} hairs/cm²"
    under = f"{_range(total)} (95 %)   {reading.total} on {reading.area_mm2:.1f} mm²"
    notes = []
    if reading.diameter_median_um is not None:
        notes.append((f"median width {reading.diameter_median_um:.0f} µm   {reading.units} units", _MUTED))
    if reading.warnings:
        notes.append((f"{len(reading.warnings)} warning{'s'[: len(reading.warnings) - 1]}, see the reading", CAUTION))
    table = [
        (name, str(count), f"{density.value:.0f}/cm²", _range(density))
        for name, count, density in (
            ("terminal", reading.terminal, reading.terminal_per_cm2),
            ("vellus", reading.vellus, reading.vellus_per_cm2),
        )
        if density is not None
    ]
    columns = [max(_text_width(cell, size) for cell in column) + size for column in zip(*table, strict=True)]
    marker = 2.6 * size
    wide = max(
        _text_width(head, 1.6 * size),
        *(_text_width(line, 0.9 * size) for line in (under, *(note for note, _ in notes))),
        marker + sum(columns) - size if table else 0.0,
    )
    tall = size * (3.1 + 1.5 * len(table) + 1.4 * len(notes))
    left, y = 2.0 * look.gap, 2.0 * look.gap
    _plate(picture, (look.gap, look.gap), (wide + 2 * look.gap, tall + 2 * look.gap))

    y += 1.2 * size
    _text(picture, head, (left, y), 1.6 * size, _WHITE, bold=True)
    y += 1.5 * size
    _text(picture, under, (left, y), 0.9 * size, _MUTED)
    y += 0.1 * size
    for row in table:
        y += 1.5 * size
        _marker(picture, look, (left, y - 0.34 * size), vellus=row[0] == "vellus")
        x = left + marker
        for i, (cell, column) in enumerate(zip(row, columns, strict=True)):
            # names to the left, figures to the right of their column
            shift = 0.0 if i == 0 else column - size - _text_width(cell, size)
            _text(picture, cell, (x + shift, y), size, _MUTED if i == 3 else _WHITE)
            x += column
    for note, colour in notes:
        y += 1.4 * size
        _text(picture, note, (left, y), 0.9 * size, colour)


def _marker(picture: Image, look: _Look, at: tuple[float, float], *, vellus: bool) -> None:
    """A hair as it is drawn in the picture."""
    path = np.array([[at[0] + 0.3 * look.text, at[1]], [at[0] + 2.0 * look.text, at[1]]])
    colour = VELLUS if vellus else TERMINAL
    for piece in _dashes(path, *_dash(look)) if vellus else [path]:
        _polyline(picture, piece, colour, look.line)
    _disc(picture, path[0], 2.6 * look.line, colour)


def _range(interval: Interval) -> str:
    return f"{interval.low:.0f}–{interval.high:.0f}"


def _scale_bar(picture: Image, look: _Look, um_per_px: float) -> None:
    """The longest of 1, 2 or 5 × 10ⁿ µm that takes at most a fifth of the width, bottom right."""
    height, width = picture.shape[:2]
    longest = width * um_per_px / 5
    decade = 10.0 ** np.floor(np.log10(longest))
    um = max(step * decade for step in (1, 2, 5) if step * decade <= longest)
    label = f"{um / 1000:g} mm" if um >= 1000 else f"{um:g} µm"
    bar = um / um_per_px
    wide = max(bar, _text_width(label, look.text))
    plate = (wide + 2 * look.gap, look.text * 1.3 + 2 * look.gap)
    left, top = width - plate[0] - look.gap, height - plate[1] - look.gap
    _plate(picture, (left, top), plate)
    y, middle = top + plate[1] - look.gap, left + plate[0] / 2
    ends = np.array([[middle - bar / 2, y], [middle + bar / 2, y]])
    tick = np.array([0, 2.5 * look.line])
    _polyline(picture, ends, _WHITE, 2 * look.line)
    for end in ends:
        _polyline(picture, np.stack([end - tick, end + tick]), _WHITE, look.line)
    _text(picture, label, (middle - _text_width(label, look.text) / 2, y - look.text * 0.6), look.text, _WHITE)


def _refusal(picture: Image, look: _Look, reasons: Sequence[str]) -> None:
    height, width = picture.shape[:2]
    if min(height, width) < 160:
        return
    room = width - 6.0 * look.gap
    lines = [line for reason in reasons for line in _wrapped(reason, look.text * 1.1, room)]
    tall = look.text * (1.7 + 1.6 * len(lines)) + 2 * look.gap
    top = max(0.0, (height - tall) / 2)
    _plate(picture, (0, top), (width, tall), opacity=0.82)
    _plate(picture, (0, top), (look.gap, tall), REFUSED, 1.0)
    y = top + look.gap + look.text * 1.3
    _text(picture, "Not usable, no figures shown", (2.5 * look.gap, y), look.text * 1.4, _WHITE, bold=True)
    for line in lines:
        y += look.text * 1.6
        _text(picture, line, (2.5 * look.gap, y), look.text * 1.1, _MUTED)


def _wrapped(text: str, size: float, room: float) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and _text_width(longer, size) > room:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _plate(
    picture: Image,
    corner: tuple[float, float],
    size: tuple[float, float],
    colour: Colour = PLATE,
    opacity: float = 0.66,
) -> None:
    left, top = (max(round(v), 0) for v in corner)
    part = picture[top : top + round(size[1]), left : left + round(size[0])]
    if part.size:
        _blend(part, np.full_like(part, colour), opacity)


# OpenCV 5 draws a real typeface; OpenCV 4 has stroke fonts of ASCII only.
_FACE = cv2.FontFace("sans") if hasattr(cv2, "FontFace") else None
_STROKE = cv2.FONT_HERSHEY_DUPLEX
_ASCII = str.maketrans({"µ": "u", "²": "2", "–": "-", "×": "x"})
_STROKE_PX = 30.0  # height of a line of the stroke font at scale 1


def _text(
    picture: Image, text: str, at: tuple[float, float], size: float, colour: Colour, *, bold: bool = False
) -> None:
    """Text with its baseline starting at `at`; size is the height of a line in pixels."""
    x, y = round(at[0]), round(at[1])
    if _FACE is not None:
        cv2.putText(picture, text, (x, y), colour, _FACE, round(size), 600 if bold else 400)
    else:
        scale = size / _STROKE_PX
        weight = max(1, round(scale * (1.6 if bold else 1.0)))
        cv2.putText(picture, text.translate(_ASCII), (x, y), _STROKE, scale, colour, weight, cv2.LINE_AA)


def _text_width(text: str, size: float) -> float:
    if _FACE is not None:
        return float(cv2.getTextSize((1 << 14, 1 << 14), text, (0, 1 << 12), _FACE, round(size), 600)[2])
    return float(cv2.getTextSize(text.translate(_ASCII), _STROKE, size / _STROKE_PX, 1)[0][0])
