"""The calibration target at 1 : 1, as SVG and as PDF.

    python hardware/target.py > hardware/target.svg
    python hardware/target.py --pdf target.pdf

A5 landscape; all lengths in millimetres from the upper left corner. What a person checks with a ruler is 100 mm long in
both directions; what the program measures is the field of dots or the row of ticks.
"""

from __future__ import annotations

import math
import re
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TypeAlias

PAGE_MM = (210.0, 148.0)
PITCH_MM = 0.5
DOT_MM = 0.25
FIELD_MM = (20.0, 15.0)
"""Larger than what the reference build sees (13 × 9.7 mm), so that it need not be aimed."""
TICK_MM = 0.06
ROW_MM = 30.0
HAIRS_MM = (0.03, 0.04, 0.06, 0.08, 0.1)
GREYS = (0, 20, 40, 60, 80, 100)
"""Steps of ink, per cent."""
EDGE_DEG = 5.0
"""Slant of the edge, so that it crosses pixels at every phase (ISO 12233)."""
CHECK_MM = 100.0
POINT_MM = 25.4 / 72


@dataclass(frozen=True)
class Grid:
    """Round black dots; x and y are those of the first."""

    x: float
    y: float
    columns: int
    rows: int


@dataclass(frozen=True)
class Box:
    """Filled, with an amount of ink in per cent."""

    x: float
    y: float
    width: float
    height: float
    ink: int = 100


@dataclass(frozen=True)
class Slant:
    """A black box whose left side leans by EDGE_DEG."""

    x: float
    y: float
    side: float

    @property
    def points(self) -> tuple[tuple[float, float], ...]:
        lean = self.side * math.tan(math.radians(EDGE_DEG))
        right, below = self.x + self.side, self.y + self.side
        return ((self.x + lean, self.y), (right, self.y), (right, below), (self.x, below))


@dataclass(frozen=True)
class Words:
    x: float
    y: float
    text: str
    size: float = 2.4
    centred: bool = False


Mark: TypeAlias = Grid | Box | Slant | Words


def dots(x: float, y: float) -> Iterator[Mark]:
    """A square grid: `trichoscope calibrate --target dots --pitch-um 500`."""
    columns, rows = (round(side / PITCH_MM) + 1 for side in FIELD_MM)
    yield Grid(x, y, columns, rows)
    yield Words(x, y + FIELD_MM[1] + 5, "A  Dots, 0.500 mm apart: scale, tilt, distortion")


def ticks(x: float, y: float) -> Iterator[Mark]:
    """A row of ticks: `trichoscope calibrate --target ticks --pitch-um 500`."""
    for i in range(round(ROW_MM / PITCH_MM) + 1):
        length = 4.0 if i % 10 == 0 else 3.0 if i % 5 == 0 else 2.0
        yield Box(x + i * PITCH_MM - TICK_MM / 2, y, TICK_MM, length)
    for millimetres in range(0, round(ROW_MM) + 1, 5):
        yield Words(x + millimetres, y + 7, f"{millimetres}", centred=True)
    yield Words(x, y + 12, "B  Ticks, 0.500 mm apart: scale along the row")


def hairs(x: float, y: float) -> Iterator[Mark]:
    """Lines as wide as hair."""
    for i, width in enumerate(HAIRS_MM):
        yield Box(x, y + 3.4 * i - width / 2, 30, width)
        yield Words(x + 31.5, y + 3.4 * i + 0.9, f"{1000 * width:.0f} µm")
    yield Words(x, y + 19, "C  Lines as wide as hair: what the printer made of them")


def bars(x: float, y: float) -> Iterator[Mark]:
    """Scale bars, to lay beside something in a photograph."""
    for i, length in enumerate((1, 2, 5, 10)):
        yield Box(x, y + 4 * i, length, 1)
        yield Words(x + length + 1.2, y + 4 * i + 1, f"{length} mm")
    yield Words(x, y + 20, "D  Scale bars")


def edge(x: float, y: float) -> Iterator[Mark]:
    yield Slant(x, y, 15)
    yield Words(x, y + 20, f"E  Edge, {EDGE_DEG:.0f}°: sharpness")


def greys(x: float, y: float) -> Iterator[Mark]:
    """Whether light and shade are told apart; not a standard of any shade."""
    for i, ink in enumerate(GREYS):
        yield Box(x + i * 9, y, 9, 15, ink)
        yield Words(x + i * 9 + 4.5, y - 1.5, f"{ink} %", centred=True)
    yield Words(x, y + 19.5, "F  Steps of ink, no standard of grey")


def check(x: float, y: float, *, upright: bool) -> Iterator[Mark]:
    """100 mm for a steel rule, between the outer sides of two end marks."""
    thin, mark = 0.15, 5.0
    if upright:
        yield Box(x - thin / 2, y, thin, CHECK_MM)
        yield Box(x - mark / 2, y, mark, thin)
        yield Box(x - mark / 2, y + CHECK_MM - thin, mark, thin)
        yield Words(x - 8, y + CHECK_MM / 2, "100.0")
    else:
        yield Box(x, y - thin / 2, CHECK_MM, thin)
        yield Box(x, y - mark / 2, thin, mark)
        yield Box(x + CHECK_MM - thin, y - mark / 2, thin, mark)
        yield Words(x + CHECK_MM / 2, y + 3.5, "100.0", centred=True)


