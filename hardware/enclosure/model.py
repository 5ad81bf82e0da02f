"""The housing as CAD: seven printed parts, from dimensions.toml.

    python -m hardware.enclosure.model build/enclosure

writes STEP and STL of each. Needs CadQuery: pip install '.[enclosure]'. What it writes is not kept in the repository.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cadquery as cq

from . import fit
from .fit import Dimensions, Part

STL_TOLERANCE_MM, STL_ANGLE_RAD = 0.05, 0.2


def solids(d: Dimensions) -> dict[str, Any]:
    """Each printed part where it sits, as a CadQuery workplane."""
    made = (nose, holder, tube, cap, carriage, head, back)
    return {part.__name__: part(d) for part in made}


def component(part: Part) -> Any:
    """The space of a bought part."""
    length = part.high[2] - part.low[2]
    if part.hole is None:
        size = [part.high[i] - part.low[i] for i in range(3)]
        return cq.Workplane("XY").box(*size, centered=False).translate(part.low)
    disc = cq.Workplane("XY", origin=(0, 0, part.low[2])).circle(part.diameter / 2).extrude(length)
    if part.hole:
        disc = disc.cut(cq.Workplane("XY", origin=(0, 0, part.low[2])).circle(part.hole / 2).extrude(length))
    return disc


def _square(side: float, corner: float, low: float, high: float) -> Any:
    """A square with round corners round the axis, from one z to another."""
    plane = cq.Workplane("XY", origin=(0, 0, low)).rect(side, side).extrude(high - low)
    return plane.edges("|Z").fillet(corner)


def _rod(diameter: float, x: float, y: float, low: float, high: float) -> Any:
    return cq.Workplane("XY", origin=(x, y, low)).circle(diameter / 2).extrude(high - low)


def _box(low: tuple[float, float, float], high: tuple[float, float, float]) -> Any:
    size = [high[i] - low[i] for i in range(3)]
    return cq.Workplane("XY").box(*size, centered=False).translate(low)


def _cone(radius_low: float, low: float, radius_high: float, high: float) -> Any:
    profile = [(0, low), (radius_low, low), (radius_high, high), (0, high)]
    return cq.Workplane("XZ").polyline(profile).close().revolve(360, (0, 0), (0, 1))


def _joined(parts: Iterable[Any]) -> Any:
    first, *others = parts
    for other in others:
        first = first.union(other)
    return first


def _diagonal(diameter: float, low: float, high: float, z: float) -> Any:
    """Two rods across the axis in opposite directions, towards two corners of the tube."""
    found = []
    for sign in (1, -1):
        direction = cq.Vector(sign, sign, 0).normalized()
        start = direction * low + cq.Vector(0, 0, z)
        found.append(cq.Workplane(cq.Solid.makeCylinder(diameter / 2, high - low, start, direction)))
    return _joined(found)


def _corner_mm(d: Dimensions) -> float:
    """From the axis to the inside of the tube's corner."""
    half, corner = d["tube"]["inner"] / 2, d["tube"]["corner"]
    return float((half - corner) * 2**0.5 + corner)


def _nose_screw_z(d: Dimensions) -> float:
    return float(d["nose"]["length"] + d["nose"]["spigot"] / 2)


def nose(d: Dimensions) -> Any:
    n, wall, play = d["nose"], d["print"]["wall"], d["print"]["play"]
    outside = d["tube"]["inner"] + 2 * wall
    corner = d["tube"]["corner"] + wall
    # a square with round corners, turned down to a cone: it meets the tube without a step
    body = _square(outside, corner, 0, n["length"])
    body = body.intersect(_cone(n["front_diameter"] / 2, 0, _corner_mm(d) + wall, n["length"]))
    spigot_side, end = d["tube"]["inner"] - 2 * play, n["length"] + n["spigot"]
    spigot_corner = d["tube"]["corner"] - play
    spigot = _square(spigot_side, spigot_corner, n["length"] - 0.01, end)
    hollow = spigot_side - 2 * n["spigot_wall"]
    pads = _diagonal(
        n["pad_diameter"], _corner_mm(d) - play - n["screw_pad"], _corner_mm(d), _nose_screw_z(d)
    ).intersect(spigot)
    spigot = spigot.cut(_square(hollow, spigot_corner - n["spigot_wall"], n["length"] - 1, end + 1)).union(pads)
    ledge = n["ledge_diameter"] / 2
    inside = _joined(
        (
            _rod(n["plate_diameter"], 0, 0, -1, n["plate_depth"]),
            _cone(n["window_diameter"] / 2, n["plate_depth"], ledge, n["cone_to"]),
            _rod(n["ledge_diameter"], 0, 0, n["cone_to"], n["seat_from"]),
            _rod(n["seat_diameter"], 0, 0, n["seat_from"], n["length"] + 0.01),
        )
    )
    inserts = _diagonal(
        d["print"]["insert_hole"], _corner_mm(d) - play - d["print"]["insert_depth"], _corner_mm(d), _nose_screw_z(d)
    )
    return body.cut(inside).union(spigot).cut(inserts)


