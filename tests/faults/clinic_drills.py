"""Drills of sending: the real server, disturbed in one way many times; then it must hold each object exactly once.

A drill proves something only where its faults fired, and where it finds the flaws that are built in.
"""

from __future__ import annotations

import io
import json
import random
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import pydicom
from pydicom.uid import UID

from tests.clinic.captures import DEVICE, NOON, SetClock, capture, jpeg
from tests.clinic.clinic import Clinic
from tests.clinic.fake import Reply, answering, reply
from tests.faults.cutting import Cut, wire_to
from tests.faults.drills import OWN_MOUNTS, ROOT, Tally, fast_folder
from trichoscope.clinic.building import build_all
from trichoscope.clinic.sending import Summary, send_all
from trichoscope.clinic.server import Address, Server
from trichoscope.clock import Instant
from trichoscope.errors import TrichoscopeError
from trichoscope.records import Store
from trichoscope.records.outbox import Entry, Outbox

PLACES = ("before connecting", "in the headers", *(f"{k}/16 of the body" for k in range(1, 16)), "after the body",
          "in the middle of the answer")  # fmt: skip
BAD_ANSWERS: tuple[Reply, ...] = (
    reply(400), reply(401), reply(403), reply(404), reply(409), reply(413), reply(500), reply(503), reply(507),
    reply(200, "text/html", b"<html>Welcome to the Wi-Fi</html>"), reply(200, "application/dicom+json", b"\x00\xff"),
    reply(302, Location="https://elsewhere.example/"),
)  # fmt: skip
_SETTLED = SetClock()


class Credulous(Server):
    """A flaw: takes an attempt for a receipt."""

    def store(self, uid: str, data: bytes) -> None:
        try:
            super().store(uid, data)
        except TrichoscopeError:
            self._said_yes = True

    def count(self, uid: str) -> int:
        return 1

    def digest(self, address: Address, size: int) -> str | None:
        return self.believed[address.uid]

    believed: ClassVar[dict[str, str]] = {}


class Renaming(Server):
    """A flaw: gives an object a new UID whenever it is sent."""

    def store(self, uid: str, data: bytes) -> None:
        ds = pydicom.dcmread(io.BytesIO(data))
        self._new = f"2.25.{uuid.uuid4().int}"
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = UID(self._new)
        file = io.BytesIO()
        ds.save_as(file)
        super().store(self._new, file.getvalue())

    def count(self, uid: str) -> int:
        return super().count(self._new)

    def digest(self, address: Address, size: int) -> str | None:
        return Credulous.believed[address.uid]

    _new = ""


@contextmanager
def empty_records() -> Iterator[tuple[Store, Outbox]]:
    """Records on the device."""
    with fast_folder() as folder, Store(folder / "records", _SETTLED, create=True, floor_bytes=0) as store:
        yield store, Outbox(store)


