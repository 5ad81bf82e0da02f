"""The panel itself: a page goes in, what was touched comes out."""

from __future__ import annotations

import os
from collections.abc import Callable
from io import BytesIO
from types import TracebackType
from typing import Any, Literal

import pygame

from ...errors import ScreenMissing
from . import choosing, measuring, past, servicing
from .drawing import Drawing, Target
from .events import Back, Event, Keep, Press, Quit, Turn, Typed
from .pages import (
    Calibrating,
    Fault,
    History,
    Measuring,
    Page,
    Patients,
    Ready,
    Refused,
    Result,
    Scanning,
    SelfTest,
    Service,
    Sites,
    Starting,
    TypeCode,
    Withheld,
)
from .style import INK, SIZE

Driver = Literal["dummy", "kmsdrm"]

_STILL: dict[type, Callable[[Drawing, Any], None]] = {
    Starting: measuring.starting,
    Ready: measuring.ready,
    Measuring: measuring.measuring,
    Result: measuring.result,
    Withheld: measuring.withheld,
    Refused: measuring.refused,
    Patients: choosing.patients,
    Scanning: choosing.scanning,
    TypeCode: choosing.type_code,
    Sites: choosing.sites,
    History: past.history,
    Service: servicing.service,
    Calibrating: servicing.calibrating,
    SelfTest: servicing.self_test,
    Fault: servicing.fault,
}
_LIVE: dict[type, Callable[[Drawing, Any], list[pygame.Rect]]] = {
    Ready: measuring.live_ready,
    Scanning: choosing.live_scanning,
    Calibrating: servicing.live_calibrating,
}


def draw(page: Page, surface: pygame.Surface, pressed: tuple[int, int] | None = None) -> list[Target]:
    """Draw a page on a surface of 800 × 480. Returns what can be touched.

    Args:
        pressed: where a finger lies: the target under it is drawn so.
    """
    drawing = Drawing(surface, pressed)
    surface.fill(INK)
    _STILL[type(page)](drawing, page)
    targets = list(drawing.targets)
    if type(page) in _LIVE:
        _LIVE[type(page)](drawing, page)
    return targets


class Screen:
    """A touch screen of 800 × 480.

    Args:
        driver: `kmsdrm` on the instrument, `dummy` without a display, None for whatever the desktop has.
        size: of the window or panel in pixels; what is drawn is always 800 × 480 and is fitted to it.

    Raises ScreenMissing where no display opens.
    """

    def __init__(self, driver: Driver | None = None, size: tuple[int, int] = SIZE) -> None:
        if driver is not None:
            os.environ["SDL_VIDEODRIVER"] = driver
        os.environ["SDL_NO_SIGNAL_HANDLERS"] = "1"  # SIGTERM ends the program, and is no wish to quit
        try:
            pygame.display.init()
            self._window = pygame.display.set_mode(size, pygame.FULLSCREEN if driver == "kmsdrm" else 0)
        except pygame.error as error:
            pygame.display.quit()
            raise ScreenMissing(f"{error}.") from error
        pygame.display.set_caption("Trichoscope")
        pygame.mouse.set_visible(driver != "kmsdrm")
        native = self._window.get_size() == SIZE
        self._canvas = self._window if native else pygame.Surface(SIZE).convert(self._window)
        self._place = _fitted(self._window.get_size())
        self._page: Page | None = None
        self._targets: list[Target] = []
        self._finger: Target | None = None

    def __enter__(self) -> Screen:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def show(self, page: Page) -> None:
        """Draw a page. Of a page equal to the one before, only its live view is drawn."""
        if type(page) is not type(self._page):
            self._finger = None
        live = _LIVE.get(type(page))
        if live is not None and page == self._page:
            self._page = page
            self._present(live(Drawing(self._canvas, self._touched()), page))
            return
        self._page = page
        self._redraw()

    def events(self) -> list[Event]:
        """What was asked for since the last call, in order; never waits."""
        asked: list[Event] = []
        for event in pygame.event.get():
            if event.type == pygame.QUIT:
                asked.append(Quit())
            elif event.type == pygame.WINDOWEXPOSED:
                self._present()
            elif event.type == pygame.MOUSEBUTTONDOWN and event.button == 1:
                self._press(self._on_canvas(event.pos))
            elif event.type == pygame.MOUSEBUTTONUP and event.button == 1:
                asked += self._release(self._on_canvas(event.pos))
            elif event.type == pygame.KEYDOWN:
                asked += self._key(event)
        return asked

    def png(self) -> bytes:
        """What is shown now, 800 × 480."""
        file = BytesIO()
        pygame.image.save(self._canvas, file, "png")
        return file.getvalue()

    def close(self) -> None:
        """Give the display back. May be called twice."""
        pygame.display.quit()

    def _redraw(self) -> None:
        if self._page is not None:
            self._targets = draw(self._page, self._canvas, self._touched())
            self._present()

    def _present(self, areas: list[pygame.Rect] | None = None) -> None:
        if self._canvas is self._window:
            pygame.display.update(areas or [self._window.get_rect()])
        else:
            pygame.transform.smoothscale(self._canvas, self._place.size, self._window.subsurface(self._place))
            pygame.display.flip()

    def _on_canvas(self, position: tuple[int, int]) -> tuple[int, int]:
        x, y = position
        place = self._place
        return (x - place.left) * SIZE[0] // place.width, (y - place.top) * SIZE[1] // place.height

    def _touched(self) -> tuple[int, int] | None:
        return None if self._finger is None else self._finger.area.center

    def _target(self, position: tuple[int, int]) -> Target | None:
        return next((target for target in reversed(self._targets) if target.area.collidepoint(position)), None)

    def _press(self, position: tuple[int, int]) -> None:
        self._finger = self._target(position)
        if self._finger is not None:
            self._redraw()

    def _release(self, position: tuple[int, int]) -> list[Event]:
        """A touch counts where the finger leaves the target on which it came down."""
        finger, self._finger = self._finger, None
        if finger is None:
            return []
        self._redraw()
        target = self._target(position)
        return [target.event] if target is not None and target.area == finger.area else []

    def _key(self, key: pygame.event.Event) -> list[Event]:
        """A keyboard, or a wristband reader that types: letters on the page for codes, elsewhere the few main keys."""
        page = self._page
        if isinstance(page, TypeCode) and key.key not in (pygame.K_ESCAPE, pygame.K_RETURN, pygame.K_KP_ENTER):
            if key.key == pygame.K_BACKSPACE:
                self._page = choosing.erased(page)
            elif key.unicode.isprintable() and key.unicode:
                self._page = choosing.typed(page, key.unicode)
            else:
                return []
            self._redraw()
            return [Turn(self._page)]
        kinds: dict[int, tuple[type, ...]] = {
            pygame.K_ESCAPE: (Back,),
            pygame.K_SPACE: (Press,),
            pygame.K_RETURN: (Typed, Press, Keep),
            pygame.K_KP_ENTER: (Typed, Press, Keep),
        }
        wanted = kinds.get(key.key, ())
        return [target.event for target in self._targets if isinstance(target.event, wanted)][:1]


def _fitted(window: tuple[int, int]) -> pygame.Rect:
    """Where 800 × 480 lies in a window, as large as it fits."""
    scale = min(window[0] / SIZE[0], window[1] / SIZE[1])
    place = pygame.Rect(0, 0, round(SIZE[0] * scale), round(SIZE[1] * scale))
    place.center = (window[0] // 2, window[1] // 2)
    return place