def holder(d: Dimensions) -> Any:
    o = d["holder"]
    outer, inner, end = o["sleeve"]
    body = _rod(o["outer"], 0, 0, o["rim_from"], o["back"]).union(_rod(outer, 0, 0, o["back"] - 0.01, end))
    body = body.cut(_rod(o["rim_inner"], 0, 0, o["rim_from"] - 1, o["web_from"]))
    body = body.cut(_rod(o["aperture"], 0, 0, o["web_from"] - 1, o["film_from"] + 1))
    body = body.cut(_rod(o["film_diameter"], 0, 0, o["film_from"], o["back"] + 1))
    body = body.cut(_rod(inner, 0, 0, o["back"], end + 1))
    wide, deep = o["wires"]
    edge = o["outer"] / 2
    return body.cut(_box((-wide / 2, edge - deep, o["rim_from"] - 1), (wide / 2, edge + 1, end + 1)))


def tube(d: Dimensions) -> Any:
    t, rim, wall = d["tube"], d["print"], d["print"]["wall"]
    half = fit.outer_half(d)
    outside = _square(2 * half, t["corner"] + wall, t["front"], t["back"])
    wide, high = t["saddle"]
    saddle = _box((-wide / 2, half - wall, t["saddle_from"]), (wide / 2, half + high, t["back"]))
    pod_wide, pod_high, pod_front, pod_back = t["pod"]
    pod = _box((-pod_wide / 2, half - wall, pod_front), (pod_wide / 2, half + pod_high, pod_back))
    body = _joined((outside, saddle, pod.edges("|Z and >Y").fillet(t["pod_corner"])))
    low, top = fit.pod_inside(d)
    body = body.cut(_square(t["inner"], t["corner"], t["front"] - 1, t["back"] + 1).cut(_ledge(d)))
    body = body.cut(_box(low, (top[0], top[1], top[2] + 1)))
    button_y = (low[1] + top[1]) / 2
    body = body.cut(_rod(t["button_hole"], 0, button_y, pod_front - 1, pod_front + wall + 1))
    ribbon, ribbon_from, ribbon_to = t["ribbon"]
    body = body.cut(_box((-ribbon / 2, half - wall - 1, ribbon_from), (ribbon / 2, half + high + 1, ribbon_to)))
    cap_x, cap_y, cap_deep = d["cap"]["screws"]
    for side in (1, -1):
        body = body.cut(_rod(d["carriage"]["post_pilot"], side * cap_x, cap_y, t["back"] - cap_deep, t["back"] + 1))
    for x, z in _saddle_screws(d):
        hole = cq.Solid.makeCylinder(
            rim["insert_hole"] / 2, rim["insert_depth"] + 1, cq.Vector(x, half + high + 1, z), cq.Vector(0, -1, 0)
        )
        body = body.cut(cq.Workplane(hole))
    least, most = t["slide"]
    for sign in (1, -1):
        slot = (
            cq.Workplane("YZ", origin=(sign * (half - wall - 1), 0, t["slot_at"] + (least + most) / 2))
            .slot2D(most - least + rim["screw_hole"], rim["screw_hole"], 90)
            .extrude(sign * (wall + 2))
        )
        body = body.cut(slot)
    corner = _corner_mm(d)
    z = t["front"] + d["nose"]["spigot"] / 2
    body = body.cut(_diagonal(rim["screw_hole"], corner - 1, corner + wall + 1, z))
    bore, deep = rim["counterbore"]
    return body.cut(_diagonal(bore, corner + wall - deep, corner + wall + 3, z))


def _ledge(d: Dimensions) -> Any:
    """What presses on the holder: flat in front, running out behind."""
    t = d["tube"]
    low, high, opening = t["ledge"]
    slope = (t["inner"] - opening) / 2
    ring = _square(t["inner"], t["corner"], low, high + slope).cut(_rod(opening, 0, 0, low - 1, high + slope + 1))
    widest = t["inner"] / 2 * 2**0.5
    return ring.cut(_cone(opening / 2, high, widest, high + widest - opening / 2))


