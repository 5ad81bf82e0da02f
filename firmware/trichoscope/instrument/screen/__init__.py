"""The touch screen: pages as data, a pure drawing of each, and what the user asked for."""

import os

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")  # it would stand in what --json prints

from .screen import Screen

__all__ = ["Screen"]
