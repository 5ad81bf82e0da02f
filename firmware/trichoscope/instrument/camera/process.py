"""A camera in a process of its own, because calls to a camera can hang for ever: deadlines, killing, opening again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .protocol import Photograph
from .settings import CameraSettings, Fault


@dataclass(frozen=True)
class Deadlines:
    """How long a call may take before the process is killed, seconds."""

    open_s: float = 5.0
    preview_s: float = 1.0
    capture_s: float = 2.5
    close_s: float = 1.0


class CameraProcess:
    """The Camera protocol around any driver, which runs in a child process.

    A call that hangs, or whose child dies, has its child killed, the camera opened again and is tried once more; a
    second failure is an error of family 1, and the next call tries anew.
    """

    def __init__(self, settings: CameraSettings, deadlines: Deadlines | None = None) -> None:
        raise NotImplementedError

    @property
    def name(self) -> str:
        raise NotImplementedError

    @property
    def size_px(self) -> tuple[int, int]:
        """Known once the camera is open."""
        raise NotImplementedError

    def start(self) -> None:
        """Begin to open the camera and return at once: what else is slow (the model) is loaded meanwhile."""
        raise NotImplementedError

    def open(self) -> None:
        """Wait until the camera is open."""
        raise NotImplementedError

    def preview(self) -> NDArray[np.uint8]:
        raise NotImplementedError

    def capture(self, after_ns: int) -> Photograph:
        raise NotImplementedError

    def pressed(self) -> bool:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


class SimulatedProcess(CameraProcess):
    """The simulated camera, with its knobs."""

    def place(self, **changes: Any) -> None:
        """Change the Probe: place(light="white"), place(patient="visit 7", site="vertex"). It outlives the child."""
        raise NotImplementedError

    def disturb(self, *faults: Fault) -> None:
        """Let the camera fail from its next call on."""
        raise NotImplementedError

    def drawn(self) -> bool:
        """Whether the scalp of this place is drawn. Until then (seconds, the first time) the probe is in the air: its
        pictures are out of focus."""
        raise NotImplementedError
