"""A frame: the pixels of one photograph and everything that is known about how they came to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

SCALE_RANGE_UM_PER_PX = (0.5, 30.0)
"""Finer is a laboratory microscope (12 MP would show 2 mm of skin); coarser, a 70 µm hair is 2 px wide."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One photograph with its scale. Pixel coordinates are (x, y); (0, 0) is the centre of the top-left pixel."""

    pixels: NDArray[np.uint8]
    """height × width × 3, RGB."""
    um_per_px: float
    """Micrometres on the skin per pixel; pixels are square."""
    sequence: int = 0
    sensor_time_ns: int | None = None
    exposure_us: float | None = None
    gains: tuple[float, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """The driver's whole metadata."""

    @property
    def size_px(self) -> tuple[int, int]:
        """Width, height."""
        height, width = self.pixels.shape[:2]
        return width, height

    @property
    def area_mm2(self) -> float:
        """Area of skin in the picture."""
        width, height = self.size_px
        return width * height * self.um_per_px**2 * 1e-6