def _saddle_screws(d: Dimensions) -> list[tuple[float, float]]:
    x, *heights = d["head"]["saddle_screws"]
    return [(side * x, z) for side in (1, -1) for z in heights]


def cap(d: Dimensions) -> Any:
    t, c, play = d["tube"], d["cap"], d["print"]["play"]
    plate = _square(2 * fit.outer_half(d), t["corner"] + d["print"]["wall"], t["back"], t["back"] + c["thickness"])
    side, corner = t["inner"] - 2 * play, t["corner"] - play
    spigot = _square(side, corner, t["back"] - c["spigot"], t["back"] + 0.01)
    hollow = _square(side - 2 * c["spigot_wall"], corner - c["spigot_wall"], t["back"] - c["spigot"] - 1, t["back"])
    wide, _ = t["saddle"]
    end = t["back"] + c["thickness"]
    x, y, _ = c["screws"]
    cover = plate.union(spigot.cut(hollow))
    cover = cover.union(
        _box((-wide / 2, fit.outer_half(d) - d["print"]["wall"], t["back"]), (wide / 2, d["head"]["bottom"], end))
    )
    for side in (1, -1):
        cover = cover.cut(_rod(d["print"]["screw_hole"], side * x, y, t["back"] - c["spigot"] - 1, end + 1))
    return cover


def carriage(d: Dimensions) -> Any:
    t, c, rim = d["tube"], d["carriage"], d["print"]
    low, high = fit.carriage_z(d)
    ring = _square(t["inner"] - 2 * rim["play"], t["corner"] - rim["play"], low, high)
    ring = ring.cut(_square(c["opening"], c["opening_corner"], low - 1, high + 1))
    h = c["board_holes"] / 2
    for x in (-h, h):
        for y in (-h, h):
            ring = ring.union(_rod(c["post_diameter"], x, y, low - c["post"], high))
            ring = ring.cut(_rod(c["post_pilot"], x, y, low - c["post"] - 1, high + 1))
    half = t["inner"] / 2 - rim["play"]
    for sign in (1, -1):
        hole = cq.Solid.makeCylinder(
            rim["insert_hole"] / 2,
            rim["insert_depth"] + 1,
            cq.Vector(sign * (half + 1), 0, (low + high) / 2),
            cq.Vector(-sign, 0, 0),
        )
        ring = ring.cut(cq.Workplane(hole))
    return ring


def head(d: Dimensions) -> Any:
    h, rim, wall = d["head"], d["print"], d["print"]["wall"]
    low, high = fit.head_inside(d)
    outside = _box((low[0] - wall, low[1] - wall, h["front"]), (high[0] + wall, high[1] + wall, h["back"]))
    outside = outside.edges("|Z").fillet(h["corner"]).faces("<Z").edges().chamfer(h["front_chamfer"])
    body = outside.cut(_box(low, (high[0], high[1], high[2] + 1)))
    for part in (part for part in fit.printed(d) if part.name in ("post", "boss")):
        x, y = part.low[0] + part.diameter / 2, part.low[1] + part.diameter / 2
        body = body.union(_rod(part.diameter, x, y, part.low[2] - 0.01, part.high[2]))
        body = body.cut(_rod(rim["insert_hole"], x, y, part.high[2] - rim["insert_depth"], part.high[2] + 1))
    # a boss stands off the walls by less than a wall: fill what lies between
    reach = h["boss_from_corner"]
    for x, y in fit.head_bosses(d):
        to_x = low[0] - 0.1 if x < 0 else high[0] + 0.1
        to_y = low[1] - 0.1 if y < (low[1] + high[1]) / 2 else high[1] + 0.1
        web_x = _box((min(x, to_x), y - 1, low[2] - 0.01), (max(x, to_x), y + 1, h["back"] - reach))
        web_y = _box((x - 1, min(y, to_y), low[2] - 0.01), (x + 1, max(y, to_y), h["back"] - reach))
        bore = _rod(rim["insert_hole"], x, y, h["back"] - rim["insert_depth"], h["back"] + 1)
        body = body.union(web_x).union(web_y).cut(bore)
    return body.cut(_head_openings(d))


