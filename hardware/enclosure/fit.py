"""Whether everything fits into the housing, from dimensions.toml alone: no CAD is needed.

    python -m hardware.enclosure.fit

Prints what is wrong, or the walls and the smallest gaps. Parts are boxes, discs along the axis or rings; the tube is a
square with round corners, the nose a cone that ends in a cylinder.
"""

from __future__ import annotations

import math
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any, TypeAlias

from hardware.optics import Optics

Dimensions: TypeAlias = dict[str, Any]
Point: TypeAlias = tuple[float, float, float]

BOARD_HOLES = ((3.5, 3.5), (61.5, 3.5), (3.5, 52.5), (61.5, 52.5))
"""Of the Raspberry Pi, from the corner that is farthest from its ports: its mechanical drawing."""


@dataclass(frozen=True)
class Part:
    """The space that a part takes: a box, or a ring along z where its inner diameter is not None (0: a disc)."""

    name: str
    room: str
    low: Point
    high: Point
    hole: float | None = None
    slides: bool = False

    @property
    def diameter(self) -> float:
        return self.high[0] - self.low[0]

    def moved(self, z: float) -> Part:
        low, high = ((*corner[:2], corner[2] + z) for corner in (self.low, self.high))
        return replace(self, low=low, high=high) if self.slides else self


def read(path: Path | None = None) -> Dimensions:
    return tomllib.loads((path or Path(__file__).with_name("dimensions.toml")).read_text("utf-8"))


def parts(d: Dimensions) -> list[Part]:
    return [_part(row) for row in d["part"]]


def _part(row: dict[str, Any]) -> Part:
    x, y, z = row["at"]
    slides = row.get("slides", False)
    if "size" in row:
        wide, high, deep = row["size"]
        return Part(row["name"], row["room"], (x, y, z), (x + wide, y + high, z + deep), slides=slides)
    outer, hole = row.get("ring") or (row["diameter"], 0.0)
    half, length = outer / 2, row["length"]
    return Part(row["name"], row["room"], (x - half, y - half, z), (x + half, y + half, z + length), hole, slides)


def gap(a: Part, b: Part) -> float:
    """Between two parts; negative where they share space. Discs and rings have one axis and lie within each other."""
    apart = max(max(a.low[i] - b.high[i], b.low[i] - a.high[i]) for i in range(3))
    if apart < 0 and a.hole is not None and b.hole is not None:
        return max(apart, (a.hole - b.diameter) / 2, (b.hole - a.diameter) / 2)
    return apart


def board_posts(d: Dimensions) -> list[tuple[float, float]]:
    """Axes of the posts on the head's front wall that carry the board."""
    board = next(part for part in parts(d) if part.name == "board")
    return [(board.low[0] + x, board.low[1] + y) for x, y in BOARD_HOLES]


def head_bosses(d: Dimensions) -> list[tuple[float, float]]:
    """Axes of the four bosses for the screws of the back."""
    low, high = head_inside(d)
    away = d["head"]["boss_from_corner"]
    return [(x, y) for x in (low[0] + away, high[0] - away) for y in (low[1] + away, high[1] - away)]


def printed(d: Dimensions) -> list[Part]:
    """Posts and bosses inside the head, as the boxes around them, and the rings that the holder is made of."""
    head, holder, wall = d["head"], d["holder"], d["print"]["wall"]
    front = head["front"] + wall
    found = []
    for name, axes, diameter, back in (
        ("post", board_posts(d), head["post_diameter"], front + head["post"]),
        ("boss", head_bosses(d), head["boss_diameter"], head["back"]),
    ):
        r = diameter / 2
        found += [Part(name, "printed", (x - r, y - r, front), (x + r, y + r, back)) for x, y in axes]
    outer, inner, end = holder["sleeve"]
    for diameter, hole, low, high in (
        (holder["outer"], holder["rim_inner"], holder["rim_from"], holder["web_from"]),
        (holder["outer"], holder["aperture"], holder["web_from"], holder["film_from"]),
        (holder["outer"], holder["film_diameter"], holder["film_from"], holder["back"]),
        (outer, inner, holder["back"], end),
    ):
        r = diameter / 2
        found.append(Part("holder", "nose", (-r, -r, low), (r, r, high), hole))
    return found


def head_inside(d: Dimensions) -> tuple[Point, Point]:
    head, wall = d["head"], d["print"]["wall"]
    wide, high = head["inner"]
    bottom = head["bottom"] + wall
    return (-wide / 2, bottom, head["front"] + wall), (wide / 2, bottom + high, head["back"])


def pod_inside(d: Dimensions) -> tuple[Point, Point]:
    """Of the button's housing on the tube; it is open towards the head."""
    wall = d["print"]["wall"]
    wide, high, front, back = d["tube"]["pod"]
    top = outer_half(d) + high - wall
    return (-wide / 2 + wall, outer_half(d), front + wall), (wide / 2 - wall, top, back)


def outer_half(d: Dimensions) -> float:
    """Half the width of the tube, outside."""
    return float(d["tube"]["inner"] / 2 + d["print"]["wall"])


