"""The wiring drawing, from the pin map alone.

    python hardware/wiring.py > hardware/wiring.svg

Each wire goes from its pin of the header straight to a box that says where its other end is.
"""

from __future__ import annotations

import sys
import textwrap
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

WIDTH, PITCH, TOP = 1160, 36, 96
"""Of the drawing and between two pins of the header, in its own unit."""
CENTRE, BOX, GAP = WIDTH / 2, 380, 96
"""Middle of the header, width of a box, from the header to the boxes."""
COLOURS = {0.0: "#222222", 3.3: "#c46a00", 5.0: "#b3261e"}
SIGNAL = "#0b57a4"
STYLE = (
    "<style>path{fill:none;stroke-width:2}rect{fill:#fff;stroke:#9a9a9a}"
    "text{fill:#1b1b1b}.t{font-weight:bold}.q{fill:#5c5c5c}</style>"
)


@dataclass(frozen=True)
class Wire:
    pin: int
    title: str
    part: str
    colour: str


def wires(pins: Path) -> list[Wire]:
    """Every pin of the header that has a wire, in the order of the header."""
    document = tomllib.loads(pins.read_text("utf-8"))
    found = []
    for row in document["pin"]:
        way = {"in": "input", "out": "output", "both": "both ways"}[row["direction"]]
        pull = "" if row["pull"] == "none" else f", pull-{row['pull']}"
        title = f"{row['signal']} · GPIO{row['bcm']} · {way}{pull} · active {row['active']}"
        found.append(Wire(row["pin"], title, row["part"], SIGNAL))
    for row in document["supply"]:
        volts = row["voltage_v"]
        title = "Ground" if volts == 0 else f"{volts:g} V"
        found.append(Wire(row["pin"], title, row["part"], COLOURS[volts]))
    return sorted(found, key=lambda wire: wire.pin)


def place(pin: int) -> tuple[float, float]:
    """Of a pin: odd ones on the left, as one looks at the board with the header at its upper right corner."""
    return CENTRE + (-14 if pin % 2 else 14), TOP + (pin - 1) // 2 * PITCH


def spread(rows: list[float], apart: float) -> list[float]:
    """Heights as near to those wished for as boxes of this height allow, in the same order."""
    placed: list[float] = []
    for wish in rows:
        placed.append(max(wish, placed[-1] + apart) if placed else wish)
    overhang = max(0.0, placed[-1] - (TOP + 19.5 * PITCH)) if placed else 0.0
    for i in range(len(placed) - 1, -1, -1):  # the last ones give way upwards
        limit = placed[i] - overhang if i == len(placed) - 1 else placed[i + 1] - apart
        placed[i] = min(placed[i], limit)
    return placed


def side(wired: list[Wire], *, left: bool) -> Iterator[str]:
    lines = [textwrap.wrap(wire.part, 56) for wire in wired]
    heights = spread([place(wire.pin)[1] for wire in wired], 68)
    for lane, (wire, words, y) in enumerate(zip(wired, lines, heights, strict=True)):
        x, pin_y = place(wire.pin)
        edge = CENTRE + (-GAP if left else GAP)
        bend = CENTRE + (-1 if left else 1) * (86 - 52 * lane / max(len(wired) - 1, 1))
        corner = edge - BOX if left else edge
        way = f"M{x:g} {pin_y:g}H{bend:.1f}L{bend + (-8 if left else 8):.1f} {y:.1f}H{edge:g}"
        yield f'<path d="{way}" stroke="{wire.colour}"/>'
        yield f'<rect x="{corner:g}" y="{y - 28:.1f}" width="{BOX}" height="56" rx="4"/>'
        yield f'<text x="{corner + 10:g}" y="{y - 10:.1f}" class="t">{escape(wire.title)}</text>'
        for i, line in enumerate(words[:2]):
            yield f'<text x="{corner + 10:g}" y="{y + 6 + 14 * i:.1f}">{escape(line)}</text>'


def drawing(pins: Path) -> Iterator[str]:
    wired = wires(pins)
    by_pin = {wire.pin: wire for wire in wired}
    height = TOP + 20 * PITCH + 40
    view = f'viewBox="0 0 {WIDTH} {height}"'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" {view} font-family="sans-serif" font-size="12">'
    yield STYLE
    yield f'<rect width="{WIDTH}" height="{height}" style="fill:#fff;stroke:none"/>'
    yield '<text x="24" y="36" font-size="20" class="t">Trichoscope: wiring of the 40-pin header</text>'
    yield (
        '<text x="24" y="58" class="q">From hardware/pins.toml. Signals bear 3.3 V and no more. '
        "Camera, screen and USB have connectors of their own.</text>"
    )
    yield f'<rect x="{CENTRE - 30}" y="{TOP - 22}" width="60" height="{19 * PITCH + 44}" rx="6" style="fill:#f1f1ee"/>'
    yield from side([wire for wire in wired if wire.pin % 2], left=True)
    yield from side([wire for wire in wired if wire.pin % 2 == 0], left=False)
    for pin in range(1, 41):
        x, y = place(pin)
        colour = by_pin[pin].colour if pin in by_pin else "#c9c9c4"
        yield f'<circle cx="{x:g}" cy="{y:g}" r="11" fill="{colour}"/>'
        yield f'<text x="{x:g}" y="{y + 4:g}" text-anchor="middle" font-size="11" style="fill:#fff">{pin}</text>'
    yield "</svg>"


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in drawing(Path(__file__).with_name("pins.toml")))
