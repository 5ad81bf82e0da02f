"""As much of evdev as the driver uses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import fake_world


class ecodes:
    EV_SYN, EV_KEY, KEY_CAMERA = 0, 1, 212


@dataclass(frozen=True)
class InputEvent:
    type: int
    code: int
    value: int


class InputDevice:
    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise FileNotFoundError(2, "No such file or directory", str(path))
        self._events: list[InputEvent] = []

    def read_one(self) -> InputEvent | None:
        """A press is three events: down, up, and the end of a report."""
        if fake_world.missing():
            raise OSError(19, "No such device")
        if not self._events and (code := fake_world.take("keys")):
            down, up = (InputEvent(ecodes.EV_KEY, int(code), value) for value in (1, 0))
            self._events = [down, up, InputEvent(ecodes.EV_SYN, 0, 0)]
        return self._events.pop(0) if self._events else None

    def close(self) -> None:
        pass
