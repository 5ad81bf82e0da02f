"""What goes to the clinic and how far it got, and what the clinic's worklist last said.

An object is built once. Its bytes lie in `objects/`, its row is added when they are on the disk, and from then on
neither changes; only the state does: waiting → sent → received, or conflict. Losing the rows loses nothing: the files
are taken up again, the same bytes are sent again, and the server has them already.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from ..clock import Instant
from ..errors import CaptureUnknown, RecordsDamaged
from . import audit, photographs
from .capture import Kept
from .store import Store

Kind = Literal["photograph", "report"]
State = Literal["waiting", "sent", "received", "conflict"]

_ENTRY = "uid, capture, kind, revision, study_uid, series_uid, sha256, bytes, state, problem"
_WANTED: tuple[tuple[Kind, str], ...] = (("photograph", "1"), ("report", "reading IS NOT NULL"))
"""Kind of object → which captures have one."""


@dataclass(frozen=True)
class Entry:
    """An object that was built."""

    uid: str
    """SOP Instance UID."""
    capture: int
    """Sequence number."""
    kind: Kind
    revision: int
    study_uid: str
    series_uid: str
    sha256: str
    size: int
    """Bytes."""
    state: State
    problem: str | None
    """Number of the error that it last met, such as E512."""


@dataclass(frozen=True)
class Appointment:
    """A patient of the clinic's worklist."""

    study_uid: str
    patient: str
    """The code: what DICOM calls the patient's ID."""
    name: str
    """As DICOM writes it, such as Doe^Jane."""
    birth_date: str
    """YYYYMMDD, or empty."""
    sex: str
    accession_number: str
    procedure_id: str
    step_id: str
    description: str
    starts_at: str
    """YYYYMMDDHHMMSS, in the clinic's time; shorter where the worklist says less."""


@dataclass(frozen=True)
class Worklist:
    """The worklist as it was last fetched."""

    fetched_at: datetime
    appointments: tuple[Appointment, ...]
    """In the order of their time."""


@dataclass(frozen=True)
class Visit:
    """What the records know of the study that a capture belongs to."""

    first_capture_id: str
    started_at: datetime
    appointment: Appointment | None


