"""The board's state as its kernel's files tell it, and the words to systemd."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from trichoscope.instrument.health import Health
from trichoscope.instrument.watchdog import notify


def put(root: Path, path: str, text: str) -> None:
    file = root / "sys" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_ok__a_laptop_tells_little(tmp_path: Path) -> None:
    reading = Health(tmp_path, tmp_path).read()
    assert (reading.temperature_c, reading.throttling, reading.battery_percent, reading.on_mains) == (
        None, None, None, True
    )  # fmt: skip
    assert reading.free_bytes > 0
    assert not reading.under_voltage_now


@pytest.mark.parametrize("firmware", ["soc/soc:firmware", "soc@107c000000/soc@107c000000:firmware"])
@pytest.mark.parametrize(
    ("bits", "now", "past", "slowed"),
    [
        ("0", False, False, False), ("50005\n", True, True, True), ("50000\n", False, True, False),
        ("8", False, False, True),
    ],
)  # fmt: skip
def test_ok__bits_of_the_firmware(
    firmware: str, bits: str, now: bool, past: bool, slowed: bool, tmp_path: Path
) -> None:
    put(tmp_path, f"devices/platform/{firmware}/get_throttled", bits)
    health = Health(tmp_path, tmp_path)
    reading = health.read()
    assert (reading.under_voltage_now, reading.under_voltage_past, reading.slowed_now) == (now, past, slowed)
    assert health.throttling() == int(bits, 16)


def test_ok__temperature_battery_and_charger(tmp_path: Path) -> None:
    put(tmp_path, "class/thermal/thermal_zone0/temp", "61234\n")
    put(tmp_path, "class/power_supply/bq27441/type", "Battery\n")
    put(tmp_path, "class/power_supply/bq27441/capacity", "42\n")
    put(tmp_path, "class/power_supply/bq27441/status", "Discharging\n")
    reading = Health(tmp_path, tmp_path).read()
    assert reading.temperature_c == pytest.approx(61.234)
    assert (reading.battery_percent, reading.on_mains) == (42, False)
    put(tmp_path, "class/power_supply/usb/type", "USB\n")
    put(tmp_path, "class/power_supply/usb/online", "1\n")
    assert Health(tmp_path, tmp_path).read().on_mains


def test_fail__files_that_say_nonsense_or_go_away(tmp_path: Path) -> None:
    put(tmp_path, "class/thermal/thermal_zone0/temp", "hot\n")
    put(tmp_path, "devices/platform/soc/soc:firmware/get_throttled", "?\n")
    (tmp_path / "sys/class/power_supply/bq27441/type").mkdir(parents=True)
    reading = Health(tmp_path / "gone", tmp_path).read()
    assert (reading.temperature_c, reading.throttling, reading.battery_percent) == (None, None, None)
    assert reading.free_bytes == 0  # a disk that is gone has no room


def test_ok__systemd_hears_what_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        notify("READY=1")
        assert systemd.recv(100) == b"READY=1"


def test_ok__a_systemd_that_does_not_read_holds_nothing_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        for _ in range(2000):  # more than the kernel queues
            notify("WATCHDOG=1")
        with pytest.raises(BlockingIOError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as full:
            full.sendto(b"", socket.MSG_DONTWAIT, str(tmp_path / "notify"))


def test_ok__nobody_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    notify("WATCHDOG=1")
