"""A visit without anybody: three presses at three sites on the simulated instrument, every screen as a picture."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path

from .instrument.camera import SIMULATED_PATIENT
from .instrument.screen import Screen, events, pages
from .instrument.screen.events import Event
from .instrument.screen.pages import Page, Site
from .outputs import write

SITES: tuple[Site, ...] = ("frontal", "vertex", "occipital")

Hand = Generator[list[Event], Page, None]
"""Is sent the page that is shown, and gives what it asks for; ends when the visit is over."""


def visit(presses: int, press: Callable[[], None], in_place: Callable[[], bool]) -> Hand:
    """Read a wristband, press at one site after the other, look at everything, calibrate, leave.

    Ends early where a fault is shown.

    Args:
        press: the instrument's own button.
        in_place: whether the probe is where it was to go.
    """
    yield []
    yield []  # the first page is seen
    page = yield [events.ScanWristband()]
    while isinstance(page, pages.Scanning):
        page = yield []
    for site in islice(cycle(SITES), presses):
        yield [events.OpenSites()]
        yield [events.ChooseSite(site)]
        page = yield from _press(press, in_place)
        if isinstance(page, pages.Fault):
            return
        if isinstance(page, pages.Result):
            yield [events.Turn(replace(page, view="picture"))]
            yield [events.Turn(replace(page, view="picture", hairs_shown=False))]
            if page.reading.warnings:
                yield [events.Turn(replace(page, view="warnings"))]
        yield [events.Keep()]
    yield [events.OpenHistory()]
    yield [events.OpenService()]
    page = yield [events.RunSelfTest()]
    while isinstance(page, pages.SelfTest) and page.running:
        page = yield []
    page = yield [events.Calibrate()]
    while isinstance(page, pages.Calibrating) and page.step in ("target", "grey"):
        page = yield from _press(press, in_place)
    while isinstance(page, pages.Calibrating) and page.step == "working":
        page = yield []
    yield [events.Back()]
    page = yield [events.OpenTypeCode()]
    if isinstance(page, pages.TypeCode):
        yield [events.Turn(replace(page, text=SIMULATED_PATIENT))]


def _press(press: Callable[[], None], in_place: Callable[[], bool]) -> Generator[list[Event], Page, Page]:
    """Wait for the live view of the place, press, and wait for what comes of it."""
    page = yield []
    while not in_place():
        page = yield []
    page = yield []
    before = _stage(page)
    press()
    while _stage(page) == before:
        page = yield []
    return page


def _stage(page: Page) -> object:
    return (page.step, page.photographs) if isinstance(page, pages.Calibrating) else type(page)


class Recorder:
    """A display that also writes each page as a PNG, as it was last seen before another one took its place.

    Args:
        folder: of the files, named by their order and page; it must be there.
    """

    def __init__(self, screen: Screen, folder: Path) -> None:
        self._screen = screen
        self._folder = folder
        self._shown: Page | None = None
        self._count = 0

    def show(self, page: Page) -> None:
        if self._shown is not None and _name(page) != _name(self._shown):
            self.keep()
        self._screen.show(page)
        self._shown = page

    def events(self) -> list[Event]:
        return self._screen.events()

    def keep(self) -> None:
        """Write what is shown now."""
        if self._shown is not None:
            self._count += 1
            write(self._folder / f"{self._count:02d}-{_name(self._shown)}.png", self._screen.png())


def _name(page: Page) -> str:
    """What makes a page another picture."""
    kind = type(page).__name__.lower()
    match page:
        case pages.Ready(banner=banner) | pages.Sites(banner=banner):
            return f"{kind}-{banner.site or 'none'}"
        case pages.Measuring(step=step) | pages.Calibrating(step=step):
            return f"{kind}-{step}"
        case pages.Result(view="picture", hairs_shown=shown):
            return f"{kind}-picture" + ("" if shown else "-plain")
        case pages.Result(view=view) | pages.Service(view=view):
            return f"{kind}-{view}"
        case pages.SelfTest(running=running):
            return f"{kind}-{'running' if running else 'done'}"
        case _:
            return kind
