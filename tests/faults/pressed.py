"""The whole instrument, pressed again and again until it is killed: it says on its standard output what was shown.

    python -m tests.faults.pressed FOLDER FIRST COUNT FLAW

The camera plays a photograph from a process of its own, the screen draws without a display; only the network is stood
in for. Lines: `camera PID` and `ready`, then for each press `press N` when the button goes down and
`kept N SHA256` once a page with its outcome is on the screen, or `refused N E404` where that is a fault.
The flaw `shows before it saves` puts each saving off until the next one.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from itertools import count
from pathlib import Path

from tests.faults.writer import say
from tests.flow.parts import SHARP, UM_PER_PX, KnownNetwork, SetClock, calibration
from trichoscope.config import load
from trichoscope.device import Instrument, assemble
from trichoscope.instrument.panel import SimulatedPanel
from trichoscope.instrument.screen import Screen, events, pages
from trichoscope.instrument.screen.events import Event
from trichoscope.instrument.screen.pages import Page
from trichoscope.measurement.calibration import to_toml
from trichoscope.records import Capture, Kept, Store
from trichoscope.records.photographs import Incoming

FLAWS = ("none", "shows before it saves")
PHOTOGRAPH_SHA256 = hashlib.sha256(SHARP).hexdigest()


class Teller:
    """A real screen that says, after a page was drawn, what is on it now."""

    def __init__(self) -> None:
        self.screen = Screen("dummy")
        self.number = 0

    def show(self, page: Page) -> None:
        self.screen.show(page)
        match page:
            case pages.Result() | pages.Refused() | pages.Withheld():
                say(f"kept {self.number} {PHOTOGRAPH_SHA256}")
            case pages.Fault(row=row):
                say(f"refused {self.number} E{row.number}")

    def events(self) -> list[Event]:
        return self.screen.events()


def prepared(folder: Path) -> Path:
    """Records, a calibration and a photograph to play, in an empty folder. Returns where the records lie."""
    records, played = folder / "records", folder / "played"
    played.mkdir()
    (played / "scalp.jpg").write_bytes(SHARP)
    Store(records, SetClock(), create=True).close()
    (records / "calibration.toml").write_text(to_toml(calibration(um_per_px=UM_PER_PX)))
    return records


def instrument(folder: Path, display: Teller, stack: ExitStack) -> Instrument:
    config = load(
        None,
        {
            "camera": {"driver": "photographs", "photographs": {"folder": str(folder / "played")}},
            "panel": {"driver": "simulated"},
            "records": {"folder": str(folder / "records")},
        },
    )
    return assemble(config, display, stack, SetClock(), KnownNetwork())


def put_saving_off() -> None:
    """The flaw."""
    put_off: list[Callable[[], Kept]] = []
    save = Store.save
    numbers = count(10**6)

    def later(self: Store, photograph: bytes | Incoming, capture: Capture) -> Kept:
        data = photograph.data if isinstance(photograph, Incoming) else photograph
        while put_off:
            put_off.pop()()
        put_off.append(lambda: _saved(self, data, capture))
        return Kept(next(numbers), "a" * 32, PHOTOGRAPH_SHA256, len(data), capture)

    def _saved(self: Store, data: bytes, capture: Capture) -> Kept:
        with self.incoming(data) as incoming:
            return save(self, incoming, capture)

    Store.save = later  # type: ignore[method-assign]


def main(folder: str, first: str, presses: str, flaw: str) -> None:
    if flaw == "shows before it saves":
        put_saving_off()
    display = Teller()
    with ExitStack() as stack:
        built = instrument(Path(folder), display, stack)
        turn, panel = built.consultation.turn, built.parts.panel
        assert isinstance(panel, SimulatedPanel)
        turn([])
        say(f"camera {built.camera.pid}")
        say("ready")
        for number in range(int(first), int(first) + int(presses)):
            display.number = number
            turn([events.Typed(f"press {number}")])
            turn([events.ChooseSite("vertex")])
            say(f"press {number}")
            panel.press()
            turn([events.Press()] if panel.pressed() else [])
            turn([events.Keep()])
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
