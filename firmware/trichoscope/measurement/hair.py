"""The nouns of a measurement: a trace is a hair found, a hair is a trace measured and classed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

HairClass = Literal["terminal", "vellus"]


@dataclass(frozen=True, eq=False)
class Trace:
    """A hair as found by *tracing*: where it leaves the skin and where it runs. Photograph pixels throughout."""

    root_px: tuple[float, float]
    """x, y of the exit point."""
    path_px: NDArray[np.float32]
    """(n, 2) polyline x, y from root to tip (or to the frame's edge), n ≥ 2, steps of roughly 25 µm."""
    score: float
    """0–1, how sure the network is that a hair leaves the skin here."""
    network_width_um: float
    """Apparent width as the network saw it: prior and outlier check for the caliper."""
    cut_by_frame: bool
    """The path ends because the picture does."""
    crossed: NDArray[np.bool_]
    """(n,) path points that lie on or beside another traced hair: no width is taken there."""


@dataclass(frozen=True, eq=False)
class Width:
    """What the *caliper* says of one trace."""

    diameter_um: float
    """Apparent width, robust mean of the cross-sections with the blur taken out (or the prior, where not measured)."""
    sd_um: float
    """Robust spread of the width along the shaft."""
    error_um: float
    """Standard error of diameter_um: its true width lies within 1.96 of them for 19 hairs of 20, see `caliper`."""
    measured: bool
    """False where the caliper could not measure and diameter_um is the network's."""
    pigment: float
    """0 (as light as the skin beside it) to 1 (black); negative where the hair is lighter than its skin."""
    blur_um: float
    """Gaussian sigma of the edge blur found on this shaft."""


@dataclass(frozen=True, eq=False)
class Hair:
    """One counted hair. Photograph pixels and micrometres."""

    root_px: tuple[float, float]
    path_px: NDArray[np.float32]
    diameter_um: float
    diameter_sd_um: float
    diameter_error_um: float
    diameter_measured: bool
    length_um: float
    """Visible length along the path."""
    pigment: float
    hair_class: HairClass
    class_probability: float
    """Of hair_class, 0.5–1."""
    unit: int
    """Index of the follicular unit within the reading."""
    score: float
    cut_by_frame: bool
    crossed: bool
    out_of_focus: bool
