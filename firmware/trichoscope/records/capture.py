"""One press of the button, as it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

Light = Literal["white", "polarised"]
"""What lit the skin: the plain ring, or the ring behind crossed polarisers, which take the shine away."""


@dataclass(frozen=True)
class Capture:
    """What one press gave: a reading, or a refusal with its reasons; never both, never neither.

    Raises ValueError where that does not hold, where the time has no offset, or where patient or site is empty.
    """

    patient: str
    """The patient's code as the clinic knows it."""
    site: str
    operator: str
    taken_at: datetime
    """With its offset; never used to order captures."""
    clock_trusted: bool
    threshold_um: float
    um_per_px: float | None
    """None where no calibration held."""
    calibration_id: str | None
    model_name: str
    model_sha256: str
    firmware_version: str
    throttling: int | None
    """Under-voltage and throttling bits, now and past, as the Raspberry Pi's firmware gives them; None elsewhere."""
    reading: Mapping[str, Any] | None = None
    """As `measurement.reading.to_contract` writes it. Captures that were listed have it without its `hairs`."""
    reasons: tuple[str, ...] = ()
    """Why there is no reading, in the clinician's words."""
    study_uid: str | None = None
    """The visit: a DICOM UID, the worklist's or one made when the patient was chosen. None before schema 2."""
    accession_number: str | None = None
    """The clinic's number of what was ordered, where its worklist gave one."""
    light: Light | None = None
    """None before schema 2."""

    def __post_init__(self) -> None:
        if (self.reading is None) == (not self.reasons):
            raise ValueError("A capture has a reading or reasons, never both.")
        if self.taken_at.utcoffset() is None:
            raise ValueError("The time of a capture has an offset.")
        if not self.patient or not self.site:
            raise ValueError("A capture belongs to a patient and a site.")


@dataclass(frozen=True)
class Kept:
    """A capture that a power cut no longer takes away."""

    sequence: int
    """Rises with every capture and is never used again, whatever the clock says."""
    id: str
    """32 random hexadecimal digits: names the photograph's file, and the objects sent to the clinic."""
    photograph_sha256: str
    photograph_bytes: int
    capture: Capture
    set_aside: bool = False
    """Retaken: kept for the record, and in no average."""
