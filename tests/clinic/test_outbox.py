"""The outbox: what is to be sent, that it is built once, and that only what was received is ever removed."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.clinic.captures import DEVICE, NOON, REFUSED, capture, jpeg, reading
from trichoscope import errors
from trichoscope.clinic.building import build, build_all, build_revision, visit_of
from trichoscope.clock import Instant
from trichoscope.records import Kept, Store
from trichoscope.records.outbox import Appointment, Entry, Outbox

NOW = Instant(NOON, True)
JPEG = jpeg(128, 96)
ANNA = Appointment("2.25.123", "P-0042", "Doe^Anna", "19800101", "F", "A7", "RP1", "SPS1", "Scalp", "20260301123000")


def save(store: Store, photograph: bytes = JPEG, **changes: Any) -> Kept:
    return store.save(photograph, capture(**changes))


def build_everything(store: Store, outbox: Outbox) -> list[Entry]:
    build_all(store, outbox, DEVICE, lambda done, total: None)
    return outbox.entries("waiting", "sent", "received", "conflict")


def receive(outbox: Outbox, entries: list[Entry], when: Instant = NOW) -> None:
    for entry in entries:
        outbox.mark(entry, "received", when)


def rows(store: Store, query: str) -> list[tuple[Any, ...]]:
    db = sqlite3.connect(store.folder / "records.db")
    found = db.execute(query).fetchall()
    db.close()
    return found


def test_every_kept_capture_has_a_photograph_and_where_it_was_measured_a_report(store: Store, outbox: Outbox) -> None:
    save(store)
    save(store, **REFUSED)
    store.set_aside(save(store).sequence, by="ab")
    assert sorted(outbox.unbuilt()) == [(1, "photograph"), (1, "report"), (2, "photograph")]
    built = build_everything(store, outbox)
    assert [(entry.capture, entry.kind, entry.state) for entry in built] == [
        (1, "photograph", "waiting"),
        (1, "report", "waiting"),
        (2, "photograph", "waiting"),
    ]
    assert outbox.unbuilt() == []
    assert outbox.unsent() == 2


def test_what_was_built_is_never_built_again(store: Store, outbox: Outbox) -> None:
    kept = save(store)
    first = build(store, outbox, DEVICE, kept.sequence, "report")
    before = outbox.data(first)
    with store.writing() as db:
        db.execute("DELETE FROM object")  # the rows are lost, the files are not
    other_device = replace(DEVICE, institution="Moved")
    again = build(store, outbox, other_device, kept.sequence, "report")
    assert again == first
    assert outbox.data(again) == before


def test_a_file_that_was_changed_is_not_sent(store: Store, outbox: Outbox) -> None:
    entry = build(store, outbox, DEVICE, save(store).sequence, "photograph")
    (path,) = store.objects.iterdir()
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(errors.RecordsDamaged):
        outbox.data(entry)


def test_a_photograph_that_cannot_be_sent_keeps_nothing_else_back(store: Store, outbox: Outbox) -> None:
    save(store, jpeg(128, 96, progressive=True))
    save(store)
    built, problems = build_all(store, outbox, DEVICE, lambda done, total: None)
    assert built == 3
    assert [type(problem) for problem in problems] == [errors.PhotographNotSendable]


def test_the_patient_of_an_object_is_final(store: Store, outbox: Outbox) -> None:
    save(store)
    with store.writing() as db:
        db.execute("UPDATE capture SET patient = patient")  # nothing is built yet
    build_everything(store, outbox)
    with pytest.raises(errors.StorageFailed, match="final"), store.writing() as db:
        db.execute("UPDATE capture SET patient = 'P-0043'")


def test_captures_of_a_day_without_a_study_are_one_study(store: Store, outbox: Outbox) -> None:
    first = save(store, study_uid=None)
    same_day = save(store, study_uid=None, taken_at=NOON + timedelta(hours=2))
    next_day = save(store, study_uid=None, taken_at=NOON + timedelta(days=1))
    other = save(store, study_uid=None, patient="P-0043")
    studies = [visit_of(outbox, DEVICE, kept).study_uid for kept in (first, same_day, next_day, other)]
    assert studies[0] == studies[1]
    assert len(set(studies)) == 3
    assert visit_of(outbox, DEVICE, same_day).started_at == NOON


def test_a_visit_of_the_worklist_brings_its_names_into_the_objects(store: Store, outbox: Outbox) -> None:
    outbox.set_worklist([ANNA, replace(ANNA, study_uid="2.25.9", patient="P-0099")], NOW)
    mine, stranger = save(store), save(store, study_uid="2.25.9")
    assert visit_of(outbox, DEVICE, mine).patient_name == "Doe^Anna"
    assert visit_of(outbox, DEVICE, stranger).patient_name == ""  # the study of another patient


def test_the_worklist_is_replaced_but_what_is_needed_stays(store: Store, outbox: Outbox) -> None:
    outbox.set_worklist([ANNA, replace(ANNA, study_uid="2.25.9", starts_at="20260301080000")], NOW)
    save(store)
    listed = outbox.worklist()
    assert listed is not None
    assert [each.study_uid for each in listed.appointments] == ["2.25.9", "2.25.123"]
    outbox.set_worklist([], NOW)
    emptied = outbox.worklist()
    assert emptied is not None
    assert emptied.appointments == ()
    assert visit_of(outbox, DEVICE, store.capture(1)).patient_name == "Doe^Anna"
    build_everything(store, outbox)
    outbox.set_worklist([], NOW)
    assert rows(store, "SELECT * FROM worklist") == []


def measured_again(kept: Kept, hairs: int) -> Kept:
    return replace(kept, capture=replace(kept.capture, reading=reading(hairs), reasons=(), model_sha256="cd" * 32))


def test_a_new_measurement_is_a_new_revision(store: Store, outbox: Outbox) -> None:
    kept = store.capture(save(store).sequence)
    for built_before in (False, True):
        revisions = [build_revision(outbox, DEVICE, kept, measured_again(kept, hairs)) for hairs in (4, 4, 5)]
        if not built_before:
            assert [entry and entry.revision for entry in revisions] == [2, None, 3]
            build_everything(store, outbox)
    assert [(e.kind, e.revision) for e in outbox.entries("waiting")][:3] == [
        ("photograph", 1),
        ("report", 1),  # what was shown at the capture is never skipped
        ("report", 2),
    ]


def test_a_measurement_that_says_the_same_is_none(store: Store, outbox: Outbox) -> None:
    kept = store.capture(save(store).sequence)
    assert build_revision(outbox, DEVICE, kept, measured_again(kept, 3)) is None


def test_a_photograph_measured_for_the_first_time_has_its_first_report(store: Store, outbox: Outbox) -> None:
    kept = store.capture(save(store, **REFUSED).sequence)
    entry = build_revision(outbox, DEVICE, kept, measured_again(kept, 3))
    assert entry is not None
    assert entry.revision == 1


# Removing


@pytest.fixture
def received(store: Store, outbox: Outbox) -> Outbox:
    save(store)
    receive(outbox, build_everything(store, outbox))
    return outbox


def test_what_was_received_is_removed_after_its_days_and_the_reading_stays(store: Store, received: Outbox) -> None:
    kept = store.capture(1)
    assert received.remove_received(Instant(NOON + timedelta(days=29), True), 30) == 0
    assert store.photograph(kept) == JPEG
    assert received.remove_received(Instant(NOON + timedelta(days=31), True), 30) == 1
    assert list(store.objects.iterdir()) == []
    with pytest.raises(errors.PhotographRemoved):
        store.photograph(kept)
    assert store.capture(1) == kept
    assert store.check() == []
    assert received.unbuilt() == []
    assert received.remove_received(Instant(NOON + timedelta(days=90), True), 30) == 0


@pytest.mark.parametrize("state", ["waiting", "sent", "conflict"])
@pytest.mark.parametrize("which", [0, 1])
def test_nothing_is_removed_while_the_clinic_lacks_a_part_of_it(
    store: Store, received: Outbox, state: Any, which: int
) -> None:
    received.mark(received.entries("received")[which], state, NOW)
    assert received.remove_received(Instant(NOON + timedelta(days=3650), True), 0) == 0
    assert store.photograph(store.capture(1)) == JPEG


def test_what_was_never_to_be_sent_is_never_removed(store: Store, outbox: Outbox) -> None:
    store.set_aside(save(store).sequence, by="ab")
    save(store, jpeg(128, 96, progressive=True))  # its report is received, its photograph cannot be sent
    receive(outbox, build_everything(store, outbox))
    assert outbox.remove_received(Instant(NOON + timedelta(days=3650), True), 0) == 0


def test_a_removal_that_was_interrupted_is_finished(
    store: Store, received: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(identity: str) -> None:
        raise errors.StorageFailed

    with monkeypatch.context() as patch, pytest.raises(errors.StorageFailed):
        patch.setattr(store, "remove_photograph", cut)
        received.remove_received(Instant(NOON + timedelta(days=31), True), 30)
    assert store.photograph(store.capture(1)) == JPEG
    received.clear_leftovers()
    with pytest.raises(errors.PhotographRemoved):
        store.photograph(store.capture(1))
    assert list(store.objects.iterdir()) == []


# Erasing


def test_erasing_a_patient_erases_objects_and_worklist(store: Store, outbox: Outbox) -> None:
    outbox.set_worklist([ANNA], NOW)
    save(store)
    other = save(store, patient="P-0043", study_uid="2.25.777")
    build_everything(store, outbox)
    store.erase("P-0042", by="ab")
    assert {path.name.partition("-")[0] for path in store.objects.iterdir()} == {other.id}
    assert outbox.worklist() is not None
    for file in (path for path in store.folder.rglob("*") if path.is_file()):
        assert not any(word in file.read_bytes() for word in (b"P-0042", b"Doe^Anna", b"2.25.123"))


def test_an_object_built_while_its_patient_is_erased_leaves_no_trace(store: Store, outbox: Outbox) -> None:
    kept = save(store)
    store.erase("P-0042", by="ab")
    with pytest.raises(errors.StorageFailed):
        outbox.keep(kept, "photograph", 1, b"object", uid="2.25.1", study_uid="2.25.2", series_uid="2.25.3")
    assert list(store.objects.iterdir()) == []


def test_leftovers_of_a_crash_are_cleared(store: Store, outbox: Outbox) -> None:
    save(store)
    build_everything(store, outbox)
    whole = sorted(path.name for path in store.objects.iterdir())
    for name in (f"{'e' * 32}-report-1.dcm", f"{store.capture(1).id}-report-2.part"):
        (store.objects / name).write_bytes(b"left")
    outbox.clear_leftovers()
    assert sorted(path.name for path in store.objects.iterdir()) == whole


def test_no_file_name_tells_the_patient(store: Store, outbox: Outbox, tmp_path: Path) -> None:
    save(store)
    build_everything(store, outbox)
    assert not [path for path in tmp_path.rglob("*") if "0042" in path.name.replace(store.capture(1).id, "")]
