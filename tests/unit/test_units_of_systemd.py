"""The units: how little they leave open, and that what they name is there."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from trichoscope import cli

SYSTEMD = Path(__file__).parents[2] / "firmware" / "systemd"
RUN, SYNC = "trichoscope.service", "trichoscope-sync.service"
UNITS = sorted(path.name for path in SYSTEMD.iterdir() if path.suffix in (".service", ".timer"))
SERVICES = [unit for unit in UNITS if unit.endswith(".service")]

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not on this machine"
)


def settings(unit: str, section: str = "Service") -> list[tuple[str, str]]:
    """Key and value of every line of a section, repeated keys too."""
    found, inside = [], ""
    for line in (SYSTEMD / unit).read_text("utf-8").splitlines():
        if match := re.fullmatch(r"\[(\w+)\]", line):
            inside = match[1]
        elif inside == section and not line.startswith("#") and "=" in line:
            key, value = line.split("=", 1)
            found.append((key, value))
    return found


def values(unit: str, key: str) -> list[str]:
    return [value for name, value in settings(unit) if name == key]


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False, timeout=30)


def exposure(unit: Path) -> float:
    """0 (nothing is open) to 10, as `systemd-analyze security --offline=true` sees a unit's file."""
    report = analyze("security", "--offline=true", "--no-pager", str(unit)).stdout
    match = re.search(r"Overall exposure level for \S+: ([0-9.]+)", report)
    assert match is not None, report
    return float(match[1])


@needs_systemd
@pytest.mark.parametrize(("unit", "most"), [(RUN, 1.0), (SYNC, 1.6)])
def test_a_unit_leaves_little_open(unit: str, most: float) -> None:
    assert exposure(SYSTEMD / unit) <= most


@needs_systemd
@pytest.mark.parametrize(("unit", "most"), [(RUN, 1.0), (SYNC, 1.6)])
def test_a_unit_without_its_sandbox_would_be_seen(unit: str, most: float, tmp_path: Path) -> None:
    lines = (SYSTEMD / unit).read_text("utf-8").splitlines()
    bare = tmp_path / unit
    bare.write_text("\n".join(line for line in lines if not re.match(r"(SystemCall|Private|Capability)", line)))
    assert exposure(bare) > most


@needs_systemd
def test_systemd_understands_every_line(tmp_path: Path) -> None:
    for unit in UNITS:
        text = re.sub(r"(?m)^Exec(\w+)=.*", r"Exec\1=/bin/true", (SYSTEMD / unit).read_text("utf-8"))
        (tmp_path / unit).write_text(text)
    verdict = analyze("verify", "--man=no", *(str(tmp_path / unit) for unit in UNITS))
    assert verdict.stderr == ""
    (tmp_path / RUN).write_text((tmp_path / RUN).read_text() + "PrivateNetwrok=yes\n")
    assert "PrivateNetwrok" in analyze("verify", "--man=no", str(tmp_path / RUN)).stderr


def test_the_instrument_has_no_network_and_the_sender_no_devices() -> None:
    assert values(RUN, "PrivateNetwork") == ["yes"]
    assert "AF_INET" not in " ".join(values(RUN, "RestrictAddressFamilies"))
    assert values(SYNC, "PrivateDevices") == ["yes"]
    assert values(SYNC, "DeviceAllow") == []
    assert values(RUN, "User") != values(SYNC, "User")
    assert values(RUN, "InaccessiblePaths") == ["-/etc/trichoscope/clinic"], "the key is not the instrument's"


def test_both_write_the_records_and_nothing_else() -> None:
    for unit in (RUN, SYNC):
        assert values(unit, "ProtectSystem") == ["strict"]
        assert values(unit, "ReadWritePaths") == ["/var/lib/trichoscope"]
        assert values(unit, "Group") == ["trichoscope"]
        assert values(unit, "UMask") == ["0007"], "the group writes: it is how the two users share the records"


