"""The pin map, and the panel by gpiozero's mock lines: what a finger and a multimeter would find."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from gpiozero.pins.mock import MockFactory

from trichoscope import errors
from trichoscope.instrument.panel import GpioPanel, SimulatedPanel, pin_map_path, read_pins

PINS = read_pins()
HEADER = {2: 3, 3: 5, 4: 7, 14: 8, 15: 10, 17: 11, 18: 12, 27: 13, 22: 15, 23: 16, 24: 18, 10: 19, 9: 21, 25: 22,
          11: 23, 8: 24, 7: 26, 5: 29, 6: 31, 12: 32, 13: 33, 19: 35, 16: 36, 26: 37, 20: 38, 21: 40}  # fmt: skip
"""BCM → pin of the 40-pin header, Raspberry Pi documentation."""


@pytest.fixture
def factory() -> Iterator[MockFactory]:
    factory = MockFactory()
    yield factory
    factory.reset()


@pytest.fixture
def panel(factory: MockFactory) -> Iterator[GpioPanel]:
    panel = GpioPanel(PINS, factory=factory)
    yield panel
    panel.close()


def until(happened: Callable[[], bool]) -> None:
    """gpiozero blinks from a thread of its own, on its own time."""
    moment, last_s = threading.Event(), time.monotonic() + 10
    while not happened():
        assert time.monotonic() < last_s
        moment.wait(0.001)


def level(factory: MockFactory, signal: str) -> int:
    return int(factory.pin(PINS[signal].bcm).state)


def test_ok__each_line_is_on_its_pin_of_the_header() -> None:
    assert {pin.bcm: pin.pin for pin in PINS.values()} == {pin.bcm: HEADER[pin.bcm] for pin in PINS.values()}
    assert all(pin.voltage_v == 3.3 for pin in PINS.values())


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('signal = "beeper"', 'signal = "buzzer"', "Not in it: beeper"),
        ("bcm = 12", "bcm = 17", "BCM 17 is there twice"),
        ("bcm = 12", "bcn = 12", "bcn"),
        ("[[pin]]", "[[pin", "line 1"),
        ('signal = "beeper"', "", "signal"),
    ],
)
def test_fail__a_pin_map_that_cannot_be_used(old: str, new: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "pins.toml"
    path.write_text(pin_map_path().read_text().replace(old, new))
    with pytest.raises(errors.PinMapInvalid, match=words):
        read_pins(path)


def test_ok__one_light_burns_at_a_time(panel: GpioPanel, factory: MockFactory) -> None:
    for kind, lines in (("white", (1, 0)), ("polarised", (0, 1)), ("off", (0, 0))):
        before = time.monotonic_ns()
        burnt = panel.light(kind)  # type: ignore[arg-type]
        assert before <= burnt <= time.monotonic_ns()
        assert (level(factory, "white_ring"), level(factory, "polarised_ring")) == lines


def test_ok__a_press_is_noted_once_and_bounces_with_it(panel: GpioPanel, factory: MockFactory) -> None:
    button = factory.pin(PINS["capture_button"].bcm)
    assert not panel.pressed()
    for _ in range(6):
        button.drive_low()
        button.drive_high()
    assert panel.pressed()
    assert not panel.pressed()


def test_ok__a_press_ends_the_waiting(panel: GpioPanel, factory: MockFactory) -> None:
    finger = threading.Timer(0.01, factory.pin(PINS["capture_button"].bcm).drive_low)
    finger.start()
    began = time.monotonic()
    panel.wait(30.0)
    assert time.monotonic() - began < 10
    assert panel.pressed()
    finger.join()


def test_ok__status_is_told_by_pattern_and_never_by_colour(panel: GpioPanel, factory: MockFactory) -> None:
    line = factory.pin(PINS["status_light"].bcm)
    panel.status("ready")
    assert line.state
    panel.status("off")
    assert not line.state
    line.clear_states()
    panel.status("fault")
    until(lambda: len(line.states) >= 4)
    panel.status("ready")
    assert line.state


def test_ok__the_beeper_beeps_and_can_be_silent(factory: MockFactory) -> None:
    for sound in (True, False):
        panel = GpioPanel(PINS, sound=sound, factory=factory)
        line = factory.pin(PINS["beeper"].bcm)
        line.clear_states()
        panel.beep("kept")
        if sound:
            until(lambda line=line: any(state.state for state in line.states))  # type: ignore[misc]
        assert any(state.state for state in line.states) == sound
        panel.close()


def test_ok__closed_everything_is_off(factory: MockFactory) -> None:
    panel = GpioPanel(PINS, factory=factory)
    panel.light("white")
    panel.status("ready")
    panel.close()
    panel.close()
    assert [level(factory, signal) for signal in ("white_ring", "polarised_ring", "status_light")] == [0, 0, 0]


def test_fail__lines_that_are_in_use_have_a_number(panel: GpioPanel, factory: MockFactory) -> None:
    with pytest.raises(errors.PanelMissing, match="in use"):
        GpioPanel(PINS, factory=factory)


def test_fail__no_other_driver_is_fallen_back_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "lgpio", None)
    with pytest.raises(errors.PanelMissing, match="lgpio"):
        GpioPanel(PINS)


def test_ok__the_simulated_panel_says_what_it_was_told() -> None:
    lights: list[str] = []
    panel = SimulatedPanel(lights.append)
    for kind in ("white", "white", "off"):
        panel.light(kind)
    panel.press()
    panel.wait(30.0)
    assert panel.pressed()
    assert not panel.pressed()
    panel.status("busy")
    panel.beep("refused")
    panel.close()
    assert (lights, panel.shown, panel.sounds) == (["white", "off"], "busy", ["refused"])
