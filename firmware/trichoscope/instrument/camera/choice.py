"""A camera by the name in the configuration: nothing is detected, nothing falls back."""

from __future__ import annotations

from .probe import SimulatedProcess
from .process import CameraProcess, Deadlines
from .settings import CameraSettings, SimulatedSettings


def make_camera(settings: CameraSettings, deadlines: Deadlines | None = None) -> CameraProcess:
    """The camera of these settings, closed. A SimulatedProcess for SimulatedSettings."""
    if isinstance(settings, SimulatedSettings):
        return SimulatedProcess(settings, deadlines)
    return CameraProcess(settings, deadlines)
