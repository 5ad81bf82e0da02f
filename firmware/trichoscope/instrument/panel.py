"""Button, lights and sound, as the hand meets them."""

from __future__ import annotations

import threading
import time
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from ..errors import PanelMissing, PinMapInvalid

if TYPE_CHECKING:
    from gpiozero import Factory

Light: TypeAlias = Literal["white", "polarised", "off"]
Status: TypeAlias = Literal["ready", "busy", "fault", "off"]
Sound: TypeAlias = Literal["kept", "refused", "fault"]

SIGNALS = ("capture_button", "white_ring", "polarised_ring", "status_light", "beeper")
"""What the pin map must have."""
STATUS_S: dict[Status, tuple[float, float]] = {"busy": (0.4, 0.4), "fault": (0.1, 0.1)}
"""Seconds on and off; a steady light is ready. One light and no colour, so that everybody sees the difference."""
SOUND_S: dict[Sound, tuple[float, float, int]] = {"kept": (0.08, 0.08, 1), "refused": (0.08, 0.12, 2),
                                                  "fault": (0.5, 0.2, 1)}  # fmt: skip
"""Seconds on and off, and how often."""


class Panel(Protocol):
    """One thread calls it; the button is watched beside it."""

    def wait(self, seconds: float) -> None:
        """Until the button is pressed, at most so long. Returns at once where a press was not yet asked for."""
        ...

    def pressed(self) -> bool:
        """Whether the button was pressed since the last call."""
        ...

    def light(self, kind: Light) -> int:
        """Switch to one light, or to none. Returns time.monotonic_ns() of a moment at which it certainly burnt."""
        ...

    def status(self, status: Status) -> None: ...

    def beep(self, sound: Sound) -> None: ...

    def close(self) -> None:
        """Everything off. May be called twice."""
        ...


@dataclass(frozen=True)
class Pin:
    """One line of the pin map."""

    signal: str
    bcm: int
    pin: int
    direction: Literal["in", "out", "both"]
    pull: Literal["up", "down", "none"]
    active: Literal["high", "low"]
    part: str
    voltage_v: float


def pin_map_path() -> Path:
    """The pin map inside the installed package; in a source tree, the one in hardware/."""
    package = Path(__file__).parents[1]
    installed = package / "hardware" / "pins.toml"
    return installed if installed.exists() else package.parents[1] / "hardware" / "pins.toml"


def read_pins(path: Path | None = None) -> dict[str, Pin]:
    """The pin map, by signal. Raises PinMapInvalid."""
    try:
        rows = tomllib.loads((path or pin_map_path()).read_text("utf-8"))["pin"]
        pins = {row["signal"]: Pin(**row) for row in rows}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PinMapInvalid(f"{error}.") from error
    if missing := [signal for signal in SIGNALS if signal not in pins]:
        raise PinMapInvalid(f"Not in it: {', '.join(missing)}.")
    lines = [pin.bcm for pin in pins.values()]
    if twice := sorted({str(line) for line in lines if lines.count(line) > 1}):
        raise PinMapInvalid(f"BCM {', '.join(twice)} is there twice.")
    return pins


@dataclass(eq=False)
class _Button:
    """Remembers a press, from whatever thread, until it is asked for."""

    _pressed: threading.Event = field(default_factory=threading.Event, init=False)

    def press(self) -> None:
        self._pressed.set()

    def wait(self, seconds: float) -> None:
        self._pressed.wait(seconds)

    def pressed(self) -> bool:
        pressed = self._pressed.is_set()
        if pressed:  # else one that comes just now would be forgotten
            self._pressed.clear()
        return pressed


class GpioPanel(_Button):
    """The real one, by gpiozero.

    Contact bounce is filtered on the board. A debounce in software would drop real presses (gpiozero #550, #1039): the
    callback only notes the press, and a press while a photograph is measured is thrown away by whoever measures.

    Args:
        pins: the pin map.
        sound: whether to beep.
        factory: of gpiozero; lgpio's where None, with no other one to fall back on.

    Raises PanelMissing.
    """

    def __init__(self, pins: Mapping[str, Pin], *, sound: bool = True, factory: Factory | None = None) -> None:
        super().__init__()
        self._sound = sound
        self._devices: list[Any] = []
        try:
            from gpiozero import LED, Button  # noqa: PLC0415  on a laptop there is none

            if factory is None:
                from gpiozero.pins.lgpio import LGPIOFactory  # noqa: PLC0415

                factory = LGPIOFactory()

            def output(signal: str) -> Any:
                pin = pins[signal]
                self._devices.append(device := LED(pin.bcm, active_high=pin.active == "high", pin_factory=factory))
                return device

            self._white, self._polarised, self._status, self._beeper = map(output, SIGNALS[1:])
            button = pins[SIGNALS[0]]
            pull = {"up": True, "down": False, "none": None}[button.pull]
            active = None if pull is not None else button.active == "high"
            self._devices.append(press := Button(button.bcm, pull_up=pull, active_state=active, pin_factory=factory))
            press.when_pressed = self.press
        except Exception as error:  # lgpio and gpiozero raise their own kinds of everything
            self.close()
            raise PanelMissing(f"{type(error).__name__}: {error}.") from error

    def light(self, kind: Light) -> int:
        for name, ring in (("white", self._white), ("polarised", self._polarised)):
            ring.value = name == kind
        return time.monotonic_ns()

    def status(self, status: Status) -> None:
        if status in STATUS_S:
            self._status.blink(*STATUS_S[status])
        else:
            self._status.value = status == "ready"

    def beep(self, sound: Sound) -> None:
        if self._sound:
            self._beeper.blink(*SOUND_S[sound])

    def close(self) -> None:
        for device in self._devices:
            if hasattr(device, "off"):  # a line that is only let go of may keep its level
                device.off()
            device.close()
        self._devices = []


@dataclass
class SimulatedPanel(_Button):
    """A panel without wires: it notes what it was told.

    Args:
        lit: told of every change of light; the simulated camera's probe listens here.
    """

    lit: Callable[[Light], None] = lambda kind: None
    burning: Light | None = None
    """None before the first light."""
    shown: Status = "off"
    sounds: list[Sound] = field(default_factory=list)

    def light(self, kind: Light) -> int:
        if kind != self.burning:
            self.burning = kind
            self.lit(kind)
        return time.monotonic_ns()

    def status(self, status: Status) -> None:
        self.shown = status

    def beep(self, sound: Sound) -> None:
        self.sounds.append(sound)

    def close(self) -> None:
        self.light("off")
