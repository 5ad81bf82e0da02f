"""Trichoscope: a press of the button becomes a number that a clinician can trust."""

__version__ = "0.1.0"
