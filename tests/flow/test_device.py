"""The instrument as a whole: real camera process, real screen without a display, real network, drawn scalp."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import pytest

from tests.faults.drills import fast_folder
from tests.flow.parts import BenchDisplay, KnownNetwork, SetClock
from trichoscope import device, errors
from trichoscope.config import load
from trichoscope.device import assemble, exposed, has_display, known_calibration
from trichoscope.instrument.camera import CsiSettings, SimulatedProcess, SimulatedSettings, UsbSettings
from trichoscope.instrument.screen import events, pages
from trichoscope.measurement.calibration import Exposure, to_toml
from trichoscope.measurement.hairnet import Hairnet
from trichoscope.records import Store

Run = Callable[..., Any]
ROOT = Path(__file__).parents[2]
SMALL = "[camera.simulated]\nsize_px = [640, 480]\num_per_px = 4.5\nseed = 3\n"
"""Drawn in a second or two; about a dozen hairs."""


@dataclass(frozen=True)
class Rehearsal:
    exit_code: int
    said: str
    screens: list[Path]
    data: Path
    to_systemd: list[str]


def program(*arguments: str | Path) -> list[str | Path]:
    return [sys.executable, "-m", "trichoscope", *arguments]


def environment(**more: str) -> dict[str, str]:
    without_display = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    return {**without_display, "PYTHONPATH": str(ROOT / "firmware"), **more}


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with fast_folder() as made:
        (made / "small.toml").write_text(SMALL)
        yield made


@pytest.fixture(scope="module")
def rehearsal(folder: Path) -> Rehearsal:
    """Three presses at three sites, as `trichoscope run --simulate` does them where there is no display."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(folder / "notify"))
        heard: list[str] = []

        def listen() -> None:
            while (word := systemd.recv(100).decode()) != "done":
                heard.append(word)

        listening = threading.Thread(target=listen)
        listening.start()
        done = subprocess.run(
            program("run", "--simulate", "--presses", "3", "--screens", folder / "screens", "--data",
                        folder / "data", "--config", folder / "small.toml"),
            env=environment(NOTIFY_SOCKET=str(folder / "notify")), capture_output=True, text=True, check=False,
            timeout=300,
        )  # fmt: skip
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.sendto(b"done", str(folder / "notify"))
        listening.join()
    screens = sorted((folder / "screens").iterdir())
    return Rehearsal(done.returncode, done.stdout + done.stderr, screens, folder / "data", heard)


