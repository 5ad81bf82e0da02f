"""Cameras: one small protocol, four drivers chosen by name, each in a process of its own."""

from .choice import make_camera
from .probe import SimulatedProcess
from .process import CameraProcess, Deadlines
from .protocol import Camera, Photograph
from .settings import (
    SIMULATED_PATIENT,
    CameraSettings,
    CsiSettings,
    Fault,
    PhotographsSettings,
    Probe,
    SimulatedSettings,
    UsbSettings,
)

__all__ = [
    "SIMULATED_PATIENT",
    "Camera",
    "CameraProcess",
    "CameraSettings",
    "CsiSettings",
    "Deadlines",
    "Fault",
    "Photograph",
    "PhotographsSettings",
    "Probe",
    "SimulatedProcess",
    "SimulatedSettings",
    "UsbSettings",
    "make_camera",
]
