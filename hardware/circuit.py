"""What is soldered, in numbers: the tables of schematic.md.

    python hardware/circuit.py

Formulas: exponential charge of a capacitor; Ohm's law; rise time 0.8473 R C from 30 to 70 % (I²C specification, 7.1).
"""

from __future__ import annotations

import math
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

Circuit: TypeAlias = Mapping[str, Any]


def read() -> Circuit:
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))


def charge_s(tau_s: float, from_v: float, to_v: float, towards_v: float) -> float:
    """Time of a capacitor from one voltage to another on its way to a third, which it never reaches."""
    return tau_s * math.log((towards_v - from_v) / (towards_v - to_v))


def press_ms(circuit: Circuit) -> float:
    """From the closed contact to a line that is surely low, at the strongest pull-up."""
    line, pull_ohm = circuit["line"], circuit["line"]["pull_ohm"][0]
    series_ohm, farad = circuit["values"]["R1"], circuit["values"]["C1"]
    tau_s = farad * series_ohm * pull_ohm / (series_ohm + pull_ohm)
    return 1e3 * charge_s(tau_s, line["supply_v"], line["low_v"], pressed_v(circuit))


def pressed_v(circuit: Circuit) -> float:
    """Of the line while the button is held, at the strongest pull-up."""
    pull_ohm, series_ohm = circuit["line"]["pull_ohm"][0], circuit["values"]["R1"]
    return float(circuit["line"]["supply_v"] * series_ohm / (series_ohm + pull_ohm))


def bridged_ms(circuit: Circuit) -> float:
    """The longest opening of a bouncing contact that the line does not show, right after it went low."""
    line = circuit["line"]
    tau_s = circuit["values"]["C1"] * line["pull_ohm"][0]
    return 1e3 * charge_s(tau_s, line["low_v"], line["high_v"], line["supply_v"])


def release_ms(circuit: Circuit) -> float:
    """From the contact that stays open to a line that may be high, at the weakest pull-up."""
    line = circuit["line"]
    tau_s = circuit["values"]["C1"] * line["pull_ohm"][1]
    return 1e3 * charge_s(tau_s, pressed_v(circuit), line["high_v"], line["supply_v"])


def led_ma(circuit: Circuit, resistor: str) -> float:
    """Current through each LED of a ring, between the rows of the data sheet's table (current × resistance)."""
    ohm = circuit["values"][resistor]
    rows = sorted(circuit["driver"]["settings"], key=lambda row: abs(row[1] - ohm))
    return float(rows[0][0] * rows[0][1] / ohm)


def headroom_v(circuit: Circuit) -> float:
    """What is left over the driver at the lowest supply and the highest LED voltage."""
    return float(circuit["rail"]["volts"][0] - circuit["led"]["forward_v"][1] - circuit["driver"]["dropout_v"])


def driver_w(circuit: Circuit, resistor: str) -> float:
    """Heat of a driver at the highest supply and the lowest LED voltage."""
    high_v, led_v = circuit["rail"]["volts"][1], circuit["led"]["forward_v"][0]
    through_ma = circuit["led"]["per_ring"] * led_ma(circuit, resistor)
    return float((high_v - led_v) * through_ma / 1e3 + high_v * circuit["driver"]["own_ma"] / 1e3)


def driver_c(circuit: Circuit, resistor: str) -> float:
    """Temperature inside it."""
    return float(circuit["rail"]["ambient_c"] + circuit["driver"]["junction_k_per_w"] * driver_w(circuit, resistor))


def status_ma(circuit: Circuit) -> float:
    return float(1e3 * (circuit["line"]["supply_v"] - circuit["status_light"]["forward_v"]) / circuit["values"]["R2"])


def base_ma(circuit: Circuit) -> float:
    """Into the base of Q1; the line gives this and what R8 takes."""
    base_v = circuit["beeper"]["base_v"]
    return float(1e3 * (circuit["line"]["supply_v"] - base_v) / circuit["values"]["R7"])


def rise_us(circuit: Circuit) -> float:
    """Of the two I²C lines with all the capacitance that the specification allows."""
    return float(0.8473 * circuit["i2c"]["pull_ohm"] * circuit["i2c"]["most_pf"] / 1e6)


def battery_h(circuit: Circuit) -> float:
    battery = circuit["battery"]
    stored_wh = battery["cells"] * battery["cell_v"] * battery["cell_ah"]
    return float(stored_wh * battery["converter"] / sum(battery["load_w"].values()))


def tables(circuit: Circuit) -> Iterator[str]:
    line, led, values = circuit["line"], circuit["led"], circuit["values"]
    yield "| button (R1, C1) | |"
    yield "|---|---|"
    low, high = (1e3 * values["C1"] * ohm for ohm in line["pull_ohm"])
    closed = 1e3 * values["C1"] * values["R1"]
    yield f"| Time constant, pressed / let go | {closed:.0f} ms / {low:.0f} to {high:.0f} ms |"
    yield f"| A press is seen after | {press_ms(circuit):.1f} ms |"
    yield f"| Bounces that are bridged, at least | {bridged_ms(circuit):.1f} ms |"
    yield f"| Longest bounce of common switches | {circuit['contact']['bounce_ms']} ms |"
    yield f"| Letting go is seen after, at most | {release_ms(circuit):.0f} ms |"
    yield f"| The line while pressed | {pressed_v(circuit):.2f} V (low: below {line['low_v']} V) |"
    yield f"| Through the contact, at first | {1e3 * line['supply_v'] / values['R1']:.1f} mA |"
    yield ""
    yield "| light | white (U1, R3) | polarised (U2, R4) |"
    yield "|---|---|---|"
    both = ("R3", "R4")
    rows: tuple[tuple[str, list[str]], ...] = (
        ("Resistor", [f"{values[r] / 1e3:.2f} kΩ" for r in both]),
        ("Through each LED", [f"{led_ma(circuit, r):.0f} mA of {led['most_ma']} allowed" for r in both]),
        ("Heat in the driver, at most", [f"{driver_w(circuit, r):.2f} W" for r in both]),
        (f"Inside it at {circuit['rail']['ambient_c']} °C around", [f"{driver_c(circuit, r):.0f} °C" for r in both]),
        ("Left over the driver, at least", [f"{headroom_v(circuit):.2f} V"] * 2),
    )
    for name, cells in rows:
        yield f"| {name} | {' | '.join(cells)} |"
    yield ""
    yield "| the rest | |"
    yield "|---|---|"
    yield f"| Status light | {status_ma(circuit):.1f} mA of {line['drive_ma']:.0f} that a line gives |"
    yield f"| Beeper: base of Q1 / collector | {base_ma(circuit):.1f} mA / {circuit['beeper']['current_ma']} mA |"
    limit_us = circuit["i2c"]["rise_limit_us"]
    yield f"| I²C: rise time, at most | {rise_us(circuit):.2f} µs of {limit_us} allowed at 100 kHz |"
    yield f"| Battery: time of use | {battery_h(circuit):.1f} h at {sum(circuit['battery']['load_w'].values()):.1f} W |"


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in tables(read()))
