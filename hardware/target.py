"""The calibration target, to print at 1:1 on film or photographic paper.

    python hardware/target.py > target.svg
    python hardware/target.py --pdf target.pdf      (needs cairosvg: pip install '.[hardware]')

A5 landscape. What a person checks with a ruler is 100 mm long; what the program measures is the field of dots. The dots
are the round ends of dashes of no length: one short line of SVG for a whole row, exact in every program that prints.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass

PAGE_MM = (210.0, 148.0)
PITCH_MM = 0.5
DOT_MM = 0.25
FIELD_MM = (20.0, 15.0)
"""Larger than what the reference build sees (13 × 9.7 mm), so that it need not be aimed."""
GREYS = (0, 20, 40, 60, 80, 100)
"""Steps of ink, per cent."""
EDGE_DEG = 5.0
"""Slant of the edge, so that it crosses pixels at every phase (ISO 12233)."""


@dataclass(frozen=True)
class Place:
    """Of one pattern on the page, mm."""

    x: float
    y: float


DOTS, TICKS, EDGE, GREY, BAR = Place(20, 24), Place(60, 24), Place(105, 24), Place(135, 24), Place(20, 120)
SIDE_MM = 15.0


def dots(at: Place) -> Iterator[str]:
    """A square grid of round dots: measured by `trichoscope calibrate --target dots --pitch-um 500`."""
    columns, rows = (round(side / PITCH_MM) for side in FIELD_MM)
    style = f'stroke-width="{DOT_MM}" stroke-linecap="round" stroke-dasharray="0 {PITCH_MM}"'
    for row in range(rows + 1):
        yield f'<path class="dots" d="M{at.x:g} {at.y + row * PITCH_MM:g}h{columns * PITCH_MM + 0.01:g}" {style}/>'


def ticks(at: Place) -> Iterator[str]:
    """A ruler with a tick each half millimetre: measured by `--target ticks --pitch-um 500`."""
    for i in range(round(30 / PITCH_MM) + 1):
        length = 2.0 if i % 10 == 0 else 1.5 if i % 5 == 0 else 1.0
        yield f'<path d="M{at.x + i * PITCH_MM:g} {at.y:g}v{length:g}" stroke-width="0.06"/>'
    for millimetres in range(0, 31, 5):
        yield f'<text x="{at.x + millimetres:g}" y="{at.y + 4.2:g}" text-anchor="middle">{millimetres}</text>'
    for line, width in enumerate((0.03, 0.05, 0.08, 0.1)):  # a hair's width and thinner
        y = at.y + 7 + 2.2 * line
        yield f'<path d="M{at.x:g} {y:g}h20" stroke-width="{width}"/>'
        yield f'<text x="{at.x + 21:g}" y="{y + 0.7:g}">{1000 * width:.0f} µm</text>'


def edge(at: Place) -> Iterator[str]:
    """Black against white, slanted: how sharp the picture is."""
    lean = SIDE_MM * math.tan(math.radians(EDGE_DEG))
    points = f"M{at.x + 5:g} {at.y:g}h{SIDE_MM - 5:g}v{SIDE_MM:g}H{at.x + 5 + lean:g}z"
    yield f'<path class="edge" d="{points}" fill="#000" stroke="none"/>'


def greys(at: Place) -> Iterator[str]:
    """Steps of ink: whether light and shade are told apart; not a standard of any shade."""
    for i, ink in enumerate(GREYS):
        level = round(255 * (1 - ink / 100))
        corner = f'x="{at.x + i * 8:g}" y="{at.y:g}"'
        yield f'<rect {corner} width="8" height="{SIDE_MM:g}" fill="rgb({level},{level},{level})" stroke="none"/>'
        yield f'<text x="{at.x + i * 8 + 4:g}" y="{at.y + SIDE_MM + 3:g}" text-anchor="middle">{ink} %</text>'


def bar(at: Place) -> Iterator[str]:
    """100 mm to lay a steel rule on."""
    yield f'<path d="M{at.x:g} {at.y:g}h100M{at.x:g} {at.y - 3:g}v6M{at.x + 100:g} {at.y - 3:g}v6" stroke-width="0.1"/>'
    words = (
        "100.0 mm. Lay a steel rule on it: 99.5 to 100.5 is good, and the true pitch is 500 µm × what you read / 100."
    )
    yield f'<text x="{at.x:g}" y="{at.y + 7:g}">{words}</text>'


def target() -> Iterator[str]:
    width, height = PAGE_MM
    size = f'width="{width:g}mm" height="{height:g}mm" viewBox="0 0 {width:g} {height:g}"'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="2.4">'
    yield "<style>svg{stroke:#000;fill:none}text{fill:#000;stroke:none}</style>"
    yield f'<rect width="{width:g}" height="{height:g}" fill="#fff" stroke="none"/>'
    yield '<text x="20" y="14" font-size="5">Trichoscope calibration target</text>'
    yield f'<text x="20" y="19">Dots {1000 * PITCH_MM:.0f} µm apart. Print at 100 %, not "fit to page".</text>'
    for pattern, at in ((dots, DOTS), (ticks, TICKS), (edge, EDGE), (greys, GREY), (bar, BAR)):
        yield from pattern(at)
    for x, y, words in (
        (DOTS.x, DOTS.y + FIELD_MM[1] + 4, "dots: scale, tilt, distortion"),
        (TICKS.x, TICKS.y + 18, "ticks, and lines as wide as hair"),
        (EDGE.x, EDGE.y + SIDE_MM + 3, "edge: sharpness"),
    ):
        yield f'<text x="{x:g}" y="{y:g}">{words}</text>'
    yield "</svg>"


def main(arguments: list[str]) -> None:
    svg = "".join(f"{line}\n" for line in target())
    if arguments[:1] == ["--pdf"]:
        import cairosvg  # noqa: PLC0415  only who prints needs it

        cairosvg.svg2pdf(bytestring=svg.encode(), write_to=arguments[1])
    else:
        sys.stdout.write(svg)


if __name__ == "__main__":
    main(sys.argv[1:])