def test_what_the_units_start_is_a_command_of_the_program() -> None:
    commands = typer.main.get_command(cli.app).commands  # type: ignore[attr-defined]
    for unit in SERVICES:
        program, command, *options = values(unit, "ExecStart")[0].split()
        assert program == "/opt/trichoscope/bin/trichoscope"
        commands[command].make_context(command, options)


def test_the_sender_may_read_its_key() -> None:
    """Its own group is no longer its own by User= where Group= says another one."""
    assert "trichoscope-sync" in values(SYNC, "SupplementaryGroups")
    folder = next(line.split() for line in (SYSTEMD / "tmpfiles.conf").read_text().splitlines() if "/clinic" in line)
    assert folder[2:5] == ["0750", "root", "trichoscope-sync"]


def test_a_watchdog_watches_the_instrument() -> None:
    assert values(RUN, "Type") == ["notify"]
    assert values(RUN, "Restart") == ["always"]
    assert 0 < int(values(RUN, "WatchdogSec")[0]) <= 60


def groups() -> Iterator[str]:
    for line in (SYSTEMD / "sysusers.conf").read_text("utf-8").splitlines():
        kind, *rest = line.split()
        if kind in ("u", "g"):
            yield rest[0]


def test_every_user_and_group_is_made_or_debians_own() -> None:
    debian = {"root", "video", "render", "input"}  # udev and base-passwd bring them
    made = set(groups())
    for unit in SERVICES:
        named = {name for key in ("User", "Group", "SupplementaryGroups") for value in values(unit, key)
                 for name in value.split()}  # fmt: skip
        assert named <= made | debian
    rules = (SYSTEMD / "60-trichoscope.rules").read_text("utf-8")
    assert set(re.findall(r'GROUP="(\w+)"', rules)) <= made | debian
    tmpfiles = [line.split() for line in (SYSTEMD / "tmpfiles.conf").read_text("utf-8").splitlines()]
    assert {name for line in tmpfiles if line[0] != "#" for name in line[3:5]} <= made | debian


def test_the_devices_of_the_rules_are_those_the_unit_may_open() -> None:
    """A node that udev gives to the user and the unit keeps from it, or the other way round, is a fault nobody sees."""
    allowed = {value.split()[0].removeprefix("char-") for value in values(RUN, "DeviceAllow")}
    subsystem = {"gpio": "gpiochip", "i2c-dev": "i2c"}
    rules = (SYSTEMD / "60-trichoscope.rules").read_text("utf-8")
    given = {subsystem.get(name, name) for name in re.findall(r'SUBSYSTEM=="([\w-]+)".*GROUP=', rules)}
    assert given == allowed


@needs_systemd
def test_users_and_folders_are_made_as_written(tmp_path: Path) -> None:
    """systemd-sysusers in a folder that stands for the root; tmpfiles needs to be root and runs in the install test."""
    (tmp_path / "etc").mkdir()
    folder = tmp_path / "usr/lib/sysusers.d"
    folder.mkdir(parents=True)
    shutil.copy(SYSTEMD / "sysusers.conf", folder / "trichoscope.conf")
    made = subprocess.run(
        ["systemd-sysusers", f"--root={tmp_path}"], capture_output=True, text=True, check=False, timeout=30
    )
    assert made.returncode == 0, made.stderr
    members = {line.split(":")[0]: line.split(":")[3] for line in (tmp_path / "etc/group").read_text().splitlines()}
    assert members["trichoscope"] == "trichoscope-sync"
    users = [line.split(":") for line in (tmp_path / "etc/passwd").read_text().splitlines()]
    assert {user[0]: user[6] for user in users} == {
        "trichoscope": "/usr/sbin/nologin",
        "trichoscope-sync": "/usr/sbin/nologin",
    }


def test_the_kernels_watchdog_counts_no_longer_than_the_board_can() -> None:
    parser = configparser.ConfigParser()
    parser.read(SYSTEMD / "watchdog.conf", "utf-8")
    assert int(parser["Manager"]["RuntimeWatchdogSec"]) <= 15
