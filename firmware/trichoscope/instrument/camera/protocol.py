"""What every camera can do, and what it gives for one press."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Photograph:
    """One press."""

    jpeg: bytes
    """As captured; it is kept byte for byte."""
    sequence: int
    """Frame number of the camera since it was opened."""
    sensor_time_ns: int
    """Start of the exposure, on the clock of time.monotonic_ns()."""
    exposure_us: float | None
    """None where the camera does not say."""
    gains: tuple[float, ...]
    """Analogue gain, then those of red and blue, as far as the camera says."""
    metadata: Mapping[str, Any]
    """All else that the driver says of this frame."""


class Camera(Protocol):
    """A camera. One thread calls it; every call raises an error of family 1 where it cannot do its part."""

    @property
    def name(self) -> str:
        """As it stands in the configuration."""
        ...

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height of a photograph."""
        ...

    def open(self) -> None:
        """Find the camera, set its one mode and start it."""
        ...

    def preview(self) -> NDArray[np.uint8]:
        """The newest live picture: height × width × 3, RGB, at most 800 px wide. The caller's to keep."""
        ...

    def capture(self, after_ns: int) -> Photograph:
        """A photograph whose exposure began at or after `after_ns` (time.monotonic_ns()), else an error."""
        ...

    def pressed(self) -> bool:
        """Whether the scope's own key was pressed since the last call."""
        ...

    def close(self) -> None:
        """Stop and let go of everything. Of no effect on a closed camera; a closed one can be opened again."""
        ...
