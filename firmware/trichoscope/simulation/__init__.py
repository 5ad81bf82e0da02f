"""A scalp whose truth is known: one renderer for training, tests, demo, benchmark and the simulated camera."""

from .rendering import Rendering, TrueHair, render
from .scalp import Scalp, Scope
from .scenes import STYLES, draw_scene

__all__ = ["STYLES", "Rendering", "Scalp", "Scope", "TrueHair", "draw_scene", "render"]
