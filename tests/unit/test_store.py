"""The records: what is saved comes back, what was not saved is nowhere, what is erased leaves no trace."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.faults.drills import fast_folder
from trichoscope import errors
from trichoscope.clock import Instant, SystemClock
from trichoscope.records import Capture, Store, audit, schema
from trichoscope.records.store import DATABASE, PHOTOGRAPHS, RESERVE, RESERVE_BYTES

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PHOTOGRAPH = b"\xff\xd8 a photograph \xff\xd9"


class SetClock:
    """A clock that says what it was told."""

    def __init__(self) -> None:
        self.instant = Instant(NOON, True)

    def now(self) -> Instant:
        return self.instant


def capture(patient: str = "P-000017", **changes: Any) -> Capture:
    reading = {"counts": {"total": 2}, "hairs": [{"diameter_um": 71.5}, {"diameter_um": 22.0}], "warnings": ["µ"]}
    return replace(
        Capture(
            patient=patient, site="vertex", operator="ab", taken_at=NOON, clock_trusted=True, threshold_um=40.0,
            um_per_px=2.77, calibration_id="2026-02-01", model_name="hairnet", model_sha256="ab" * 32,
            firmware_version="1.2.3", throttling=0x50000, reading=reading,
        ),
        **changes,
    )  # fmt: skip


REFUSED = capture(reading=None, reasons=("Too blurred: hold still and press again.",))


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """In memory where there is such a folder: nothing here is about the disk, and waiting for it takes minutes."""
    with fast_folder() as folder:
        yield folder


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def store(tmp_path: Path, clock: SetClock) -> Iterator[Store]:
    with Store(tmp_path, clock, create=True) as opened:
        yield opened


def events(folder: Path) -> list[tuple[str, dict[str, Any]]]:
    db = sqlite3.connect(folder / DATABASE)
    rows = db.execute("SELECT event, detail FROM audit ORDER BY sequence").fetchall()
    db.close()
    return [(event, json.loads(detail)) for event, detail in rows]


def test_what_was_saved_comes_back_whole(store: Store) -> None:
    visit = capture(study_uid="2.25.17", accession_number="A7", light="polarised")
    for given in (capture(), visit, REFUSED, capture(um_per_px=None, calibration_id=None, throttling=None)):
        kept = store.save(PHOTOGRAPH, given)
        assert store.capture(kept.sequence) == kept
        assert kept.capture == given
        assert store.photograph(kept) == PHOTOGRAPH
    assert store.check() == []


def test_a_list_has_the_figures_but_not_the_hairs(store: Store) -> None:
    store.save(PHOTOGRAPH, capture())
    store.save(PHOTOGRAPH, REFUSED)
    first, second = store.captures()
    assert first.capture.reading == {"counts": {"total": 2}, "warnings": ["µ"]}
    assert second.capture == REFUSED


def test_captures_of_a_patient_and_site(store: Store) -> None:
    for patient in ("A", "B"):
        for site in ("vertex", "frontal"):
            store.save(PHOTOGRAPH, capture(patient, site=site))
    assert [kept.sequence for kept in store.captures("B")] == [3, 4]
    assert [kept.sequence for kept in store.captures("B", "frontal")] == [4]
    assert [kept.sequence for kept in store.captures(site="vertex")] == [1, 3]


def test_no_file_name_tells_the_patient(store: Store, tmp_path: Path) -> None:
    store.save(PHOTOGRAPH, capture())
    assert not [path for path in tmp_path.rglob("*") if "17" in path.name.replace(store.captures()[0].id, "")]


@pytest.mark.parametrize(
    "wrong",
    [
        {"reading": None},
        {"reasons": ("too blurred",)},
        {"taken_at": datetime(2026, 1, 1)},
        {"patient": ""},
        {"site": ""},
    ],
)
def test_a_capture_that_says_two_things_or_nothing_is_none(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="capture"):
        capture(**wrong)


def test_a_capture_that_is_not_there(store: Store) -> None:
    with pytest.raises(errors.CaptureUnknown):
        store.capture(1)


def test_records_are_made_only_where_asked(tmp_path: Path, clock: SetClock) -> None:
    with pytest.raises(errors.RecordsMissing):
        Store(tmp_path / "typo", clock)
    assert not (tmp_path / "typo").exists()


def test_a_photograph_that_changed_is_not_passed_on(store: Store, tmp_path: Path) -> None:
    kept = store.save(PHOTOGRAPH, capture())
    path = tmp_path / PHOTOGRAPHS / f"{kept.id}.jpg"
    path.write_bytes(PHOTOGRAPH[::-1])
    with pytest.raises(errors.RecordsDamaged, match="changed"):
        store.photograph(kept)
    path.unlink()
    with pytest.raises(errors.RecordsDamaged, match="read"):
        store.photograph(kept)
    assert store.check() == ["The photograph of capture 1 is missing or incomplete."]


# Order


def test_200_clock_jumps_change_no_order(store: Store, clock: SetClock) -> None:
    rng = random.Random(4)
    for _ in range(200):
        clock.instant = Instant(NOON + timedelta(days=rng.uniform(-20_000, 20_000)), rng.random() < 0.5)
        now = clock.now()
        store.save(PHOTOGRAPH, capture(taken_at=now.time, clock_trusted=now.trusted))
    kept = store.captures()
    assert [k.sequence for k in kept] == list(range(1, 201))
    assert {k.capture.clock_trusted for k in kept} == {True, False}
    assert store.check() == []
    # the jumps were real: by wall time the order would be another one
    assert kept != sorted(kept, key=lambda k: k.capture.taken_at)


def test_a_sequence_number_is_never_used_again(tmp_path: Path, clock: SetClock) -> None:
    with Store(tmp_path, clock, create=True) as store:
        store.save(PHOTOGRAPH, capture("A"))
        store.erase("A", by="test")
    with Store(tmp_path, clock) as store:
        assert store.save(PHOTOGRAPH, capture("B")).sequence == 2


# Clock


def test_the_clock_is_trusted_once_something_stands_behind_it(tmp_path: Path) -> None:
    clock = SystemClock(tmp_path)
    assert not clock.now().trusted
    rtc = tmp_path / "sys/class/rtc/rtc0/hctosys"
    rtc.parent.mkdir(parents=True)
    rtc.write_text("0\n")
    assert not clock.now().trusted
    rtc.write_text("1\n")
    assert clock.now().trusted
    assert clock.now().time.utcoffset() is not None


def test_a_clock_set_by_the_network_is_trusted_unless_it_lost_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / "run/systemd/timesync/synchronized"
    mark.parent.mkdir(parents=True)
    mark.touch()
    clock = SystemClock(tmp_path)
    assert clock.now().trusted
    monkeypatch.setattr("trichoscope.clock.EARLIEST", datetime(9000, 1, 1, tzinfo=UTC))
    assert not clock.now().trusted


# Schema


def test_a_newer_database_is_refused_and_left_as_it_was(tmp_path: Path, clock: SetClock) -> None:
    Store(tmp_path, clock, create=True).close()
    db = sqlite3.connect(tmp_path / DATABASE)
    db.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS) + 1}")
    db.close()
    before = (tmp_path / DATABASE).read_bytes()
    with pytest.raises(errors.RecordsTooNew, match="E406"):
        Store(tmp_path, clock)
    assert (tmp_path / DATABASE).read_bytes() == before


def test_an_older_database_opens_with_all_it_holds(
    tmp_path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(tmp_path, clock, create=True) as store:
        kept = store.save(PHOTOGRAPH, capture())
    step = ("CREATE TABLE later (x INTEGER) STRICT", "INSERT INTO later VALUES (7)")
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, step))
    with Store(tmp_path, clock) as store:
        assert store.capture(kept.sequence) == kept
        assert store.check() == []
    assert events(tmp_path)[-1] == ("migrated", {"from": len(schema.MIGRATIONS) - 1, "to": len(schema.MIGRATIONS)})


def test_a_database_of_schema_1_opens_and_its_captures_keep_their_digest(tmp_path: Path, clock: SetClock) -> None:
    (tmp_path / PHOTOGRAPHS).mkdir()
    (tmp_path / PHOTOGRAPHS / f"{'a' * 32}.jpg").write_bytes(PHOTOGRAPH)
    row = (
        1, "a" * 32, "P-000017", "vertex", "ab", NOON.isoformat(), 1, 40.0, 2.77, "c1", "hairnet", "ab", "1.2.3", None,
        "cd", len(PHOTOGRAPH), '{"counts":{}}', "[]",
    )  # fmt: skip
    db = sqlite3.connect(tmp_path / DATABASE)
    with db:
        for statement in schema.MIGRATIONS[0]:
            db.execute(statement)
        db.execute(f"INSERT INTO capture VALUES ({', '.join('?' * len(row))})", row)
        db.execute("INSERT INTO hairs VALUES (1, '[]')")
        detail = {"capture": 1, "digest": audit.digest((*row, "[]"))}  # as schema 1 made it
        audit.append(db, Instant(NOON, True), by="ab", event="captured", detail=detail)
        db.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        db.execute("PRAGMA user_version = 1")
    db.close()
    with Store(tmp_path, clock) as store:
        (old,) = store.captures()
        assert (old.capture.light, old.capture.study_uid, old.set_aside) == (None, None, False)
        assert store.check() == []
        store._db().execute("UPDATE capture SET light = 'white'")
        assert store.check() == ["Capture 1 was changed."]


def test_a_migration_that_fails_changes_nothing(
    tmp_path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(tmp_path, clock, create=True) as store:
        kept = store.save(PHOTOGRAPH, capture())
    with monkeypatch.context() as patch:
        step = ("CREATE TABLE later (x INTEGER) STRICT", "INSERT INTO nowhere VALUES (7)")
        patch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, step))
        with pytest.raises(errors.StorageFailed):
            Store(tmp_path, clock)
    with Store(tmp_path, clock) as store:
        assert store.capture(kept.sequence) == kept


def test_a_file_that_is_no_database_and_the_database_of_another_program(tmp_path: Path, clock: SetClock) -> None:
    (tmp_path / DATABASE).write_bytes(b"a shopping list" * 1000)
    with pytest.raises(errors.RecordsDamaged):
        Store(tmp_path, clock)
    (tmp_path / DATABASE).unlink()
    db = sqlite3.connect(tmp_path / DATABASE)
    db.execute("CREATE TABLE shopping (item TEXT)")
    db.close()
    with pytest.raises(errors.RecordsDamaged, match="another program"):
        Store(tmp_path, clock)


def test_two_programs_share_the_records(tmp_path: Path, store: Store, clock: SetClock) -> None:
    with Store(tmp_path, clock) as other:
        store.save(PHOTOGRAPH, capture("A"))
        other.save(PHOTOGRAPH, capture("B"))
        assert [kept.capture.patient for kept in store.captures()] == ["A", "B"]


def test_a_lock_that_is_not_given_back_has_a_number(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = sqlite3.connect(tmp_path / DATABASE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store._db().execute("PRAGMA busy_timeout = 0")
    with pytest.raises(errors.RecordsBusy):
        store.save(PHOTOGRAPH, capture())
    other.execute("ROLLBACK")
    assert store.save(PHOTOGRAPH, capture()).sequence == 1


# Leftovers


def test_leftovers_of_a_crash_are_removed_and_the_audit_says_so(tmp_path: Path, clock: SetClock) -> None:
    with Store(tmp_path, clock, create=True) as store:
        kept = store.save(PHOTOGRAPH, capture())
    for name in ("a" * 32 + ".jpg", "b" * 32 + ".jpg", "c" * 32 + ".part"):
        (tmp_path / PHOTOGRAPHS / name).write_bytes(PHOTOGRAPH)
    with Store(tmp_path, clock) as store:
        assert store.photograph(kept) == PHOTOGRAPH
    assert [path.stem for path in (tmp_path / PHOTOGRAPHS).iterdir()] == [kept.id]
    assert events(tmp_path)[-1] == ("recovered", {"unfinished": 1, "without_row": 2})
    Store(tmp_path, clock).close()
    assert [event for event, _ in events(tmp_path)].count("recovered") == 1


def test_who_opens_the_records_during_a_save_does_not_take_its_photograph_away(
    tmp_path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The photograph is in its place before its row is: the write lock tells others to wait."""
    monkeypatch.setattr("trichoscope.records.store.BUSY_S", 0.0)
    met = []

    def meddle(folder: Path) -> None:
        if folder.name == PHOTOGRAPHS and any(folder.glob("*.jpg")):
            with pytest.raises(errors.RecordsBusy):
                Store(tmp_path, clock)
            met.append(folder)

    with Store(tmp_path, clock, create=True) as store:
        monkeypatch.setattr("trichoscope.records.photographs.sync_folder", meddle)
        kept = store.save(PHOTOGRAPH, capture())
        assert met
        assert store.photograph(kept) == PHOTOGRAPH


