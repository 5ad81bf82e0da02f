"""What is kept: captures with their photographs, and the trail of what was done to them."""

from .capture import Capture, Kept, Light
from .store import Erasure, Store

__all__ = ["Capture", "Erasure", "Kept", "Light", "Store"]