def nose_radius(d: Dimensions, z: float) -> float:
    """Inside the nose; behind its end, inside its spigot."""
    nose = d["nose"]
    if z < nose["plate_depth"]:
        return float(nose["plate_diameter"] / 2)
    if z >= nose["length"]:
        return float(d["tube"]["inner"] / 2 - d["print"]["play"] - nose["spigot_wall"])
    if z >= nose["seat_from"]:
        return float(nose["seat_diameter"] / 2)
    window, ledge = nose["window_diameter"] / 2, nose["ledge_diameter"] / 2
    share = min((z - nose["plate_depth"]) / (nose["cone_to"] - nose["plate_depth"]), 1.0)
    return float(window + share * (ledge - window))


def nose_outer_radius(d: Dimensions, z: float) -> float:
    """Outside, in the middle of a side of the tube, where the wall is thinnest: a cone within the tube's square."""
    nose, tube = d["nose"], d["tube"]
    front = nose["front_diameter"] / 2
    corner = (tube["inner"] / 2 - tube["corner"]) * math.sqrt(2) + tube["corner"] + d["print"]["wall"]
    return float(min(front + z / nose["length"] * (corner - front), outer_half(d)))


def room_left(d: Dimensions, part: Part) -> float:
    """Between a part and the inside of its room; negative where it does not fit."""
    if part.room == "nose":
        r = part.diameter / 2
        return min(nose_radius(d, part.low[2]) - r, nose_radius(d, part.high[2] - 1e-6) - r)
    if part.room == "tube":
        ends = min(part.low[2] - d["tube"]["front"], d["tube"]["back"] - part.high[2])
        return float(min(_in_rounded_square(d, part), ends))
    low, high = {"head": head_inside, "pod": pod_inside}[part.room](d)
    return min(min(part.low[i] - low[i], high[i] - part.high[i]) for i in range(3))


def _in_rounded_square(d: Dimensions, part: Part) -> float:
    half, corner = d["tube"]["inner"] / 2, d["tube"]["corner"]
    if part.hole is not None:
        return float(half - part.diameter / 2)
    x, y = (max(-part.low[i], part.high[i]) for i in range(2))
    beside = min(half - x, half - y)
    flat = half - corner
    if x > flat and y > flat:
        beside = min(beside, corner - math.hypot(x - flat, y - flat))
    return float(beside)


def light_passes(d: Dimensions, optics: Optics, f_number: float) -> float:
    """Smallest distance of a ray, from a corner of the field to the rim of the pupil, to what it passes on its way."""
    spans = [(part.low[2], part.high[2], part.hole / 2) for part in parts(d) if part.hole]
    film = next(part for part in parts(d) if part.name == "film before the lens")
    glue = 1.0  # round the edge of the film
    spans += [(film.low[2], film.high[2], film.diameter / 2 - glue)]
    holder = d["holder"]
    spans += [(holder["web_from"], holder["film_from"], holder["aperture"] / 2)]
    spans += [(d["nose"]["plate_depth"], d["nose"]["plate_depth"], d["nose"]["window_diameter"] / 2)]

    def ray(z: float) -> float:
        share = z / optics.skin_to_lens_mm
        return optics.corner_mm * (1 - share) + optics.pupil_mm(f_number) / 2 * share

    return float(min(radius - max(ray(low), ray(high)) for low, high, radius in spans))


def carriage_z(d: Dimensions) -> tuple[float, float]:
    """From and to, at slide 0: its ring, behind the posts that stand on the camera board."""
    board = next(part for part in parts(d) if part.name == "camera board")
    front = board.high[2] + d["carriage"]["post"]
    return front, front + d["carriage"]["thickness"]


def spigot_room(d: Dimensions) -> float:
    """Between the lens and what it passes: the nose's spigot with the pads for its screws, and the tube's ledge."""
    tube, nose, play = d["tube"], d["nose"], d["print"]["play"]
    lens = next(part for part in parts(d) if part.name == "lens")
    half = tube["inner"] / 2
    ledge = tube["ledge"][2] / 2
    corner = (half - tube["corner"]) * math.sqrt(2) + tube["corner"]  # from the axis, along a diagonal
    side = half - play - nose["spigot_wall"]
    return float(min(side, ledge, corner - play - nose["screw_pad"]) - lens.diameter / 2)