def _head_openings(d: Dimensions) -> Any:
    h, t, rim, wall = d["head"], d["tube"], d["print"], d["print"]["wall"]
    low, high = fit.head_inside(d)
    ribbon, ribbon_from, ribbon_to = t["ribbon"]
    found = [_box((-ribbon / 2, low[1] - wall - 1, ribbon_from), (ribbon / 2, low[1] + 1, ribbon_to))]
    found += [
        cq.Workplane(
            cq.Solid.makeCylinder(
                rim["screw_hole"] / 2, wall + 2, cq.Vector(x, low[1] - wall - 1, z), cq.Vector(0, 1, 0)
            )
        )
        for x, z in _saddle_screws(d)
    ]
    pod_top = fit.pod_inside(d)[1][1]
    found.append(
        _rod(h["wires_hole"], 0, (low[1] + pod_top) / 2 + 1, h["front"] - 1, low[2] + 1)
    )  # wires of the button
    x, z = h["power_button"]
    button = cq.Solid.makeCylinder(t["button_hole"] / 2, wall + 2, cq.Vector(x, high[1] - 1, z), cq.Vector(0, 1, 0))
    found.append(cq.Workplane(button))
    y, z, tall, deep = h["charge_hole"]
    found.append(_box((high[0] - 1, y - tall / 2, z - deep / 2), (high[0] + wall + 1, y + tall / 2, z + deep / 2)))
    wide, length, number = h["vents"]
    for i in range(number):  # beside the cooler and above it
        z = low[2] + h["vents_from"] + i * 2 * wide
        middle = (low[1] + high[1]) / 2
        found.append(_box((low[0] - wall - 1, middle - length / 2, z), (low[0] + 1, middle + length / 2, z + wide)))
        left, right = h["vents_x"] - length / 2, h["vents_x"] + length / 2
        found.append(_box((left, high[1] - 1, z), (right, high[1] + wall + 1, z + wide)))
    return _joined(found)


def back(d: Dimensions) -> Any:
    h, b, rim, wall = d["head"], d["back"], d["print"], d["print"]["wall"]
    low, high = fit.head_inside(d)
    end = h["back"] + b["thickness"]
    plate = _box((low[0] - wall, low[1] - wall, h["back"]), (high[0] + wall, high[1] + wall, end))
    plate = plate.edges("|Z").fillet(h["corner"])
    screen = next(part for part in fit.parts(d) if part.name == "screen")
    x, y = ((screen.low[i] + screen.high[i]) / 2 for i in range(2))
    wide, tall = b["window"]
    window = _box((x - wide / 2, y - tall / 2, h["back"] - 1), (x + wide / 2, y + tall / 2, end + 1))
    plate = plate.cut(window.edges("|Z").fillet(b["window_corner"]))
    plate = (
        plate.faces(">Z")
        .edges("%LINE")
        .edges(
            cq.selectors.BoxSelector(
                (x - wide / 2 - 1, y - tall / 2 - 1, end - 1), (x + wide / 2 + 1, y + tall / 2 + 1, end + 1)
            )
        )
        .chamfer(b["window_chamfer"])
    )
    play = rim["play"]
    lip = _box((low[0] + play, low[1] + play, h["back"] - b["lip"]), (high[0] - play, high[1] - play, h["back"] + 0.01))
    inner = b["lip_wall"]
    lip = lip.cut(
        _box(
            (low[0] + play + inner, low[1] + play + inner, h["back"] - b["lip"] - 1),
            (high[0] - play - inner, high[1] - play - inner, h["back"] + 1),
        )
    )
    for bx, by in fit.head_bosses(d):  # the bosses stand there
        away = h["boss_diameter"] / 2 + h["boss_from_corner"]
        lip = lip.cut(_box((bx - away, by - away, h["back"] - b["lip"] - 1), (bx + away, by + away, h["back"])))
    plate = plate.union(lip)
    for bx, by in fit.head_bosses(d):
        plate = plate.cut(_rod(rim["screw_hole"], bx, by, h["back"] - 1, end + 1))
    light_x, light_y, diameter = b["status_light"]
    return plate.cut(_rod(diameter, light_x, light_y, h["back"] - 1, end + 1))


def write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, solid in solids(fit.read()).items():
        cq.exporters.export(solid, str(folder / f"{name}.step"))
        cq.exporters.export(
            solid, str(folder / f"{name}.stl"), tolerance=STL_TOLERANCE_MM, angularTolerance=STL_ANGLE_RAD
        )
        box = solid.val().BoundingBox()
        print(f"{name}: {box.xlen:.1f} × {box.ylen:.1f} × {box.zlen:.1f} mm, {solid.val().Volume() / 1000:.0f} cm³")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
