"""Captures kept so that what was shown is there, whatever happens to the power, the disk or the program.

A save goes: photograph to a temporary file, fsync, rename, fsync of the folder, then one commit that waits for the
disk. SQLite's write lock is held from the fsync on, so that nobody opening the records meanwhile takes the photograph
that has no row yet for a leftover.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any
from uuid import uuid4

from ..clock import Clock
from ..errors import (
    CaptureUnknown,
    ErasureIncomplete,
    PhotographRemoved,
    RecordsBusy,
    RecordsDamaged,
    RecordsMissing,
    StorageFailed,
    StorageFull,
    StorageLow,
    TrichoscopeError,
)
from . import audit, photographs, schema
from .capture import Capture, Kept
from .photographs import Incoming

DATABASE = "records.db"
PHOTOGRAPHS = "photographs"
OBJECTS = "objects"
RESERVE = "reserve"
RESERVE_BYTES = 512 * 1024
"""Given up when the disk is full, so that the audit row which says so gets in."""
FLOOR_BYTES = 200_000_000
"""Space that no capture may take: about thirty 12 MP photographs, so that a visit that began can be finished once
somebody was told, and SQLite's log has room."""
BUSY_S = 10.0
"""How long another process may hold the write lock: several times the slowest save."""

_COLUMNS = (
    "patient", "site", "operator", "taken_at", "clock_trusted", "threshold_um", "um_per_px", "calibration_id",
    "model_name", "model_sha256", "firmware_version", "throttling",
)  # fmt: skip
_DIGESTED = ("sequence", "id", *_COLUMNS, "photograph_sha256", "photograph_bytes", "reading", "reasons")
"""The row of schema 1. Its order is part of every digest in the audit."""
_ADDED = ("study_uid", "accession_number", "light")
"""Of schema 2: digested too where any is there, so that older captures keep their digest."""
_ROW = (*_DIGESTED, *_ADDED, "set_aside")
_SELECT = f"SELECT {', '.join(_ROW)} FROM capture"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Erasure:
    """What erasing a patient removed."""

    captures: tuple[int, ...]
    """Their sequence numbers."""
    rewritten: bool
    """The database had to be written anew, because overwriting the rows had left a trace."""


