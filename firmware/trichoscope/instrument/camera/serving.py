"""The child process: one camera, asked through a socket.

    python -m trichoscope.instrument.camera.serving SOCKET LIFELINE MEMORY

Three file descriptors. The first message has the settings, each further one a method of the driver with its arguments;
each is answered by the name of an error or None, its detail or the method's value, and whether the scope's own key was
pressed meanwhile.
"""

from __future__ import annotations

import logging
import sys
from multiprocessing.connection import Connection
from typing import Any

from ...errors import CameraFailed, TrichoscopeError
from .lifeline import die_with_parent
from .protocol import Camera
from .settings import CameraSettings, CsiSettings, PhotographsSettings, SimulatedSettings, UsbSettings
from .shared import SharedMemory

log = logging.getLogger(__name__)


def main(connection_fd: int, lifeline_fd: int, memory_fd: int) -> None:
    die_with_parent(lifeline_fd)
    connection = Connection(connection_fd)
    memory = SharedMemory(memory_fd)
    camera = make_driver(connection.recv(), memory)
    while True:
        try:
            method, *arguments = connection.recv()
            connection.send((*_answer(camera, memory, method, arguments), camera.pressed()))
        except (EOFError, ConnectionError):
            break
    camera.close()


def make_driver(settings: CameraSettings, memory: SharedMemory) -> Camera:
    """The driver of these settings, closed; each is imported where it is wanted, so that the child starts quickly."""
    match settings:
        case CsiSettings():
            from .csi import CsiCamera

            return CsiCamera(settings)
        case UsbSettings():
            from .usb import UsbCamera

            return UsbCamera(settings)
        case SimulatedSettings():
            from .simulated import SimulatedCamera

            return SimulatedCamera(settings, memory)
        case PhotographsSettings():
            from .photographs import PhotographsCamera

            return PhotographsCamera(settings)


def _answer(camera: Camera, memory: SharedMemory, method: str, arguments: list[Any]) -> tuple[str | None, Any]:
    try:
        value = getattr(camera, method)(*arguments)
    except TrichoscopeError as error:
        return type(error).__name__, error.detail
    except Exception as error:  # the edge of the loop: a fault of a driver is an answer too
        log.exception("%s failed in %s", type(camera).__name__, method)
        return CameraFailed.__name__, f"{type(error).__name__}: {error}"
    if method == "open":
        return None, camera.size_px
    return None, memory.show(value) if method == "preview" else value


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
