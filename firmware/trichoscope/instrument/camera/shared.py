"""Memory that the two processes of a camera share. It has no name: when both are gone, so is it."""

from __future__ import annotations

import mmap
import os

import numpy as np
from numpy.typing import NDArray

from .live import LIVE_PX

_COUNTER_BYTES = mmap.PAGESIZE
_LIVE_BYTES = LIVE_PX * LIVE_PX * 3
_SCALP_BYTES = 64_000_000
"""More than the JPEG of any scalp. What is not written takes no memory."""


class SharedMemory:
    """A counter of faults that fired, the live picture and the JPEG of the simulated scalp; a side writes what is its.

    Args:
        fd: of the memory, as the other process has it; None makes it.
    """

    def __init__(self, fd: int | None = None) -> None:
        size = _COUNTER_BYTES + _LIVE_BYTES + _SCALP_BYTES
        if fd is None:
            fd = os.memfd_create("camera")
            os.ftruncate(fd, size)
        self.fd = fd
        self._map = mmap.mmap(fd, size)

    def close(self) -> None:
        self._map.close()
        os.close(self.fd)

    @property
    def fired(self) -> int:
        """How many simulated faults fired in this child. It outlives a child that hangs or dies of one."""
        return int.from_bytes(self._map[:8], "little")

    @fired.setter
    def fired(self, count: int) -> None:
        self._map[:8] = count.to_bytes(8, "little")

    def show(self, picture: NDArray[np.uint8]) -> tuple[int, ...]:
        """Put the live picture here and say its shape."""
        self._map[_COUNTER_BYTES : _COUNTER_BYTES + picture.size] = picture.tobytes()
        return picture.shape

    def look(self, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
        """A copy of the live picture."""
        end = _COUNTER_BYTES + shape[0] * shape[1] * shape[2]
        return np.frombuffer(bytearray(self._map[_COUNTER_BYTES:end]), np.uint8).reshape(shape)

    def put_scalp(self, jpeg: bytes) -> None:
        start = _COUNTER_BYTES + _LIVE_BYTES
        self._map[start : start + len(jpeg)] = jpeg

    def get_scalp(self, length: int) -> bytes:
        start = _COUNTER_BYTES + _LIVE_BYTES
        return self._map[start : start + length]
