"""From a capture in the records to an object in the outbox: once, before the first sending."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pydicom

from ..errors import CaptureUnknown, PhotographNotSendable, RecordsDamaged
from ..records import Kept, Store
from ..records.outbox import Entry, Kind, Outbox
from .objects import ClinicObject, Device, Visit, uid
from .photograph import photograph_object
from .report import report_object
from .sending import Progress


def build_all(
    store: Store, outbox: Outbox, device: Device, progress: Progress
) -> tuple[int, list[PhotographNotSendable | RecordsDamaged]]:
    """Build what was captured since the last run. Returns how many objects, and what could not be one."""
    built, problems = 0, list[PhotographNotSendable | RecordsDamaged]()
    unbuilt = sorted(outbox.unbuilt())
    for done, (sequence, kind) in enumerate(unbuilt, start=1):
        try:
            build(store, outbox, device, sequence, kind)
            built += 1
        except CaptureUnknown:  # erased since
            pass
        except (PhotographNotSendable, RecordsDamaged) as error:
            problems.append(error)
        progress(done, len(unbuilt))
    return built, problems


def build(store: Store, outbox: Outbox, device: Device, sequence: int, kind: Kind) -> Entry:
    """Build an object of a capture and keep it. One that lies there without its row is taken as it is.

    Raises CaptureUnknown, PhotographNotSendable, RecordsDamaged, or another error of family 4.
    """
    kept = store.capture(sequence)
    data = outbox.kept_bytes(kept, kind, 1)
    return _keep(outbox, kept, 1, kind, _built(store, outbox, device, kept, kind) if data is None else _named(data))


def build_revision(outbox: Outbox, device: Device, kept: Kept, again: Kept) -> Entry | None:
    """Build the report of a photograph that was measured again, as the next revision of the one before.

    None where the figures are those of the capture, or the last revision has them already.

    Args:
        kept: the capture as it was.
        again: the capture with its new reading, model and firmware.
    """
    revision, visit = outbox.revision(kept, "report"), visit_of(outbox, device, kept)
    if revision == 0 and kept.capture.reading is not None:
        revision = _keep(outbox, kept, 1, "report", report_object(device, kept, visit)).revision
    if revision == 1 and kept.capture.reading is not None:
        same = _figures(kept) == _figures(again)
    else:
        last = outbox.kept_bytes(kept, "report", revision)
        same = last is not None and last == report_object(device, again, visit, revision).data
    if same:
        return None
    return _keep(outbox, kept, revision + 1, "report", report_object(device, again, visit, revision + 1))


def _figures(kept: Kept) -> dict[str, Any]:
    return {name: value for name, value in (kept.capture.reading or {}).items() if name not in ("image", "elapsed_ms")}


def visit_of(outbox: Outbox, device: Device, kept: Kept) -> Visit:
    """The study as all objects of it name it."""
    known, capture = outbox.visit(kept), kept.capture
    study_uid = capture.study_uid or uid(device.serial, known.first_capture_id, "study")
    accession = capture.accession_number or ""
    appointment = known.appointment
    if appointment is None:
        return Visit(study_uid, known.started_at, accession)
    return Visit(
        study_uid,
        known.started_at,
        accession,
        appointment.name,
        appointment.birth_date,
        appointment.sex,
        appointment.procedure_id,
        appointment.step_id,
    )


def _built(store: Store, outbox: Outbox, device: Device, kept: Kept, kind: Kind) -> ClinicObject:
    visit = visit_of(outbox, device, kept)
    if kind == "report":
        return report_object(device, kept, visit)
    return photograph_object(device, kept, visit, store.photograph(kept))


def _named(data: bytes) -> ClinicObject:
    ds = pydicom.dcmread(BytesIO(data), stop_before_pixels=True)
    return ClinicObject(ds.SOPInstanceUID, ds.StudyInstanceUID, ds.SeriesInstanceUID, data)


def _keep(outbox: Outbox, kept: Kept, revision: int, kind: Kind, built: ClinicObject) -> Entry:
    return outbox.keep(
        kept, kind, revision, built.data, uid=built.uid, study_uid=built.study_uid, series_uid=built.series_uid
    )
