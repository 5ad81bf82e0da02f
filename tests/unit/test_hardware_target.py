"""The calibration target: seen by a camera, it has the scale that it says; on paper, the size."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from hardware import target
from trichoscope.cli import app
from trichoscope.measurement.ruler import measure_dots, measure_ticks
from trichoscope.simulation.optics import encode, expose
from trichoscope.simulation.scalp import Scope
from trichoscope.simulation.target import INK, PAPER

HARDWARE = Path(__file__).parents[2] / "hardware"
DRAWN = (HARDWARE / "target.svg").read_text("utf-8")
SVG = "{http://www.w3.org/2000/svg}"
XLINK = "{http://www.w3.org/1999/xlink}"
DOTS_MM, TICKS_MM = (25.0, 35.5), (97.0, 29.2)
"""Middle of the two patterns on the page."""


@dataclass(frozen=True)
class Shape:
    """A disc where width is None, otherwise a box; mm."""

    x: float
    y: float
    radius_or_half_height: float
    half_width: float | None = None


def shapes(drawing: str) -> Iterator[Shape]:
    """Every black disc and box of the drawing."""
    page = ElementTree.fromstring(drawing)
    for group in page.iter(f"{SVG}g"):
        discs = [[float(c.attrib[key]) for key in ("cx", "cy", "r")] for c in group.iter(f"{SVG}circle")]
        uses = [use for use in page.iter(f"{SVG}use") if use.attrib[f"{XLINK}href"] == f"#{group.attrib['id']}"]
        for down in [0.0, *(float(use.attrib["y"]) for use in uses)]:
            yield from (Shape(x, y + down, r) for x, y, r in discs)
    for rect in page.iter(f"{SVG}rect"):
        if rect.attrib.get("fill") is None:
            x, y, wide, high = (float(rect.attrib.get(key, 0)) for key in ("x", "y", "width", "height"))
            yield Shape(x + wide / 2, y + high / 2, high / 2, wide / 2)


def photograph(
    drawing: str, middle_mm: tuple[float, float], um_per_px: float, turn_deg: float = 0.0
) -> NDArray[np.uint8]:
    """The page under the scope, 1280 × 960, with the lens, the noise and the JPEG of the simulated one."""
    scope = Scope(width_px=1280, height_px=960, um_per_px=um_per_px)
    cos, sin = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
    ink = np.zeros((960, 1280), np.float32)
    for shape in shapes(drawing):
        x, y = 1000 * (shape.x - middle_mm[0]), 1000 * (shape.y - middle_mm[1])
        column, row = ((x * cos - y * sin) / um_per_px + 639.5, (x * sin + y * cos) / um_per_px + 479.5)
        reach = int(1000 * np.hypot(shape.radius_or_half_height, shape.half_width or 0) / um_per_px) + 2
        rows = slice(max(int(row) - reach, 0), max(int(row) + reach + 2, 0))
        columns = slice(max(int(column) - reach, 0), max(int(column) + reach + 2, 0))
        window = ink[rows, columns]
        if window.size == 0:
            continue
        v, u = np.mgrid[: window.shape[0], : window.shape[1]].astype(np.float64)
        right, down = (u + columns.start - column) * um_per_px, (v + rows.start - row) * um_per_px
        across, along = np.abs(right * cos + down * sin), np.abs(down * cos - right * sin)
        if shape.half_width is None:
            depth_um = 1000 * shape.radius_or_half_height - np.hypot(across, along)
        else:
            depth_um = np.minimum(1000 * shape.half_width - across, 1000 * shape.radius_or_half_height - along)
        np.maximum(window, np.clip(depth_um / um_per_px + 0.5, 0, 1), out=window)
    light = PAPER + ink[..., None] * (INK - PAPER)
    pixels = expose(np.random.default_rng(1), light.astype(np.float32), scope, um_per_px, PAPER)
    return encode(pixels, scope.jpeg_quality)[0]


def test_the_drawing_is_what_the_script_draws() -> None:
    assert "".join(f"{line}\n" for line in target.svg()) == DRAWN, "python hardware/target.py"


@pytest.mark.parametrize(("um_per_px", "turn_deg"), [(3.2, 0.0), (3.2, 23.0), (5.0, -8.0), (8.0, 45.0)])
def test_the_dots_have_the_scale_they_say(um_per_px: float, turn_deg: float) -> None:
    scale = measure_dots(photograph(DRAWN, DOTS_MM, um_per_px, turn_deg), 1000 * target.PITCH_MM)
    assert scale.um_per_px == pytest.approx(um_per_px, rel=0.003)
    assert scale.warnings == ()


@pytest.mark.parametrize(("um_per_px", "turn_deg"), [(3.2, 0.0), (5.0, 12.0)])
def test_the_ticks_have_the_scale_they_say(um_per_px: float, turn_deg: float) -> None:
    scale = measure_ticks(photograph(DRAWN, TICKS_MM, um_per_px, turn_deg), 1000 * target.PITCH_MM)
    assert scale.um_per_px == pytest.approx(um_per_px, rel=0.003)


def test_a_page_printed_one_per_cent_too_large_is_seen() -> None:
    """The control: what "fit to page" does."""
    grown = photograph(DRAWN, DOTS_MM, 5.0 / 1.01)
    assert measure_dots(grown, 500).um_per_px == pytest.approx(5.0 / 1.01, rel=0.003)
    assert measure_dots(grown, 500).um_per_px != pytest.approx(5.0, rel=0.003)


def test_the_program_calibrates_with_it(tmp_path: Path) -> None:
    import cv2  # noqa: PLC0415  only this test writes a file

    picture, result = tmp_path / "grid.png", tmp_path / "scope.toml"
    cv2.imwrite(str(picture), photograph(DRAWN, DOTS_MM, 3.2, 5.0)[..., ::-1])
    arguments = ["calibrate", str(picture), "--target", "dots", "--pitch-um", "500", "--out", str(result)]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    found = re.search(r"um_per_px = ([\d.]+)", result.read_text("utf-8"))
    assert found is not None
    assert float(found[1]) == pytest.approx(3.2, rel=0.003)


def test_it_is_larger_than_the_field_and_as_large_as_it_says() -> None:
    size = re.search(r'width="(\d+)mm" height="(\d+)mm" viewBox="0 0 (\d+) (\d+)"', DRAWN)
    assert size is not None
    assert size.groups() == ("210", "148", "210", "148"), "A5, one unit of the drawing is a millimetre"
    discs = [shape for shape in shapes(DRAWN) if shape.half_width is None]
    assert len(discs) == 41 * 31
    xs, ys = {round(disc.x, 6) for disc in discs}, {round(disc.y, 6) for disc in discs}
    assert (max(xs) - min(xs), max(ys) - min(ys)) == pytest.approx((20, 15))
    assert all(disc.radius_or_half_height == 0.125 for disc in discs)
    lengths = [2 * side for s in shapes(DRAWN) if s.half_width for side in (s.half_width, s.radius_or_half_height)]
    assert sum(length == pytest.approx(target.CHECK_MM) for length in lengths) == 2, "across and up"


def test_the_edge_leans_by_five_degrees() -> None:
    points = re.search(r'<polygon points="([^"]+)"', DRAWN)
    assert points is not None
    (top, upper), _, _, (bottom, lower) = [[float(v) for v in point.split(",")] for point in points[1].split()]
    assert np.degrees(np.arctan2(top - bottom, lower - upper)) == pytest.approx(5.0, abs=0.01)


def test_the_pdf_is_the_same_page() -> None:
    document = target.pdf()
    box = re.search(rb"MediaBox\[0 0 ([\d.]+) ([\d.]+)\]", document)
    assert box is not None
    assert [float(side) * 25.4 / 72 for side in box.groups()] == pytest.approx([210, 148], abs=0.001)
    for number, place in enumerate(re.findall(rb"(\d{10}) 00000 n", document), 1):
        assert document[int(place) :].startswith(b"%d 0 obj" % number)
    stream = re.search(rb"stream\n(.*?)\nendstream", document, re.DOTALL)
    assert stream is not None
    content = zlib.decompress(stream[1]).decode("cp1252")
    scale = float(content.split()[0])
    curves = re.findall(r"(?m)^([\d.]+) ([\d.]+) m .* c f$", content)
    starts = {(round(float(x) - 0.125, 4), round(float(y), 4)) for x, y in curves}
    assert scale == pytest.approx(72 / 25.4)
    assert starts == {(round(s.x, 4), round(s.y, 4)) for s in shapes(DRAWN) if s.half_width is None}
    boxes = re.findall(r"(?m)^0 g ([\d.]+) ([\d.]+) ([\d.]+) ([\d.]+) re", content)
    assert len(boxes) == sum(1 for shape in shapes(DRAWN) if shape.half_width is not None)
    assert "(100.0) Tj" in content