def test_a_photograph_that_is_being_written_is_no_leftover(tmp_path: Path, clock: SetClock) -> None:
    with Store(tmp_path, clock, create=True) as store:
        with store.incoming(PHOTOGRAPH) as incoming:
            Store(tmp_path, clock).close()  # another program looks at the records meanwhile
            kept = store.save(incoming, capture())
        assert store.photograph(kept) == PHOTOGRAPH
    assert "recovered" not in [event for event, _ in events(tmp_path)]


def test_nothing_is_left_of_a_photograph_that_was_not_saved(tmp_path: Path, store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.incoming(PHOTOGRAPH):
        assert list((tmp_path / PHOTOGRAPHS).iterdir())
        raise ZeroDivisionError
    assert not list((tmp_path / PHOTOGRAPHS).iterdir())


def test_a_photograph_that_cannot_be_written_has_a_number_and_leaves_nothing(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("os.posix_fadvise", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
        with pytest.raises(errors.StorageFull), store.incoming(PHOTOGRAPH):
            pass
    assert not list((tmp_path / PHOTOGRAPHS).iterdir())
    assert events(tmp_path)[-1] == ("save_failed", {"error": "E403"})


# Audit


def test_everything_done_is_in_the_trail_and_no_patient_is(tmp_path: Path, store: Store) -> None:
    store.save(PHOTOGRAPH, capture("P-000017"))
    store.note("exported", {"captures": [1]}, by="user ab")
    store.erase("P-000017", by="user ab")
    assert [event for event, _ in events(tmp_path)] == ["migrated", "captured", "exported", "erased"]
    assert "P-000017" not in str(events(tmp_path))
    assert store.check() == []


def test_the_trail_can_only_grow(store: Store) -> None:
    for statement in ("DELETE FROM audit", "UPDATE audit SET event = 'nothing'"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            store._db().execute(statement)


@pytest.mark.parametrize(
    ("tampering", "row"),
    [
        ("UPDATE audit SET event = 'nothing' WHERE sequence = 3", 3),
        ("UPDATE audit SET at = '2020-01-01T00:00:00+00:00' WHERE sequence = 2", 2),
        ("UPDATE audit SET clock_trusted = 0 WHERE sequence = 4", 4),
        ("DELETE FROM audit WHERE sequence = 2", 2),
        ("DELETE FROM audit WHERE sequence = 1", 1),
        ("DELETE FROM audit WHERE sequence = 5", 5),
        ("DELETE FROM audit WHERE sequence >= 3", 3),
        ("UPDATE audit SET sequence = 9 WHERE sequence = 5", 5),
        ("INSERT INTO audit SELECT 6, at, 1, by, event, detail, hash, hash FROM audit WHERE sequence = 5", 6),
        ("UPDATE audit SET by = 'nobody', hash = '" + "0" * 64 + "' WHERE sequence = 5", 5),
    ],
)
def test_tampering_with_the_trail_is_found(store: Store, tampering: str, row: int) -> None:
    for _ in range(4):
        store.save(PHOTOGRAPH, capture())
    db = store._db()
    assert audit.first_broken(db) is None
    db.execute("DROP TRIGGER audit_stays")
    db.execute("DROP TRIGGER audit_is_final")
    db.execute(tampering)
    assert audit.first_broken(db) == row
    assert f"Audit: row {row} was changed or is missing." in store.check()


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE capture SET patient = 'other' WHERE sequence = 2",
        "UPDATE capture SET reading = replace(reading, '2', '3') WHERE sequence = 2",
        "UPDATE hairs SET document = replace(document, '71.5', '71.6') WHERE capture = 2",
        "DELETE FROM hairs WHERE capture = 2",
        "UPDATE capture SET light = 'white' WHERE sequence = 2",
    ],
)
def test_a_capture_that_was_changed_afterwards_is_found(store: Store, tampering: str) -> None:
    for _ in range(3):
        store.save(PHOTOGRAPH, capture())
    store._db().execute(tampering)
    assert store.check() == ["Capture 2 was changed."]


def test_the_newest_captures_can_be_checked_alone(store: Store) -> None:
    for _ in range(5):
        store.save(PHOTOGRAPH, capture())
    for number in (2, 4):
        store._db().execute("UPDATE capture SET patient = 'other' WHERE sequence = ?", (number,))
    assert store.check() == ["Capture 2 was changed.", "Capture 4 was changed."]
    assert store.check(newest=2) == ["Capture 4 was changed."]
    assert store.check(newest=1) == []


# Setting aside


def test_a_capture_set_aside_stays_and_the_audit_says_who(store: Store, tmp_path: Path) -> None:
    kept = store.save(PHOTOGRAPH, capture())
    for _ in range(2):
        store.set_aside(kept.sequence, by="ab")
    assert store.captures() == [replace(kept, set_aside=True, capture=store.captures()[0].capture)]
    assert store.photograph(kept) == PHOTOGRAPH
    assert [event for event in events(tmp_path) if event[0] == "set_aside"] == [("set_aside", {"capture": 1})]
    assert store.check() == []
    with pytest.raises(errors.CaptureUnknown):
        store.set_aside(2, by="ab")


@pytest.mark.parametrize("flag", [0, 1])
def test_setting_aside_behind_the_trail_is_found(store: Store, flag: int) -> None:
    store.save(PHOTOGRAPH, capture())
    if not flag:
        store.set_aside(1, by="ab")
    assert store.check() == []
    store._db().execute(f"UPDATE capture SET set_aside = {flag}")
    assert store.check() == ["Capture 1 was changed."]


# Erasing


def bytes_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.glob(f"{DATABASE}*")))


