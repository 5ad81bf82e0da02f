"""From the outbox to the clinic: waiting → sent → received, or conflict.

A 2xx is no receipt: Orthanc answers 200 to other bytes under a known UID and keeps the old ones. Received is what the
server finds exactly once and gives back with the same SHA-256. Whatever happens at any point, the next run goes on: at
worst an object is sent a second time, which changes nothing.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from ..clock import Clock
from ..errors import (
    CLINIC_FAMILY,
    CaptureUnknown,
    ConnectionCut,
    ObjectConflict,
    ObjectNotFound,
    ObjectRefused,
    RecordsDamaged,
    ServerFailed,
    ServerUnreachable,
    TrichoscopeError,
)
from ..records.outbox import Entry, Outbox, State
from .server import Address, Server

ATTEMPTS = 5
"""In a row, of which none brought anything through: then it is left to the next run."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
_PASSING = (ServerUnreachable, ConnectionCut, ServerFailed, ObjectNotFound)
"""What may be over in a moment."""
_OF_ONE_OBJECT = (ObjectRefused, ObjectConflict, RecordsDamaged)
"""What does not concern the next object. Anything else ends the run: it would meet every object."""

Progress = Callable[[int, int], None]
"""Told how many objects are done, and of how many."""


@dataclass
class Summary:
    """What a run did."""

    built: int = 0
    received: int = 0
    received_bytes: int = 0
    posts: int = 0
    """Objects that were sent: more than were received where a connection was cut."""
    removed: int = 0
    waited_s: float = 0.0
    """For the server."""
    problems: list[TrichoscopeError] = field(default_factory=list)
    """What each object that did not get through met, and what ended the run."""


def send_all(
    outbox: Outbox,
    server: Server,
    clock: Clock,
    summary: Summary,
    progress: Progress,
    pause: Callable[[float], None],
) -> None:
    """Send what is waiting and verify what was sent. Errors end up in the summary; those of family 4 are raised."""
    entries = outbox.entries("waiting", "sent", "conflict")
    failures = 0
    for done, entry in enumerate(entries):
        progress(done, len(entries))
        while failures < ATTEMPTS:
            try:
                _deliver(outbox, server, clock, outbox.entry(entry.uid), summary)
            except _PASSING as error:
                failures += 1
                if failures == ATTEMPTS:
                    summary.problems.append(error)
                    return
                pause(random.uniform(0.5, 1.0) * min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (failures - 1)))
                continue
            except CaptureUnknown:  # erased since
                pass
            except _OF_ONE_OBJECT as error:
                state: State = "conflict" if isinstance(error, ObjectConflict) else entry.state
                outbox.mark(entry, state, clock.now(), error.code)
                summary.problems.append(error)
            except TrichoscopeError as error:
                if error.row.family != CLINIC_FAMILY:
                    raise
                summary.problems.append(error)
                return
            failures = 0
            break
    progress(len(entries), len(entries))


def _deliver(outbox: Outbox, server: Server, clock: Clock, entry: Entry, summary: Summary) -> None:
    """One object, from whatever state to received. Raises what keeps it from there.

    What is in conflict is looked at again and never sent: a person may have cleared it up on the server.
    """
    if entry.state == "waiting":
        data = outbox.data(entry)
        server.store(entry.uid, data)
        summary.posts += 1
        outbox.mark(entry, "sent", clock.now())
    try:
        _verify(server, entry)
    except ObjectNotFound as error:
        outbox.mark(entry, "waiting", clock.now(), error.code)
        raise
    outbox.mark(entry, "received", clock.now())
    summary.received += 1
    summary.received_bytes += entry.size


def _verify(server: Server, entry: Entry) -> None:
    """Raises ObjectNotFound or ObjectConflict unless the server holds this object once, with its own bytes."""
    found = server.count(entry.uid)
    if found == 0:
        raise ObjectNotFound(f"The {entry.kind} of capture {entry.capture}.")
    if found > 1:
        raise ObjectConflict(f"The {entry.kind} of capture {entry.capture} is there {found} times.")
    if server.digest(Address(entry.study_uid, entry.series_uid, entry.uid), entry.size) != entry.sha256:
        raise ObjectConflict(f"The {entry.kind} of capture {entry.capture} has other bytes there.")
