"""A wire between the device and the clinic that is cut where a test says."""

from __future__ import annotations

import selectors
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of 0 s: closing sends a reset, as a lost network shows itself."""


@dataclass
class Cut:
    """Where the next connection is cut: after `up` bytes to the server, or after `down` bytes back from then on."""

    up: int
    down: int | None = None
    """None: the server gets exactly `up` bytes, and nothing comes back after them."""
    fired: bool = False
    _gone: int = 0
    _come: int = 0

    def through(self, data: bytes, upwards: bool) -> bytes:
        """The part of the data that still gets through."""
        if upwards:
            data = data if self.down is not None else data[: self.up - self._gone]
            self._gone += len(data)
        elif self._gone >= self.up:
            data = data[: (self.down or 0) - self._come]
            self._come += len(data)
        return data

    @property
    def due(self) -> bool:
        return self._gone >= self.up and self._come >= (self.down or 0)


class Wire:
    """Forwards connections to a port of this machine. It counts bytes and knows nothing of what they are."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.cut: Cut | None = None
        self.carried: list[int] = []
        """Bytes that went up in a connection, each time some did."""
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def close(self) -> None:
        self._stopped.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in (self._accepting, *self._threads):
            thread.join()

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            cut, self.cut = self.cut, None
            if cut is not None and cut.up == 0:
                cut.fired = True
                _reset(near)
                continue
            thread = threading.Thread(target=self._forward, args=(near, cut), daemon=True)
            self._threads = [other for other in self._threads if other.is_alive()] + [thread]
            thread.start()

    def _forward(self, near: socket.socket, cut: Cut | None) -> None:
        up = 0
        with (
            near,
            socket.create_connection(("127.0.0.1", self._target)) as far,
            selectors.DefaultSelector() as ready,
        ):
            ready.register(near, selectors.EVENT_READ, far)
            ready.register(far, selectors.EVENT_READ, near)
            while not self._stopped.is_set():
                for key, _ in ready.select(timeout=0.2):
                    source, sink = key.fileobj, key.data
                    assert isinstance(source, socket.socket)
                    try:
                        data = source.recv(1 << 16)
                        if not data:
                            return
                        sink.sendall(data if cut is None else cut.through(data, source is near))
                    except OSError:
                        return
                    if source is near:
                        up += len(data)
                        self.carried.append(up)
                    if cut is not None and cut.due:
                        cut.fired = True
                        _reset(near)
                        _reset(far)
                        return


def _reset(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    connection.close()


@contextmanager
def wire_to(port: int) -> Iterator[Wire]:
    wire = Wire(port)
    try:
        yield wire
    finally:
        wire.close()