class Store:
    """The records in one folder: `records.db`, `photographs/`, `objects/` and a reserve file.

    Opening brings an older database up to date and clears away what an interrupted save or erasure left behind.

    Args:
        folder: where the records lie.
        create: make them where there are none.
        floor_bytes: free space that no capture may take.

    Raises an error of family 4 (see errors.TABLE).
    """

    def __init__(self, folder: Path, clock: Clock, *, create: bool = False, floor_bytes: int = FLOOR_BYTES) -> None:
        self.folder = folder
        self._photographs = folder / PHOTOGRAPHS
        self.objects = folder / OBJECTS
        """What is built for the clinic: see outbox.py."""
        self._clock = clock
        self._floor_bytes = floor_bytes
        self._low = False
        self._connection: sqlite3.Connection | None = None
        if not create and not (folder / DATABASE).exists():
            raise RecordsMissing(f"{folder}.")
        try:
            self._make_folders()
            try:
                self._open()
            except (OSError, sqlite3.Error) as error:
                if not _is_full(error) or not self._release_reserve():
                    raise
                self._open()  # even reading needs a few pages for SQLite's shared memory
            self._fill_reserve()
        except (OSError, sqlite3.Error) as error:
            self.close()
            raise _numbered(error) from error
        except TrichoscopeError:
            self.close()
            raise

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def save(self, photograph: bytes | Incoming, capture: Capture) -> Kept:
        """Keep one press. Once this has returned, a power cut does not take it away.

        Args:
            photograph: the camera's JPEG, byte for byte; or what `incoming` made of it.

        Raises StorageLow (nothing was tried), StorageFull, StorageFailed, RecordsBusy or RecordsDamaged; the capture
        is then not to be shown.
        """
        if not isinstance(photograph, Incoming):
            with self.incoming(photograph) as incoming:
                return self.save(incoming, capture)
        with self._saving():
            return self._save(photograph, capture)

    @contextmanager
    def incoming(self, photograph: bytes) -> Iterator[Incoming]:
        """Begin to write a photograph while it is measured; nothing is left of it where it is not saved within.

        Raises as `save` does.
        """
        with self._saving():
            self._require_room(len(photograph))
            incoming = photographs.begin(self._photographs, uuid4().hex, photograph)
        try:
            yield incoming
        finally:
            with suppress(OSError):  # what could not be removed is a leftover, for the next opening
                incoming.close()

    @contextmanager
    def _saving(self) -> Iterator[None]:
        """What fails while a capture is kept: numbered, noted in the audit, and the database looked at anew."""
        try:
            yield
        except TrichoscopeError:
            raise
        except (OSError, sqlite3.Error) as error:
            numbered = _numbered(error)
            if not isinstance(numbered, RecordsBusy):
                self._start_over(numbered)
            raise numbered from error

    def require_room(self) -> None:
        """Raises StorageLow where no photograph would be taken in: ask before one is taken. Or another of family 4."""
        with _numbering():
            self._require_room(0)

    def _save(self, incoming: Incoming, capture: Capture) -> Kept:
        with self._transaction() as db:
            photographs.keep(self._photographs, incoming)
            kept = _insert(db, Kept(0, incoming.capture_id, incoming.sha256, len(incoming.data), capture))
            self._note(
                db, "captured", {"capture": kept.sequence, "digest": _digest(db, kept.sequence)}, by=capture.operator
            )
        return kept

    def captures(self, patient: str | None = None, site: str | None = None) -> list[Kept]:
        """All captures in the order they were taken, of one patient and site where given; readings without hairs."""
        with self.reading() as db:
            rows = db.execute(
                f"{_SELECT} WHERE patient = coalesce(?, patient) AND site = coalesce(?, site) ORDER BY sequence",
                (patient, site),
            )
            return [_kept(row) for row in rows]

    def count(self) -> int:
        """How many captures there are."""
        with self.reading() as db:
            return int(db.execute("SELECT count(*) FROM capture").fetchone()[0])

    def capture(self, sequence: int) -> Kept:
        """One capture with every hair. Raises CaptureUnknown."""
        with self.reading() as db:
            row = db.execute(f"{_SELECT} WHERE sequence = ?", (sequence,)).fetchone()
            if row is None:
                raise CaptureUnknown(f"There is no capture {sequence}.")
            hairs = db.execute("SELECT document FROM hairs WHERE capture = ?", (sequence,)).fetchone()
            return _kept(row, hairs[0] if hairs else None)

    def set_aside(self, sequence: int, *, by: str) -> None:
        """Mark a capture as retaken; repeating it changes nothing. Raises CaptureUnknown, or another of family 4."""
        with self.writing() as db:
            row = db.execute("SELECT set_aside FROM capture WHERE sequence = ?", (sequence,)).fetchone()
            if row is None:
                raise CaptureUnknown(f"There is no capture {sequence}.")
            if not row[0]:
                db.execute("UPDATE capture SET set_aside = 1 WHERE sequence = ?", (sequence,))
                self._note(db, "set_aside", {"capture": sequence}, by=by)

    def photograph(self, kept: Kept) -> bytes:
        """The photograph's bytes as they were saved.

        Raises RecordsDamaged where they are not, PhotographRemoved where only the clinic still has it.
        """
        try:
            data = photographs.path_of(self._photographs, kept.id).read_bytes()
        except OSError as error:
            with self.reading() as db:
                if db.execute("SELECT 1 FROM removed WHERE capture = ?", (kept.sequence,)).fetchone():
                    raise PhotographRemoved(f"Capture {kept.sequence}.") from error
            raise RecordsDamaged(f"The photograph of capture {kept.sequence} cannot be read.") from error
        if hashlib.sha256(data).hexdigest() != kept.photograph_sha256:
            raise RecordsDamaged(f"The photograph of capture {kept.sequence} was changed.")
        return data

    def photograph_path(self, kept: Kept) -> Path | None:
        """Where the photograph lies; None where it was removed because the clinic has it."""
        path = photographs.path_of(self._photographs, kept.id)
        return path if path.exists() else None

    def remove_photograph(self, identity: str) -> None:
        """Remove the file of a photograph that the clinic has; its capture stays. Raises an error of family 4."""
        with self.reading():
            photographs.remove(self._photographs, [identity + photographs.ENDING])

    def note(self, event: str, detail: Mapping[str, Any], *, by: str) -> None:
        """Add a row to the audit trail; it never names a patient. Raises an error of family 4."""
        with self.writing() as db:
            self._note(db, event, detail, by=by)

    def erase(self, patient: str, *, by: str) -> Erasure:
        """Erase a patient's captures and photographs, and prove it.

        The deleted rows are overwritten, the log is emptied, and the bytes of both are searched for the patient's code,
        the ids of the captures and the numbers of the visits. Where SQLite left a trace in the unused part of a page,
        the database is written anew. The audit keeps the numbers of the captures. What a memory card holds in cells it
        no longer uses is out of reach: the card is to be encrypted. May be repeated. Raises ErasureIncomplete, or
        another error of family 4.
        """
        try:
            with self._transaction() as db:
                rows = db.execute(
                    "SELECT sequence, id, study_uid, accession_number FROM capture WHERE patient = ?", (patient,)
                ).fetchall()
                sequences, ids = tuple(row[0] for row in rows), [row[1] for row in rows]
                visits = {text for row in rows for text in row[2:] if text}
                visits |= {
                    text
                    for row in db.execute("SELECT study_uid, name FROM worklist WHERE patient = ?", (patient,))
                    for text in row
                    if text
                }
                db.execute("DELETE FROM capture WHERE patient = ?", (patient,))
                db.execute("DELETE FROM worklist WHERE patient = ?", (patient,))
                self._note(db, "erased", {"captures": sequences}, by=by)
            # A crash before this line leaves photographs without a row: the next opening removes them.
            photographs.remove(self._photographs, (identity + photographs.ENDING for identity in ids))
            photographs.remove(
                self.objects, (path.name for identity in ids for path in self.objects.glob(f"{identity}-*"))
            )
            self._empty_log()
            traced = any(self._holds(text) for text in (patient, *ids, *visits))
            if traced:
                self._db().execute("VACUUM")
                self._empty_log()
        except (OSError, sqlite3.Error) as error:
            raise ErasureIncomplete(_numbered(error).message) from error
        # Only the ids: written anew, the file holds nothing but rows, and a short code is part of many a hash.
        if any(self._holds(identity) for identity in ids):
            raise ErasureIncomplete("A trace was left in the database.")
        return Erasure(sequences, traced)

    def check(self, newest: int | None = None) -> list[str]:
        """What is wrong with the records, in words; empty where nothing is. Photographs are checked by their size.

        Args:
            newest: only the last captures of this number, and not SQLite's own pages: all of them take a second for
                each 150 MB.
        """
        with self.reading() as db:
            if newest is None:
                problems = [f"Database: {row[0]}." for row in db.execute("PRAGMA integrity_check") if row[0] != "ok"]
                if problems:
                    return problems  # what a damaged file says further is no evidence
            problems = []
            if (broken := audit.first_broken(db)) is not None:
                problems.append(f"Audit: row {broken} was changed or is missing.")
            digests = dict(
                db.execute("SELECT detail ->> 'capture', detail ->> 'digest' FROM audit WHERE event = 'captured'")
            )
            retaken = {row[0] for row in db.execute("SELECT detail ->> 'capture' FROM audit WHERE event = 'set_aside'")}
            removed = {row[0] for row in db.execute("SELECT id FROM removed JOIN capture ON sequence = capture")}
            rows = db.execute(
                "SELECT sequence, id, photograph_bytes, set_aside FROM capture"
                " WHERE ? IS NULL OR sequence > (SELECT max(sequence) FROM capture) - ? ORDER BY sequence",
                (newest, newest),
            )
            for sequence, identity, size, set_aside in rows.fetchall():
                if digests.get(sequence) != _digest(db, sequence) or bool(set_aside) != (sequence in retaken):
                    problems.append(f"Capture {sequence} was changed.")
                path = photographs.path_of(self._photographs, identity)
                if identity in removed:
                    continue
                if not path.exists() or path.stat().st_size != size:
                    problems.append(f"The photograph of capture {sequence} is missing or incomplete.")
        return problems

    def free_bytes(self) -> int:
        """Space left on the disk of the records. Raises OSError."""
        return shutil.disk_usage(self.folder).free

    def _make_folders(self) -> None:
        for folder in (self.folder, self._photographs, self.objects):
            if not folder.is_dir():
                folder.mkdir(parents=True, exist_ok=True)
                photographs.sync_folder(folder.parent)

    def _open(self) -> None:
        self.close()
        db = sqlite3.connect(self.folder / DATABASE, isolation_level=None, timeout=BUSY_S)
        self._connection = db
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON", "foreign_keys = ON"):
            db.execute(f"PRAGMA {pragma}")
        schema.migrate(db, self._clock.now())
        self._clear_leftovers()

    def _db(self) -> sqlite3.Connection:
        if self._connection is None:  # the last failure left it closed
            self._open()
        assert self._connection is not None
        return self._connection

    def _clear_leftovers(self) -> None:
        """Remove the photographs that no row knows: nobody ever saw a number from them, and they name no patient."""
        with self._transaction() as db:
            known = {row[0] for row in db.execute("SELECT id FROM capture")}
            left = sorted(path.name for path in self._photographs.iterdir() if not self._is_kept(path, known))
            if left:
                photographs.remove(self._photographs, left)
                unfinished = sum(name.endswith(photographs.UNFINISHED) for name in left)
                self._note(db, "recovered", {"unfinished": unfinished, "without_row": len(left) - unfinished})

    @staticmethod
    def _is_kept(path: Path, known: set[str]) -> bool:
        if path.suffix == photographs.UNFINISHED:
            return not photographs.is_leftover(path)
        return path.suffix == photographs.ENDING and path.stem in known

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        db = self._db()
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
            db.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                db.rollback()
            raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """For questions to the database. What fails in it becomes an error of family 4."""
        with _numbering():
            yield self._db()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction. What fails in it is undone and becomes an error of family 4."""
        with _numbering(), self._transaction() as db:
            yield db

    def _note(self, db: sqlite3.Connection, event: str, detail: Mapping[str, Any], *, by: str = "firmware") -> None:
        audit.append(db, self._clock.now(), by=by, event=event, detail=detail)

    def _require_room(self, photograph_bytes: int) -> None:
        free = self.free_bytes() - photograph_bytes
        if free >= self._floor_bytes:
            self._low = False
            self._fill_reserve()
            return
        if not self._low:  # once per change of state
            self._note_anyhow("storage_low", {"free_bytes": free})
            self._low = True
        raise StorageLow(f"{max(free, 0) / 1e6:.0f} MB would be left, {self._floor_bytes / 1e6:.0f} MB are needed.")

    def _start_over(self, failure: TrichoscopeError) -> None:
        """After a failed save only the file itself tells whether the row got in: look again, then say what happened."""
        log.error("save failed: %s", failure)
        self.close()
        try:
            self._note_anyhow("save_failed", {"error": failure.code})
        except (OSError, sqlite3.Error, TrichoscopeError) as error:
            self.close()  # the next use opens it again
            log.error("audit not written: %s", error)

    def _note_anyhow(self, event: str, detail: Mapping[str, Any]) -> None:
        try:
            with self._transaction() as db:
                self._note(db, event, detail)
        except (OSError, sqlite3.Error) as error:
            if not _is_full(error) or not self._release_reserve():
                raise
            with self._transaction() as db:
                self._note(db, event, detail)

    def _fill_reserve(self) -> None:
        path = self.folder / RESERVE
        if path.exists() or self.free_bytes() < self._floor_bytes + RESERVE_BYTES:
            return
        photographs.write(path, os.urandom(RESERVE_BYTES))  # zeros might be stored as a hole

    def _release_reserve(self) -> bool:
        try:
            (self.folder / RESERVE).unlink()
        except FileNotFoundError:
            return False
        return True

    def _empty_log(self) -> None:
        (busy, _, _) = self._db().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise RecordsBusy("Another program is reading them; erase again.")

    def _holds(self, text: str) -> bool:
        """Whether a text stands anywhere in the database or its log, used or unused."""
        wanted = text.encode()
        for name in (DATABASE, f"{DATABASE}-wal"):
            with suppress(FileNotFoundError), (self.folder / name).open("rb") as file:
                before = b""
                while block := file.read(1 << 20):
                    if wanted in before + block:
                        return True
                    before = (before + block)[-len(wanted) :]
        return False


def _insert(db: sqlite3.Connection, kept: Kept) -> Kept:
    capture = kept.capture
    reading = dict(capture.reading) if capture.reading is not None else None
    hairs = reading.pop("hairs", []) if reading is not None else []
    values = {
        **{column: getattr(capture, column) for column in (*_COLUMNS, *_ADDED)},
        "id": kept.id,
        "taken_at": capture.taken_at.isoformat(),
        "photograph_sha256": kept.photograph_sha256,
        "photograph_bytes": kept.photograph_bytes,
        "reading": _dump(reading) if reading is not None else None,
        "reasons": _dump(capture.reasons),
    }
    cursor = db.execute(
        f"INSERT INTO capture ({', '.join(values)}) VALUES ({', '.join(f':{name}' for name in values)})", values
    )
    sequence = cursor.lastrowid
    assert sequence is not None
    if reading is not None:
        db.execute("INSERT INTO hairs VALUES (?, ?)", (sequence, _dump(hairs)))
    return Kept(sequence, kept.id, kept.photograph_sha256, kept.photograph_bytes, capture)


def _kept(row: tuple[Any, ...], hairs: str | None = None) -> Kept:
    values = dict(zip(_ROW, row, strict=True))
    reading: dict[str, Any] | None = json.loads(values["reading"]) if values["reading"] is not None else None
    if reading is not None and hairs is not None:
        reading["hairs"] = json.loads(hairs)
    capture = Capture(
        **{column: values[column] for column in (*_COLUMNS, *_ADDED) if column not in ("taken_at", "clock_trusted")},
        taken_at=datetime.fromisoformat(values["taken_at"]),
        clock_trusted=bool(values["clock_trusted"]),
        reading=reading,
        reasons=tuple(json.loads(values["reasons"])),
    )
    return Kept(
        values["sequence"],
        values["id"],
        values["photograph_sha256"],
        values["photograph_bytes"],
        capture,
        bool(values["set_aside"]),
    )


def _digest(db: sqlite3.Connection, sequence: int) -> str:
    """Of a capture's rows as they are stored: the audit holds it, so that a changed reading is seen."""
    row = db.execute(
        f"SELECT {', '.join((*_DIGESTED, 'document', *_ADDED))} FROM capture"
        " LEFT JOIN hairs ON hairs.capture = sequence WHERE sequence = ?",
        (sequence,),
    ).fetchone()
    older, added = row[: -len(_ADDED)], row[-len(_ADDED) :]
    return audit.digest(row if any(value is not None for value in added) else older)


