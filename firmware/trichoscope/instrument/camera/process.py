"""A camera in a process of its own, because calls to a camera can hang for ever: deadlines, killing, opening again."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ...errors import (
    CameraDriverMissing,
    CameraMissing,
    CameraModeRefused,
    ExposureWrong,
    FrameStale,
    FrameTorn,
    TrichoscopeError,
)
from .child import Child
from .protocol import Photograph
from .settings import CameraSettings, PhotographsSettings
from .verification import verify

T = TypeVar("T")

TRIES = 3
"""Frames asked of one process before it counts as faulty: the first after a start can be off."""
LASTING = CameraMissing, CameraModeRefused, CameraDriverMissing
"""What another process would say again."""
FRESH_S = 0.2
"""A live picture made ahead is not shown when it is older than this."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Deadlines:
    """How long a call may take before the process is killed, seconds.

    The worst that is survived unseen is a capture that hangs, a start and a capture: 10 s.
    """

    open_s: float = 5.0
    preview_s: float = 1.5
    capture_s: float = 2.5
    close_s: float = 1.0
    again_s: float = 1.0
    """After a failure the next attempt waits this long; calls until then fail at once."""


class CameraProcess:
    """The Camera protocol around any driver, which runs in a child process.

    A call that hangs or fails, or whose child dies, has its child killed, the camera opened in another one and is tried
    once more; a second failure is an error of family 1, and a later call tries anew. Every photograph is verified here
    too, whatever its driver verified. Calls open the camera where it is not open.
    """

    def __init__(self, settings: CameraSettings, deadlines: Deadlines | None = None) -> None:
        self._settings = settings
        self._deadlines = deadlines or Deadlines()
        self._child: Child | None = None
        self._size_px = (0, 0)
        self._key = False
        self._failure: tuple[float, TrichoscopeError] | None = None

    @property
    def name(self) -> str:
        return self._settings.driver

    @property
    def size_px(self) -> tuple[int, int]:
        """Known once the camera was open."""
        return self._size_px

    @property
    def pid(self) -> int | None:
        """Of the child, where there is one."""
        return self._child.process.pid if self._child else None

    def start(self) -> None:
        """Begin to open the camera and return at once: what else is slow (the model) is loaded meanwhile."""
        if self._child is None:
            self._child = Child(self._settings)
            self._prepare(self._child)
        if not (self._child.size_px or self._child.awaits("open")):
            self._child.ask("open")

    def open(self) -> None:
        """Wait until the camera is open."""
        self._twice(lambda child: None)

    def preview(self) -> NDArray[np.uint8]:
        """The newest live picture. The next one is made while this one is drawn."""

        def newest(child: Child) -> NDArray[np.uint8]:
            if not child.awaits("preview") or time.monotonic() - child.asked_at > FRESH_S:
                child.finish(self._deadlines.preview_s)
                child.ask("preview")
            picture = child.memory.look(child.finish(self._deadlines.preview_s))
            child.ask("preview")
            return picture

        return self._twice(newest)

    def capture(self, after_ns: int) -> Photograph:
        def take(child: Child) -> Photograph:
            child.finish(self._deadlines.preview_s)
            for tries_left in reversed(range(TRIES)):
                child.ask("capture", after_ns)
                photograph: Photograph = child.finish(self._deadlines.capture_s)
                try:
                    self._verify(photograph, after_ns)
                    break
                except (FrameStale, FrameTorn, ExposureWrong):
                    if tries_left == 0:
                        raise
            return photograph

        return self._twice(take)

    def pressed(self) -> bool:
        """Whether the scope's own key was pressed since the last call, as far as other calls brought word of it."""
        key, self._key = self._key, False
        if self._child is not None:
            key |= self._child.key
            self._child.key = False
        return key

    def close(self) -> None:
        if (child := self._child) is None:
            return
        with contextlib.suppress(TrichoscopeError):
            child.finish(self._deadlines.preview_s)
            child.ask("close")
            child.finish(self._deadlines.close_s)
        self._end(child)

    def _prepare(self, child: Child) -> None:
        """Tell a new child what it has to know before it opens."""

    def _verify(self, photograph: Photograph, after_ns: int) -> None:
        size_px = None if isinstance(self._settings, PhotographsSettings) else self._size_px
        verify(photograph, self._settings, after_ns, size_px)

    def _twice(self, work: Callable[[Child], T]) -> T:
        """`work` with an open camera; where it fails, once more with the camera opened anew."""
        if self._failure is not None and time.monotonic() - self._failure[0] < self._deadlines.again_s:
            raise type(self._failure[1])(self._failure[1].detail)
        try:
            try:
                result = self._once(work)
            except LASTING:
                raise
            except TrichoscopeError as error:
                log.warning("camera %s is opened again: %s", self.name, error)
                result = self._once(work)
        except TrichoscopeError as error:
            if self._failure is None or type(self._failure[1]) is not type(error):
                log.error("camera %s failed: %s", self.name, error)
            self._failure = time.monotonic(), error
            raise
        if self._failure is not None:
            log.info("camera %s works again", self.name)
            self._failure = None
        return result

    def _once(self, work: Callable[[Child], T]) -> T:
        """`work` with an open camera, opened where it is not. What fails leaves no child behind."""
        try:
            self.start()
            assert self._child is not None
            if self._child.size_px is None:
                self._child.finish(self._deadlines.open_s)
            assert self._child.size_px is not None
            self._size_px = self._child.size_px
            return work(self._child)
        except CameraMissing:
            raise  # nothing was opened: this child can ask again
        except TrichoscopeError:
            if self._child is not None:
                self._end(self._child)
            raise

    def _end(self, child: Child) -> None:
        self._key |= child.key
        self._child = None
        child.end()
