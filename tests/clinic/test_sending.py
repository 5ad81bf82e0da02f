"""Sending to a real Orthanc behind nginx: what arrives, and what is done about a server that is not as it should be."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pydicom
import pytest

from tests.clinic.captures import SetClock, capture, jpeg
from tests.clinic.clinic import Clinic
from tests.clinic.test_outbox import JPEG, build_everything, save
from trichoscope import cli_clinic, errors
from trichoscope.clinic.sending import Summary, send_all
from trichoscope.clinic.server import Address
from trichoscope.clinic.settings import ClinicSettings
from trichoscope.clinic.worklist import fetch
from trichoscope.clock import Instant, SystemClock
from trichoscope.config import load
from trichoscope.instrument import health
from trichoscope.records import Store
from trichoscope.records.outbox import Entry, Outbox

pytestmark = pytest.mark.clinic


def never(seconds: float) -> None:
    raise AssertionError(f"waited {seconds} s")


def nothing(done: int, total: int) -> None:
    pass


def send(clinic: Clinic, outbox: Outbox, pause: Callable[[float], None] = never, **changes: Any) -> Summary:
    summary = Summary()
    with clinic.server(**changes) as server:
        send_all(outbox, server, SetClock(), summary, nothing, pause)
    return summary


def codes(summary: Summary) -> list[str]:
    return [problem.row.name for problem in summary.problems]


@pytest.fixture
def built(clinic: Clinic, store: Store, outbox: Outbox) -> list[Entry]:
    clinic.empty()
    save(store)
    save(store, site="vertex")
    return build_everything(store, outbox)


def other_bytes(data: bytes, **changes: Any) -> bytes:
    ds = pydicom.dcmread(io.BytesIO(data))
    for keyword, value in changes.items():
        setattr(ds, keyword, value)
    file = io.BytesIO()
    ds.save_as(file)
    return file.getvalue()


def test_what_was_captured_arrives_byte_for_byte(clinic: Clinic, outbox: Outbox, built: list[Entry]) -> None:
    summary = send(clinic, outbox)
    assert (summary.received, summary.posts, summary.problems) == (4, 4, [])
    assert clinic.held() == {entry.uid: [entry.sha256] for entry in built}
    assert outbox.unsent() == 0
    with clinic.server() as server:
        photograph = next(entry for entry in built if entry.kind == "photograph")
        assert server.frame(Address(photograph.study_uid, photograph.series_uid, photograph.uid)).startswith(JPEG)


def test_a_second_run_sends_nothing(clinic: Clinic, outbox: Outbox, built: list[Entry]) -> None:
    send(clinic, outbox)
    assert send(clinic, outbox).posts == 0


def test_what_was_sent_but_not_verified_is_not_sent_again(clinic: Clinic, outbox: Outbox, built: list[Entry]) -> None:
    send(clinic, outbox)
    outbox.mark(built[0], "sent", Instant(datetime.now(UTC), True))
    summary = send(clinic, outbox)
    assert (summary.posts, summary.received) == (0, 1)


def test_everything_is_sent_again_when_the_states_are_lost(
    clinic: Clinic, store: Store, outbox: Outbox, built: list[Entry]
) -> None:
    send(clinic, outbox)
    with store.writing() as db:
        db.execute("DELETE FROM object")
    assert build_everything(store, outbox) == built
    summary = send(clinic, outbox)
    assert (summary.posts, summary.received) == (4, 4)
    assert clinic.held() == {entry.uid: [entry.sha256] for entry in built}


def test_an_object_that_the_server_lost_is_sent_again(clinic: Clinic, outbox: Outbox, built: list[Entry]) -> None:
    send(clinic, outbox)
    outbox.mark(built[0], "sent", Instant(datetime.now(UTC), True))
    clinic.delete(built[0].uid)
    summary = send(clinic, outbox, pause=lambda seconds: None)
    assert (summary.posts, summary.received, summary.problems) == (1, 1, [])
    assert len(clinic.held()) == 4


def test_a_server_that_says_200_and_keeps_other_bytes_is_found_out(
    clinic: Clinic, outbox: Outbox, built: list[Entry]
) -> None:
    wrong = other_bytes(outbox.data(built[0]), StudyDescription="Something else")
    clinic.orthanc("/instances", "POST", wrong)
    before = clinic.held()[built[0].uid]
    summary = send(clinic, outbox)
    assert codes(summary) == ["ObjectConflict"]
    assert summary.received == 3
    assert [entry.state for entry in outbox.entries("conflict")] == ["conflict"]
    assert clinic.held()[built[0].uid] == before  # nothing was overwritten

    assert codes(send(clinic, outbox)) == ["ObjectConflict"]  # and it is not forgotten

    clinic.delete(built[0].uid)  # a person cleared it up
    summary = send(clinic, outbox, pause=lambda seconds: None)
    assert (summary.received, summary.problems) == (1, [])
    assert clinic.held() == {entry.uid: [entry.sha256] for entry in built}


def test_a_server_with_two_patients_under_one_uid_is_found_out(
    clinic: Clinic, outbox: Outbox, built: list[Entry]
) -> None:
    clinic.orthanc("/instances", "POST", other_bytes(outbox.data(built[0]), PatientID="P-0666"))
    summary = send(clinic, outbox)
    assert codes(summary) == ["ObjectConflict"]
    assert "2 times" in str(summary.problems[0])


def test_without_the_check_the_lie_would_be_believed(clinic: Clinic, outbox: Outbox, built: list[Entry]) -> None:
    clinic.orthanc("/instances", "POST", other_bytes(outbox.data(built[0]), StudyDescription="Something else"))
    with clinic.server() as server:
        server.store(built[0].uid, outbox.data(built[0]))  # no complaint: a 200 is no receipt


def test_a_device_that_is_not_enrolled_is_told_so(clinic: Clinic, outbox: Outbox, built: list[Entry]) -> None:
    clinic.enrol("TS-0002")
    assert send(clinic, outbox, device="TS-0002").problems == []
    for entry in built:
        outbox.mark(entry, "waiting", Instant(datetime.now(UTC), True))
    clinic.run("revoke", "TS-0002")
    assert codes(send(clinic, outbox, device="TS-0002")) == ["DeviceNotEnrolled"]
    assert len(outbox.entries("waiting")) == 4


def test_a_certificate_of_another_authority_is_refused(
    clinic: Clinic, outbox: Outbox, built: list[Entry], tmp_path: Path
) -> None:
    with Clinic.started(tmp_path / "other") as other:
        stranger = other.settings()
        summary = send(clinic, outbox, certificate=stranger.certificate, key=stranger.key)
        assert codes(summary) == ["DeviceNotEnrolled"]
        assert codes(send(clinic, outbox, ca=stranger.ca)) == ["ServerNotTrusted"]
    assert len(outbox.entries("waiting")) == 4
    assert clinic.held() == {}


def test_only_dicomweb_is_behind_the_door(clinic: Clinic) -> None:
    with clinic.server(url=f"https://localhost:{clinic.ports['port']}/instances") as server:
        with pytest.raises(errors.DeviceNotEnrolled):
            server.count("2.25.1")
        server._root = "/dicom-web"
        assert server._ask("DELETE", "/studies/2.25.123", "*/*").status == 403


def test_the_servers_log_says_which_device_sent_and_no_patient(
    clinic: Clinic, outbox: Outbox, built: list[Entry]
) -> None:
    send(clinic, outbox)
    log = (clinic.folder / "devices.log").read_text()
    assert '"TS-0001" POST /dicom-web/studies 200' in log
    assert "P-0042" not in log


# The worklist


def test_todays_patients_come_from_the_worklist_and_into_the_objects(
    clinic: Clinic, store: Store, outbox: Outbox
) -> None:
    clinic.empty()
    study = clinic.run("patient", "P-0077", "Doe^Jané", "--accession", "A77", "--sex", "F", "--birth-date", "19800101")
    outbox.set_worklist(fetch(clinic.settings(), datetime.now(UTC)), Instant(datetime.now(UTC), True))
    listed = outbox.worklist()
    assert listed is not None
    (mine,) = [each for each in listed.appointments if each.study_uid == study]
    assert (mine.patient, mine.name, mine.accession_number) == ("P-0077", "Doe^Jané", "A77")
    save(store, patient="P-0077", study_uid=study, accession_number="A77")
    entry = build_everything(store, outbox)[0]
    ds = pydicom.dcmread(io.BytesIO(outbox.data(entry)))
    assert (str(ds.PatientName), ds.PatientSex, ds.AccessionNumber, ds.StudyInstanceUID) == (
        "Doe^Jané", "F", "A77", study,
    )  # fmt: skip
    assert ds.RequestAttributesSequence[0].ScheduledProcedureStepID.startswith("STEP")
    assert send(clinic, outbox).problems == []


def test_a_worklist_that_does_not_answer_leaves_the_last_one(clinic: Clinic, tmp_path: Path) -> None:
    settings = clinic.settings()
    assert settings.worklist is not None
    away = replace(settings, worklist=replace(settings.worklist, port=9))
    with pytest.raises(errors.WorklistUnavailable):
        fetch(away, datetime.now(UTC))
    with Clinic.started(tmp_path / "other") as other:  # its certificate means nothing here
        stranger = replace(settings, certificate=other.settings().certificate, key=other.settings().key)
        with pytest.raises(errors.WorklistUnavailable):
            fetch(stranger, datetime.now(UTC))


# The command


@pytest.fixture
def configured(clinic: Clinic, tmp_path: Path) -> Path:
    clinic.empty()
    settings = clinic.settings()
    text = f"""