def walls(d: Dimensions) -> dict[str, float]:
    """Every wall that is not simply print.wall."""
    nose, tube, head, carriage, rim = d["nose"], d["tube"], d["head"], d["carriage"], d["print"]
    holder = d["holder"]
    x, y, _ = d["cap"]["screws"]
    bored_cap = carriage["post_pilot"] / 2
    steps = [z / 2 for z in range(round(2 * nose["length"]) + 1)]
    steps = [z for z in steps if z > nose["plate_depth"]]
    bored = rim["insert_hole"] / 2
    return {
        "nose, around the plate": (nose["front_diameter"] - nose["plate_diameter"]) / 2,
        "nose, ledge of the plate": (nose["plate_diameter"] - nose["window_diameter"]) / 2,
        "nose, cone": min(nose_outer_radius(d, z) - nose_radius(d, z) for z in steps),
        "nose, spigot": nose["spigot_wall"],
        "saddle, under an insert": tube["saddle"][1] + rim["wall"] - rim["insert_depth"],
        "saddle, around the cap's screws": min(
            tube["saddle"][0] / 2 - x, x - tube["ribbon"][0] / 2, head["bottom"] - y, y - tube["inner"] / 2
        )
        - bored_cap,
        "carriage, above and below an insert": (carriage["thickness"] - rim["insert_hole"]) / 2,
        "carriage, behind an insert": (tube["inner"] / 2 - rim["play"] - rim["insert_depth"]) - carriage["opening"] / 2,
        "holder, web": holder["film_from"] - holder["web_from"],
        "holder, rim": (holder["outer"] - holder["rim_inner"]) / 2,
        "holder, sleeve": (holder["sleeve"][0] - holder["sleeve"][1]) / 2,
        "head, post around its insert": head["post_diameter"] / 2 - bored,
        "head, boss around its insert": head["boss_diameter"] / 2 - bored,
        "carriage, ring": (tube["inner"] - 2 * rim["play"] - carriage["opening"]) / 2,
        "carriage, post around its screw": (carriage["post_diameter"] - carriage["post_pilot"]) / 2,
        "back, beside the window": min((head["inner"][i] - d["back"]["window"][i]) / 2 for i in range(2)),
    }


def problems(d: Dimensions, optics: Optics, f_number: float) -> Iterator[str]:
    """What is wrong, in words; nothing where everything fits."""
    for slide in (d["tube"]["slide"][0], 0.0, d["tube"]["slide"][1]):
        placed = [part.moved(slide) for part in parts(d)]
        for problem in [*_too_near(d, placed), *_outside(d, placed)]:
            yield f"{problem}, slide {slide:g}"
    if carriage_z(d)[1] + d["tube"]["slide"][1] > d["tube"]["back"] - d["cap"]["spigot"]:
        yield "the carriage strikes the cap"
    if spigot_room(d) < d["clearance"]["parts"]:
        yield f"the lens has {spigot_room(d):.2f} mm to what it passes"
    passes = light_passes(d, optics, f_number)
    if passes < 0:
        yield f"light from the corner of the field strikes something, {-passes:.2f} mm"
    for name, thickness in walls(d).items():
        if thickness < d["print"]["least_wall"] - _ROUNDING:
            yield f"{name}: a wall of {thickness:.2f} mm"


_ROUNDING = 1e-6


def _outside(d: Dimensions, placed: list[Part]) -> Iterator[str]:
    for part in placed:
        needed = 0.0 if part.name in d["touching"]["seated"] else d["clearance"]["walls"]
        if (left := room_left(d, part)) < needed - _ROUNDING:
            yield f"{part.name} has {left:.2f} mm to its walls"


def _too_near(d: Dimensions, placed: list[Part]) -> Iterator[str]:
    touching = {frozenset(pair) for pair in d["touching"]["pairs"]}
    bosses = [part for part in printed(d) if part.name == "boss"]
    posts = [part for part in printed(d) if part.name == "post"]
    holder = [part for part in printed(d) if part.name == "holder"]
    for a, b in combinations([*placed, *bosses, *holder], 2):
        needed = 0.0 if frozenset((a.name, b.name)) in touching else d["clearance"]["parts"]
        if a.name != b.name and (apart := gap(a, b)) < needed - _ROUNDING:
            yield f"{a.name} and {b.name}: {apart:.2f} mm"
    for post in posts:  # the board rests on them
        yield from (f"a post stands in {part.name}" for part in placed if gap(post, part) < -_ROUNDING)


def tightest(d: Dimensions) -> list[tuple[float, str, str]]:
    """The smallest gaps between parts that do not touch on purpose."""
    touching = {frozenset(pair) for pair in d["touching"]["pairs"]}
    pairs = combinations(parts(d), 2)
    apart = [(gap(a, b), a.name, b.name) for a, b in pairs if frozenset((a.name, b.name)) not in touching]
    return sorted(apart)[:5]


def outer_mm(d: Dimensions) -> Point:
    """Width, height and depth of the whole."""
    wall = d["print"]["wall"]
    _, high = head_inside(d)
    return 2 * (high[0] + wall), high[1] + wall + outer_half(d), d["head"]["back"] + d["back"]["thickness"]


def main() -> int:
    from hardware import optics  # noqa: PLC0415

    seen, sheet = optics.read()
    d = read()
    found = list(problems(d, seen, sheet["lens"]["chosen_f_number"]))
    print("\n".join(found) or "all fits")
    for thickness, name in sorted((thickness, name) for name, thickness in walls(d).items()):
        print(f"{thickness:5.2f} mm  {name}")
    for distance, a, b in tightest(d):
        print(f"{distance:5.2f} mm  between {a} and {b}")
    print("{:.0f} × {:.0f} × {:.0f} mm".format(*outer_mm(d)))
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
