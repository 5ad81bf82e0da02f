"""Every page: as it was approved, nothing cut off or overlapping, large enough to read and to touch."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

import pygame
import pytest
from pygame import Rect

from tests.screen.samples import banner, pages, result
from tests.screen.stored import FOLDER, TOLERANCE, decoded, difference
from trichoscope.instrument.screen import Screen, choosing, style
from trichoscope.instrument.screen.drawing import Drawing, Target
from trichoscope.instrument.screen.icons import ICONS, icon
from trichoscope.instrument.screen.pages import Fault, Page, Ready
from trichoscope.instrument.screen.screen import draw
from trichoscope.instrument.screen.style import Colour
from trichoscope.measurement.overlay import TERMINAL, VELLUS

PAGES = dict(pages())
EVERY_PAGE = pytest.mark.parametrize("name", PAGES)
MM_PER_PX = 108 / 800
SCREEN = Rect((0, 0), style.SIZE)


@dataclass(frozen=True)
class Written:
    """One line of text on a page; its box reaches from the baseline to the height of capitals."""

    text: str
    size: int
    colour: Colour
    box: Rect


@dataclass(frozen=True)
class Seen:
    """A page as it was drawn."""

    lines: tuple[Written, ...]
    targets: tuple[Target, ...]

    @property
    def words(self) -> str:
        return " ".join(line.text for line in self.lines)


def look_at(page: Page) -> Seen:
    lines: list[Written] = []
    write = Drawing.text

    def record(
        self: Drawing, text: str, at: tuple[float, float], size: int = style.BODY, *rest: object, **more: object
    ) -> int:
        before = style.rendered.cache_info()
        wide = write(self, text, at, size, *rest, **more)  # type: ignore[arg-type]
        assert style.rendered.cache_info() != before
        align, colour = more.get("align", "left"), (rest[0] if rest else style.TEXT)
        left = at[0] - {"left": 0, "centre": wide / 2, "right": wide}[str(align)]
        top = at[1] - 0.727 * size
        lines.append(Written(text, size, colour, Rect(round(left), round(top), wide, round(0.727 * size))))  # type: ignore[arg-type]
        return wide

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Drawing, "text", record)
        targets = draw(page, pygame.Surface(style.SIZE))
    return Seen(tuple(lines), tuple(targets))


@cache
def page_seen(name: str) -> Seen:
    return look_at(PAGES[name])


@pytest.fixture(scope="module")
def screen() -> Iterator[Screen]:
    with Screen("dummy") as screen:
        yield screen


@EVERY_PAGE
def test_a_page_looks_as_it_was_approved(screen: Screen, name: str) -> None:
    screen.show(PAGES[name])
    assert difference(decoded(screen.png()), decoded((FOLDER / f"{name}.png").read_bytes())) < TOLERANCE


def test_no_stored_picture_is_of_a_page_that_is_gone() -> None:
    assert {path.stem for path in FOLDER.glob("*.png")} == set(PAGES)


@pytest.mark.parametrize(
    "other",
    [
        replace(result(20), banner=replace(banner(), battery_percent=83)),
        replace(result(20), banner=replace(banner(), patient="A-10429")),
        replace(result(21), frame=2),
        replace(result(20), frame=3),
    ],
    ids=["battery", "patient", "one hair more", "frame"],
)
def test_one_other_digit_would_be_seen(screen: Screen, other: Page) -> None:
    screen.show(other)
    assert difference(decoded(screen.png()), decoded((FOLDER / "result.png").read_bytes())) > 1.5 * TOLERANCE


@EVERY_PAGE
def test_text_can_be_read_at_60_cm(name: str) -> None:
    assert min(line.size for line in page_seen(name).lines) >= style.SMALL


def test_capitals_of_the_smallest_text_span_ten_minutes_of_arc() -> None:
    assert 0.727 * style.SMALL * MM_PER_PX / 600 * 3438 > 10


@EVERY_PAGE
def test_no_text_is_cut_off_or_written_over_another(name: str) -> None:
    lines = page_seen(name).lines
    assert [line.text for line in lines if not SCREEN.contains(line.box)] == []
    assert [
        (one.text, other.text)
        for i, one in enumerate(lines)
        for other in lines[i + 1 :]
        if one.box.colliderect(other.box)
    ] == []


@EVERY_PAGE
def test_what_is_touched_is_at_least_9_mm_wide_and_high_and_apart_from_the_rest(name: str) -> None:
    areas = [target.area for target in page_seen(name).targets]
    assert [area for area in areas if min(area.size) * MM_PER_PX < 9 or not SCREEN.contains(area)] == []
    assert [(a, b) for i, a in enumerate(areas) for b in areas[i + 1 :] if a.colliderect(b)] == []


def test_targets_that_overlap_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "SPOTS", {**choosing.SPOTS, "parietal": (200, 200)})
    areas = [target.area for target in look_at(PAGES["sites"]).targets]
    assert any(a.colliderect(b) for i, a in enumerate(areas) for b in areas[i + 1 :])


def test_text_over_text_would_be_seen() -> None:
    page = PAGES["fault"]
    assert isinstance(page, Fault)
    lines = look_at(replace(page, row=replace(page.row, clinician="word " * 60), detail="word " * 60)).lines
    assert not any(one.box.colliderect(two.box) for i, one in enumerate(lines) for two in lines[i + 1 :])
    longer = [replace(line, box=line.box.inflate(0, 20)) for line in lines]
    assert any(one.box.colliderect(two.box) for i, one in enumerate(longer) for two in longer[i + 1 :])


@EVERY_PAGE
def test_no_page_diagnoses_or_judges(name: str) -> None:
    words = page_seen(name).words.lower()
    assert re.findall(r"diagnos|alopecia|disease|normal|healthy|patholog|suspici|risk|hair loss|thinning", words) == []


def luminance(colour: Colour) -> float:
    linear = [v / 255 / 12.92 if v <= 10 else ((v / 255 + 0.055) / 1.055) ** 2.4 for v in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: Colour, other: Colour) -> float:
    """WCAG 2.2."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("ground", [style.INK, style.PLATE, style.RAISED])
