"""The other process of a camera, seen from this one."""

from __future__ import annotations

import logging
import os
import socket
import struct
import subprocess
import sys
import time
from collections import deque
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ... import errors
from ...errors import CameraDied, CameraHung, TrichoscopeError
from .settings import CameraSettings
from .shared import SharedMemory

SERVING = f"{__package__}.serving"
IMPORTS = Path(__file__).parents[3]
"""Where the child finds this package, installed or not."""
TRANSFER_S = 2
"""A message that has begun is sent or received in this time: a photograph has a few megabytes."""
GRACE_S = 0.5
"""A process that was told to end, or killed, is waited for no longer: one that hangs in the kernel cannot be killed."""

log = logging.getLogger(__name__)


class Child:
    """A process with one camera in it. It answers in the order in which it is asked.

    It is a new program, not a fork and not one of `multiprocessing`: that would import this process's main module
    again, which takes longer than the camera does. Its process group is its own, so that Ctrl-C does not reach it.

    Raises CameraDied where no process can be made.
    """

    def __init__(self, settings: CameraSettings) -> None:
        self.memory = SharedMemory()
        self.size_px: tuple[int, int] | None = None
        """Width and height of a photograph; None until the camera is open."""
        self.key = False
        """The scope's own key was pressed, by the answers so far."""
        self.asked_at = 0.0
        """When the last question was put, time.monotonic()."""
        self._awaited: deque[str] = deque()
        ours, theirs = socket.socketpair()
        ending, self._lifeline = os.pipe()
        patience = struct.pack("ll", TRANSFER_S, 0)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, patience)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, patience)
        self._connection = Connection(ours.detach())
        fds = theirs.fileno(), ending, self.memory.fd
        try:
            self.process = start(SERVING, *map(str, fds), stdin=subprocess.DEVNULL, pass_fds=fds)
        except OSError as error:
            self._let_go()
            raise CameraDied(f"{error}.") from error
        finally:
            theirs.close()
            os.close(ending)
        try:
            self._send(settings)
        except TrichoscopeError:
            self.end()
            raise

    def awaits(self, method: str) -> bool:
        """Whether an answer to `method` is outstanding."""
        return method in self._awaited

    def ask(self, method: str, *arguments: object) -> None:
        """Have the driver's method called. Raises CameraHung or CameraDied."""
        self._send((method, *arguments))
        self._awaited.append(method)
        self.asked_at = time.monotonic()

    def finish(self, limit_s: float) -> Any:
        """Wait for all that was asked; the value of the last answer, None where nothing was asked.

        Raises what the driver raised, CameraHung where `limit_s` seconds were not enough, CameraDied.
        """
        value = None
        deadline = time.monotonic() + limit_s
        while self._awaited:
            raised, value, pressed = self._receive(self._awaited[0], deadline)
            method = self._awaited.popleft()
            self.key |= pressed
            if raised is not None:
                raise getattr(errors, raised)(value)
            if method == "open":
                self.size_px = value
        return value

    def end(self) -> None:
        """Be rid of the process, whatever it does."""
        self._let_go()
        try:
            self.process.wait(0 if self._awaited else GRACE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            try:
                self.process.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                log.error("the camera's process %d hangs in the kernel and cannot be killed", self.process.pid)

    def _let_go(self) -> None:
        self._connection.close()
        os.close(self._lifeline)
        self.memory.close()

    def _send(self, message: object) -> None:
        try:
            self._connection.send(message)
        except BlockingIOError:
            raise CameraHung("It takes no messages.") from None
        except OSError as error:
            raise self._died() from error

    def _receive(self, method: str, deadline: float) -> Any:
        try:
            if not self._connection.poll(max(0.0, deadline - time.monotonic())):
                raise CameraHung(f"Call: {method}.")
            return self._connection.recv()
        except BlockingIOError:
            raise CameraHung(f"Half an answer to {method}.") from None
        except (EOFError, OSError) as error:
            if isinstance(error, CameraHung):
                raise
            raise self._died() from error

    def _died(self) -> CameraDied:
        try:
            return CameraDied(f"Exit status {self.process.wait(GRACE_S)}.")
        except subprocess.TimeoutExpired:
            return CameraDied("It closed its connection.")


def start(module: str, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    """Run a module of this package in a process of its own. Raises OSError."""
    path = os.pathsep.join(filter(None, [str(IMPORTS), os.environ.get("PYTHONPATH")]))
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        env={**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"}, start_new_session=True, **options,
    )  # fmt: skip