def fill(store: Store, patients: int = 12, rounds: int = 10) -> None:
    rng = random.Random(2)
    for _ in range(rounds):
        for patient in range(patients):
            hairs = [{"diameter_um": rng.random()} for _ in range(rng.choice([3, 100, 300]))]
            store.save(PHOTOGRAPH, capture(f"P-{patient:06d}", reading={"hairs": hairs, "counts": {}}))


def test_an_erased_patient_leaves_no_trace_and_the_others_stay(tmp_path: Path, clock: SetClock) -> None:
    with Store(tmp_path, clock, create=True) as store:
        fill(store)
        gone = store.captures("P-000003")
        assert b"P-000003" in bytes_of(tmp_path)  # the search can find it
        erasure = store.erase("P-000003", by="test")
        assert erasure.captures == tuple(kept.sequence for kept in gone)
        for text in ("P-000003", *(kept.id for kept in gone)):
            assert text.encode() not in bytes_of(tmp_path)
        names = {path.name for path in (tmp_path / PHOTOGRAPHS).iterdir()}
        assert names == {f"{kept.id}.jpg" for kept in store.captures()}
        assert len(names) == 110
        assert store.check() == []


def test_without_overwriting_the_trace_is_seen_and_the_database_written_anew(store: Store, tmp_path: Path) -> None:
    """The control of the test above: with secure_delete off the code stays in the file."""
    fill(store, rounds=3)
    store._db().execute("PRAGMA secure_delete = OFF")
    assert store.erase("P-000003", by="test").rewritten
    assert b"P-000003" not in bytes_of(tmp_path)
    assert store.check() == []