def test_ok__three_presses_at_three_sites_are_kept(rehearsal: Rehearsal) -> None:
    assert rehearsal.exit_code == 0, rehearsal.said
    assert "3 readings kept" in rehearsal.said
    listed = subprocess.run(
        program("list", "--data", rehearsal.data, "--json"),
        env=environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    captures = json.loads(listed.stdout)["captures"]
    assert [capture["site"] for capture in captures] == ["frontal", "vertex", "occipital"]
    assert all(capture["reading"]["counts"]["total"] > 0 for capture in captures)
    assert {capture["patient"] for capture in captures} == {"SIM-0001"}
    assert len({capture["study_uid"] for capture in captures}) == 1


def test_ok__every_screen_is_a_picture(rehearsal: Rehearsal) -> None:
    kinds = {path.stem.split("-")[1] for path in rehearsal.screens}
    assert kinds >= {
        "starting", "patients", "scanning", "typecode", "sites", "ready", "measuring", "result", "history", "service",
        "selftest", "calibrating",
    }  # fmt: skip
    for path in rehearsal.screens:
        picture = cv2.imread(str(path))
        assert picture is not None
        assert picture.shape == (480, 800, 3)
        assert picture.std() > 5
    assert [int(path.name[:2]) for path in rehearsal.screens] == list(range(1, len(rehearsal.screens) + 1))


def test_ok__systemd_hears_of_the_start_of_every_turn_and_of_the_end(rehearsal: Rehearsal) -> None:
    first, *turns, last = rehearsal.to_systemd
    assert (first, last) == ("READY=1", "STOPPING=1")
    assert len(turns) > 20
    assert set(turns) == {"WATCHDOG=1"}


def test_ok__the_time_line_of_each_press_is_logged_without_the_patient(rehearsal: Rehearsal) -> None:
    lines = re.findall(r"capture \d+: .*", rehearsal.said)
    assert len(lines) == 3
    for part in ("frame", "decode", "model", "tracing", "widths", "save", "draw"):
        assert f"{part} " in lines[0]
    assert "SIM-0001" not in rehearsal.said


def test_ok__status_and_selftest_in_words_and_as_json(rehearsal: Rehearsal, folder: Path) -> None:
    for command in ("status", "selftest"):
        done = subprocess.run(
            program(command, "--simulate", "--data", rehearsal.data, "--config", folder / "small.toml", "--json"),
            env=environment(), capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        findings = {finding["name"]: finding for finding in json.loads(done.stdout)["findings"]}
        assert findings["Calibration"]["words"].startswith("4.5000 µm per pixel")
        assert all(finding["state"] in ("good", "caution") for finding in findings.values())
    assert findings["Camera"]["words"].startswith("simulated, 640 × 480")
    assert findings["Light"]["state"] == findings["Model"]["state"] == "good"


def test_fail__a_press_without_a_reading_is_not_a_success(folder: Path) -> None:
    """The control of the first test: at this scale every frame is refused."""
    coarse = folder / "coarse.toml"
    coarse.write_text("[camera.simulated]\nsize_px = [160, 120]\num_per_px = 25.0\n")
    done = subprocess.run(
        program("run", "--simulate", "--presses", "1", "--screens", folder / "coarse", "--data",
                    folder / "coarse-data", "--config", coarse),
        env=environment(), capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 12
    assert "E209" in done.stderr
    assert any("refused" in path.name for path in (folder / "coarse").iterdir())
    with Store(folder / "coarse-data", SetClock()) as store:
        (kept,) = store.captures()
    assert "Scale too coarse" in kept.capture.reasons[0]


def test_ok__asked_to_stop_it_stops_and_leaves_no_process_behind(folder: Path) -> None:
    command = program("run", "--simulate", "--presses", "1000", "--screens", folder / "long", "--data",
                          folder / "long-data", "--config", folder / "small.toml")  # fmt: skip
    with subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "capture 1:" in line:
                break
        children = _children(process.pid)
        process.send_signal(signal.SIGTERM)
        process.stderr.read()
        assert process.wait(timeout=60) == 12  # fewer readings than were asked for
    assert children
    assert not [child for child in children if Path(f"/proc/{child}").exists()]


def _children(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in path.read_text().split()]


@pytest.mark.parametrize(("wish", "code"), [("restart", 75), ("off", 76), (None, 0)])
def test_ok__the_exit_code_tells_the_unit_what_was_asked_for(
    wish: Any, code: int, trichoscope: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "run", lambda config, **_: device.Ended(3, wish))
    assert trichoscope("run").exit_code == code
    assert trichoscope("run", "--simulate", "--presses", "3", "--screens", tmp_path).exit_code == 0


def test_fail__presses_by_itself_are_for_the_simulated_button_alone(trichoscope: Run) -> None:
    outcome = trichoscope("run", "--presses", "3")
    assert outcome.exit_code == 2
    assert "--simulate" in outcome.stderr


def test_fail__records_of_a_newer_program_are_said_and_left_alone(folder: Path, trichoscope: Run) -> None:
    Store(folder / "newer", SetClock(), create=True).close()
    db = sqlite3.connect(folder / "newer/records.db")
    db.execute("PRAGMA user_version = 99")
    db.close()
    outcome = trichoscope(
        "run", "--simulate", "--presses", "1", "--screens", folder / "newer-screens", "--data", folder / "newer",
        "--config", folder / "small.toml",
    )  # fmt: skip
    assert outcome.exit_code == 14
    assert "E406" in outcome.stderr


# In this process


def test_ok__what_keeps_it_from_starting_is_shown_until_somebody_touches_the_screen(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Touched(BenchDisplay):
        def show(self, page: pages.Page) -> None:
            super().show(page)
            if isinstance(page, pages.Fault):
                self.touches.append(events.Recover("service"))

        def __enter__(self) -> Touched:
            return self

        def __exit__(self, *_: object) -> None: ...

    display = Touched()
    monkeypatch.setattr(device, "open_screen", lambda config: display)

    def missing(*_: Any, **__: Any) -> Any:
        raise errors.ModelMissing("hairnet.tflite")

    monkeypatch.setattr(Hairnet, "load", missing)
    config = load(folder / "small.toml", simulated(folder / "unstartable"))
    with pytest.raises(errors.ModelMissing):
        device.run(config)
    fault = display.pages[-1]
    assert isinstance(fault, pages.Fault)
    assert fault.row.name == "ModelMissing"


def simulated(data: Path) -> dict[str, Any]:
    return {
        "camera": {"driver": "simulated"}, "panel": {"driver": "simulated"}, "screen": {"driver": "dummy"},
        "records": {"folder": str(data)},
    }  # fmt: skip


def test_ok__a_calibration_that_cannot_be_read_is_none(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "spoilt").mkdir()
    (folder / "spoilt/calibration.toml").write_text("format = 9")
    config = load(folder / "small.toml", simulated(folder / "spoilt"))
    display = BenchDisplay()
    with ExitStack() as stack:
        instrument = assemble(config, display, stack, SetClock(), KnownNetwork())
        instrument.consultation.turn([])
    assert "E611" in caplog.text
    page = display.pages[-1]
    assert isinstance(page, pages.Patients)
    assert "not calibrated" in (page.banner.notice or "")


def test_ok__the_simulated_instrument_is_calibrated_on_its_screen(folder: Path) -> None:
    (folder / "wide.toml").write_text("[camera.simulated]\nsize_px = [1280, 1024]\num_per_px = 3.2\n")
    config = load(folder / "wide.toml", simulated(folder / "calibrated"))
    display = BenchDisplay()
    with ExitStack() as stack:
        instrument = assemble(config, display, stack, SetClock(), KnownNetwork())
        consultation, camera = instrument.consultation, instrument.camera
        assert isinstance(camera, SimulatedProcess)
        consultation.turn([events.Calibrate()])
        for _ in range(4):  # the target three times, then the grey card
            assert camera.wait_drawn(60)
            consultation.turn([events.Press()])
        future = consultation._targets.working
        assert future is not None
        future.exception(timeout=60)
        consultation.turn([])
        page = consultation.page
        assert isinstance(page, pages.Calibrating)
        assert page.step == "done", page.problem
        assert page.calibration is not None
        assert page.calibration.um_per_px == pytest.approx(3.2, rel=0.003)
        assert page.calibration.light is not None
        consultation.turn([events.Keep()])
        assert isinstance(consultation.page, pages.Service)


def test_ok__the_grey_card_sets_the_camera_on_the_ribbon(folder: Path) -> None:
    settings = SimulatedSettings(size_px=(640, 480))
    found = replace(known_calibration(settings, SetClock().now().time), exposure=Exposure(20_000.0, 1.5, (2.5, 1.7)))
    assert exposed(CsiSettings(), found) == CsiSettings(exposure_us=20_000, analogue_gain=1.5, colour_gains=(2.5, 1.7))
    assert exposed(CsiSettings(), None) == CsiSettings()
    assert exposed(CsiSettings(), replace(found, exposure=None)) == CsiSettings()
    assert exposed(UsbSettings("1:2"), found) == UsbSettings("1:2")
    assert "exposure_us = 20000.0" in to_toml(found)


@pytest.mark.parametrize("name", ["DISPLAY", "WAYLAND_DISPLAY"])
def test_ok__a_display_is_where_the_desktop_says(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for each in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(each, raising=False)
    assert not has_display()
    monkeypatch.setenv(name, ":0")
    assert has_display()
