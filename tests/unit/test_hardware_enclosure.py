"""The housing's solids: whole, apart from each other and from what goes in, and nowhere too thin to print."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

cq = pytest.importorskip("cadquery", reason="CadQuery is not installed: pip install '.[enclosure]'")

from hardware.enclosure import fit, model  # noqa: E402  model needs CadQuery

D = fit.read()
SOLIDS = model.solids(D)
TOUCH_MM3 = 0.5
"""Parts that lie against each other share this much at most, by rounding."""
PX_MM = 0.1
THINNEST_MM = D["print"]["least_wall"] - PX_MM
BESIDE_MM = 0.7
LOST_MM2 = 0.6
"""What a disc of that width does not reach: corners lose less, a thin wall more."""


def shared_mm3(a: Any, b: Any) -> float:
    return float(sum(solid.Volume() for solid in a.intersect(b).vals()))


def placed(slide: float) -> dict[str, Any]:
    """The printed parts with the camera's carriage at a place of its slide."""
    return {name: solid.translate((0, 0, slide)) if name == "carriage" else solid for name, solid in SOLIDS.items()}


@pytest.mark.parametrize("name", SOLIDS)
def test_each_part_is_one_whole_solid_that_fits_on_the_bed(name: str) -> None:
    solids = SOLIDS[name].solids().vals()
    assert len(solids) == 1
    assert solids[0].isValid()
    box = solids[0].BoundingBox(tolerance=0.01)
    sides = sorted((box.xlen, box.ylen, box.zlen))
    assert all(side < bed for side, bed in zip(sides, sorted(D["print"]["bed"]), strict=True))


@pytest.mark.parametrize("slide", [D["tube"]["slide"][0], 0.0, D["tube"]["slide"][1]])
def test_printed_parts_do_not_share_space(slide: float) -> None:
    solids = placed(slide)
    shared = {(a, b): shared_mm3(solids[a], solids[b]) for a, b in combinations(solids, 2)}
    assert {pair: volume for pair, volume in shared.items() if volume > TOUCH_MM3} == {}


@pytest.mark.parametrize("slide", [D["tube"]["slide"][0], 0.0, D["tube"]["slide"][1]])
def test_what_goes_in_shares_no_space_with_what_is_printed(slide: float) -> None:
    found = {}
    for part in fit.parts(D):
        if slide == 0.0 or part.slides:
            bought = model.component(part.moved(slide))
            for name, solid in placed(slide).items():
                if (volume := shared_mm3(bought, solid)) > TOUCH_MM3:
                    found[part.name, name] = volume
    assert found == {}


def test_a_part_in_a_wall_would_be_found() -> None:
    board = next(part for part in fit.parts(D) if part.name == "board")
    moved = fit.Part("board", "head", (-60.0, *board.low[1:]), (25.0, *board.high[1:]))
    assert shared_mm3(model.component(moved), SOLIDS["head"]) > 100


def section(solid: Any, axis: int, at: float) -> NDArray[np.uint8]:
    """The material in a plane across an axis, PX_MM to a pixel, with an empty margin."""
    plane = cq.Workplane(("YZ", "XZ", "XY")[axis]).rect(600, 600).extrude(0.02)
    plane = plane.translate(tuple(at - 0.01 if i == axis else 0.0 for i in range(3)))
    if axis == 1:  # that plane's normal points to −y
        plane = plane.translate((0, 0.02, 0))
    box = solid.val().BoundingBox()
    low, high = (box.xmin, box.ymin, box.zmin), (box.xmax, box.ymax, box.zmax)
    u, v = (i for i in range(3) if i != axis)
    size = [round((high[i] - low[i]) / PX_MM) + 20 for i in (v, u)]
    image = np.zeros(size, np.uint8)
    for piece in solid.intersect(plane).solids().vals():
        for face in piece.Faces():
            if abs(face.normalAt().toTuple()[axis]) > 0.999 and face.Center().toTuple()[axis] > at:
                vertices, triangles = face.tessellate(0.02)
                points = np.array([[(p.toTuple()[i] - low[i]) / PX_MM + 10 for i in (u, v)] for p in vertices])
                for triangle in triangles:
                    cv2.fillConvexPoly(image, np.rint(points[list(triangle)] * 16).astype(np.int32), 1, cv2.LINE_8, 4)
    return image


def thin_mm2(image: NDArray[np.uint8], width_mm: float = THINNEST_MM) -> float:
    """The largest connected piece that a disc of a width does not reach from within the material."""
    size = round(width_mm / PX_MM) | 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    lost = image - cv2.morphologyEx(image, cv2.MORPH_OPEN, disc)
    _, _, stats, _ = cv2.connectedComponentsWithStats(lost)
    return float(stats[1:, cv2.CC_STAT_AREA].max(initial=0)) * PX_MM**2


def planes(solid: Any) -> Iterator[tuple[int, float]]:
    box = solid.val().BoundingBox()
    for axis, (low, high) in enumerate(((box.xmin, box.xmax), (box.ymin, box.ymax), (box.zmin, box.zmax))):
        yield from ((axis, low + share * (high - low)) for share in (0.07, 0.21, 0.36, 0.503, 0.66, 0.81, 0.93))


@pytest.mark.parametrize("name", SOLIDS)
def test_no_wall_is_too_thin_to_print(name: str) -> None:
    found = {}
    for axis, at in planes(SOLIDS[name]):
        area = thin_mm2(section(SOLIDS[name], axis, at))
        for beside in (-BESIDE_MM, BESIDE_MM):  # a plane that grazes a round post shows a sliver, and the next none
            if area > LOST_MM2:
                area = min(area, thin_mm2(section(SOLIDS[name], axis, at + beside)))
        found[axis, round(at, 1)] = area
    assert {plane: area for plane, area in found.items() if area > LOST_MM2} == {}


def test_a_thin_wall_would_be_found() -> None:
    plate = cq.Workplane("XY").box(40, 40, 5).cut(cq.Workplane("XY").box(36, 10, 9).translate((0, 14.0, 0)))
    wall = section(plate, 2, 0.0)  # 1 mm is left at the edge
    assert wall.sum() * PX_MM**2 == pytest.approx(40 * 40 - 36 * 10, rel=0.02)
    assert thin_mm2(wall) > 10
    assert thin_mm2(section(cq.Workplane("XY").box(40, 40, 5), 2, 0.0)) < LOST_MM2