def marks() -> Iterator[Mark]:
    yield Words(15, 15, "Trichoscope calibration target", 5)
    yield Words(15, 20.5, "Print at 100 %, not “fit to page”, at 1200 dpi or more, on film or photographic paper.")
    yield from dots(15, 28)
    yield from ticks(82, 28)
    yield from bars(150, 28)
    yield from edge(15, 63)
    yield from greys(15, 95)
    yield from hairs(82, 63)
    yield from check(82, 102, upright=False)
    yield from check(196, 24, upright=True)
    lines = (
        "G  Lay a steel rule on both lines. Between the outer sides of the end marks there must be 99.7 to 100.3 mm,",
        "and both directions must agree within 0.2 mm: otherwise print again. The true pitch is 0.500 mm × what you",
        "read / 100. A clinic calibrates with a target that has a certificate: hardware/target.md names some.",
    )
    for i, line in enumerate(lines):
        yield Words(15, 124 + 3.8 * i, line)
    yield Words(15, 140, "Date, printer, read across, read up:  ______________________________________________")


def svg() -> Iterator[str]:
    width, height = PAGE_MM
    page = f'width="{width:g}mm" height="{height:g}mm" viewBox="0 0 {width:g} {height:g}"'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" {page}>'
    yield f'<rect width="{width:g}" height="{height:g}" fill="#fff"/>'
    for mark in marks():
        match mark:
            case Grid(x, y, columns, rows):
                yield '<g id="row">'
                for i in range(columns):
                    yield f'<circle cx="{x + i * PITCH_MM:g}" cy="{y:g}" r="{DOT_MM / 2:g}"/>'
                yield "</g>"
                yield from (f'<use xlink:href="#row" y="{i * PITCH_MM:g}"/>' for i in range(1, rows))
            case Box(x, y, wide, high, ink):
                grey = "" if ink == 100 else ' fill="#{0:02x}{0:02x}{0:02x}"'.format(round(255 * (1 - ink / 100)))
                yield f'<rect x="{x:g}" y="{y:g}" width="{wide:g}" height="{high:g}"{grey}/>'
            case Slant():
                yield f'<polygon points="{" ".join(f"{a:.5g},{b:.5g}" for a, b in mark.points)}"/>'
            case Words(x, y, text, size, centred):
                anchor = ' text-anchor="middle"' if centred else ""
                style = f'font-family="Helvetica, Arial, sans-serif" font-size="{size:g}"'
                yield f'<text x="{x:g}" y="{y:g}" {style}{anchor}>{escape(text)}</text>'
    yield "</svg>"


def pdf() -> bytes:
    """One page whose unit is the millimetre."""
    width, height = PAGE_MM
    content = "\n".join([f"{1 / POINT_MM:.8f} 0 0 {-1 / POINT_MM:.8f} 0 {height / POINT_MM:.4f} cm", *_operators()])
    stream = zlib.compress(content.encode("cp1252"), 9)
    box = f"[0 0 {width / POINT_MM:.4f} {height / POINT_MM:.4f}]"
    objects = (
        b"<</Type/Catalog/Pages 2 0 R/ViewerPreferences<</PrintScaling/None>>>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        f"<</Type/Page/Parent 2 0 R/MediaBox{box}/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>".encode(),
        b"<</Length %d/Filter/FlateDecode>>stream\n%b\nendstream" % (len(stream), stream),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
    )
    document, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(document))
        document += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    count = len(objects) + 1
    trailer = b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (count, len(document))
    return document + b"xref\n0 %d\n0000000000 65535 f \n%b%b" % (count, table, trailer)


def _operators() -> Iterator[str]:
    """What the page is drawn with; y points down, as in the drawing."""
    for mark in marks():
        match mark:
            case Grid(x, y, columns, rows):
                for i in range(columns * rows):
                    yield _circle(x + i % columns * PITCH_MM, y + i // columns * PITCH_MM, DOT_MM / 2)
            case Box(x, y, wide, high, ink):
                yield f"{1 - ink / 100:g} g {x:.5f} {y:.5f} {wide:.5f} {high:.5f} re f 0 g"
            case Slant():
                first, *others = mark.points
                yield f"{first[0]:.5f} {first[1]:.5f} m {' '.join(f'{a:.5f} {b:.5f} l' for a, b in others)} h f"
            case Words(x, y, text, size, centred):
                start = x - size * len(text) / 4 if centred else x  # figures: half a size a letter is near enough
                safe = re.sub(r"([\\()])", r"\\\1", text)
                yield f"BT /F {size:g} Tf 1 0 0 -1 {start:.5f} {y:.5f} Tm ({safe}) Tj ET"


def _circle(x: float, y: float, r: float) -> str:
    """Four Bézier curves, true to 0.03 % of the radius."""
    k = 4 / 3 * math.tan(math.pi / 8) * r
    curves = (
        (x + r, y + k, x + k, y + r, x, y + r),
        (x - k, y + r, x - r, y + k, x - r, y),
        (x - r, y - k, x - k, y - r, x, y - r),
        (x + k, y - r, x + r, y - k, x + r, y),
    )
    return f"{x + r:.5f} {y:.5f} m {' '.join(' '.join(f'{v:.5f}' for v in c) + ' c' for c in curves)} f"


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["--pdf"]:
        Path(arguments[1]).write_bytes(pdf())
    else:
        sys.stdout.writelines(f"{line}\n" for line in svg())


if __name__ == "__main__":
    main(sys.argv[1:])
