"""Whoever answers in the clinic's place: each is told apart, and nothing is taken for received."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tests.clinic.captures import SetClock
from tests.clinic.clinic import SCRIPT, Clinic
from tests.clinic.fake import Reply, answering, reply
from tests.clinic.test_outbox import build_everything, save
from trichoscope import errors
from trichoscope.clinic.certificates import tls_context, validity
from trichoscope.clinic.sending import ATTEMPTS, Summary, send_all
from trichoscope.clinic.server import Address, Server
from trichoscope.clinic.settings import ClinicSettings
from trichoscope.records import Store
from trichoscope.records.outbox import Outbox

pytestmark = pytest.mark.clinic

HTML = b"<html><body>Welcome to the guests' Wi-Fi. Please log in.</body></html>"
DICOM_JSON = "application/dicom+json"


def stored(document: dict[str, Any]) -> Reply:
    """The answer to a STOW request."""
    return reply(200, DICOM_JSON, json.dumps(document).encode())


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clinic that was never started: only its certificates are used."""
    folder = tmp_path_factory.mktemp("authority")
    make = (
        "import importlib.machinery, importlib.util, sys, pathlib\n"
        f"loader = importlib.machinery.SourceFileLoader('clinic_server', {str(SCRIPT)!r})\n"
        "module = importlib.util.module_from_spec(importlib.util.spec_from_loader('clinic_server', loader))\n"
        "sys.dont_write_bytecode = True\n"
        "loader.exec_module(module)\n"
        "clinic = module.Clinic(pathlib.Path(sys.argv[1]))\n"
        "clinic.devices.touch()\n"
        "clinic.make_authority()\n"
        "clinic.sign('expired', 'localhost', clinic.folder, days=-1, names='DNS:localhost')\n"
        "clinic.sign('other', 'elsewhere', clinic.folder, days=10, names='DNS:elsewhere.example')\n"
        "clinic.sign('old', 'TS-0001', clinic.folder, days=-1)\n"
        "clinic.enrol('TS-0001', clinic.folder / 'TS-0001', 365)\n"
    )
    subprocess.run([sys.executable, "-c", make, folder], check=True)
    return folder


@pytest.fixture
def settings(authority: Path) -> ClinicSettings:
    mine = authority / "TS-0001"
    return ClinicSettings("TS-0001", ca=mine / "ca.crt", certificate=mine / "device.crt", key=mine / "device.key")


def ask(settings: ClinicSettings, url: str, **limits: Any) -> int:
    with Server(replace(settings, url=url), datetime.now(UTC), **limits) as server:
        return server.count("2.25.1")


@pytest.fixture
def answers(authority: Path, settings: ClinicSettings) -> Iterator[Any]:
    """Ask a server of the clinic's that gives the same answer to everything."""

    def run(answer: Reply) -> int:
        with answering(answer, authority / "server.crt", authority / "server.key") as (url, asked):
            try:
                return ask(settings, url, timeout_s=2)
            finally:
                assert len(asked) == 1  # it was asked, and nothing was tried twice

    yield run


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (reply(200, "text/html", HTML), errors.NotAClinicServer),
        (reply(302, Location="http://login.wifi.example/"), errors.NotAClinicServer),
        (reply(404, "text/html", HTML), errors.NotAClinicServer),
        (reply(200, DICOM_JSON, b"\x00\xff garbage"), errors.NotAClinicServer),
        (reply(200, DICOM_JSON, b'{"not": "a list"}'), errors.NotAClinicServer),
        (reply(401), errors.LoginRefused),
        (reply(403, body=b"TS-0001 is not enrolled here."), errors.DeviceNotEnrolled),
        (reply(400, "text/html", b"<h1>No required SSL certificate was sent</h1>"), errors.DeviceNotEnrolled),
        (reply(400, "application/json", b'{"Message": "Bad file format"}'), errors.ObjectRefused),
        (reply(413), errors.ServerFull),
        (reply(507), errors.ServerFull),
        (reply(500, body=b"write(): No space left on device"), errors.ServerFull),
        (reply(500), errors.ServerFailed),
        (reply(503), errors.ServerFailed),
        (reply(429), errors.ServerFailed),
    ],
)  # fmt: skip
def test_each_answer_is_told_apart(answers: Any, answer: Reply, error: type[errors.TrichoscopeError]) -> None:
    with pytest.raises(error):
        answers(answer)