def test_text_stands_out_from_what_it_is_written_on(ground: Colour) -> None:
    assert contrast(style.TEXT, ground) > 7
    assert contrast(style.MUTED, ground) > 4.5


@pytest.mark.parametrize("colour", [style.GOOD, style.CAUTION, style.BAD, TERMINAL, VELLUS])
def test_signs_and_hairs_stand_out(colour: Colour) -> None:
    assert contrast(colour, style.INK) > 4.5
    assert contrast(colour, style.PLATE) > 3  # WCAG 2.2, 1.4.11


def test_signs_of_different_states_differ_in_shape_and_not_only_in_colour() -> None:
    shapes = {
        pygame.image.tobytes(icon(name, 28, style.TEXT), "RGBA")
        for name in ("good", "caution", "bad", "plain", "waiting")
    }
    assert len(shapes) == 5


@pytest.mark.parametrize("name", ICONS)
def test_a_sign_lies_within_its_square(name: str) -> None:
    ink = icon(name, 48, style.TEXT).get_bounding_rect()
    assert Rect(1, 0, 46, 48).contains(ink)
    assert max(ink.size) >= 28


def test_a_result_gives_every_figure() -> None:
    words = page_seen("result").words
    for figure in (
        "181",
        "hairs/cm²",
        "108–330",
        "95 %",
        "136",
        "76–266",
        "45",
        "20–112",
        "3.0 : 1",
        "25 %",
        "51 ± 21 µm",
        "1.8",
    ):
        assert figure in words
    for label in (
        "Terminal",
        "Vellus",
        "terminal : vellus",
        "vellus share",
        "mean width",
        "hairs per unit",
        "Quality good",
    ):
        assert label in words


def test_too_coarse_a_scale_gives_the_density_and_says_why_nothing_of_the_classes() -> None:
    words = page_seen("result-coarse").words
    assert "145" in words and "withheld: 6.2 µm/px" in words
    assert "Terminal " not in words.replace("Terminal and vellus figures are withheld", "")
    assert words.count("—") == 2  # ratio and share
    assert "145" in page_seen("result-coarse").words and "Quality good" not in words


@pytest.mark.parametrize("name", ["withheld", "refused", "refused-reasons"])
def test_without_a_reading_no_figure_is_shown(name: str) -> None:
    assert "/cm²" not in page_seen(name).words
    assert re.search(r"\d µm", page_seen(name).words) is None


def test_no_hair_is_a_density_of_zero_with_its_interval_and_no_width() -> None:
    words = page_seen("result-none").words
    assert words.split()[:8].count("0") or " 0 hairs/cm²" in f" {words}"
    assert "0–85" in words and words.count("—") == 4 and "no hair" in words


def test_a_page_without_patient_or_site_offers_no_measurement() -> None:
    offered = {type(target.event).__name__ for target in page_seen("ready-nobody").targets}
    assert offered == {"OpenPatients", "OpenSites", "OpenService", "ChooseLight"}
    assert {"Press", "OpenHistory"} <= {type(target.event).__name__ for target in page_seen("ready").targets}


@pytest.mark.parametrize(
    "name",
    [
        "ready",
        "measuring-hairs",
        "result",
        "result-picture",
        "result-coarse",
        "withheld",
        "refused",
        "sites",
        "history",
        "fault",
    ],
)
def test_the_patient_is_named_wherever_one_is_measured(name: str) -> None:
    assert "A-10428" in page_seen(name).words


def test_the_time_of_a_banner_is_cut_to_the_minute_so_that_a_page_stays_equal_within_it() -> None:
    page = PAGES["ready"]
    assert isinstance(page, Ready)
    later = replace(page, banner=replace(page.banner, now=page.banner.now.replace(second=41, microsecond=5)))
    assert later == page
