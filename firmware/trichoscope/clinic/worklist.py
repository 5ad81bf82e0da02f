"""The clinic's worklist: who is expected (Modality Worklist C-FIND, PS3.4 K) over DICOM with TLS."""

from __future__ import annotations

from datetime import datetime

from pydicom import config
from pydicom.dataset import Dataset
from pynetdicom import AE
from pynetdicom.sop_class import ModalityWorklistInformationFind  # type: ignore[attr-defined]

from ..errors import ClinicNotSet, WorklistUnavailable
from ..records.outbox import Appointment
from .certificates import tls_context
from .settings import ClinicSettings

# Its warnings quote the value, which may be a patient's name, and end up in a log.
config.settings.reading_validation_mode = config.settings.writing_validation_mode = config.IGNORE

MOST = 500
"""Appointments that are taken: no instrument has so many patients a day."""
TIMEOUT_S = 20.0
_PENDING, _SUCCESS = (0xFF00, 0xFF01), 0x0000


def fetch(settings: ClinicSettings, now: datetime) -> list[Appointment]:
    """The appointments of today for this device's kind or station.

    Raises ClinicNotSet, WorklistUnavailable, or what is wrong with the device's certificate.
    """
    if settings.worklist is None:
        raise ClinicNotSet("There is no [clinic.worklist].")
    ae = AE(ae_title=settings.ae_title)
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = ae.connection_timeout = TIMEOUT_S
    ae.add_requested_context(ModalityWorklistInformationFind)
    host = settings.worklist.host
    association = ae.associate(
        host, settings.worklist.port, ae_title=settings.worklist.ae_title, tls_args=(tls_context(settings, now), host)
    )
    if not association.is_established:
        raise WorklistUnavailable("No association: not reached, not trusted, or not enrolled there.")
    found: list[Appointment] = []
    try:
        for status, entry in association.send_c_find(_question(now), ModalityWorklistInformationFind):
            code = status.get("Status")
            if code in _PENDING and entry is not None and len(found) < MOST:
                found.append(_appointment(entry))
            elif code not in (*_PENDING, _SUCCESS):
                raise WorklistUnavailable("The association ended." if code is None else f"Status {code:#06x}.")
    finally:
        association.release()
    return [appointment for appointment in found if appointment.patient and appointment.study_uid]


def _question(now: datetime) -> Dataset:
    question, step = Dataset(), Dataset()
    question.PatientName = question.PatientID = question.PatientBirthDate = question.PatientSex = ""
    question.AccessionNumber = question.StudyInstanceUID = ""
    question.RequestedProcedureID = question.RequestedProcedureDescription = ""
    step.Modality = "DMS"
    step.ScheduledProcedureStepStartDate = f"{now:%Y%m%d}"
    step.ScheduledStationAETitle = step.ScheduledProcedureStepStartTime = ""
    step.ScheduledProcedureStepID = step.ScheduledProcedureStepDescription = ""
    question.ScheduledProcedureStepSequence = [step]
    return question


def _appointment(entry: Dataset) -> Appointment:
    steps = entry.get("ScheduledProcedureStepSequence") or [Dataset()]
    step = steps[0]
    return Appointment(
        study_uid=_text(entry, "StudyInstanceUID"),
        patient=_text(entry, "PatientID"),
        name=_text(entry, "PatientName"),
        birth_date=_text(entry, "PatientBirthDate"),
        sex=_text(entry, "PatientSex"),
        accession_number=_text(entry, "AccessionNumber"),
        procedure_id=_text(entry, "RequestedProcedureID"),
        step_id=_text(step, "ScheduledProcedureStepID"),
        description=_text(step, "ScheduledProcedureStepDescription") or _text(entry, "RequestedProcedureDescription"),
        starts_at=_text(step, "ScheduledProcedureStepStartDate")
        + _text(step, "ScheduledProcedureStepStartTime").partition(".")[0],
    )


def _text(dataset: Dataset, keyword: str) -> str:
    value = dataset.get(keyword)
    return "" if value is None else str(value).strip()
