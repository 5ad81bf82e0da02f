"""The real panel driver (gpiozero, lgpio) on lines of the kernel: one press for a bouncing contact, lights, sound."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.hardware.machine import header
from trichoscope.instrument.panel import SIGNALS, GpioPanel, Pin, read_pins

pytestmark = [pytest.mark.hardware, pytest.mark.usefixtures("emulated")]

BUTTON, *OUTPUTS = SIGNALS
PATIENCE_S, QUIET_S = 10.0, 1.0


@pytest.fixture
def pins() -> dict[str, Pin]:
    found = read_pins()
    header.pull(found[BUTTON].bcm, high=True)
    return found


@pytest.fixture
def panel(pins: dict[str, Pin]) -> Iterator[GpioPanel]:
    made = GpioPanel(pins)
    yield made
    made.close()


def lit(pins: dict[str, Pin]) -> set[str]:
    return {signal for signal in OUTPUTS if header.level(pins[signal].bcm) == (pins[signal].active == "high")}


def test_nobody_has_pressed_yet(panel: GpioPanel) -> None:
    assert not panel.pressed()


def test_a_press_that_bounces_is_one_press(panel: GpioPanel, pins: dict[str, Pin]) -> None:
    """Here no filter ends the bounces before the line: those that come while one is acted upon are thrown away."""
    header.bounce(pins[BUTTON].bcm, times=6)
    panel.wait(PATIENCE_S)
    assert panel.pressed()
    throw_away(panel)
    header.pull(pins[BUTTON].bcm, high=True)
    panel.wait(QUIET_S)
    assert not panel.pressed(), "letting go is no press"


def throw_away(panel: GpioPanel) -> None:
    """Presses, until none has come for a while."""
    began = time.monotonic()
    while time.monotonic() - began < QUIET_S:
        panel.wait(QUIET_S)
        if panel.pressed():
            began = time.monotonic()


def test_a_press_wakes_whoever_waits(panel: GpioPanel, pins: dict[str, Pin]) -> None:
    header.pull(pins[BUTTON].bcm, high=False)
    began = time.monotonic()
    panel.wait(PATIENCE_S)
    assert time.monotonic() - began < PATIENCE_S / 2
    assert panel.pressed()


def test_each_light_drives_its_own_line(panel: GpioPanel, pins: dict[str, Pin]) -> None:
    for kind, signals in (("white", {"white_ring"}), ("polarised", {"polarised_ring"}), ("off", set())):
        panel.light(kind)  # type: ignore[arg-type]
        assert lit(pins) == signals
    panel.status("ready")
    assert lit(pins) == {"status_light"}


def test_a_beep_ends_by_itself(panel: GpioPanel, pins: dict[str, Pin]) -> None:
    heard: list[bool] = []
    panel.beep("refused")
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and heard[-2:] != [True, False]:
        level = header.level(pins["beeper"].bcm)
        if not heard or level != heard[-1]:
            heard.append(level)
    assert True in heard, "it sounded"
    assert heard[-1] is False


def test_closed_it_is_dark_and_silent(panel: GpioPanel, pins: dict[str, Pin]) -> None:
    panel.light("white")
    panel.status("ready")
    assert lit(pins) == {"white_ring", "status_light"}
    panel.close()
    assert lit(pins) == set()
