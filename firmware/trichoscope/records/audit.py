"""The trail: one row for everything done to the records, each with the hash of the one before.

A changed, inserted or removed row breaks the chain. No row ever holds a patient's code, so that erasing a patient
leaves the trail whole. Whoever can write the file can also write a new chain: against that only a hash noted
elsewhere helps.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from ..clock import Instant

FIRST = "0" * 64
"""What the first row has as the hash before it."""


def append(db: sqlite3.Connection, now: Instant, *, by: str, event: str, detail: Mapping[str, Any]) -> None:
    """Add a row within the caller's transaction. Raises sqlite3.Error."""
    last, previous = db.execute("SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1").fetchone() or (
        0,
        FIRST,
    )
    row = (last + 1, now.time.isoformat(), int(now.trusted), by, event, json.dumps(detail, sort_keys=True), previous)
    db.execute("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*row, digest(row)))


def first_broken(db: sqlite3.Connection) -> int | None:
    """The number of the first row that does not follow from the one before it, None where the chain is whole."""
    expected, previous = 1, FIRST
    for row in db.execute(
        "SELECT sequence, at, clock_trusted, by, event, detail, previous, hash FROM audit ORDER BY sequence"
    ):
        if row[0] != expected or row[6] != previous or row[7] != digest(row[:7]):
            return expected
        expected, previous = expected + 1, row[7]
    # SQLite remembers the highest number it gave: rows cut off at the end are missed too.
    (highest,) = db.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'audit'").fetchone()
    return expected if highest >= expected else None


def digest(values: tuple[Any, ...]) -> str:
    """SHA-256 of a row, as 64 hexadecimal digits. JSON keeps the values apart, whatever they hold."""
    return hashlib.sha256(json.dumps(values, ensure_ascii=False).encode()).hexdigest()