def prepare(store: Store, outbox: Outbox, captures: int, *, width: int = 640, seed: int = 0) -> list[Entry]:
    """New captures, built."""
    for number in range(captures):
        store.save(jpeg(width, width * 3 // 4, seed + number), capture(patient=f"P-{seed + number:06d}"))
    build_all(store, outbox, DEVICE, lambda done, total: None)
    return outbox.entries("waiting", "sent", "received", "conflict")


def examine(clinic: Clinic, store: Store, outbox: Outbox) -> list[str]:
    """What the server does not hold exactly once and byte for byte, and what was lost here before it was received."""
    held, problems = clinic.held(), []
    entries = outbox.entries("waiting", "sent", "received", "conflict")
    for entry in entries:
        found = held.pop(entry.uid, [])
        if entry.state == "received" and found != [entry.sha256]:
            problems.append(f"{entry.kind} of {entry.capture}: said to be received, {len(found)} there, or changed")
        elif len(found) > 1:
            problems.append(f"{entry.kind} of {entry.capture}: there {len(found)} times")
        outbox.data(entry)
    problems += [f"the server holds {len(held)} objects that nobody sent"] if held else []
    return problems + store.check()


def cuts(clinic: Clinic, count: int, kind: type[Server] = Server, seed: int = 1) -> Tally:
    """Uploads, each with the connection cut at one place, then left to itself."""
    rng, tally = random.Random(seed), Tally()
    clinic.empty()
    with empty_records() as (store, outbox), wire_to(clinic.ports["port"]) as wire:
        url = f"https://localhost:{wire.port}/dicom-web"
        trial = prepare(store, outbox, 1, seed=10**6)[0]
        with clinic.server(url=url) as server:
            server.store(trial.uid, outbox.data(trial))
            whole = wire.carried[-1]
        prepare(store, outbox, -(-count // 2))
        waiting = [entry for entry in outbox.entries("waiting")][:count]
        Credulous.believed = {entry.uid: entry.sha256 for entry in waiting}
        for number, entry in enumerate(waiting):
            place = number % len(PLACES)
            # handshake and headers are as long as those of the trial, to some bytes
            to_the_body = whole - trial.size - trial.size // 700 - 300
            total = whole + entry.size - trial.size
            up = {0: 0, 1: to_the_body - rng.randrange(50, 150)}.get(
                place, to_the_body + entry.size * (place - 1) // 16
            )
            if place >= len(PLACES) - 2:
                up = total - 64
            down = {len(PLACES) - 2: 1, len(PLACES) - 1: rng.randrange(60, 300)}.get(place)
            wire.cut = cut = Cut(max(up, 0), down)
            one = Outbox(store)
            one.entries = lambda *states, only=entry: [only]  # type: ignore[method-assign]
            with kind(replace(clinic.settings(), url=url), datetime.now(UTC), timeout_s=10) as server:
                send_all(one, server, _SETTLED, Summary(), lambda done, total: None, lambda seconds: None)
            tally.runs += 1
            tally.fired += cut.fired
        tally.kept = len(outbox.entries("received"))
        with clinic.server() as server:
            send_all(outbox, server, _SETTLED, Summary(), lambda done, total: None, lambda seconds: None)
        tally.problems += [f"{len(left)} were never received"] if (left := outbox.entries("waiting", "sent")) else []
        tally.problems += examine(clinic, store, outbox)
    return tally


def server_kills(clinic: Clinic, count: int, seed: int = 1) -> Tally:
    """The archive or its door killed (-9) at a random moment of a sync, and started again."""
    rng, tally = random.Random(seed), Tally()
    clinic.empty()
    with empty_records() as (store, outbox):
        for number in range(count):
            prepare(store, outbox, 3, seed=100 * number)
            victim = rng.choice(["orthanc", "nginx"])
            before = len(outbox.entries("received"))
            killer = threading.Timer(rng.uniform(0, 0.3), _kill, [clinic, victim])
            killer.start()
            with clinic.server() as server:
                send_all(outbox, server, _SETTLED, Summary(), lambda done, total: None, lambda seconds: None)
            killer.join()
            left = len(outbox.entries("waiting", "sent"))
            tally.fired += left > 0
            tally.runs += 1
            clinic.run("stop")
            clinic.restart()
            tally.problems += _finish(clinic, store, outbox)
            tally.kept += len(outbox.entries("received")) - before
    return tally


def device_kills(clinic: Clinic, count: int, *, lose_states: bool = False, seed: int = 1) -> Tally:
    """`trichoscope sync` killed (-9) at a random moment; with `lose_states` its rows are gone afterwards too."""
    rng, tally = random.Random(seed), Tally()
    clinic.empty()
    with empty_records() as (store, outbox):
        config = _config(clinic, store.folder)
        for number in range(count):
            for each in range(3):
                store.save(jpeg(640, 480, 10 * number + each), capture(patient=f"P-{number:03d}-{each}"))
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.sync_once", config],
                cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                env={"PYTHONPATH": f"{ROOT / 'firmware'}:{ROOT}", "PATH": "/usr/bin:/bin"},
            )  # fmt: skip
            assert process.stdout is not None
            assert process.stdout.readline() == "sending\n"
            killer = threading.Timer(rng.uniform(0, 0.6), process.kill)
            killer.start()
            process.communicate()
            killer.cancel()
            tally.runs += 1
            tally.fired += process.returncode == -signal.SIGKILL
            if lose_states:
                with store.writing() as db:
                    db.execute("DELETE FROM object")
            tally.problems += _finish(clinic, store, outbox)
        tally.kept = len(outbox.entries("received"))
    return tally


def bad_answers(clinic: Clinic, kind: type[Server] = Server) -> Tally:
    """Something else answers in the clinic's place, in each way once; then the clinic does."""
    tally = Tally()
    clinic.empty()
    with empty_records() as (store, outbox):
        for number, answer in enumerate(BAD_ANSWERS):
            entries = prepare(store, outbox, 1, seed=number)
            Credulous.believed |= {entry.uid: entry.sha256 for entry in entries}
            door = (clinic.folder / "server.crt", clinic.folder / "server.key")
            summary = Summary()
            with answering(answer, *door) as (url, asked):
                settings = replace(clinic.settings(), url=url)
                with kind(settings, datetime.now(UTC), timeout_s=5) as server:
                    send_all(outbox, server, _SETTLED, summary, lambda done, total: None, lambda seconds: None)
            tally.runs += 1
            tally.fired += bool(asked)
            tally.refused += bool(summary.problems)
            tally.problems += _finish(clinic, store, outbox)
        tally.kept = len(outbox.entries("received"))
    return tally


def full_server() -> Tally:
    """The archive on a disk that is full; then it has room again."""
    tally = Tally()
    with TemporaryDirectory() as folder:
        home = Path(folder) / "clinic"
        (home / "orthanc").mkdir(parents=True)
        clinic = Clinic(home)
        clinic.start(*OWN_MOUNTS, "sh", "-c", f'mount -t tmpfs -o size=2m none {home}/orthanc && exec "$@"', "sh")
        try:
            clinic.enrol("TS-0001")
            with Store(Path(folder) / "records", _SETTLED, create=True, floor_bytes=0) as store:
                outbox, summary = Outbox(store), Summary()
                built = prepare(store, outbox, 3, width=3200)
                with clinic.server() as server:
                    send_all(outbox, server, _SETTLED, summary, lambda done, total: None, lambda seconds: None)
                tally.runs, tally.refused = 1, len(summary.problems)
                tally.fired = int([problem.row.name for problem in summary.problems] == ["ServerFull"])
                tally.problems += [
                    f"{entry.kind} of {entry.capture}: lost here" for entry in built if not outbox.data(entry)
                ]
                tally.problems += store.check()
                pid = (home / "orthanc.pid").read_text()
                within = ("nsenter", "--target", pid, "--user", "--mount", "--preserve-credentials")
                more_room = ("mount", "-o", "remount,size=200m", home / "orthanc")
                subprocess.run([*within, *more_room], check=True)
                tally.problems += _finish(clinic, store, outbox)
                tally.kept = len(outbox.entries("received"))
        finally:
            clinic.run("stop")
    return tally


def early_removal(clinic: Clinic, flaw: bool = False) -> Tally:
    """Retention at any moment: with the flaw, of what was sent and not verified."""
    tally = Tally()
    clinic.empty()
    with empty_records() as (store, outbox):
        entries = prepare(store, outbox, 4)
        for entry in entries[:4]:
            outbox.mark(entry, "sent", Instant(NOON, True))
        if flaw:
            with store.writing() as db:
                db.execute("UPDATE object SET state = 'received', received_at = '2000-01-01T00:00:00+00:00'")
        tally.runs, tally.fired = 1, 1
        removed = outbox.remove_received(Instant(datetime.now(UTC), True), 0)
        held = clinic.held()
        if removed:
            tally.problems.append(f"{removed} photographs removed, {len(held)} objects at the clinic")
    return tally


def _finish(clinic: Clinic, store: Store, outbox: Outbox) -> list[str]:
    """Left alone, a run gets everything through."""
    outbox.clear_leftovers()
    build_all(store, outbox, DEVICE, lambda done, total: None)
    summary = Summary()
    with clinic.server() as server:
        send_all(outbox, server, _SETTLED, summary, lambda done, total: None, lambda seconds: None)
    left = outbox.entries("waiting", "sent", "conflict")
    problems = [f"{len(left)} were never received: {summary.problems[:2]}"] if left else []
    return problems + examine(clinic, store, outbox)


def _kill(clinic: Clinic, name: str) -> None:
    pid = int((clinic.folder / f"{name}.pid").read_text())
    victims = [pid]
    if name == "nginx":
        victims += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    for victim in victims:
        subprocess.run(["kill", "-9", str(victim)], check=False)


def _config(clinic: Clinic, records: Path) -> Path:
    settings = clinic.settings()
    path = clinic.folder / "device.toml"
    values: dict[str, Any] = {
        "device_serial": DEVICE.serial, "institution": DEVICE.institution, "url": settings.url,
        "ca": str(settings.ca), "certificate": str(settings.certificate), "key": str(settings.key),
    }  # fmt: skip
    lines = [f"{name} = {json.dumps(value)}" for name, value in values.items()]
    path.write_text(f"[records]\nfolder = {json.dumps(str(records))}\n[clinic]\n" + "\n".join(lines) + "\n")
    return path
