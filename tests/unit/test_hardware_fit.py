"""The housing from its dimensions alone: everything fits, and what does not is found."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from hardware import optics
from hardware.enclosure import fit

D = fit.read()
SEEN, SHEET = optics.read()
F_NUMBER: float = SHEET["lens"]["chosen_f_number"]


def problems(d: Any) -> list[str]:
    return list(fit.problems(d, SEEN, F_NUMBER))


def changed(section: str, **values: Any) -> Any:
    d = deepcopy(D)
    d[section] |= values
    return d


def with_part(name: str, **values: Any) -> Any:
    d = deepcopy(D)
    next(part for part in d["part"] if part["name"] == name).update(values)
    return d


def test_everything_fits_wherever_the_camera_stands() -> None:
    assert problems(D) == []
    assert {"board", "camera board", "screen", "battery"} <= {part.name for part in fit.parts(D)}


@pytest.mark.parametrize(
    ("d", "words"),
    [
        (with_part("battery", size=[85.0, 56.0, 22.5]), "battery and screen"),
        (with_part("screen", size=[112.5, 67.2, 8.0]), "screen has -"),
        (with_part("camera board", size=[39.5, 39.5, 1.4], at=[-19.75, -19.75, 115.0]), "camera board has"),
        (with_part("lens", length=50.0), "lens and extension rings"),
        (with_part("board's cooler", at=[-52.0, 46.0, 83.5]), "a post stands in board's cooler"),
        (with_part("power button", at=[37.0, 93.0, 93.0]), "power button and boss"),
        (with_part("ring board", ring=[42.0, 10.0]), "light from the corner"),
        (changed("tube", slide=[-1.0, 12.0]), "the carriage strikes the cap"),
        (changed("holder", sleeve=[38.0, 34.2, 45.8]), "lens and holder"),
        (changed("tube", ledge=[46.2, 49.2, 34.2]), "to what it passes"),
        (changed("nose", screw_pad=10.0), "to what it passes"),
        (changed("nose", front_diameter=33.0), "around the plate: a wall of"),
        (changed("head", post_diameter=5.0), "post around its insert: a wall of"),
    ],
)
def test_what_does_not_fit_is_found(d: Any, words: str) -> None:
    assert any(words in problem for problem in problems(d))


def box(low: fit.Point, high: fit.Point) -> fit.Part:
    return fit.Part("", "", low, high)


def disc(diameter: float, hole: float, z: float) -> fit.Part:
    r = diameter / 2
    return fit.Part("", "", (-r, -r, z), (r, r, z + 1), hole)


@pytest.mark.parametrize(
    ("a", "b", "millimetres"),
    [
        (box((0, 0, 0), (1, 1, 1)), box((3, 0, 0), (4, 1, 1)), 2),
        (box((0, 0, 0), (1, 1, 1)), box((0.4, 0.2, 0.9), (4, 1, 1)), -0.1),
        (disc(10, 0, 0), disc(20, 12, 0), 1),
        (disc(10, 0, 0), disc(20, 8, 0.5), -0.5),
        (disc(10, 0, 0), disc(10, 0, 3), 2),
    ],
)
def test_gaps_by_hand(a: fit.Part, b: fit.Part, millimetres: float) -> None:
    assert fit.gap(a, b) == fit.gap(b, a) == pytest.approx(millimetres)


def test_a_square_in_the_tube_is_held_off_by_its_corners() -> None:
    """38 mm in a square of 43 with corners of 7.5: √2 × 5 = 7.07 from the corner's centre."""
    camera = next(part for part in fit.parts(D) if part.name == "camera board")
    assert fit.room_left(D, camera) == pytest.approx(7.5 - 50**0.5, abs=1e-6)


def test_parts_lie_where_the_optics_want_them() -> None:
    z = {part.name: (part.low[2], part.high[2]) for part in fit.parts(D)}
    assert z["plate"][1] == SHEET["plate"]["thickness_mm"]
    assert z["LEDs"][0] == SHEET["light"]["led_height_mm"]
    assert z["lens"][0] == pytest.approx(SEEN.room_mm, abs=0.1)
    assert z["lens"][1] - z["lens"][0] == SHEET["lens"]["longest_mm"]
    sensor = z["lens"][1] + SEEN.extension_mm + SEEN.mount_to_sensor_mm
    assert sensor == pytest.approx(SEEN.skin_to_sensor_mm, abs=0.1)
    assert z["camera mount"][1] == pytest.approx(sensor + 0.6, abs=0.2), "the sensor stands on its board"
    assert z["camera mount"][0] == pytest.approx(sensor - 12.526, abs=0.1), "CS-mount"
    ring = next(part for part in fit.parts(D) if part.name == "LEDs")
    reach = {kind: SHEET["light"][kind]["radius_mm"] for kind in ("white", "polarised")}
    assert ring.diameter / 2 == pytest.approx(reach["white"] + SHEET["light"]["led_side_mm"] / 2 + 0.3, abs=0.1)
    assert ring.hole is not None
    assert ring.hole / 2 <= reach["polarised"] - SHEET["light"]["led_side_mm"] / 2
    assert D["nose"]["window_diameter"] / 2 > SEEN.corner_mm + 3


def test_every_wall_can_be_printed_and_the_whole_on_one_bed() -> None:
    assert min(fit.walls(D).values()) >= D["print"]["least_wall"] >= 4 * 0.4
    assert D["print"]["wall"] >= D["print"]["least_wall"]
    assert all(side < bed for side, bed in zip(sorted(fit.outer_mm(D)), sorted(D["print"]["bed"]), strict=True))
