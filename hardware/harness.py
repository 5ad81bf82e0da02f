"""The drawing of the harness: every wire of harness.csv with its two ends, colour, size and length.

    python hardware/harness.py > hardware/harness.svg

The pins of J8, the header of the Raspberry Pi, get their names from the pin map.
"""

from __future__ import annotations

import csv
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from itertools import groupby
from pathlib import Path

HERE = Path(__file__).parent
WIDTH, ROW, GAP, TOP = 1000, 26, 34, 92
LEFT, RIGHT, BOX = 250, 750, 226
"""Ends of the wires in the drawing, and the width of the boxes that they go to."""
COLOURS = {"red": "#c62828", "black": "#222222", "white": "#ffffff", "green": "#2e7d32", "violet": "#7b3fa0",
           "yellow": "#e6b800", "blue": "#1565c0", "grey": "#8a8a8a", "orange": "#e07b00", "brown": "#7a4a2a",
           "pink": "#e58fb1"}  # fmt: skip
COPPER_OHM_PER_M = {26: 0.1339, 28: 0.2129}
"""Of solid copper at 20 °C, by American wire gauge."""


@dataclass(frozen=True)
class Wire:
    harness: str
    build: str
    start: tuple[str, str]
    """Part and its terminal."""
    end: tuple[str, str]
    signal: str
    colour: str
    awg: int
    length_mm: int

    def drop_v(self, current_a: float) -> float:
        """Along the wire."""
        return COPPER_OHM_PER_M[self.awg] * self.length_mm / 1000 * current_a


def wires() -> list[Wire]:
    with (HERE / "harness.csv").open(encoding="utf-8", newline="") as file:
        return [
            Wire(
                row["harness"],
                row["build"],
                (row["from"], row["from_pin"]),
                (row["to"], row["to_pin"]),
                row["signal"],
                row["colour"],
                int(row["awg"]),
                int(row["length_mm"]),
            )
            for row in csv.DictReader(file)
        ]


def header_pins() -> dict[str, str]:
    """Pin of the header → what the pin map calls it."""
    document = tomllib.loads((HERE / "pins.toml").read_text("utf-8"))
    names = {str(row["pin"]): f"GPIO{row['bcm']}" for row in document["pin"]}
    for row in document["supply"]:
        names[str(row["pin"])] = f"{row['voltage_v']:g} V" if row["voltage_v"] else "GND"
    return names


def box(wired: list[Wire], y: float, *, left: bool) -> Iterator[str]:
    """One for each run of wires that share a part."""
    names = header_pins()
    ends = [wire.start if left else wire.end for wire in wired]
    row = 0
    for part, run in groupby(ends, key=lambda end: end[0]):
        terminals = [terminal for _, terminal in run]
        x, top, height = (LEFT - BOX if left else RIGHT), y + row * ROW, len(terminals) * ROW
        yield f'<rect x="{x}" y="{top + 2:g}" width="{BOX}" height="{height - 4:g}" rx="4"/>'
        name_x, side = (x + 10, "start") if left else (x + BOX - 10, "end")
        yield f'<text x="{name_x}" y="{top + height / 2 + 4:g}" class="t" text-anchor="{side}">{escape(part)}</text>'
        for i, terminal in enumerate(terminals):
            words = f"{terminal} · {names[terminal]}" if part == "J8" else terminal
            at, side = (LEFT - 10, "end") if left else (RIGHT + 10, "start")
            yield f'<text x="{at}" y="{top + i * ROW + 17:g}" text-anchor="{side}">{escape(words)}</text>'
        row += len(terminals)


def drawing() -> Iterator[str]:
    every = wires()
    groups = [(key, list(run)) for key, run in groupby(every, key=lambda wire: (wire.harness, wire.build))]
    height = TOP + len(every) * ROW + len(groups) * GAP
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
        'font-size="12">'
    )
    yield "<style>rect{fill:#fff;stroke:#9a9a9a}text{fill:#1b1b1b}.t{font-weight:bold}path{fill:none}</style>"
    yield f'<rect width="{WIDTH}" height="{height}" style="fill:#fff;stroke:none"/>'
    yield '<text x="24" y="36" font-size="20" class="t">Trichoscope: harness</text>'
    yield (
        '<text x="24" y="58" style="fill:#5c5c5c">From hardware/harness.csv. J8 is the header of the Raspberry Pi; '
        "the power board meets it from below, by spring contacts.</text>"
    )
    y = float(TOP)
    for (harness, build), wired in groups:
        where = "" if build == "both" else f", build {build} only"
        yield f'<text x="{LEFT - BOX}" y="{y + 14:g}" style="fill:#5c5c5c">{escape(harness + where)}</text>'
        y += GAP - 12
        yield from box(wired, y, left=True)
        yield from box(wired, y, left=False)
        for i, wire in enumerate(wired):
            at = y + i * ROW + 13
            yield f'<path d="M{LEFT} {at:g}H{RIGHT}" stroke="#222" stroke-width="6"/>'
            yield f'<path d="M{LEFT} {at:g}H{RIGHT}" stroke="{COLOURS[wire.colour]}" stroke-width="4"/>'
            words = f"{wire.signal} · {wire.colour} · AWG {wire.awg} · {wire.length_mm} mm"
            middle, wide = (LEFT + RIGHT) / 2, 7.2 * len(words)
            yield (
                f'<rect x="{middle - wide / 2:.0f}" y="{at - 9:g}" width="{wide:.0f}" height="18" rx="9" '
                'style="stroke:none"/>'
            )
            yield f'<text x="{middle:g}" y="{at + 4:g}" text-anchor="middle">{escape(words)}</text>'
        y += len(wired) * ROW + 12
    yield "</svg>"


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in drawing())
