"""A photograph as DICOM Dermoscopic Photography: the camera's JPEG, byte for byte, with its scale, site and light."""

from __future__ import annotations

import struct
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGBaseline8Bit

from ..errors import PhotographNotSendable
from ..records import Kept
from . import codes
from .objects import ClinicObject, Device, Visit, begun, coded, finished, uid

SOP_CLASS = "1.2.840.10008.5.1.4.1.1.77.1.7"
"""Dermoscopic Photography Image Storage."""
_STARTS_OF_FRAME = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
_LIGHT = {"white": "NON_POLARIZED", "polarised": "POLARIZED"}
_SIDES = {codes.LEFT: "L", codes.RIGHT: "R"}


def photograph_object(device: Device, kept: Kept, visit: Visit, jpeg: bytes) -> ClinicObject:
    """The photograph of a capture. Raises PhotographNotSendable where the JPEG is not baseline, 8-bit colour."""
    capture, header = kept.capture, jpeg_header(jpeg)
    ds = begun(device, kept, visit, "photograph", SOP_CLASS, 1)
    ds.Modality = "DMS"
    ds.FrameOfReferenceUID = uid(device.serial, kept.id, "frame of reference")
    ds.PositionReferenceIndicator = ""
    region, side = codes.SITES.get(capture.site, (codes.SCALP, None))
    ds.SeriesDescription = f"Photograph, {capture.site}"[:64]
    ds.OperatorsName = capture.operator
    ds.AnatomicRegionSequence = [coded(region)]
    if side is None:
        ds.Laterality = ""
    else:
        ds.ImageLaterality = _SIDES[side]
    if visit.step_id or visit.procedure_id:
        request = Dataset()
        request.RequestedProcedureID, request.ScheduledProcedureStepID = visit.procedure_id, visit.step_id
        ds.RequestAttributesSequence = [request]

    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    ds.AcquisitionDateTime = f"{capture.taken_at:%Y%m%d%H%M%S.%f%z}"
    ds.AcquisitionDate, ds.AcquisitionTime = ds.ContentDate, ds.ContentTime
    ds.AcquisitionContextSequence = []
    ds.BurnedInAnnotation = "NO"
    ds.RecognizableVisualFeatures = "NO"
    ds.LossyImageCompression = "01"
    ds.LossyImageCompressionRatio = f"{3 * header.width * header.height / len(jpeg):.2f}"
    ds.LossyImageCompressionMethod = "ISO_10918_1"
    remarks = [f"Not measured: {reason}" for reason in capture.reasons]
    if not capture.clock_trusted:
        remarks.append("The clock of the device was not trusted.")
    if remarks:
        ds.ImageComments = " ".join(remarks)

    ds.ContactMethod = "CONTACT"
    # known to nobody, yet to be there: PS3.3 C.8.12.16
    ds.ImmersionMedia = ds.EmitterColorTemperature = ds.OpticalMagnificationFactor = ds.PatientOrientation = None
    ds.LightSourcePolarization = _LIGHT[capture.light] if capture.light is not None else None
    if capture.um_per_px is not None:
        ds.PixelSpacing = 2 * [f"{capture.um_per_px / 1000:.11g}"]
    with suppress(ValueError):  # a calibration without a date in its name
        calibrated = datetime.fromisoformat(capture.calibration_id or "")
        ds.DateOfLastCalibration, ds.TimeOfLastCalibration = f"{calibrated:%Y%m%d}", f"{calibrated:%H%M%S}"

    ds.Rows, ds.Columns = header.height, header.width
    ds.SamplesPerPixel, ds.PlanarConfiguration, ds.PixelRepresentation = 3, 0, 0
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 8, 8, 7
    ds.PhotometricInterpretation = "YBR_FULL" if header.full_colour else "YBR_FULL_422"
    ds.PixelData = encapsulate([jpeg])
    ds["PixelData"].VR = "OB"
    return finished(ds, JPEGBaseline8Bit)


@dataclass(frozen=True)
class JpegHeader:
    width: int
    height: int
    full_colour: bool
    """Colour has the resolution of the light, 4:4:4."""


def jpeg_header(jpeg: bytes) -> JpegHeader:
    """Size and sampling. Raises PhotographNotSendable for anything but baseline, three components, 8 bits.

    Progressive JPEG has no place in DICOM, and turning it into another would change the camera's bytes.
    """
    at = 2
    try:
        while jpeg[at] == 0xFF:
            marker, (length,) = jpeg[at + 1], struct.unpack_from(">H", jpeg, at + 2)
            if marker in _STARTS_OF_FRAME:
                bits, height, width, components = struct.unpack_from(">BHHB", jpeg, at + 4)
                if (marker, bits, components) != (0xC0, 8, 3):
                    raise PhotographNotSendable(f"Its frame is {marker:#x} with {components} × {bits} bits.")
                samplings = set(jpeg[at + 11 : at + 11 + 3 * components : 3])
                return JpegHeader(width, height, len(samplings) == 1)
            at += 2 + length
    except (IndexError, struct.error):
        pass
    raise PhotographNotSendable("It has no frame.")