def _dump(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _is_full(error: OSError | sqlite3.Error) -> bool:
    if isinstance(error, sqlite3.Error):
        # Where SQLite cannot enlarge its shared memory it speaks of an I/O error, or says that it cannot open the file.
        return getattr(error, "sqlite_errorcode", None) in (
            sqlite3.SQLITE_FULL,
            sqlite3.SQLITE_IOERR_SHMSIZE,
            sqlite3.SQLITE_IOERR_SHMOPEN,
            sqlite3.SQLITE_CANTOPEN,
        )
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def _numbering() -> Iterator[None]:
    """What fails within becomes an error of family 4; what has its number keeps it."""
    try:
        yield
    except TrichoscopeError:
        raise
    except (OSError, sqlite3.Error) as error:
        raise _numbered(error) from error


def _numbered(error: OSError | sqlite3.Error) -> TrichoscopeError:
    if isinstance(error, TrichoscopeError):
        return error
    code = getattr(error, "sqlite_errorcode", 0)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_BUSY_SNAPSHOT, sqlite3.SQLITE_BUSY_RECOVERY):
        return RecordsBusy()
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return RecordsDamaged(f"{error}.")
    if code == sqlite3.SQLITE_FULL or (isinstance(error, OSError) and _is_full(error)):
        return StorageFull()
    return StorageFailed(f"{error}.")
