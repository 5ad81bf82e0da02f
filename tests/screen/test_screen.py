"""What is touched or typed becomes an event; the live view is drawn without the rest."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pygame
import pytest

from tests.screen.samples import LONG_CODE, banner, pages
from tests.screen.stored import decoded
from trichoscope.errors import ScreenMissing
from trichoscope.instrument.screen import Screen, benchmark, events
from trichoscope.instrument.screen import screen as module
from trichoscope.instrument.screen.events import Event
from trichoscope.instrument.screen.pages import (
    Calibrating,
    History,
    Page,
    Patients,
    Ready,
    Result,
    Scanning,
    SelfTest,
    Service,
    TypeCode,
)

PAGES = dict(pages())
READY, RESULT = PAGES["ready"], PAGES["result"]
MEASURE, KEEP, RETAKE, HIDE = (690, 350), (600, 436), (90, 436), (300, 436)


@pytest.fixture
def screen() -> Iterator[Screen]:
    with Screen("dummy") as screen:
        yield screen


def down(at: tuple[int, int]) -> None:
    pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONDOWN, pos=at, button=1, touch=True))


def up(at: tuple[int, int]) -> None:
    pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONUP, pos=at, button=1, touch=True))


def key(code: int, letter: str = "") -> None:
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=code, unicode=letter, mod=0))


def touched(screen: Screen, page: Page, at: tuple[int, int]) -> list[Event]:
    screen.show(page)
    down(at)
    up(at)
    return screen.events()


@pytest.mark.parametrize(
    ("name", "at", "event"),
    [
        ("ready", MEASURE, events.Press()),
        ("ready", (690, 90), events.OpenPatients()),
        ("ready", (690, 170), events.OpenSites()),
        ("ready", (630, 436), events.OpenHistory()),
        ("ready", (740, 436), events.OpenService()),
        ("ready", (70, 436), events.ChooseLight("polarised")),
        ("ready-nobody", (70, 436), events.ChooseLight("white")),
        ("result", KEEP, events.Keep()),
        ("result", RETAKE, events.Retake()),
        ("withheld", (250, 436), events.Calibrate()),
        ("withheld", KEEP, events.Keep()),
        ("refused", (400, 436), events.Retake()),
        ("patients", (300, 120), events.ChoosePatient("A-10428")),
        ("patients", (300, 200), events.ChoosePatient("A-10435")),
        ("patients", (100, 436), events.ScanWristband()),
        ("patients", (400, 436), events.OpenTypeCode()),
        ("patients-none", (720, 436), events.OpenService()),
        ("scanning", (640, 436), events.OpenTypeCode()),
        ("type-code", (720, 126), events.Typed("A-1042")),
        ("sites", (98, 218), events.ChooseSite("temporal_left")),
        ("sites", (302, 218), events.ChooseSite("temporal_right")),
        ("sites", (600, 106), events.ChooseSite("frontal")),
        ("history", (44, 44), events.Back()),
        ("service", (100, 436), events.Calibrate()),
        ("service", (300, 436), events.RunSelfTest()),
        ("service", (740, 436), events.Quit()),
        ("calibrating-target", (660, 436), events.Press()),
        ("calibrating-grey", (580, 436), events.SkipGreyCard()),
        ("calibrating-done", KEEP, events.Keep()),
        ("calibrating-failed", KEEP, events.Retake()),
        ("self-test", (200, 436), events.RunSelfTest()),
        ("fault", KEEP, events.Recover("reopen")),
        ("fault-service", KEEP, events.Recover("service")),
        ("fault", (200, 436), events.Back()),
    ],
)
def test_a_touch_asks_for_what_is_written_there(screen: Screen, name: str, at: tuple[int, int], event: Event) -> None:
    assert touched(screen, PAGES[name], at) == [event]


@pytest.mark.parametrize(
    ("name", "at"),
    [("ready-nobody", MEASURE), ("ready-nobody", (630, 436)), ("ready", (300, 200)), ("self-test-running", (200, 436))],
)
def test_what_cannot_be_used_asks_for_nothing(screen: Screen, name: str, at: tuple[int, int]) -> None:
    assert touched(screen, PAGES[name], at) == []


def turned(asked: list[Event]) -> Page:
    (event,) = asked
    assert isinstance(event, events.Turn)
    return event.page


def test_hairs_are_hidden_and_shown_and_the_picture_is_enlarged(screen: Screen) -> None:
    hidden = turned(touched(screen, RESULT, HIDE))
    assert isinstance(hidden, Result) and not hidden.hairs_shown
    shown = turned(touched(screen, hidden, HIDE))
    assert isinstance(shown, Result) and shown.hairs_shown
    large = turned(touched(screen, RESULT, (600, 180)))
    assert isinstance(large, Result) and large.view == "picture"
    back = turned(touched(screen, large, (720, 436)))
    assert isinstance(back, Result) and back.view == "figures"


def test_a_list_is_turned_over_and_back(screen: Screen) -> None:
    second = turned(touched(screen, PAGES["patients"], (756, 330)))
    assert isinstance(second, Patients) and second.first == 4
    assert touched(screen, second, (756, 330)) == []  # nothing is below
    assert touched(screen, second, (300, 120)) == [events.ChoosePatient(LONG_CODE)]
    first = turned(touched(screen, second, (756, 140)))
    assert isinstance(first, Patients) and first.first == 0


def test_the_other_views_of_a_page_are_reached(screen: Screen) -> None:
    faults = turned(touched(screen, PAGES["service"], (540, 436)))
    assert isinstance(faults, Service) and faults.view == "faults"
    vellus = turned(touched(screen, PAGES["history"], (500, 436)))
    assert isinstance(vellus, History) and vellus.quantity == "vellus"
    below = turned(touched(screen, PAGES["self-test"], (756, 330)))
    assert isinstance(below, SelfTest) and below.first == 5


def test_letters_are_typed_and_taken_away(screen: Screen) -> None:
    longer = turned(touched(screen, PAGES["type-code"], (42, 282)))
    assert isinstance(longer, TypeCode) and longer.text == "A-1042Q"
    shorter = turned(touched(screen, PAGES["type-code"], (755, 438)))
    assert isinstance(shorter, TypeCode) and shorter.text == "A-104"
    assert touched(screen, TypeCode(banner()), (720, 126)) == []  # nothing is typed yet
    assert touched(screen, TypeCode(banner(), "A" * 64), (42, 282)) == []  # as long as a code can be


def test_a_finger_that_slides_off_asks_for_nothing(screen: Screen) -> None:
    screen.show(READY)
    down(MEASURE)
    up((300, 200))
    assert screen.events() == []


def test_a_target_answers_to_the_finger_on_it(screen: Screen) -> None:
    screen.show(READY)
    before = decoded(screen.png())
    down(MEASURE)
    screen.events()
    pressed = decoded(screen.png())
    assert np.abs(before[320:380, 590:780].astype(int) - pressed[320:380, 590:780]).mean() > 40
    up(MEASURE)
    screen.events()
    assert np.array_equal(decoded(screen.png()), before)


def test_a_touch_survives_new_live_pictures_and_new_times(screen: Screen) -> None:
    assert isinstance(READY, Ready)
    screen.show(READY)
    down(MEASURE)
    screen.events()
    screen.show(replace(READY, preview=READY.preview[::-1].copy()))
    screen.show(replace(READY, banner=replace(READY.banner, unsent=4)))
    up(MEASURE)
    assert screen.events() == [events.Press()]


def test_a_touch_on_a_page_that_has_gone_asks_for_nothing(screen: Screen) -> None:
    screen.show(PAGES["patients"])
    down((300, 436))
    screen.events()
    screen.show(RESULT)
    up((300, 436))
    assert screen.events() == []


def test_another_button_of_a_mouse_is_no_finger(screen: Screen) -> None:
    screen.show(READY)
    for kind in (pygame.MOUSEBUTTONDOWN, pygame.MOUSEBUTTONUP):
        pygame.event.post(pygame.event.Event(kind, pos=MEASURE, button=3, touch=False))
    assert screen.events() == []


def test_only_the_live_view_is_drawn_where_nothing_else_changed(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []
    for parts, name in ((module._STILL, "still"), (module._LIVE, "live")):
        draw = parts[Ready]

        def note(*rest: Any, draw: Any = draw, name: str = name) -> Any:
            drawn.append(name)
            return draw(*rest)

        monkeypatch.setitem(parts, Ready, note)
    assert isinstance(READY, Ready)
    screen.show(READY)
    dark = replace(READY, preview=READY.preview // 4, aids=replace(READY.aids, exposure="dark"))
    screen.show(dark)
    assert drawn == ["still", "live", "live"]
    assert decoded(screen.png())[100:300, 100:400].mean() < 80
    screen.show(replace(dark, frames=7))
    assert drawn == ["still", "live", "live", "still", "live"]


@pytest.mark.parametrize("name", ["ready", "scanning", "calibrating-target"])
def test_a_live_picture_drawn_by_itself_is_the_same_as_with_its_page(screen: Screen, name: str) -> None:
    page = PAGES[name]
    assert isinstance(page, Ready | Scanning | Calibrating)
    screen.show(page)
    whole = screen.png()
    screen.show(replace(page, preview=np.zeros((600, 800, 3), np.uint8)))
    assert screen.png() != whole
    screen.show(page)
    assert screen.png() == whole


def test_live_pictures_of_another_shape_are_shown_whole(screen: Screen) -> None:
    assert isinstance(READY, Ready)
    screen.show(replace(READY, preview=np.full((450, 800, 3), 255, np.uint8)))
    seen = decoded(screen.png())
    assert seen[48 + 216, 288].min() > 250
    assert seen[60, 288].max() < 30 and seen[470, 288].max() < 30  # 16 : 9 leaves a strip above and below


@pytest.mark.parametrize(
    ("name", "code", "event"),
    [
        ("ready", pygame.K_SPACE, events.Press()),
        ("calibrating-target", pygame.K_SPACE, events.Press()),
        ("result", pygame.K_RETURN, events.Keep()),
        ("history", pygame.K_ESCAPE, events.Back()),
        ("type-code", pygame.K_RETURN, events.Typed("A-1042")),
        ("type-code", pygame.K_ESCAPE, events.Back()),
    ],
)
def test_a_keyboard_has_the_main_keys(screen: Screen, name: str, code: int, event: Event) -> None:
    screen.show(PAGES[name])
    key(code)
    assert screen.events() == [event]


@pytest.mark.parametrize(("name", "code"), [("ready-nobody", pygame.K_SPACE), ("ready", pygame.K_F1)])
def test_a_key_without_a_meaning_asks_for_nothing(screen: Screen, name: str, code: int) -> None:
    screen.show(PAGES[name])
    key(code)
    assert screen.events() == []


def test_a_reader_that_types_faster_than_pages_are_shown_loses_no_letter(screen: Screen) -> None:
    screen.show(TypeCode(banner(), "X"))
    key(pygame.K_BACKSPACE)
    for letter in "a-77":
        key(ord(letter), letter)
    key(pygame.K_LSHIFT)
    key(pygame.K_RETURN, "\r")
    *letters, last = screen.events()
    assert last == events.Typed("a-77")
    assert [turned([event]) for event in letters][-1] == TypeCode(banner(), "a-77")


def test_a_closed_window_is_a_wish_to_quit(screen: Screen) -> None:
    pygame.event.post(pygame.event.Event(pygame.QUIT))
    assert screen.events() == [events.Quit()]


def test_a_window_of_another_size_shows_the_whole_page_and_is_touched_where_it_is_drawn() -> None:
    with Screen("dummy", (1280, 800)) as screen:  # 1.6 times as large, with a strip of 16 above and below
        screen.show(READY)
        down((round(690 * 1.6), round(350 * 1.6) + 16))
        up((round(690 * 1.6), round(350 * 1.6) + 16))
        assert screen.events() == [events.Press()]
        assert decoded(screen.png()).shape == (480, 800, 3)
        surface = pygame.display.get_surface()
        assert surface is not None
        window = pygame.surfarray.array3d(surface)
        assert window[:, :16].max() < 30 and window[300, 400].max() > 100


def test_no_display_is_a_numbered_error() -> None:
    with pytest.raises(ScreenMissing) as caught:
        Screen("none-such")  # type: ignore[arg-type]
    assert isinstance(caught.value, OSError)


def test_a_screen_is_closed_twice_and_opened_again() -> None:
    first = Screen("dummy")
    first.close()
    first.close()
    with Screen("dummy") as second:
        second.show(RESULT)
        assert decoded(second.png()).shape == (480, 800, 3)


def test_sigterm_still_ends_the_program_and_importing_says_nothing() -> None:
    program = (
        "import os, signal\n"
        "from trichoscope.instrument.screen import Screen\n"
        "with Screen('dummy') as screen:\n"
        "    screen.events()\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    screen.events()\n"
        "    print('still here')\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (-signal.SIGTERM, "")


def test_the_benchmark_measures(screen: Screen) -> None:
    assert isinstance(READY, Ready) and isinstance(RESULT, Result)
    live = benchmark.live_view(screen, READY, 16.0, frames=3)
    assert live.frames_per_s > 0 and live.cpu_ms > 0
    assert benchmark.show_ms(screen, RESULT, times=2) > 0
