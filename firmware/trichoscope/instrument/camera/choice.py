"""A camera by the name in the configuration: nothing is detected, nothing falls back."""

from __future__ import annotations

from .probe import SimulatedProcess
from .process import CameraProcess
from .settings import CameraSettings, SimulatedSettings


def make_camera(settings: CameraSettings) -> CameraProcess:
    """The camera of these settings, closed. A SimulatedProcess for SimulatedSettings."""
    return SimulatedProcess(settings) if isinstance(settings, SimulatedSettings) else CameraProcess(settings)