class Outbox:
    """The objects and the worklist of opened records. All its methods raise errors of family 4."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._folder = store.objects

    # Objects

    def unbuilt(self) -> list[tuple[int, Kind]]:
        """Sequence number and kind of what is still to be built: not of captures that were set aside."""
        with self._store.reading() as db:
            return [
                (row[0], kind)
                for kind, condition in _WANTED
                for row in db.execute(
                    f"SELECT sequence FROM capture WHERE NOT set_aside AND {condition} AND NOT EXISTS"
                    " (SELECT 1 FROM object WHERE capture = sequence AND kind = ?) ORDER BY sequence",
                    (kind,),
                )
            ]

    def visit(self, kept: Kept) -> Visit:
        """The study of a capture: named by the capture, or else what was taken of the patient on that day."""
        capture = kept.capture
        same = (capture.patient, capture.study_uid, capture.taken_at.isoformat()[:10])
        with self._store.reading() as db:
            first, taken_at = db.execute(
                "SELECT id, taken_at FROM capture WHERE patient = ? AND study_uid IS ?"
                " AND (study_uid IS NOT NULL OR substr(taken_at, 1, 10) = ?) ORDER BY sequence LIMIT 1",
                same,
            ).fetchone()
            row = db.execute(
                f"SELECT {_APPOINTMENT} FROM worklist WHERE study_uid = ? AND patient = ?",
                (capture.study_uid, capture.patient),
            ).fetchone()
        return Visit(first, datetime.fromisoformat(taken_at), Appointment(*row) if row else None)

    def kept_bytes(self, kept: Kept, kind: Kind, revision: int) -> bytes | None:
        """What was built of a capture when its row is not there: before a crash, or before the rows were lost."""
        path = self._path(kept.id, kind, revision)
        return path.read_bytes() if path.exists() else None

    def keep(
        self, kept: Kept, kind: Kind, revision: int, data: bytes, *, uid: str, study_uid: str, series_uid: str
    ) -> Entry:
        """Keep an object for good. Its patient is then final, in the records too."""
        path = self._path(kept.id, kind, revision)
        sha256 = hashlib.sha256(data).hexdigest()
        entry = Entry(uid, kept.sequence, kind, revision, study_uid, series_uid, sha256, len(data), "waiting", None)
        if not path.exists():
            with self._store.reading():
                photographs.write(path, data)
        try:
            with self._store.writing() as db:
                marks = ", ".join("?" * len(astuple(entry)))
                db.execute(f"INSERT INTO object ({_ENTRY}) VALUES ({marks})", astuple(entry))
        except BaseException:
            if not self._capture_is_there(kept):  # erased meanwhile: no trace is left of it
                path.unlink(missing_ok=True)
            raise
        return entry

    def revision(self, kept: Kept, kind: Kind) -> int:
        """The highest revision that was built, 0 where none was."""
        with self._store.reading() as db:
            query = "SELECT coalesce(max(revision), 0) FROM object WHERE capture = ? AND kind = ?"
            return int(db.execute(query, (kept.sequence, kind)).fetchone()[0])

    def entries(self, *states: State) -> list[Entry]:
        """Objects in these states: by capture, a photograph before its report."""
        with self._store.reading() as db:
            marks = ", ".join("?" * len(states))
            rows = db.execute(
                f"SELECT {_ENTRY} FROM object WHERE state IN ({marks}) ORDER BY capture, kind, revision", states
            )
            return [Entry(*row) for row in rows]

    def entry(self, uid: str) -> Entry:
        """An object as it is now. Raises CaptureUnknown where its capture was erased."""
        with self._store.reading() as db:
            row = db.execute(f"SELECT {_ENTRY} FROM object WHERE uid = ?", (uid,)).fetchone()
        if row is None:
            raise CaptureUnknown("It was erased.")
        return Entry(*row)

    def data(self, entry: Entry) -> bytes:
        """The bytes of an object. Raises RecordsDamaged where they are not those that were built."""
        with self._store.reading() as db:
            (identity,) = db.execute("SELECT id FROM capture WHERE sequence = ?", (entry.capture,)).fetchone()
        try:
            data = self._path(identity, entry.kind, entry.revision).read_bytes()
        except OSError as error:
            raise RecordsDamaged(f"The {entry.kind} object of capture {entry.capture} cannot be read.") from error
        if hashlib.sha256(data).hexdigest() != entry.sha256:
            raise RecordsDamaged(f"The {entry.kind} object of capture {entry.capture} was changed.")
        return data

    def mark(self, entry: Entry, state: State, now: Instant, problem: str | None = None) -> None:
        """Bring an object to a state. What was received, or cannot be, is noted in the audit."""
        received_at = now.time.isoformat() if state == "received" else None
        with self._store.writing() as db:
            changed = db.execute(
                "UPDATE object SET state = ?, problem = ?, received_at = ? WHERE uid = ? AND"
                " (state != ? OR problem IS NOT ?)",
                (state, problem, received_at, entry.uid, state, problem),
            )
            if changed.rowcount and state in ("received", "conflict"):
                detail = {"capture": entry.capture, "kind": entry.kind, "revision": entry.revision}
                audit.append(db, now, by="sync", event=state, detail=detail)

    def unsent(self) -> int:
        """Captures that the clinic does not have yet."""
        missing = {sequence for sequence, _ in self.unbuilt()}
        return len(missing | {entry.capture for entry in self.entries("waiting", "sent", "conflict")})

    def remove_received(self, now: Instant, keep_days: int) -> int:
        """Remove photographs that the clinic has had for `keep_days`, with their objects. Returns how many.

        Only where every object of the capture was received. The reading stays, and a note that there was a photograph.
        """
        before = (now.time - timedelta(days=keep_days)).timestamp()
        with self._store.reading() as db:
            rows = db.execute(
                "SELECT sequence, id, json_group_array(received_at), count(received_at), count(*),"
                " sum(kind = 'photograph'), sum(kind = 'report'), reading IS NOT NULL FROM capture"
                " JOIN object ON capture = sequence WHERE NOT EXISTS (SELECT 1 FROM removed WHERE capture = sequence)"
                " GROUP BY sequence ORDER BY sequence"
            ).fetchall()
        old = [
            (sequence, identity)
            for sequence, identity, times, received, objects, pictures, reports, measured in rows
            if received == objects
            and pictures
            and reports >= measured
            and all(datetime.fromisoformat(time).timestamp() < before for time in json.loads(times))
        ]
        for sequence, identity in old:
            # the note first: a photograph that is noted and still there does no harm, the other way round it is lost
            with self._store.writing() as db:
                db.execute("INSERT INTO removed VALUES (?, ?)", (sequence, now.time.isoformat()))
                audit.append(db, now, by="sync", event="photograph_removed", detail={"capture": sequence})
            self._store.remove_photograph(identity)
            self._remove(path.name for path in self._folder.glob(f"{identity}-*"))
        return len(old)

    def clear_leftovers(self) -> None:
        """Remove what an interrupted building, erasing or removing left behind."""
        with self._store.reading() as db:
            known = {row[0] for row in db.execute("SELECT id FROM capture")}
            removed = {row[0] for row in db.execute("SELECT id FROM removed JOIN capture ON capture = sequence")}
        for identity in removed:
            self._store.remove_photograph(identity)
        left = [
            path.name
            for path in self._folder.iterdir()
            if (identity := path.name.partition("-")[0]) not in known
            or identity in removed
            or path.suffix == photographs.UNFINISHED
        ]
        if left:
            self._remove(left)

    # The worklist

    def set_worklist(self, appointments: Iterable[Appointment], now: Instant) -> None:
        """Replace the worklist. What captures still need that were not built is kept, unlisted."""
        needed = (
            "SELECT study_uid FROM capture WHERE study_uid IS NOT NULL AND NOT EXISTS"
            " (SELECT 1 FROM object WHERE capture = sequence)"
        )
        with self._store.writing() as db:
            db.execute(f"DELETE FROM worklist WHERE study_uid NOT IN ({needed})")
            db.execute("UPDATE worklist SET listed = 0")
            marks = ", ".join("?" * (len(fields(Appointment)) + 1))
            db.executemany(
                f"INSERT OR REPLACE INTO worklist ({_APPOINTMENT}, listed) VALUES ({marks})",
                [(*astuple(appointment), 1) for appointment in appointments],
            )
            db.execute("INSERT OR REPLACE INTO worklist_fetched VALUES (1, ?)", (now.time.isoformat(),))

    def worklist(self) -> Worklist | None:
        """The last worklist; None where none was ever fetched."""
        with self._store.reading() as db:
            fetched = db.execute("SELECT at FROM worklist_fetched").fetchone()
            rows = db.execute(f"SELECT {_APPOINTMENT} FROM worklist WHERE listed ORDER BY starts_at, patient")
            found = tuple(Appointment(*row) for row in rows)
        return Worklist(datetime.fromisoformat(fetched[0]), found) if fetched else None

    def _path(self, identity: str, kind: Kind, revision: int) -> Path:
        return self._folder / f"{identity}-{kind}-{revision}.dcm"

    def _remove(self, names: Iterable[str]) -> None:
        with self._store.reading():
            photographs.remove(self._folder, names)

    def _capture_is_there(self, kept: Kept) -> bool:
        with self._store.reading() as db:
            return db.execute("SELECT 1 FROM capture WHERE id = ?", (kept.id,)).fetchone() is not None


_APPOINTMENT = ", ".join(field.name for field in fields(Appointment))
