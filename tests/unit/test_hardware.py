"""Pin map, wiring drawing, bill of materials, boot configuration and optics sheet say the same."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from hardware import optics, wiring

ROOT = Path(__file__).parents[2]
HARDWARE, SYSTEMD = ROOT / "hardware", ROOT / "firmware" / "systemd"
PINS: dict[str, Any] = tomllib.loads((HARDWARE / "pins.toml").read_text("utf-8"))
BCM = {row["signal"]: row["bcm"] for row in PINS["pin"]}
HEADER = {3: 2, 5: 3, 7: 4, 8: 14, 10: 15, 11: 17, 12: 18, 13: 27, 15: 22, 16: 23, 18: 24, 19: 10, 21: 9, 22: 25,
          23: 11, 24: 8, 26: 7, 27: 0, 28: 1, 29: 5, 31: 6, 32: 12, 33: 13, 35: 19, 36: 16, 37: 26, 38: 20,
          40: 21}  # fmt: skip
SUPPLY = {1: 3.3, 17: 3.3, 2: 5.0, 4: 5.0} | dict.fromkeys((6, 9, 14, 20, 25, 30, 34, 39), 0.0)
"""Pin of the header → line, and voltage: Raspberry Pi documentation, GPIO and the 40-pin header."""


def bill() -> list[dict[str, str]]:
    with (HARDWARE / "bom.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_line_is_on_the_pin_that_the_board_has_it_on() -> None:
    for row in PINS["pin"]:
        assert HEADER[row["pin"]] == row["bcm"], row["signal"]
        assert row["voltage_v"] == 3.3
    for row in PINS["supply"]:
        assert SUPPLY[row["pin"]] == row["voltage_v"]


def test_no_pin_is_used_twice() -> None:
    used = [row["pin"] for row in PINS["pin"] + PINS["supply"]]
    assert len(used) == len(set(used))


def test_outputs_are_off_and_inputs_pulled_from_power_on() -> None:
    text = (SYSTEMD / "config.txt").read_text("utf-8")
    low = {int(line) for match in re.findall(r"gpio=([\d,]+)=op,dl", text) for line in match.split(",")}
    up = {int(line) for match in re.findall(r"gpio=([\d,]+)=ip,pu", text) for line in match.split(",")}
    assert low == {r["bcm"] for r in PINS["pin"] if r["direction"] == "out" and r["active"] == "high"}
    assert up == {r["bcm"] for r in PINS["pin"] if r["direction"] == "in" and r["pull"] == "up"}
    assert set(re.findall(r"gpio-shutdown,gpio_pin=(\d+)", text)) == {str(BCM["power_button"])}


def test_the_wiring_drawing_is_of_this_pin_map() -> None:
    drawn = (HARDWARE / "wiring.svg").read_text("utf-8")
    assert drawn == "".join(f"{line}\n" for line in wiring.drawing(HARDWARE / "pins.toml")), "python hardware/wiring.py"
    for signal, bcm in BCM.items():
        assert f"{signal} · GPIO{bcm} ·" in drawn


def test_another_pin_map_would_be_another_drawing(tmp_path: Path) -> None:
    moved = tmp_path / "pins.toml"
    moved.write_text((HARDWARE / "pins.toml").read_text("utf-8").replace("pin = 11", "pin = 40"), "utf-8")
    assert list(wiring.drawing(moved)) != list(wiring.drawing(HARDWARE / "pins.toml"))


def test_every_signal_has_a_part_and_every_part_a_known_signal() -> None:
    wired = {signal for row in bill() for signal in row["signals"].split()}
    assert wired == set(BCM)


def test_the_bill_is_complete() -> None:
    for row in bill():
        assert row["build"] in ("both", "csi", "usb")
        assert row["critical"] in ("yes", "no")
        assert int(row["quantity"]) > 0
        for column in ("reference", "part", "maker", "part_number", "alternative", "why"):
            assert row[column].strip(), f"{row['reference']}: {column}"
        if match := re.fullmatch(r"([A-Z]+)(\d+)-\1(\d+)", row["reference"]):
            assert int(row["quantity"]) == int(match[3]) - int(match[2]) + 1
    for build in ("csi", "usb"):
        references = [row["reference"] for row in bill() if row["build"] in (build, "both")]
        assert len(references) == len(set(references))


def test_the_optics_sheet_is_what_the_parts_give() -> None:
    page = (HARDWARE / "optics.md").read_text("utf-8")
    for line in optics.sheet(*optics.read(HARDWARE / "optics.toml")):
        assert line in page, "python hardware/optics.py"


def test_the_reference_build_sees_what_the_program_expects() -> None:
    seen, parts = optics.read(HARDWARE / "optics.toml")
    assert seen.field_mm == pytest.approx((13.0, 9.7), abs=0.05)
    assert seen.field_mm[0] * seen.field_mm[1] > 100, "more than the 1 cm² of the trials"
    assert seen.skin_to_lens_mm + seen.lens_to_sensor_mm == pytest.approx(
        seen.focal_mm * (2 + seen.magnification + 1 / seen.magnification)
    )
    chosen = float(parts["lens"]["chosen_f_number"])
    sigmas = {n: seen.sigma_um(n, parts["check"]["depth_um"]) for n in parts["lens"]["f_numbers"]}  # type: ignore[attr-defined]
    assert min(sigmas, key=lambda n: sigmas[n]) == chosen, "the sharpest over the depth of the skin"
    assert optics.luminous_flux_lm(chosen, parts["light"], seen, polarised=True) <= (
        parts["light"]["leds_per_ring"] * parts["light"]["polarised_led_lm"]
    ), "the ring gives the light"


@pytest.mark.skipif(shutil.which("dtc") is None, reason="the device-tree compiler is not on this machine")
def test_the_overlay_compiles_and_is_about_the_fuel_gauge(tmp_path: Path) -> None:
    compiled = tmp_path / "trichoscope.dtbo"
    source = SYSTEMD / "trichoscope-overlay.dts"
    subprocess.run(["dtc", "-@", "-I", "dts", "-O", "dtb", "-o", compiled, source], check=True, capture_output=True)
    assert b"maxim,max17048" in compiled.read_bytes()
    assert "dtoverlay=trichoscope\n" in (SYSTEMD / "config.txt").read_text("utf-8")
