"""What the hand does and where it leads: patients, sites, retaking, history, service, calibration, faults."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zxingcpp
from numpy.typing import NDArray

from tests.flow import parts
from tests.flow.parts import NOON, SHARP, UM_PER_PX, Bench, BenchCamera, SetClock
from trichoscope import errors
from trichoscope.clock import Instant
from trichoscope.instrument.screen import events, pages
from trichoscope.measurement.calibration import read_calibration
from trichoscope.records import Capture, Store
from trichoscope.records.outbox import Appointment, Outbox
from trichoscope.simulation import Scope
from trichoscope.simulation.target import Dots, GreyCard, View, photograph_grey_card, photograph_target

Make = Callable[..., Bench]
PRESS = events.Press()
SCOPE = Scope(
    width_px=640, height_px=480, um_per_px=UM_PER_PX, gamma=2.2, grey_world=0.0, cast_gradient=0.0, vignetting=0.1
)


# Patients and sites


def test_ok__from_a_typed_code_to_the_live_view(on_bench: Make) -> None:
    instrument = on_bench()
    assert isinstance(instrument.turn(events.OpenTypeCode()), pages.TypeCode)
    sites = instrument.turn(events.Typed("P-000017"))
    assert isinstance(sites, pages.Sites)
    assert sites.banner.patient == "P-000017"
    live = instrument.turn(events.ChooseSite("frontal"))
    assert isinstance(live, pages.Ready)
    assert (live.banner.site, live.frames, live.light) == ("frontal", 0, "white")
    assert instrument.panel.burning == "white"
    assert instrument.panel.shown == "ready"
    assert instrument.moves[-1] == ("P-000017", "frontal")


def test_fail__a_code_that_no_server_takes(on_bench: Make) -> None:
    page = on_bench().turn(events.Typed("a\\b"))
    assert isinstance(page, pages.TypeCode)
    assert page.text == "a\\b"
    assert "does not take" in (page.problem or "")


def picture_of_code(text: str) -> NDArray[np.uint8]:
    """A QR code on a plain ground, 480 × 640 × 3."""
    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode)
    picture = np.full((480, 640, 3), 200, np.uint8)
    drawn = np.array(zxingcpp.write_barcode_to_image(code, scale=6))
    picture[100 : 100 + drawn.shape[0], 100 : 100 + drawn.shape[1]] = drawn[..., None]
    return picture


def test_ok__a_wristband_is_read_and_shown_before_it_is_used(on_bench: Make) -> None:
    instrument = on_bench()
    assert isinstance(instrument.turn(events.ScanWristband()), pages.Scanning)
    instrument.camera.live = picture_of_code("P-000042")
    page = instrument.turn()
    assert isinstance(page, pages.Scanning)
    assert page.found == "P-000042"
    assert isinstance(instrument.turn(), pages.Scanning)  # long enough to be read
    instrument.now_s[0] += 2
    page = instrument.turn()
    assert isinstance(page, pages.Sites)
    assert page.banner.patient == "P-000042"


def test_ok__the_code_of_a_wifi_is_handed_on_and_is_no_patient(on_bench: Make) -> None:
    instrument = on_bench()
    instrument.turn(events.ScanWristband())
    instrument.camera.live = picture_of_code("WIFI:T:WPA;S:clinic;P:secret-word;;")
    page = instrument.turn()
    assert isinstance(page, pages.Patients)
    assert page.banner.patient is None
    handed_on = instrument.store.folder / "wifi.code"
    assert handed_on.read_text() == "WIFI:T:WPA;S:clinic;P:secret-word;;"
    assert handed_on.stat().st_mode & 0o077 == 0
    typed = instrument.turn(events.Typed("WIFI:T:WPA;S:clinic;P:secret-word;;"))
    assert isinstance(typed, pages.TypeCode)


def test_ok__the_light_burns_where_there_is_something_to_see(ready: Make) -> None:
    instrument = ready()
    burning = []
    for event in (events.OpenSites(), events.Back(), events.ChooseLight("polarised")):
        page = instrument.turn(event)
        burning.append(instrument.panel.burning)
    assert burning == ["off", "white", "polarised"]
    assert isinstance(page, pages.Ready)
    assert page.light == "polarised"
    instrument.turn(PRESS)
    (kept,) = instrument.store.captures()
    assert kept.capture.light == "polarised"


def test_ok__the_light_goes_out_when_nobody_touches_anything(ready: Make) -> None:
    instrument = ready()
    instrument.now_s[0] += 299
    assert isinstance(instrument.turn(), pages.Ready)
    instrument.turn(events.ChooseLight("white"))
    instrument.now_s[0] += 299
    assert isinstance(instrument.turn(), pages.Ready)
    instrument.now_s[0] += 2
    assert isinstance(instrument.turn(), pages.Sites)
    assert instrument.panel.burning == "off"


def test_ok__back_leads_to_where_one_came_from(ready: Make) -> None:
    instrument = ready()
    for there, back in (
        (events.OpenTypeCode(), pages.Patients),
        (events.ScanWristband(), pages.Patients),
        (events.OpenPatients(), pages.Ready),
        (events.OpenSites(), pages.Ready),
        (events.OpenHistory(), pages.Ready),
        (events.OpenService(), pages.Ready),
        (events.RunSelfTest(), pages.Service),
        (events.Calibrate(), pages.Service),
    ):
        instrument.turn(there)
        assert isinstance(instrument.turn(events.Back()), back), there


def test_ok__the_same_thing_looked_at_otherwise(ready: Make) -> None:
    instrument = ready()
    page = instrument.turn(PRESS)
    assert isinstance(page, pages.Result)
    plain = instrument.turn(events.Turn(dataclasses.replace(page, hairs_shown=False)))
    assert isinstance(plain, pages.Result)
    assert not plain.hairs_shown
    instrument.turn(events.Keep())
    assert isinstance(instrument.turn(events.Turn(plain)), pages.Ready)  # touched too late


def test_ok__a_still_page_is_drawn_once(ready: Make) -> None:
    instrument = ready()
    instrument.turn(events.OpenSites())
    drawn = len(instrument.display.pages)
    for _ in range(5):
        instrument.turn()
    assert len(instrument.display.pages) == drawn
    instrument.clock.instant = Instant(NOON + timedelta(minutes=1), True)
    instrument.turn()
    assert len(instrument.display.pages) == drawn + 1


def appointment(study_uid: str, patient: str, **changes: str) -> Appointment:
    told = {
        "name": "Doe^Jane", "birth_date": "", "sex": "", "accession_number": "A7", "procedure_id": "", "step_id": "",
        "description": "Trichoscopy", "starts_at": "20260301093000",
    } | changes  # fmt: skip
    return Appointment(study_uid, patient, **told)


def test_ok__a_patient_of_the_worklist_brings_the_visit(on_bench: Make) -> None:
    instrument = on_bench(outbox=True)
    outbox = Outbox(instrument.store)
    plans = [appointment("2.25.5", "P-000005"), appointment("2.25.6", "P-000006", name="", starts_at="20260301")]
    outbox.set_worklist(plans, Instant(NOON, True))
    page = instrument.turn(events.OpenPatients())
    assert isinstance(page, pages.Patients)
    assert page.fetched_at == NOON
    first, second = sorted(page.visits, key=lambda visit: visit.code)
    assert (first.code, first.name, first.procedure) == ("P-000005", "Doe, Jane", "Trichoscopy")
    assert f"{first.at:%H:%M}" == "09:30"
    assert (second.name, second.at) == (None, None)
    sites = instrument.turn(events.ChoosePatient("P-000005"))
    assert isinstance(sites, pages.Sites)
    assert sites.banner.patient_name == "Doe, Jane"
    instrument.turn(events.ChooseSite("vertex"))
    instrument.turn(PRESS)
    (kept,) = instrument.store.captures()
    assert (kept.capture.study_uid, kept.capture.accession_number) == ("2.25.5", "A7")


def test_ok__the_banner_says_what_the_clinic_does_not_have(ready: Make) -> None:
    instrument = ready(outbox=True)
    instrument.turn(PRESS)
    instrument.now_s[0] += 11
    page = instrument.turn(events.OpenSites())
    assert isinstance(page, pages.Sites)
    assert page.banner.unsent == 1


# Frames of a site


def press_and_keep(instrument: Bench, times: int) -> None:
    for _ in range(times):
        instrument.turn(PRESS)
        assert isinstance(instrument.turn(events.Keep()), pages.Ready)


def test_ok__frames_of_a_site_are_averaged_with_their_spread(ready: Make) -> None:
    thinner = parts.encoded(np.ascontiguousarray(parts.scalp()[:, ::-1]))
    instrument = ready(camera=BenchCamera([SHARP, SHARP, thinner]))
    press_and_keep(instrument, 3)
    live = instrument.turn()
    assert isinstance(live, pages.Ready)
    assert live.frames == 3
    sites = instrument.turn(events.OpenSites())
    assert isinstance(sites, pages.Sites)
    assert list(sites.frames) == ["vertex"]
    found = sites.frames["vertex"]
    densities = [kept.capture.reading["density_per_cm2"]["total"]["value"]  # type: ignore[index]
                 for kept in instrument.store.captures()]  # fmt: skip
    assert found.frames == 3
    assert found.mean_per_cm2 == pytest.approx(np.mean(densities))
    assert found.spread_per_cm2 == pytest.approx(np.std(densities, ddof=1))


def test_ok__a_press_on_a_result_keeps_it(ready: Make) -> None:
    instrument = ready()
    instrument.turn(PRESS)
    assert isinstance(instrument.turn(PRESS), pages.Ready)
    assert not instrument.store.captures()[0].set_aside


def test_ok__what_is_retaken_is_set_aside_and_in_no_average(ready: Make) -> None:
    instrument = ready()
    press_and_keep(instrument, 1)
    result = instrument.turn(PRESS)
    assert isinstance(result, pages.Result)
    assert result.frame == 2
    live = instrument.turn(events.Retake())
    assert isinstance(live, pages.Ready)
    assert live.frames == 1
    assert [kept.set_aside for kept in instrument.store.captures()] == [False, True]
    history = instrument.turn(events.OpenHistory())
    assert isinstance(history, pages.History)
    assert [reading.frames for reading in history.readings] == [1]


def past(store: Store, density: float, **changes: Any) -> None:
    def interval(value: float) -> dict[str, float]:
        return {"value": value, "low": value - 20, "high": value + 30}

    reading = {
        "counts": {"total": 100, "terminal": 80, "vellus": 20},
        "density_per_cm2": {"total": interval(density), "terminal": interval(density - 30), "vellus": None},
        "terminal_to_vellus": 4.0, "vellus_share": 0.2, "diameter_um": {"mean": 60.0, "median": 60.0, "sd": 10.0},
        "diversity": 0.2, "cumulative_thickness_mm_per_cm2": 9.0, "units": {"hairs_per_unit": 1.9}, "hairs": [],
    }  # fmt: skip
    told: dict[str, Any] = {
        "patient": "P-000017", "site": "vertex", "operator": "ab", "taken_at": NOON - timedelta(days=90),
        "clock_trusted": True, "threshold_um": 40.0, "um_per_px": 3.2, "calibration_id": "c", "model_name": "m",
        "model_sha256": "s", "firmware_version": "1", "throttling": None, "reading": reading, "study_uid": "2.25.1",
    } | changes  # fmt: skip
    store.save(SHARP, Capture(**told))


def test_ok__the_history_has_a_point_for_each_visit(ready: Make) -> None:
    instrument = ready()
    past(instrument.store, 180.0)
    past(instrument.store, 200.0)
    past(instrument.store, 150.0, study_uid="2.25.2", clock_trusted=False)
    past(instrument.store, 999.0, site="frontal")
    past(instrument.store, 999.0, patient="P-000018")
    page = instrument.turn(events.OpenHistory())
    assert isinstance(page, pages.History)
    first, second = page.readings
    assert (first.frames, second.frames, first.clock_trusted, second.clock_trusted) == (2, 1, True, False)
    # no more is claimed than one frame knows: the frames may overlap
    assert (first.total_per_cm2.value, first.total_per_cm2.low, first.total_per_cm2.high) == (190.0, 170.0, 220.0)
    assert first.vellus_per_cm2 is None
    assert first.diameter_mean_um is not None
    assert first.diameter_mean_um.high - first.diameter_mean_um.value == pytest.approx(1.96)


def test_ok__a_visit_goes_on_after_a_power_cut_on_the_same_day(on_bench: Make) -> None:
    instrument = on_bench()
    past(instrument.store, 180.0, taken_at=NOON - timedelta(hours=1), study_uid="2.25.77")
    page = instrument.turn(events.Typed("P-000017"))
    assert isinstance(page, pages.Sites)
    assert page.frames["vertex"].frames == 1
    instrument.turn(events.ChooseSite("frontal"))
    instrument.turn(PRESS)
    assert instrument.store.captures()[-1].capture.study_uid == "2.25.77"


@pytest.mark.parametrize(
    ("changes", "now"),
    [
        ({"taken_at": NOON - timedelta(days=1)}, Instant(NOON, True)),
        ({"clock_trusted": False, "taken_at": NOON}, Instant(NOON, True)),
        ({"taken_at": NOON}, Instant(NOON, False)),
        ({"taken_at": NOON, "patient": "P-000018"}, Instant(NOON, True)),
    ],
)
def test_ok__otherwise_a_new_visit_begins(on_bench: Make, changes: dict[str, Any], now: Instant) -> None:
    instrument = on_bench(clock=SetClock(now))
    past(instrument.store, 180.0, **{"study_uid": "2.25.77", **changes})
    page = instrument.turn(events.Typed("P-000017"))
    assert isinstance(page, pages.Sites)
    assert page.frames == {}


# Faults


def test_ok__a_camera_that_fails_in_the_live_view_is_said_once_and_comes_back(
    ready: Make, caplog: pytest.LogCaptureFixture
) -> None:
    instrument = ready()
    instrument.camera.live = errors.CameraUnplugged()
    page = instrument.turn()
    assert isinstance(page, pages.Fault)
    assert page.row.name == "CameraUnplugged"
    for _ in range(3):
        instrument.turn(events.Recover("reopen"))
    assert len([record for record in caplog.records if "E104" in record.message]) == 1
    assert instrument.camera.log.count("camera closed") == 3
    instrument.camera.live = parts.scalp()
    assert isinstance(instrument.turn(events.Recover("reopen")), pages.Ready)
    service = instrument.turn(events.OpenService())
    assert isinstance(service, pages.Service)
    assert [(fault.row.name, fault.times) for fault in service.faults] == [("CameraUnplugged", 4)]


def test_ok__what_may_help_after_a_fault(ready: Make) -> None:
    instrument = ready(camera=BenchCamera([errors.CameraHung()]))
    instrument.turn(PRESS)
    assert isinstance(instrument.turn(events.Recover("service")), pages.Service)
    assert isinstance(instrument.turn(events.Recover("retry")), pages.Ready)
    instrument.turn(events.Recover("restart"))
    assert instrument.consultation.over
    assert instrument.consultation.wish == "restart"


def test_ok__quit(ready: Make) -> None:
    instrument = ready()
    instrument.turn(events.Quit())
    assert (instrument.consultation.over, instrument.consultation.wish) == (True, "off")


@pytest.mark.parametrize(
    ("files", "clock_trusted", "words"),
    [
        ({"devices/platform/soc/soc:firmware/get_throttled": "1"}, True, "power supply"),
        ({"class/power_supply/b/type": "Battery", "class/power_supply/b/capacity": "9"}, True, "battery"),
        ({"class/thermal/thermal_zone0/temp": "83000"}, True, "hot"),
        ({}, False, "clock"),
        ({}, True, None),
    ],
)
def test_ok__what_is_not_as_it_should_be_stands_in_the_banner(
    on_bench: Make, tmp_path: Path, files: dict[str, str], clock_trusted: bool, words: str | None
) -> None:
    for path, text in files.items():
        file = tmp_path / "sys" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    page = on_bench(clock=SetClock(Instant(NOON, clock_trusted))).turn()
    assert isinstance(page, pages.Patients)
    notice = page.banner.notice
    assert (words is None) == (notice is None)
    assert words is None or words in (notice or "")


# Service


def test_ok__the_self_test_goes_step_by_step(ready: Make) -> None:
    instrument = ready()
    page = instrument.turn(events.RunSelfTest())
    while isinstance(page, pages.SelfTest) and page.running:
        page = instrument.turn()
    assert isinstance(page, pages.SelfTest)
    steps = [page for page in instrument.display.pages if isinstance(page, pages.SelfTest)]
    assert [sum(check.state == "waiting" for check in page.checks) for page in steps] == [5, 4, 3, 2, 1, 0]
    states = {check.name: check.state for check in page.checks}
    assert states["Records"] == states["Camera"] == "good"
    assert states["Model"] == "bad"  # the stand-in knows one picture only, and that is not the test's
    assert states["Light"] == "caution"  # the bench's picture is as bright without it
    service = instrument.turn(events.Back())
    assert isinstance(service, pages.Service)
    assert next(check for check in service.checks if check.name == "Self-test").words.startswith("Model: ")


def test_ok__service_says_how_the_instrument_fares(ready: Make) -> None:
    page = ready().turn(events.OpenService())
    assert isinstance(page, pages.Service)
    checks = {check.name: check for check in page.checks}
    assert "3.2000 µm per pixel, for 90 more days" in checks["Calibration"].words
    assert checks["Self-test"].words == "Not run since the start"


# Calibration


@pytest.fixture(scope="module")
def targets() -> list[bytes]:
    grid = Dots(pitch_um=200.0, diameter_um=100.0)
    return [photograph_target(grid, View(rotation_deg=2.0 * i), SCOPE, i).jpeg for i in range(3)]


@pytest.fixture(scope="module")
def grey() -> bytes:
    scope = dataclasses.replace(SCOPE, exposure=0.4, white_balance=(1.25, 1.0, 0.8))
    return photograph_grey_card(GreyCard(), scope, 1).jpeg


def worked(instrument: Bench) -> pages.Page:
    """The turns until the calibration is worked out beside the loop."""
    future = instrument.consultation._targets.working
    assert future is not None
    future.exception(timeout=60)
    return instrument.turn()


def test_ok__the_screens_way_to_a_calibration(ready: Make, targets: list[bytes], grey: bytes, tmp_path: Path) -> None:
    other = BenchCamera()
    instrument = ready(calibrated=None, camera=BenchCamera([*targets, grey]), cameras=[other], target_pitch_um=200.0)
    page = instrument.turn(events.Calibrate())
    for taken in range(3):
        assert isinstance(page, pages.Calibrating)
        assert (page.step, page.photographs) == ("target", taken)
        assert page.preview is not None
        page = instrument.turn(PRESS)
    assert isinstance(page, pages.Calibrating)
    assert page.step == "grey"
    assert instrument.moves[-2:] == [("", "dots 200"), ("", "grey card")]
    page = instrument.turn(PRESS)
    assert isinstance(page, pages.Calibrating)
    assert page.step == "working"
    page = worked(instrument)
    assert isinstance(page, pages.Calibrating)
    assert page.step == "done"
    assert page.calibration is not None
    assert page.calibration.um_per_px == pytest.approx(UM_PER_PX, rel=0.003)
    assert not (tmp_path / "calibration.toml").exists()  # nobody has said yes

    instrument.turn(events.Keep())
    assert read_calibration(tmp_path / "calibration.toml") == page.calibration
    exposure = page.calibration.exposure
    assert exposure is not None
    # of the grey card: too dark, too red
    assert exposure.exposure_us * exposure.analogue_gain > 10_000
    assert exposure.colour_gains[0] < 2.0 < exposure.colour_gains[1]
    assert instrument.camera.log[-1] == "camera closed"
    assert instrument.consultation.camera is other
    detail = instrument.store._db().execute("SELECT detail FROM audit WHERE event = 'calibrated'").fetchone()[0]
    assert f'"um_per_px": {page.calibration.um_per_px}' in detail
    instrument.turn(events.Back())
    assert isinstance(instrument.turn(PRESS), pages.Result)


def test_ok__without_a_grey_card_the_light_stays_as_it_is(ready: Make, targets: list[bytes]) -> None:
    instrument = ready(camera=BenchCamera(list(targets)), target_pitch_um=200.0)
    instrument.turn(events.Calibrate())
    for _ in range(3):
        instrument.turn(PRESS)
    instrument.turn(events.SkipGreyCard())
    page = worked(instrument)
    assert isinstance(page, pages.Calibrating)
    assert page.calibration is not None
    assert page.calibration.exposure is None
    assert page.before_um_per_px == UM_PER_PX
    instrument.turn(events.Keep())
    assert "camera closed" not in instrument.camera.log


def test_fail__a_target_that_is_none_is_said_and_the_old_calibration_stays(ready: Make, tmp_path: Path) -> None:
    instrument = ready()
    instrument.turn(events.Calibrate())
    for _ in range(3):
        instrument.turn(PRESS)  # of the scalp
    instrument.turn(events.SkipGreyCard())
    page = worked(instrument)
    assert isinstance(page, pages.Calibrating)
    assert page.step == "failed"
    assert "No calibration target is seen" in (page.problem or "")
    page = instrument.turn(events.Retake())
    assert isinstance(page, pages.Calibrating)
    assert (page.step, page.photographs) == ("target", 0)
    assert not (tmp_path / "calibration.toml").exists()


def test_fail__a_calibration_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "calibration.toml"
    assert read_calibration(path) is None
    path.write_text("format = 7")
    with pytest.raises(errors.CalibrationUnreadable):
        read_calibration(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(errors.CalibrationUnreadable):
        read_calibration(path)
