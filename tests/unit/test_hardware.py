"""Pin map, wiring drawing, bill of materials and boot configuration say the same."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from hardware import wiring

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


RESERVED = {27: "EEPROM of a HAT", 28: "EEPROM of a HAT", 8: "serial console", 10: "serial console"}


def test_no_pin_is_used_twice_or_for_what_the_board_needs_it() -> None:
    used = [row["pin"] for row in PINS["pin"] + PINS["supply"]]
    assert len(used) == len(set(used))
    assert not set(used) & set(RESERVED)
    assert len(set(BCM)) == len(PINS["pin"]), "a signal is there twice"


def test_every_pin_says_all_there_is_to_say() -> None:
    for row in PINS["pin"]:
        assert row.keys() == {"signal", "bcm", "pin", "direction", "pull", "active", "part", "voltage_v"}
        assert row["direction"] in ("in", "out", "both")
        assert row["pull"] in ("up", "down", "none")
        assert row["pull"] == "none" or row["direction"] == "in", "a pull at an output only warms it"
        assert row["pull"] != {"high": "up", "low": "down"}[row["active"]], "a line that is let go of is not active"


def test_outputs_are_off_and_inputs_pulled_from_power_on() -> None:
    text = (SYSTEMD / "config.txt").read_text("utf-8")
    low = {int(line) for match in re.findall(r"gpio=([\d,]+)=op,dl", text) for line in match.split(",")}
    pulls = {
        pull: {int(line) for match in re.findall(rf"gpio=([\d,]+)=ip,{letters}", text) for line in match.split(",")}
        for pull, letters in (("up", "pu"), ("down", "pd"))
    }
    assert low == {r["bcm"] for r in PINS["pin"] if r["direction"] == "out" and r["active"] == "high"}
    for pull, lines in pulls.items():
        assert lines == {r["bcm"] for r in PINS["pin"] if r["direction"] == "in" and r["pull"] == pull}
    assert set(re.findall(r"gpio-shutdown,gpio_pin=(\d+)", text)) == {str(BCM["power_button"])}
    assert set(re.findall(r"gpio-charger,gpio=(\d+),active_low=0", text)) == {str(BCM["mains_present"])}


def boards() -> dict[str, str]:
    """Section of config.txt → its lines."""
    parts = re.split(r"(?m)^\[(\w+)\]\n", (SYSTEMD / "config.txt").read_text("utf-8"))
    sections: dict[str, str] = {}
    for name, lines in zip(parts[1::2], parts[2::2], strict=True):
        sections[name] = sections.get(name, "") + lines
    return sections


def test_each_board_has_one_clock_and_one_way_to_shut_down() -> None:
    for name, lines in boards().items():
        own = name == "pi5"
        assert ("i2c-rtc" in lines) == ("gpio-shutdown" in lines) == (name in ("pi4", "pi02")), name
        assert ("rtc_bbat_vchg=3000000" in lines) == ("gpio-charger" in lines) == own, name
    addresses = [0x36, 0x68]
    assert "reg = <0x36>" in (SYSTEMD / "trichoscope-overlay.dts").read_text("utf-8")
    for address in addresses:
        assert any(f"{address:#04x}" in row["part"] + row["alternative"] for row in bill()), "on the bill"


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
    without = {
        "csi": {"power_button"},  # on the board
        "usb": {"white_ring", "polarised_ring", "mains_present", "charge_stop"},  # the scope has its own light
    }
    for build, missing in without.items():
        wired = {signal for row in bill() if row["build"] in (build, "both") for signal in row["signals"].split()}
        assert wired == set(BCM) - missing, build


def test_the_bill_is_complete() -> None:
    for row in bill():
        assert row["build"] in ("both", "csi", "usb")
        assert row["critical"] in ("yes", "no")
        assert row["checked"] in ("yes", "no", "-")
        assert int(row["quantity"]) > 0
        for column in ("reference", "part", "maker", "part_number", "alternative", "why"):
            assert row[column].strip(), f"{row['reference']}: {column}"
        if match := re.fullmatch(r"([A-Z]+)(\d+)-\1(\d+)", row["reference"]):
            assert int(row["quantity"]) == int(match[3]) - int(match[2]) + 1
    for build in ("csi", "usb"):
        references = [row["reference"] for row in bill() if row["build"] in (build, "both")]
        assert len(references) == len(set(references))


@pytest.mark.skipif(shutil.which("dtc") is None, reason="the device-tree compiler is not on this machine")
def test_the_overlay_compiles_and_is_about_the_fuel_gauge(tmp_path: Path) -> None:
    compiled = tmp_path / "trichoscope.dtbo"
    source = SYSTEMD / "trichoscope-overlay.dts"
    subprocess.run(["dtc", "-@", "-I", "dts", "-O", "dtb", "-o", compiled, source], check=True, capture_output=True)
    assert b"maxim,max17048" in compiled.read_bytes()
    assert "dtoverlay=trichoscope\n" in (SYSTEMD / "config.txt").read_text("utf-8")