def test_an_answer_that_is_right_is_taken(answers: Any) -> None:
    assert answers(reply(200, DICOM_JSON, b"[{}]")) == 1
    assert answers(reply(204)) == 0


def test_a_connection_that_ends_in_the_answer_is_cut(answers: Any) -> None:
    def short(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", DICOM_JSON)
        request.send_header("Content-Length", "100")
        request.end_headers()
        request.wfile.write(b"[")
        request.close_connection = True

    with pytest.raises(errors.ConnectionCut):
        answers(short)


def test_a_server_that_says_nothing_is_given_up(authority: Path, settings: ClinicSettings) -> None:
    def silent(request: BaseHTTPRequestHandler) -> None:
        request.rfile.read(1)  # until the client has gone

    with (
        answering(silent, authority / "server.crt", authority / "server.key") as (url, _),
        pytest.raises(errors.ConnectionCut),
    ):
        ask(settings, url, timeout_s=0.2)


def test_an_object_that_never_ends_is_not_read_to_its_end(authority: Path, settings: ClinicSettings) -> None:
    def endless(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", 'multipart/related; type="application/dicom"; boundary=x')
        request.send_header("Content-Length", str(10**12))
        request.end_headers()
        while True:
            request.wfile.write(bytes(1 << 16))

    with (
        answering(endless, authority / "server.crt", authority / "server.key") as (url, _),
        Server(replace(settings, url=url), datetime.now(UTC)) as server,
    ):
        assert server.digest(Address("2.25.1", "2.25.2", "2.25.3"), 10_000) is None


@pytest.mark.parametrize(
    ("certificate", "error"),
    [
        ("expired", errors.ServerCertificateExpired),
        ("other", errors.ServerNameWrong),
        (None, errors.NotAClinicServer),
    ],
)
def test_a_server_that_is_not_the_clinics_is_never_asked(
    authority: Path, settings: ClinicSettings, certificate: str | None, error: type[errors.TrichoscopeError]
) -> None:
    pair = (authority / f"{certificate}.crt", authority / f"{certificate}.key") if certificate else (None, None)
    with answering(reply(200, DICOM_JSON, b"[]"), *pair) as (url, asked):
        with pytest.raises(error):
            ask(settings, url)
        assert asked == []


def test_a_captive_portal_with_a_certificate_of_its_own_is_never_asked(
    authority: Path, settings: ClinicSettings, tmp_path: Path
) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "10", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", tmp_path / "key", "-out", tmp_path / "crt"],
        check=True, capture_output=True,
    )  # fmt: skip
    with answering(reply(200, "text/html", HTML), tmp_path / "crt", tmp_path / "key") as (url, asked):
        with pytest.raises(errors.ServerNotTrusted):
            ask(settings, url)
        assert asked == []


def test_the_environment_changes_neither_authority_nor_way(
    authority: Path, settings: ClinicSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    with answering(reply(204), authority / "server.crt", authority / "server.key") as (url, _):
        assert ask(settings, url) == 0


def test_nobody_there(settings: ClinicSettings) -> None:
    for url in ("https://localhost:9/dicom-web", "https://nowhere.invalid/dicom-web"):
        with pytest.raises(errors.ServerUnreachable):
            ask(settings, url)


@pytest.mark.parametrize("url", ["", "http://localhost/dicom-web", "localhost"])
def test_without_an_https_address_nothing_is_sent(settings: ClinicSettings, url: str) -> None:
    with pytest.raises(errors.ClinicNotSet):
        ask(settings, url)


# The device's own certificate


def test_a_certificate_out_of_date_is_found_before_anything_is_sent(authority: Path, settings: ClinicSettings) -> None:
    old = replace(settings, certificate=authority / "old.crt", key=authority / "old.key")
    with pytest.raises(errors.DeviceCertificateExpired):
        tls_context(old, datetime.now(UTC))
    tls_context(settings, datetime.now(UTC))
    with pytest.raises(errors.DeviceCertificateExpired):
        tls_context(settings, datetime.now(UTC) + timedelta(days=366))


def test_a_key_that_others_can_read_is_not_used(authority: Path, settings: ClinicSettings, tmp_path: Path) -> None:
    key = tmp_path / "device.key"
    key.write_bytes(settings.key.read_bytes())
    key.chmod(0o640)
    with pytest.raises(errors.KeyUnreadable, match="readable by others"):
        tls_context(replace(settings, key=key), datetime.now(UTC))


@pytest.mark.parametrize("file", ["ca", "certificate", "key"])
@pytest.mark.parametrize(
    "content", [None, b"", b"no PEM", b"-----BEGIN CERTIFICATE-----\nMAo=\n-----END CERTIFICATE-----"]
)
def test_a_file_that_is_none_is_said_to_be(
    settings: ClinicSettings, tmp_path: Path, file: str, content: bytes | None
) -> None:
    wrong = tmp_path / "file"
    if content is not None:
        wrong.write_bytes(content)
        wrong.chmod(0o600)
    with pytest.raises(errors.KeyUnreadable):
        tls_context(replace(settings, **{file: wrong}), datetime.now(UTC))  # type: ignore[arg-type]


def test_the_days_of_a_certificate_are_those_that_openssl_reads(authority: Path) -> None:
    for name in ("ca.crt", "server.crt", "old.crt"):
        said = subprocess.run(
            ["openssl", "x509", "-in", authority / name, "-noout", "-dates"], capture_output=True, text=True, check=True
        ).stdout
        found = validity((authority / name).read_text())
        assert [f"{time:%b %e %H:%M:%S %Y} GMT" for time in found] == [
            line.partition("=")[2] for line in said.splitlines()
        ]


# What sending makes of it


@pytest.mark.parametrize(
    ("answer", "error", "asked_so_often"),
    [
        (reply(403), errors.DeviceNotEnrolled, 1),
        (reply(401), errors.LoginRefused, 1),
        (reply(507), errors.ServerFull, 1),
        (reply(200, "text/html", HTML), errors.NotAClinicServer, 1),
        (reply(503), errors.ServerFailed, ATTEMPTS),
        (reply(400, "application/json", b"{}"), errors.ObjectRefused, 4),
        (stored({}), errors.ServerFull, 1),
        (stored({"00081198": {"Value": [{"00081197": {"Value": [0xA700]}}]}}), errors.ServerFull, 1),
        (stored({"00081198": {"Value": [{"00081197": {"Value": [0x0110]}}]}}), errors.ObjectRefused, 4),
    ],
)
def test_everything_is_kept_and_it_is_said_why(
    authority: Path,
    settings: ClinicSettings,
    store: Store,
    outbox: Outbox,
    answer: Reply,
    error: type[errors.TrichoscopeError],
    asked_so_often: int,
) -> None:
    for _ in range(2):
        save(store)
    built, summary, pauses = build_everything(store, outbox), Summary(), list[float]()
    with (
        answering(answer, authority / "server.crt", authority / "server.key") as (url, asked),
        Server(replace(settings, url=url), datetime.now(UTC)) as server,
    ):
        send_all(outbox, server, SetClock(), summary, lambda done, total: None, pauses.append)
    assert {type(problem) for problem in summary.problems} == {error}
    assert len(asked) == asked_so_often
    assert summary.received == 0
    assert [(entry.uid, entry.state) for entry in outbox.entries("waiting")] == [(e.uid, "waiting") for e in built]
    assert [outbox.data(entry) for entry in built]
    if error is errors.ServerFailed:
        assert len(pauses) == ATTEMPTS - 1
        assert pauses == sorted(pauses)  # each longer than the one before, none the same for two devices


def test_a_key_and_a_clinic_of_tests_are_no_secret_of_this_machine(clinic: Clinic) -> None:
    assert os.stat(clinic.folder / "ca.key").st_mode & 0o077 == 0
