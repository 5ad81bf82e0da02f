"""The tables, as numbered steps. A step that was ever released is never edited: a change is a new step at the end."""

from __future__ import annotations

import sqlite3

from ..clock import Instant
from ..errors import RecordsDamaged, RecordsTooNew
from . import audit

APPLICATION_ID = 0x54524943
"""`TRIC`, in the header of every database of ours."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        # No index holds the patient's code: erasing has one place fewer to prove clean, and the rows are small enough
        # to scan because the hairs lie in a table of their own.
        """
        CREATE TABLE capture (
            sequence INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            patient TEXT NOT NULL,
            site TEXT NOT NULL,
            operator TEXT NOT NULL,
            taken_at TEXT NOT NULL,
            clock_trusted INTEGER NOT NULL,
            threshold_um REAL NOT NULL,
            um_per_px REAL,
            calibration_id TEXT,
            model_name TEXT NOT NULL,
            model_sha256 TEXT NOT NULL,
            firmware_version TEXT NOT NULL,
            throttling INTEGER,
            photograph_sha256 TEXT NOT NULL,
            photograph_bytes INTEGER NOT NULL,
            reading TEXT,
            reasons TEXT NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE hairs (
            capture INTEGER PRIMARY KEY REFERENCES capture ON DELETE CASCADE,
            document TEXT NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE audit (
            sequence INTEGER PRIMARY KEY AUTOINCREMENT,
            at TEXT NOT NULL,
            clock_trusted INTEGER NOT NULL,
            by TEXT NOT NULL,
            event TEXT NOT NULL,
            detail TEXT NOT NULL,
            previous TEXT NOT NULL,
            hash TEXT NOT NULL
        ) STRICT
        """,
        "CREATE TRIGGER audit_stays BEFORE DELETE ON audit BEGIN SELECT raise(ABORT, 'audit is append-only'); END",
        "CREATE TRIGGER audit_is_final BEFORE UPDATE ON audit BEGIN SELECT raise(ABORT, 'audit is append-only'); END",
    ),
    (
        # A capture that was retaken stays, with its photograph: `set_aside` is all of it that may change afterwards.
        "ALTER TABLE capture ADD COLUMN set_aside INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE capture ADD COLUMN study_uid TEXT",
        "ALTER TABLE capture ADD COLUMN accession_number TEXT",
        "ALTER TABLE capture ADD COLUMN light TEXT",
    ),
    (
        # What goes to the clinic. The bytes lie in files: see outbox.py.
        """
        CREATE TABLE object (
            uid TEXT PRIMARY KEY,
            capture INTEGER NOT NULL REFERENCES capture ON DELETE CASCADE,
            kind TEXT NOT NULL,
            revision INTEGER NOT NULL,
            study_uid TEXT NOT NULL,
            series_uid TEXT NOT NULL,
            sha256 TEXT NOT NULL,
            bytes INTEGER NOT NULL,
            state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'received', 'conflict')),
            problem TEXT,
            received_at TEXT,
            UNIQUE (capture, kind, revision)
        ) STRICT
        """,
        "CREATE INDEX object_state ON object (state) WHERE state != 'received'",
        # A photograph that was removed because the clinic has it.
        """
        CREATE TABLE removed (
            capture INTEGER PRIMARY KEY REFERENCES capture ON DELETE CASCADE,
            at TEXT NOT NULL
        ) STRICT
        """,
        # Objects with one UID and two patients make the clinic's server lose both.
        """
        CREATE TRIGGER patient_is_final BEFORE UPDATE OF patient ON capture
        WHEN EXISTS (SELECT 1 FROM object WHERE capture = OLD.sequence)
        BEGIN SELECT raise(ABORT, 'the patient of an object is final'); END
        """,
        """
        CREATE TABLE worklist (
            study_uid TEXT PRIMARY KEY,
            patient TEXT NOT NULL,
            name TEXT NOT NULL,
            birth_date TEXT NOT NULL,
            sex TEXT NOT NULL,
            accession_number TEXT NOT NULL,
            procedure_id TEXT NOT NULL,
            step_id TEXT NOT NULL,
            description TEXT NOT NULL,
            starts_at TEXT NOT NULL,
            listed INTEGER NOT NULL
        ) STRICT
        """,
        "CREATE TABLE worklist_fetched (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), at TEXT NOT NULL) STRICT",
    ),
)
"""Schema n is the first n of these."""


def migrate(db: sqlite3.Connection, now: Instant) -> None:
    """Bring an empty or older database up to this program's schema, all of it or nothing.

    Raises RecordsTooNew for a newer one, RecordsDamaged for the database of another program, and sqlite3.Error.
    """
    db.execute("BEGIN IMMEDIATE")  # two programs may open the same new folder
    with db:
        (found,) = db.execute("PRAGMA user_version").fetchone()
        (owner,) = db.execute("PRAGMA application_id").fetchone()
        (tables,) = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if owner != APPLICATION_ID and tables:
            raise RecordsDamaged("The database belongs to another program.")
        if found > len(MIGRATIONS):
            raise RecordsTooNew(f"They have schema {found}; this program knows {len(MIGRATIONS)}.")
        if found == len(MIGRATIONS):
            return
        for statement in (s for migration in MIGRATIONS[found:] for s in migration):
            db.execute(statement)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        audit.append(db, now, by="firmware", event="migrated", detail={"from": found, "to": len(MIGRATIONS)})
