"""What is kept: captures with their photographs, and the trail of what was done to them."""

from .capture import Capture, Kept, Light
from .figures import FIGURES, Average, averages, figures
from .store import Erasure, Store

__all__ = [
    "FIGURES", "Average", "Capture", "Erasure", "Kept", "Light", "Store", "averages", "figures"
]  # fmt: skip
