"""The panel itself: a page goes in, what was touched comes out."""

from __future__ import annotations

from types import TracebackType
from typing import Literal

from .events import Event
from .pages import Page

Driver = Literal["dummy", "kmsdrm"]


class Screen:
    """A touch screen of 800 × 480.

    Args:
        driver: `kmsdrm` on the instrument, `dummy` without a display, None for whatever the desktop has.
        size: of the window or panel in pixels; what is drawn is always 800 × 480 and is fitted to it.
    """

    def __init__(self, driver: Driver | None = None, size: tuple[int, int] = (800, 480)) -> None:
        raise NotImplementedError

    def __enter__(self) -> Screen:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def show(self, page: Page) -> None:
        """Draw a page. Of a `Ready` equal to the one before, only the live view and its aids are drawn."""
        raise NotImplementedError

    def events(self) -> list[Event]:
        """What was asked for since the last call, in order; never waits."""
        raise NotImplementedError

    def png(self) -> bytes:
        """What is shown now."""
        raise NotImplementedError

    def close(self) -> None:
        """Give the display back. May be called twice."""
        raise NotImplementedError