def test_a_trace_that_stays_is_not_called_erased(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.save(PHOTOGRAPH, capture("P-000003"))
    monkeypatch.setattr(Store, "_holds", lambda self, text: True)
    with pytest.raises(errors.ErasureIncomplete):
        store.erase("P-000003", by="test")


def test_a_reader_in_the_way_leaves_the_erasure_incomplete_until_it_is_repeated(tmp_path: Path, store: Store) -> None:
    store.save(PHOTOGRAPH, capture("P-000003"))
    reader = sqlite3.connect(tmp_path / DATABASE, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM capture").fetchall()
    store._db().execute("PRAGMA busy_timeout = 0")
    with pytest.raises(errors.ErasureIncomplete):
        store.erase("P-000003", by="test")
    reader.close()
    store.erase("P-000003", by="test")
    assert b"P-000003" not in bytes_of(tmp_path)


def test_a_short_code_that_is_part_of_other_rows_can_be_erased(store: Store) -> None:
    store.save(PHOTOGRAPH, capture("1"))
    store.save(PHOTOGRAPH, capture("11"))
    assert store.erase("1", by="test").captures == (1,)
    assert [kept.capture.patient for kept in store.captures()] == ["11"]


def test_photographs_of_an_erasure_that_was_cut_short_go_at_the_next_opening(
    tmp_path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(tmp_path, clock, create=True) as store:
        store.save(PHOTOGRAPH, capture("P-000003"))

        def cut(folder: Path, names: object) -> None:
            raise OSError(5, "cut")

        with monkeypatch.context() as patch:
            patch.setattr("trichoscope.records.photographs.remove", cut)
            with pytest.raises(errors.ErasureIncomplete):
                store.erase("P-000003", by="test")
    assert list((tmp_path / PHOTOGRAPHS).iterdir())
    Store(tmp_path, clock).close()
    assert not list((tmp_path / PHOTOGRAPHS).iterdir())


# Space


def test_captures_are_refused_early_and_said_once(
    tmp_path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(tmp_path, clock, create=True, floor_bytes=1000) as store:
        monkeypatch.setattr(Store, "free_bytes", lambda self: 1000 + len(PHOTOGRAPH) - 1)
        for _ in range(3):
            with pytest.raises(errors.StorageLow, match="E402"):
                store.save(PHOTOGRAPH, capture())
        monkeypatch.setattr(Store, "free_bytes", lambda self: 1000 + len(PHOTOGRAPH))
        assert store.save(PHOTOGRAPH, capture()).sequence == 1
    assert [event for event, _ in events(tmp_path)] == ["migrated", "storage_low", "captured"]
    assert len(list((tmp_path / PHOTOGRAPHS).iterdir())) == 1


def test_the_reserve_is_there_from_the_start(store: Store, tmp_path: Path) -> None:
    assert (tmp_path / RESERVE).stat().st_size == RESERVE_BYTES
