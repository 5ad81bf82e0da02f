"""The configuration: defaults that are whole, everything that is wrong at once, settings that reach their room."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trichoscope import config, errors
from trichoscope.clinic.settings import ClinicSettings, Worklist
from trichoscope.instrument.camera import CsiSettings, PhotographsSettings, SimulatedSettings, UsbSettings

Run = Callable[..., Any]


@pytest.fixture(autouse=True)
def no_system_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(config, "SYSTEM_FILE", tmp_path / "system.toml")


def problems(text: str, tmp_path: Path) -> list[str]:
    path = tmp_path / "clinic.toml"
    path.write_text(text)
    with pytest.raises(errors.ConfigInvalid) as raised:
        config.load(path)
    first, *found = raised.value.detail.splitlines()
    assert first == str(path)
    return found


def test_ok__the_shipped_defaults_are_whole_and_those_of_the_rooms() -> None:
    loaded = config.load()
    assert loaded.camera.settings() == CsiSettings()
    assert loaded.clinic.settings() == ClinicSettings(device_serial="")
    assert loaded.calibration_path == Path("/var/lib/trichoscope/calibration.toml")


@pytest.mark.parametrize(
    ("section", "room", "own"),
    [
        (config.Csi, CsiSettings, {"driver"}),
        (config.Usb, UsbSettings, {"driver", "root"}),
        (config.Simulated, SimulatedSettings, {"driver", "exposure_us", "gains"}),
        (config.Photographs, PhotographsSettings, {"driver", "exposure_us", "gains"}),
        (config.Clinic, ClinicSettings, set()),
        (config.ClinicWorklist, Worklist, set()),
    ],
)
def test_ok__a_section_has_what_its_room_is_told(section: type[config.Section], room: type, own: set[str]) -> None:
    assert set(section.model_fields) == {field.name for field in dataclasses.fields(room)} - own


def test_ok__a_file_holds_only_what_differs(tmp_path: Path) -> None:
    path = tmp_path / "clinic.toml"
    path.write_text(
        '[camera]\ndriver = "usb"\nusb = { device = "0ac8:3420:7", size_px = [2592, 1944] }\n'
        '[clinic.worklist]\nhost = "ris.example"\n'
    )
    loaded = config.load(path, {"records": {"folder": "elsewhere"}})
    assert loaded.camera.settings() == UsbSettings(device="0ac8:3420:7", size_px=(2592, 1944))
    assert loaded.clinic.settings().worklist == Worklist("ris.example")
    assert loaded.records.folder == Path("elsewhere")
    assert loaded.measurement.threshold_um == 40


def test_ok__the_system_file_is_read_where_no_other_is_given(tmp_path: Path) -> None:
    (tmp_path / "system.toml").write_text("[measurement]\nthreshold_um = 30\n")
    assert config.load().measurement.threshold_um == 30


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[camera]\ndrivr = "csi"', "camera.drivr is not known; did you mean camera.driver?"),
        ("[pannel]", "pannel is not known; did you mean panel?"),
        ("[zzz]", "zzz is not known; known: camera, panel, screen, measurement, records, clinic."),
        ('[clinic.worklist]\nhots = "x"', "clinic.worklist.host is missing."),
        ('[camera]\ndriver = "webcam"', 'camera.driver is "webcam": it should be \'csi\', \'usb\', \'simulated\''),
        ("[measurement]\nthreshold_um = 4", "measurement.threshold_um is 4: it should be greater than or equal to 20."),
        ('[measurement]\nthreshold_um = "40"', 'measurement.threshold_um is "40": it should be a valid number.'),
        ("[panel]\nsound = 1", "panel.sound is 1: it should be a valid boolean."),
        ("[camera.csi]\nsize_px = [4056]", "camera.csi.size_px.1 is missing."),
        ("[camera.csi]\nexposure_us = true", "camera.csi.exposure_us is True: it should be a valid integer."),
        ('[clinic]\nurl = "http://plain.example"', "clinic.url is"),
        ("[records]\nfolder = 3", "records.folder is 3: it must be a path."),
        ("camera = 3", "camera is 3: it should be"),
    ],
)  # fmt: skip
def test_fail__what_is_wrong_is_said_with_what_is_allowed(text: str, words: str, tmp_path: Path) -> None:
    assert any(line.startswith(words) for line in problems(text, tmp_path)), problems(text, tmp_path)


def test_fail__all_problems_come_at_once(tmp_path: Path) -> None:
    text = '[camera]\ndriver = "x"\nfoo = 1\n[measurement]\nthreshold_um = 1\nthreads = 0\n[screen]\nsize = 3\n'
    assert len(problems(text, tmp_path)) == 5


@pytest.mark.parametrize(("content", "words"), [(None, "No such file"), (b"a = = 1", "line 1"), (b"\xff", "utf-8")])
def test_fail__a_file_that_cannot_be_read(content: bytes | None, words: str, tmp_path: Path) -> None:
    path = tmp_path / "clinic.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(errors.ConfigUnreadable, match=words):
        config.load(path)


def test_ok__the_command_shows_what_it_comes_to(trichoscope: Run, tmp_path: Path) -> None:
    path = tmp_path / "clinic.toml"
    path.write_text("[measurement]\nthreshold_um = 30\n")
    document = json.loads(trichoscope("config", "--config", path, "--json").stdout)
    assert document["format"] == 1
    assert document["config"]["measurement"]["threshold_um"] == 30
    shown = trichoscope("config", "--config", path).stdout
    assert "measurement.threshold_um = 30.0" in shown
    assert 'clinic.key = "/etc/trichoscope/clinic/device.key"' in shown


def test_fail__the_command_says_everything_that_is_wrong(trichoscope: Run, tmp_path: Path) -> None:
    path = tmp_path / "clinic.toml"
    path.write_text("[measurement]\nthreshold_um = 3\n[panell]\n")
    outcome = trichoscope("config", "--config", path)
    assert outcome.exit_code == 19
    assert re.search(r"E904.*threshold_um is 3.*panell is not known; did you mean panel", outcome.stderr, re.DOTALL)
