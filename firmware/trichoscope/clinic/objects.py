"""The objects of one capture: the same bytes and the same UIDs whenever and wherever they are built from the same rows.

An object is built once, kept, and sent as it is. Time and chance have no part in it: every UID follows from the device,
the capture and the revision, every time is the capture's own.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO

from pydicom import config
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID

from ..records import Kept
from ..records.outbox import Kind
from .codes import Code

# Its warnings quote the value, which may be a patient's name, and end up in a log.
config.settings.reading_validation_mode = config.settings.writing_validation_mode = config.IGNORE

NAMESPACE = uuid.UUID("36730ad2-15db-4e9d-839d-a8ca11a45db9")
IMPLEMENTATION_UID = UID("2.25.282475909828811692317999308964771288644")
IMPLEMENTATION = "TRICHOSCOPE"
"""Without a version: bytes that are built again after an update must be the same."""
MANUFACTURER = "Trichoscope"


@dataclass(frozen=True)
class Device:
    """The instrument, as the objects name it."""

    serial: str
    institution: str = ""


@dataclass(frozen=True)
class Visit:
    """What all objects of one study say alike."""

    study_uid: str
    started_at: datetime
    """When the first capture of the study was taken."""
    accession_number: str = ""
    patient_name: str = ""
    """As the worklist has it, such as Doe^Jane; empty where the code was scanned or typed."""
    birth_date: str = ""
    """YYYYMMDD."""
    sex: str = ""
    """M, F or O."""
    procedure_id: str = ""
    step_id: str = ""
    """Of the worklist: what was ordered, and the step of it that was scheduled."""


@dataclass(frozen=True)
class ClinicObject:
    """An object as it is sent."""

    uid: str
    study_uid: str
    series_uid: str
    data: bytes
    """A whole DICOM file (PS3.10)."""


def uid(device_serial: str, *parts: object) -> str:
    """A UID that follows from the device and what it names: `2.25.` and the number of a UUID (PS3.5 B.2)."""
    return f"2.25.{uuid.uuid5(NAMESPACE, '/'.join(map(str, (device_serial, *parts)))).int}"


def uid_of(device: Device, kept: Kept, kind: Kind, revision: int = 1) -> str:
    """SOP Instance UID of an object of a capture."""
    return uid(device.serial, kept.id, kind, revision)


def coded(code: Code) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code
    return item


def begun(device: Device, kept: Kept, visit: Visit, kind: Kind, sop_class: str, revision: int) -> Dataset:
    """What both kinds of objects have: patient, study, series, equipment, times."""
    capture = kept.capture
    taken = capture.taken_at
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = sop_class
    ds.SOPInstanceUID = uid_of(device, kept, kind, revision)
    ds.TimezoneOffsetFromUTC = f"{taken:%z}"

    ds.PatientName = visit.patient_name
    ds.PatientID = capture.patient
    ds.PatientBirthDate = visit.birth_date
    ds.PatientSex = visit.sex

    ds.StudyInstanceUID = visit.study_uid
    ds.StudyDate, ds.StudyTime = f"{visit.started_at:%Y%m%d}", f"{visit.started_at:%H%M%S}"
    ds.AccessionNumber = visit.accession_number
    ds.ReferringPhysicianName = ""
    ds.StudyID = visit.procedure_id
    ds.StudyDescription = "Trichoscopy"

    ds.SeriesInstanceUID = uid(device.serial, kept.id, kind, "series")
    ds.SeriesNumber = 2 * kept.sequence - (kind == "photograph")
    ds.SeriesDate, ds.SeriesTime = _date(taken), _time(taken)
    ds.InstanceNumber = revision
    ds.InstanceCreationDate, ds.InstanceCreationTime = _date(taken), _time(taken)
    ds.ContentDate, ds.ContentTime = _date(taken), _time(taken)

    ds.Manufacturer = MANUFACTURER
    ds.ManufacturerModelName = MANUFACTURER
    ds.DeviceSerialNumber = device.serial
    ds.SoftwareVersions = capture.firmware_version
    ds.InstitutionName = device.institution
    return ds


def finished(ds: Dataset, transfer_syntax: str, last_element: bytes = b"") -> ClinicObject:
    """The bytes of an object; `last_element` is encoded already and has the highest tag."""
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta.TransferSyntaxUID = UID(transfer_syntax)
    ds.file_meta.ImplementationClassUID = IMPLEMENTATION_UID
    ds.file_meta.ImplementationVersionName = IMPLEMENTATION
    file = BytesIO()
    ds.save_as(file, enforce_file_format=True)
    return ClinicObject(ds.SOPInstanceUID, ds.StudyInstanceUID, ds.SeriesInstanceUID, file.getvalue() + last_element)


def _date(time: datetime) -> str:
    return f"{time:%Y%m%d}"


def _time(time: datetime) -> str:
    return f"{time:%H%M%S.%f}"
