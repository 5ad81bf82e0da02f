"""The simulated camera from this side: its knobs, and the process that draws its scalps."""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import os
import subprocess
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import CameraFailed, TrichoscopeError
from .child import Child, start
from .process import CameraProcess, Deadlines
from .protocol import Photograph
from .settings import Fault, Probe, SimulatedSettings

SCALP = f"{__package__}.scalp"
KEPT = 6
"""Scalps kept for coming back to, the latest; one of 12 MP takes about 6 MB."""

log = logging.getLogger(__name__)

Place = tuple[str, str]
"""Patient and site."""


class SimulatedProcess(CameraProcess):
    """The simulated camera, with its knobs. All of them outlive its child process."""

    def __init__(self, settings: SimulatedSettings, deadlines: Deadlines | None = None) -> None:
        super().__init__(settings, deadlines)
        self._simulated = settings
        self._probe = Probe()
        self._scalps: dict[Place, bytes] = {}
        self._drawing: Drawing | None = None
        self._faults: list[Fault] = []
        self._fired = 0

    def start(self) -> None:
        super().start()
        self._draw()

    def place(self, **changes: Any) -> None:
        """Change the Probe: place(light="white"), place(patient="visit 7", site="vertex").

        When this returns, frames that begin from now on show it.
        """
        moved = {"patient", "site"} & changes.keys()
        self._probe = dataclasses.replace(self._probe, **changes)
        if moved:
            self._touch()
            self._draw()
        self._tell(lambda child: child.ask("place", self._probe))

    def disturb(self, *faults: Fault) -> None:
        """Let the camera do these things wrong, one after the other."""
        single = [dataclasses.replace(fault, times=1) for fault in faults for _ in range(fault.times)]
        self._faults += single
        self._tell(lambda child: child.ask("disturb", single))

    @property
    def fired(self) -> int:
        """How many faults have fired."""
        return self._fired + (self._child.memory.fired if self._child else 0)

    def drawn(self) -> bool:
        """Whether the scalp of this place is drawn and the probe is on it.

        Until then (some seconds, the first time) the probe is in the air: its pictures are out of focus.
        """
        self._draw()
        return self._place in self._scalps

    def wait_drawn(self, limit_s: float) -> bool:
        """`drawn`, once it is or the time has passed."""
        if not self.drawn() and self._drawing is not None:
            self._drawing.wait(limit_s)
        return self.drawn()

    def close(self) -> None:
        super().close()
        self._stop_drawing()

    def preview(self) -> NDArray[np.uint8]:
        self._draw()
        return super().preview()

    def capture(self, after_ns: int) -> Photograph:
        self._draw()
        return super().capture(after_ns)

    @property
    def _place(self) -> Place:
        return self._probe.patient, self._probe.site

    def _draw(self) -> None:
        """Take a scalp that is drawn; begin to draw the one that is wanted."""
        if self._drawing is not None and self._drawing.done():
            drawing, self._drawing = self._drawing, None
            try:
                self._scalps[drawing.place] = drawing.result()
            finally:
                drawing.end()
            while len(self._scalps) > KEPT:
                self._scalps.pop(next(iter(self._scalps)))
            if drawing.place == self._place:
                self._touch()
        if self._place in self._scalps:
            return
        if self._drawing is not None and self._drawing.place != self._place:
            self._stop_drawing()
        if self._drawing is None:
            self._drawing = Drawing(self._simulated, self._place)

    def _stop_drawing(self) -> None:
        if self._drawing is not None:
            self._drawing.end()
            self._drawing = None

    def _prepare(self, child: Child) -> None:
        child.ask("place", self._probe)
        self._show_scalp(child)
        child.ask("disturb", self._faults[self._fired :])

    def _show_scalp(self, child: Child) -> None:
        jpeg = self._scalps.get(self._place, b"")
        child.memory.put_scalp(jpeg)
        child.ask("touch", len(jpeg))

    def _touch(self) -> None:
        self._tell(self._show_scalp)

    def _tell(self, message: Callable[[Child], None]) -> None:
        """Bring the child up to date; where that fails, or there is none, the next one is told all in `_prepare`."""
        if self._child is None:
            return
        try:
            message(self._child)
            if self._child.size_px is not None:  # else the answers are waited for when it is opened
                self._child.finish(self._deadlines.open_s)
        except TrichoscopeError as error:
            log.warning("camera %s does not listen: %s", self.name, error)
            self._end(self._child)

    def _end(self, child: Child) -> None:
        self._fired += child.memory.fired
        super()._end(child)


class Drawing:
    """A scalp that is being drawn. What is drawn lies in memory without a name."""

    def __init__(self, settings: SimulatedSettings, place: Place) -> None:
        self.place = place
        patient, site = place
        # other processes can see the arguments of this one: no patient's code among them
        person = int.from_bytes(hashlib.sha256(f"{settings.seed} {patient}".encode()).digest()[:6])
        width, height = settings.scalp_px
        self._jpeg = os.memfd_create("scalp")
        ending, self._lifeline = os.pipe()
        try:
            self._process = start(
                SCALP, str(ending), str(width), str(height), str(settings.um_per_px), str(person), site,
                stdin=subprocess.DEVNULL, stdout=self._jpeg, pass_fds=[ending],
            )  # fmt: skip
        finally:
            os.close(ending)

    def done(self) -> bool:
        return self._process.poll() is not None

    def result(self) -> bytes:
        """The JPEG, once it is done. Raises CameraFailed."""
        if self._process.returncode != 0:
            raise CameraFailed(f"Drawing the scalp ended with {self._process.returncode}.")
        return os.pread(self._jpeg, os.fstat(self._jpeg).st_size, 0)

    def wait(self, limit_s: float) -> None:
        try:
            self._process.wait(limit_s)
        except subprocess.TimeoutExpired:
            log.warning("the scalp is not drawn after %.0f s", limit_s)

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._lifeline)
        os.close(self._jpeg)