[records]
folder = "{tmp_path / "visits"}"
[clinic]
device_serial = "TS-0001"
url = "{settings.url}"
ca = "{settings.ca}"
certificate = "{settings.certificate}"
key = "{settings.key}"
[clinic.worklist]
host = "localhost"
port = {clinic.ports["dicom_port"]}
"""
    (tmp_path / "clinic.toml").write_text(text)
    with Store(tmp_path / "visits", SystemClock(), create=True) as store:
        for seed in range(3):
            store.save(jpeg(128, 96, seed), capture())
    return tmp_path / "clinic.toml"


def test_sync_says_what_it_would_do_does_it_and_says_what_it_did(
    configured: Path, clinic: Clinic, trichoscope: Callable[..., Any]
) -> None:
    plan = json.loads(trichoscope("sync", "--config", configured, "--dry-run", "--json").stdout)
    assert (plan["to_build"], plan["to_send"]) == (6, 6)
    assert clinic.held() == {}
    done = trichoscope("sync", "--config", configured, "--json")
    assert done.exit_code == 0
    said = json.loads(done.stdout)
    assert (said["built"], said["received"], said["unsent"], said["problems"]) == (6, 6, 0, [])
    assert len(clinic.held()) == 6
    again = trichoscope("sync", "--config", configured)
    assert "0 captures still to go" in " ".join(again.stdout.split())


def test_sync_that_meets_trouble_keeps_everything_and_ends_with_its_family(
    configured: Path, trichoscope: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli_clinic, "_pause", lambda seconds: None)
    text = configured.read_text()
    configured.write_text(text.replace("https://localhost:", "https://127.0.0.2:"))
    failed = trichoscope("sync", "--config", configured)
    assert failed.exit_code == 15
    assert "E502" in failed.stderr
    assert "3 captures still to go" in " ".join(failed.stdout.split())
    configured.write_text(text)
    assert trichoscope("sync", "--config", configured).exit_code == 0


def test_two_syncs_never_run_at_once(configured: Path, tmp_path: Path, trichoscope: Callable[..., Any]) -> None:
    with cli_clinic._alone(tmp_path / "visits"):
        refused = trichoscope("sync", "--config", configured)
    assert "E518" in refused.stderr
    assert trichoscope("sync", "--config", configured).exit_code == 0


@pytest.mark.parametrize(
    ("trusted", "percent", "mains", "goes"),
    [(True, "20", "1", True), (True, "80", "0", True), (True, "20", "0", False), (False, "80", "1", False)],
)
def test_by_night_it_runs_with_power_and_a_clock_alone(
    configured: Path,
    tmp_path: Path,
    clinic: Clinic,
    trichoscope: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    trusted: bool,
    percent: str,
    mains: str,
    goes: bool,
) -> None:
    for name, kind, gauge, value in (("battery", "Battery", "capacity", percent), ("plug", "Mains", "online", mains)):
        folder = tmp_path / "sys/class/power_supply" / name
        folder.mkdir(parents=True)
        (folder / "type").write_text(kind)
        (folder / gauge).write_text(value)
    real = health.Health
    monkeypatch.setattr(health, "Health", lambda records: real(records, tmp_path))
    monkeypatch.setattr(SystemClock, "now", lambda self: Instant(datetime.now().astimezone(), trusted))
    with caplog.at_level(logging.INFO, "trichoscope"):
        assert trichoscope("sync", "--config", configured, "--nightly").exit_code == 0
    (line,) = [record.getMessage() for record in caplog.records if record.name == "trichoscope.cli_clinic"]
    assert line.startswith("built 6, received 6" if goes else "not now: ")
    assert len(clinic.held()) == (6 if goes else 0)


def test_the_worklist_command_shows_who_is_expected(
    configured: Path, clinic: Clinic, trichoscope: Callable[..., Any]
) -> None:
    study = clinic.run("patient", "P-0088", "Roe^Richard")
    fetched = json.loads(trichoscope("worklist", "--fetch", "--config", configured, "--json").stdout)
    assert study in {each["study_uid"] for each in fetched["appointments"]}
    shown = trichoscope("worklist", "--config", configured).stdout
    assert "P-0088" in shown


def test_settings_are_what_the_configuration_says(configured: Path, clinic: Clinic) -> None:
    settings = load(configured).clinic.settings()
    assert isinstance(settings, ClinicSettings)
    assert settings.url == clinic.settings().url
