"""The harness against the pin map, the bill of materials and Ohm's law."""

from __future__ import annotations

import csv
import tomllib
from pathlib import Path
from typing import Any

import pytest

from hardware import circuit, harness

HARDWARE = Path(__file__).parents[2] / "hardware"
PINS: dict[str, Any] = tomllib.loads((HARDWARE / "pins.toml").read_text("utf-8"))
SIGNAL = {str(row["pin"]): row["signal"] for row in PINS["pin"]}
SUPPLY = {str(row["pin"]): "ground" if row["voltage_v"] == 0 else f"{row['voltage_v']:g} V" for row in PINS["supply"]}
FROM_BELOW = {"4", "6", "31", "36"}
"""Met by the spring contacts of the power board, as are 3 and 5 in its build."""
BUILDS = ("csi", "usb")


def of(build: str) -> list[harness.Wire]:
    return [wire for wire in harness.wires() if wire.build in (build, "both")]


@pytest.mark.parametrize("build", BUILDS)
def test_each_wire_carries_what_the_pin_map_has_at_its_pin(build: str) -> None:
    at_header = [wire for wire in of(build) if wire.start[0] == "J8"]
    for wire in at_header:
        assert wire.signal == (SIGNAL | SUPPLY)[wire.start[1]], wire
    pins = [wire.start[1] for wire in at_header]
    assert len(pins) == len(set(pins)), "two wires on one pin of the header"


def test_every_pin_of_the_map_has_a_wire_in_some_build() -> None:
    wired = {wire.start[1] for wire in harness.wires() if wire.start[0] == "J8"}
    assert wired == (SIGNAL | SUPPLY).keys() - FROM_BELOW


@pytest.mark.parametrize("build", BUILDS)
def test_no_terminal_has_two_wires(build: str) -> None:
    ends = [end for wire in of(build) for end in (wire.start, wire.end)]
    assert len(ends) == len(set(ends))


@pytest.mark.parametrize("build", BUILDS)
def test_every_part_of_the_harness_is_on_the_bill(build: str) -> None:
    with (HARDWARE / "bom.csv").open(encoding="utf-8", newline="") as file:
        bill = {row["reference"] for row in csv.DictReader(file) if row["build"] in (build, "both")}
    named = {end[0].split()[0] for wire in of(build) for end in (wire.start, wire.end)} - {"J8"}
    assert named <= bill


def test_colours_tell_supplies_from_signals_and_signals_from_each_other() -> None:
    fixed = {"5 V": "red", "3.3 V": "orange", "ground": "black"}
    signals: dict[str, set[str]] = {}
    for wire in harness.wires():
        assert wire.colour in harness.COLOURS
        if wire.signal in fixed:
            assert wire.colour == fixed[wire.signal]
        else:
            assert wire.colour not in fixed.values()
            signals.setdefault(wire.signal, set()).add(wire.colour)
    assert all(len(colours) == 1 for colours in signals.values())
    for build in BUILDS:
        colours = {wire.colour: wire.signal for wire in of(build) if wire.signal not in fixed}
        assert len(colours) == len({wire.signal for wire in of(build) if wire.signal not in fixed})


def test_the_wires_of_the_ring_cost_next_to_no_voltage() -> None:
    """There and back: 0.52 m of AWG 26 at 0.134 Ω/m, with the 0.16 A of the polarised LEDs, is 11 mV."""
    values = circuit.read()
    current_a = values["led"]["per_ring"] * circuit.led_ma(values, "R4") / 1000
    ring = {wire.signal: wire for wire in harness.wires() if wire.harness == "ring"}
    drop_v = ring["5 V"].drop_v(current_a) + ring["ground"].drop_v(current_a)
    assert drop_v == pytest.approx(0.52 * 0.1339 * 0.16, rel=0.02)
    assert drop_v < 0.05 < circuit.headroom_v(values)


def test_the_drawing_is_of_this_table() -> None:
    drawn = (HARDWARE / "harness.svg").read_text("utf-8")
    assert drawn == "".join(f"{line}\n" for line in harness.drawing()), "python hardware/harness.py"
    for wire in harness.wires():
        assert f"{wire.signal} · {wire.colour} · AWG {wire.awg} · {wire.length_mm} mm" in drawn
