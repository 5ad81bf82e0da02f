"""The touch screen: pages as data, a pure drawing of each, and what the user asked for."""

from .screen import Screen

__all__ = ["Screen"]
