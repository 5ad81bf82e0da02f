"""What is soldered: the figures by hand, the page, and the bill of materials."""

from __future__ import annotations

import csv
import math
import random
import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from hardware import circuit

HARDWARE = Path(__file__).parents[2] / "hardware"
CIRCUIT: Any = circuit.read()
LINE, VALUES = CIRCUIT["line"], CIRCUIT["values"]
SI = {"p": 1e-12, "n": 1e-9, "µ": 1e-6, "": 1.0, "k": 1e3}


def with_value(reference: str, value: float) -> Any:
    other = deepcopy(CIRCUIT)
    other["values"][reference] = value
    return other


def presses(parts: Any, bounces_ms: list[tuple[float, float]], pull_ohm: float, high_v: float) -> int:
    """How often the line goes low while a contact bounces: (closed, open) milliseconds each, then closed for good.

    The capacitor's voltage in steps of 10 µs through the resistor network; the input switches at low_v and high_v.
    """
    step_s, volts, low, count = 1e-5, LINE["supply_v"], False, 0
    series_ohm, farad = parts["values"]["R1"], parts["values"]["C1"]
    spans = [(closed, True) for closed, _ in bounces_ms], [(opened, False) for _, opened in bounces_ms]
    for milliseconds, closed in [span for pair in zip(*spans, strict=True) for span in pair] + [(50.0, True)]:
        for _ in range(round(milliseconds / 1e3 / step_s)):
            current = (LINE["supply_v"] - volts) / pull_ohm - (volts / series_ohm if closed else 0)
            volts += current / farad * step_s
            if low and volts > high_v:
                low = False
            elif not low and volts < LINE["low_v"]:
                low, count = True, count + 1
    return count


def bounces(rng: random.Random) -> list[tuple[float, float]]:
    """Random closings and openings that last as long as the longest bounce of common switches."""
    left, found = CIRCUIT["contact"]["bounce_ms"], []
    while left > 0.2:
        closed, opened = (rng.uniform(0.02, left / 2) for _ in range(2))
        found.append((closed, opened))
        left -= closed + opened
    return found


def test_the_figures_of_the_button_by_hand() -> None:
    assert circuit.press_ms(CIRCUIT) == pytest.approx(1000 * 1e-6 * 33 / 34 * 1e3 * math.log(3.203 / 0.703), rel=0.01)
    assert circuit.bridged_ms(CIRCUIT) == pytest.approx(33 * math.log(2.5 / 2.0), rel=0.01)  # ms: 33 kΩ × 1 µF
    assert circuit.release_ms(CIRCUIT) == pytest.approx(73 * math.log(3.203 / 2.0), rel=0.01)
    assert circuit.bridged_ms(CIRCUIT) > CIRCUIT["contact"]["bounce_ms"]
    assert circuit.pressed_v(CIRCUIT) < LINE["low_v"] / 2


def test_a_bouncing_press_is_one_press_and_without_the_filter_many() -> None:
    rng = random.Random(5)
    trains = [bounces(rng) for _ in range(40)]
    assert {presses(CIRCUIT, train, LINE["pull_ohm"][0], LINE["high_v"]) for train in trains} == {1}
    bare = with_value("C1", 10e-9)
    assert max(presses(bare, train, LINE["pull_ohm"][0], LINE["high_v"]) for train in trains) > 1


def test_light_by_hand_and_by_the_data_sheet() -> None:
    assert circuit.led_ma(CIRCUIT, "R3") == pytest.approx(30, abs=0.5)
    assert circuit.led_ma(CIRCUIT, "R4") == pytest.approx(40, abs=0.5)
    for milliamps, ohm in CIRCUIT["driver"]["settings"]:
        assert circuit.led_ma(with_value("R3", ohm), "R3") == milliamps
        assert 100 * 1.2 / ohm * 1e3 == pytest.approx(milliamps, rel=0.07), "the formula of the data sheet"
    assert circuit.headroom_v(CIRCUIT) == pytest.approx(4.75 - 3.0 - 0.4)
    assert circuit.driver_w(CIRCUIT, "R4") == pytest.approx(2.75 * 0.16 + 5.25 * 0.003, rel=0.01)
    for resistor in ("R3", "R4"):
        assert circuit.driver_c(CIRCUIT, resistor) < CIRCUIT["driver"]["hottest_c"] - 20
        assert circuit.led_ma(CIRCUIT, resistor) < CIRCUIT["led"]["most_ma"] / 2
    assert circuit.driver_c(with_value("R4", 1_270), "R4") > CIRCUIT["driver"]["hottest_c"], "100 mA would be too hot"


def test_no_line_gives_more_than_it_can() -> None:
    assert circuit.status_ma(CIRCUIT) == pytest.approx(1300 / 330)
    assert circuit.status_ma(CIRCUIT) < LINE["drive_ma"]
    assert circuit.base_ma(CIRCUIT) + 1e3 * CIRCUIT["beeper"]["base_v"] / VALUES["R8"] < LINE["drive_ma"]
    assert circuit.base_ma(CIRCUIT) * CIRCUIT["beeper"]["least_gain"] >= CIRCUIT["beeper"]["current_ma"]
    assert circuit.rise_us(CIRCUIT) < CIRCUIT["i2c"]["rise_limit_us"]


def test_the_battery_lasts_a_clinic() -> None:
    assert circuit.battery_h(CIRCUIT) == pytest.approx(2 * 3.6 * 3.5 * 0.85 / 7.8, rel=0.01)
    assert circuit.battery_h(CIRCUIT) > 2.5


def test_the_page_says_what_the_values_give() -> None:
    page = (HARDWARE / "schematic.md").read_text("utf-8").splitlines()
    assert [line for line in circuit.tables(CIRCUIT) if line not in page] == [], "python hardware/circuit.py"
    assert [line for line in circuit.tables(with_value("R3", 5_000)) if line not in page] != []


def test_the_bill_has_these_values() -> None:
    with (HARDWARE / "bom.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found: dict[str, float] = {}
    for row in rows:
        if match := re.match(r"(?:Resistor|Capacitor) ([\d.]+) (p|n|µ|k|)(?:Ω|F)", row["part"]):
            first, _, last = row["reference"].partition("-")
            for number in range(int(first[1:]), int((last or first)[1:]) + 1):
                found[f"{first[0]}{number}"] = float(match[1]) * SI[match[2]]
    assert found == pytest.approx(VALUES)
