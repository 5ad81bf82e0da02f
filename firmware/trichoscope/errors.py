"""Every error a user can meet: one table, and one exception for each row of it.

Families (the hundreds): 1 camera, 2 picture, 3 model, 4 storage, 5 clinic, 6 calibration, 7 power, heat and clock,
8 update, 9 configuration. A number is never reused, also not after its error is gone.
The exit code of a command is 10 + family, clear of 1 (a crash) and 2 (a mistyped command).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Action = Literal["retry", "reopen", "restart", "service"]

CLINIC_FAMILY = 5
"""Errors of the way to the clinic: they cost nothing that is kept here."""


@dataclass(frozen=True, slots=True)
class Row:
    """One error of the table."""

    number: int
    name: str
    """Of the exception class."""
    clinician: str
    """What happened and what to do, for whoever holds the instrument."""
    engineer: str
    """What was seen, for whoever repairs it."""
    action: Action
    """What may help: the same again, open the device again, start again, or somebody who knows."""

    @property
    def family(self) -> int:
        return self.number // 100

    @property
    def exit_code(self) -> int:
        return 10 + self.family


TABLE: tuple[Row, ...] = (
    Row(101, "CameraMissing", "The camera is not connected. Connect it.",
        "No device of this kind, vendor, product and serial number was found, or the folder shows nothing.", "reopen"),
    Row(102, "CameraHung", "The camera did not answer. Press again; if it stays, call service.",
        "A call passed its deadline. The camera's process was killed and started again, and it passed it again.",
        "reopen"),
    Row(103, "CameraDied", "The camera failed. Press again; if it stays, call service.",
        "The camera's process ended by itself, and once more after it was started again.", "reopen"),
    Row(104, "CameraUnplugged", "The camera was disconnected. Connect it.",
        "The device went away while it was open.", "reopen"),
    Row(105, "FrameStale", "The camera gave an old picture: it was not used. Press again.",
        "Only frames whose exposure began before the press came, from two processes.", "reopen"),
    Row(106, "ExposureWrong", "The camera did not keep its settings: the picture was not used. Press again.",
        "Exposure time or gains in the frame's own metadata are not those of the configuration.", "reopen"),
    Row(107, "FrameTorn", "The camera gave an incomplete picture: it was not used. Press again.",
        "The JPEG has no beginning or end, or not the size of the mode.", "reopen"),
    Row(108, "CameraModeRefused", "The camera cannot do what is configured. Call service.",
        "It offers another size or format, or refused a control.", "service"),
    Row(109, "CameraDriverMissing", "The program is incomplete. Install it again.",
        "The driver's library (picamera2, linuxpy) cannot be imported.", "service"),
    Row(110, "CameraFailed", "The camera failed. Press again; if it stays, call service.",
        "The driver raised what nobody foresaw; the log has the traceback.", "reopen"),
    Row(201, "PictureUnreadable", "The photograph cannot be opened.",
        "Missing, not a regular file, no permission, or the medium failed.", "retry"),
    Row(202, "NotAPicture", "This file is not a photograph.",
        "Empty, or the first bytes are of no picture format.", "retry"),
    Row(203, "PictureDamaged", "The photograph is incomplete or damaged. Take or copy it again.",
        "The data ends early or the decoder found it corrupt; no part of it is measured.", "retry"),
    Row(204, "PictureTooLarge", "The photograph is too large.",
        "More pixels or bytes than the limit, by its header; it was not decoded.", "retry"),
    Row(205, "PictureTooSmall", "The photograph is too small to show a hair.",
        "Fewer pixels than the limit on a side, by its header.", "retry"),
    Row(206, "PictureUnsupported", "This kind of picture is not read. Save it as JPEG or PNG.",
        "A known picture format, but not a JPEG, PNG, TIFF or BMP of one picture.", "retry"),
    Row(207, "NoPictures", "There is no photograph in this folder.",
        "No file of the folder itself has a name ending in a format that is read.", "retry"),
    Row(208, "MeasurementFailed", "The photograph could not be measured. Please report this fault.",
        "An exception nobody foresaw; the log has the traceback.", "service"),
    Row(209, "ReadingsMissing", "Not every press gave a reading.",
        "A run with a given number of presses ended with fewer readings kept; the log has the reasons.", "retry"),
    Row(301, "ModelMissing", "The program is incomplete. Install it again.",
        "The model file or its card is missing or cannot be opened.", "service"),
    Row(302, "ModelChanged", "The program is damaged. Install it again.",
        "The SHA-256 of the model file is not the one on its card.", "service"),
    Row(303, "ModelCardInvalid", "The program is damaged. Install it again.",
        "The card does not describe this model: a key is missing, of a wrong type, or contradicts it.", "service"),
    Row(304, "RuntimeMissing", "The program is incomplete. Install it again.",
        "Neither ai_edge_litert nor tflite_runtime can be imported.", "service"),
    Row(401, "OutputNotWritable", "The result cannot be saved there. Choose another folder.",
        "The output file or folder cannot be created or replaced, or the disk is full.", "retry"),
    Row(402, "StorageLow", "The storage is nearly full: no capture is taken. Call service.",
        "Free space would fall below the floor; nothing was written.", "service"),
    Row(403, "StorageFull", "The storage is full: this capture was not kept. Call service.",
        "The file system or SQLite ran out of space; the reserve file was given up for the audit row.", "service"),
    Row(404, "StorageFailed", "The storage failed: this capture was not kept. Press again; if it stays, call service.",
        "An input or output error of the file system or SQLite.", "retry"),
    Row(405, "RecordsDamaged", "The records are damaged. Take no more captures and call service.",
        "SQLite finds the file corrupt or foreign, or a photograph is not the one that was saved.",
        "service"),
    Row(406, "RecordsTooNew", "The records were written by a newer program. Install that one.",
        "The schema number of the database is higher than this program's; nothing was touched.", "service"),
    Row(407, "RecordsBusy", "The records are in use. Try again.",
        "Another process held SQLite's lock for longer than is waited for.", "retry"),
    Row(408, "RecordsMissing", "There are no records in this folder.",
        "The folder holds no records.db.", "retry"),
    Row(409, "CaptureUnknown", "There is no such capture.",
        "No row has this sequence number or patient; it may have been erased.", "retry"),
    Row(410, "ErasureIncomplete", "The patient is not completely erased. Erase again; if it stays, call service.",
        "The rows are gone or the next erasure removes them; files, log or unused pages were not proved clean.",
        "retry"),
    Row(501, "ClinicNotSet", "No clinic server is set. Ask the clinic's engineer.",
        "The configuration has no clinic.url; see docs/clinic.md.", "service"),
    Row(502, "ServerUnreachable", "The clinic's server is not reached. Everything is kept and sent later.",
        "No route, no name, refused, or no answer in time.", "retry"),
    Row(503, "ConnectionCut", "The connection to the clinic broke off. Everything is kept and sent later.",
        "The connection ended, or stood still, before the answer was complete.", "retry"),
    Row(504, "ServerNotTrusted", "Another server answers in the clinic's place. Nothing was sent to it.",
        "The certificate is not signed by the clinic's authority: a captive portal, or another authority.", "service"),
    Row(505, "ServerNameWrong", "The clinic's server has another name than it should. Nothing was sent to it.",
        "The certificate is good but does not name the host in clinic.url.", "service"),
    Row(506, "ServerCertificateExpired", "The certificate of the clinic's server is out of date. Nothing was sent.",
        "Expired or not yet valid. Renew the server's certificate; see that the device's clock is right.", "service"),
    Row(507, "DeviceCertificateExpired", "The certificate of this device is out of date. Everything is kept.",
        "Expired or not yet valid. Enrol the device again: docs/clinic.md.", "service"),
    Row(508, "DeviceNotEnrolled", "The clinic's server does not know this device. Everything is kept.",
        "It answered 403, or refused the certificate: another authority, not enrolled, or revoked.", "service"),
    Row(509, "LoginRefused", "The clinic's server asks for a login. Everything is kept.",
        "It answered 401: what stands before the archive does not pass the device on.", "service"),
    Row(510, "ServerFull", "The clinic's server is full. Everything is kept and sent later.",
        "It answered 507 or 413, or 500 with its own word for a full disk, or 200 and took nothing.", "service"),
    Row(511, "ServerFailed", "The clinic's server has a fault. Everything is kept and sent later.",
        "It answered 5xx or 429.", "retry"),
    Row(512, "ObjectRefused", "The clinic's server refuses a result. It is kept.",
        "It answered 4xx to one object, or lists it among the failed ones.", "service"),
    Row(513, "NotAClinicServer", "What answers is no clinic server. Everything is kept.",
        "A redirection, HTML or garbage where DICOMweb should be: a captive portal, or a wrong clinic.url.", "service"),
    Row(514, "ObjectConflict", "The clinic's server holds something else in place of a result. Call service.",
        "Under this SOP Instance UID are other bytes, or two instances. Nothing is overwritten: docs/clinic.md.",
        "service"),
    Row(515, "ObjectNotFound", "The clinic's server said yes and does not have the result. It is sent again.",
        "2xx to the POST, yet QIDO or WADO does not find it.", "retry"),
    Row(516, "KeyUnreadable", "The device's certificate or key cannot be used. Ask the clinic's engineer.",
        "A file is missing, not PEM, they do not belong together, or the key is readable by others (chmod 600).",
        "service"),
    Row(517, "PhotographNotSendable", "This photograph cannot be sent to the clinic. It is kept.",
        "Not a baseline JPEG of 8-bit colour, or turned by a tag: DICOM would need its bytes changed.", "service"),
    Row(518, "SyncRunning", "The results are being sent already.",
        "Another `trichoscope sync` holds the lock.", "retry"),
    Row(519, "WorklistUnavailable", "Today's patients could not be fetched. The last list is shown.",
        "The worklist's association, C-FIND or TLS failed.", "retry"),
    Row(520, "WifiCodeInvalid", "This is no Wi-Fi code.",
        "Neither a WIFI: code (WPA, SAE or open) nor a NetworkManager keyfile of a Wi-Fi.", "retry"),
    Row(521, "SchedulerUnavailable", "The cluster is not reached.",
        "Dask is not installed (pip install 'trichoscope[cluster]'), or no scheduler is at the address.", "retry"),
    Row(522, "ResultsOfOtherRun", "The results file belongs to another run. Name another file.",
        "Its first line has another model, threshold or scale: rows of two runs are never mixed.", "retry"),
    Row(523, "PhotographRemoved", "The photograph is at the clinic and no longer on this device.",
        "Received by the clinic and older than clinic.keep_days; the reading is still here.", "retry"),
    Row(601, "ScaleMissing", "The scale is missing: give it as --scale-um (micrometres per pixel) or --calibration.",
        "No scale was given. It is never guessed: resolution tags speak of paper, not of skin.", "retry"),
    Row(602, "ScaleOutOfRange", "The scale is impossible: it is given in micrometres per pixel, 0.5 to 30.",
        "Finer than 0.5 is a laboratory microscope; coarser than 30 a 70 µm hair is 2 px wide and cannot be traced.",
        "retry"),
    Row(603, "TargetNotFound", "No calibration target is seen. Lay it flat under the scope, focus and try again.",
        "No square grid of dark dots, or no row of dark parallel ticks that is even enough to be one.", "retry"),
    Row(604, "TargetTooFine", "The marks of the target are too close together. Use a target with a larger pitch.",
        "Fewer pixels between marks than the limit: they run together and beat with the pixels.", "retry"),
    Row(605, "TargetTooSmall", "Too little of the target is seen. Fill the picture with it and try again.",
        "Too few marks, or a scale more uncertain than the limit.", "retry"),
    Row(606, "TargetTilted", "The target is tilted. Lay it flat against the scope and try again.",
        "The scale differs across the picture or between directions by more than the limit.", "retry"),
    Row(607, "TargetDistorted", "The lens bends the picture too much to give one scale.",
        "Radial distortion in the corner beyond the limit: wrong or damaged optics.", "service"),
    Row(608, "PitchImplausible", "The pitch does not fit this picture. Check the pitch printed on the target.",
        "The scale would lie outside what an instrument for the scalp can have, or the pitch is not a length.",
        "retry"),
    Row(609, "TargetsDisagree", "The photographs of the target disagree. Leave focus and zoom alone and try again.",
        "Their sizes differ, or their scales by more than the limit.", "retry"),
    Row(610, "GreyCardUnusable", "The picture of the grey card cannot be used.",
        "Too dark, too bright, of one colour, not plain, or lit too unevenly.", "retry"),
    Row(611, "CalibrationUnreadable", "The calibration cannot be read. Calibrate again.",
        "The file is missing, no calibration, of another format, or a value in it is impossible.", "retry"),
    Row(612, "CalibrationExpired", "The calibration is out of date. Calibrate again.",
        "Older than its days of validity, or dated in the future: then the clock is wrong.", "retry"),
    Row(613, "CalibrationOfOtherSize", "The calibration is for pictures of another size. Calibrate for this size.",
        "Width and height in pixels are not those of the calibration's photographs.", "retry"),
    Row(614, "ScaleGivenTwice", "The scale is given twice. Give either --scale-um or --calibration.",
        "Which of the two was meant is not guessed.", "retry"),
    Row(701, "UnderVoltage", "The power supply is too weak. Use the instrument's own supply.",
        "The Raspberry Pi's firmware sees less than 4.63 V, now or since the start: writing to the card is at risk.",
        "service"),
    Row(702, "TooHot", "The instrument is hot and slows down. Let it cool and keep its openings free.",
        "80 °C or more, or the firmware lowered the clock.", "retry"),
    Row(703, "ClockUntrusted", "The clock may be wrong. Readings are not touched.",
        "Neither the network nor a battery-backed clock has set the time since the start.", "service"),
    Row(704, "BatteryLow", "The battery is nearly empty. Connect the charger.",
        "15 % or less by the fuel gauge, and no charger.", "retry"),
    Row(901, "ThresholdOutOfRange", "The vellus threshold is impossible: it is given in micrometres, 20 to 100.",
        "Thresholds in use lie from 20 (Van Neste's nano-hairs) to 60; above 100 nearly every hair would be vellus.",
        "retry"),
    Row(902, "OutputNameInvalid", "The output name does not fit its kind.",
        "--json takes a name ending in .json, --csv in .csv, --out in .toml: no photograph is ever overwritten.",
        "retry"),
    Row(903, "ConfigUnreadable", "The configuration cannot be read.",
        "The file is missing, may not be read, or is not TOML.", "service"),
    Row(904, "ConfigInvalid", "The configuration is wrong.",
        "Unknown keys or impossible values, all of them listed; nothing was started.", "service"),
    Row(905, "PinMapInvalid", "The program is damaged. Install it again.",
        "hardware/pins.toml is missing, or a signal is missing in it or a line is used twice.", "service"),
    Row(906, "PanelMissing", "The button and the lights do not answer. Call service.",
        "The GPIO lines cannot be opened: no permission, in use by another program, or not a Raspberry Pi.", "service"),
    Row(907, "InstrumentNotInstalled", "The program was installed without its instrument. Install trichoscope[device].",
        "A package of the extra `device` cannot be imported.", "service"),
    Row(908, "ProgramFailed", "The instrument met a fault of its own. Nothing that was kept is lost. Please report it.",
        "An exception nobody foresaw; the log has the traceback.", "restart"),
    Row(909, "ScreenMissing", "The screen does not start. Check its cable; if it stays dark, call service.",
        "SDL opened no display with the driver that is configured.", "service"),
)  # fmt: skip

_ROWS = {row.name: row for row in TABLE}


class TrichoscopeError(Exception):
    """An error of the table. Its subclasses also inherit the builtin they refine.

    The one argument says which file, value or limit: it is shown after the clinician's words.
    """

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail)
        self.detail = detail

    @property
    def row(self) -> Row:
        return _ROWS[type(self).__name__]

    @property
    def code(self) -> str:
        """The number as it is shown and written, such as E203."""
        return f"E{self.row.number}"

    @property
    def message(self) -> str:
        """The clinician's words, then the detail."""
        return f"{self.row.clinician} {self.detail}".rstrip()

    def __str__(self) -> str:
        return f"{self.code} {self.message}"


class CameraMissing(TrichoscopeError, FileNotFoundError):
    """There is no such camera."""


class CameraHung(TrichoscopeError, TimeoutError):
    """A call to the camera passed its deadline."""


class CameraDied(TrichoscopeError, ChildProcessError):
    """The process of the camera ended."""


class CameraUnplugged(TrichoscopeError, ConnectionError):
    """The camera went away while it was in use."""


class FrameStale(TrichoscopeError, ValueError):
    """A frame older than its press."""


class ExposureWrong(TrichoscopeError, ValueError):
    """A frame that was not exposed as configured."""


class FrameTorn(TrichoscopeError, ValueError):
    """A frame that is not whole."""


class CameraModeRefused(TrichoscopeError, ValueError):
    """The camera does not offer what is configured."""


class CameraDriverMissing(TrichoscopeError, ImportError):
    """The library of a camera's driver is not installed."""


class CameraFailed(TrichoscopeError, RuntimeError):
    """A fault of a camera's driver."""


class PictureUnreadable(TrichoscopeError, OSError):
    """The file cannot be opened or read."""


class NotAPicture(TrichoscopeError, ValueError):
    """The file holds no picture."""


class PictureDamaged(TrichoscopeError, ValueError):
    """The picture ends early or is corrupt."""


class PictureTooLarge(TrichoscopeError, ValueError):
    """The picture has more pixels than are ever measured."""


class PictureTooSmall(TrichoscopeError, ValueError):
    """The picture has too few pixels to hold a hair."""


class PictureUnsupported(TrichoscopeError, ValueError):
    """A picture, but of a kind that is not read."""


class NoPictures(TrichoscopeError, FileNotFoundError):
    """A folder without a photograph."""


class MeasurementFailed(TrichoscopeError, RuntimeError):
    """A fault of the program on one photograph."""


class ReadingsMissing(TrichoscopeError, RuntimeError):
    """Fewer readings were kept than were asked for."""


class ModelMissing(TrichoscopeError, FileNotFoundError):
    """The model or its card is not there."""


class ModelChanged(TrichoscopeError, ValueError):
    """The model is not the one its card describes."""


class ModelCardInvalid(TrichoscopeError, ValueError):
    """The card of the model cannot be used."""


class RuntimeMissing(TrichoscopeError, ImportError):
    """No runtime for the model is installed."""


class OutputNotWritable(TrichoscopeError, OSError):
    """A result cannot be written where it was asked for."""


class StorageLow(TrichoscopeError, OSError):
    """Too little space is left to begin a capture."""


class StorageFull(TrichoscopeError, OSError):
    """No space was left to keep a capture."""


class StorageFailed(TrichoscopeError, OSError):
    """The medium refused to write or read."""


class RecordsDamaged(TrichoscopeError, ValueError):
    """The records are not what was saved."""


class RecordsTooNew(TrichoscopeError, ValueError):
    """A newer program wrote the records."""


class RecordsBusy(TrichoscopeError, TimeoutError):
    """Another program holds the records."""


class RecordsMissing(TrichoscopeError, FileNotFoundError):
    """There are no records where they were looked for."""


class CaptureUnknown(TrichoscopeError, LookupError):
    """No capture has this number or patient."""


class ErasureIncomplete(TrichoscopeError, RuntimeError):
    """Erasing a patient is not proved."""


class ClinicNotSet(TrichoscopeError, LookupError):
    """There is no clinic to send to."""


class ServerUnreachable(TrichoscopeError, ConnectionError):
    """Nothing answers at the clinic's address."""


class ConnectionCut(TrichoscopeError, ConnectionError):
    """The connection ended too early."""


class ServerNotTrusted(TrichoscopeError, ConnectionError):
    """The server's certificate is not the clinic's."""


class ServerNameWrong(TrichoscopeError, ConnectionError):
    """The server's certificate is for another name."""


class ServerCertificateExpired(TrichoscopeError, ConnectionError):
    """The server's certificate is out of date."""


class DeviceCertificateExpired(TrichoscopeError, PermissionError):
    """The device's certificate is out of date."""


class DeviceNotEnrolled(TrichoscopeError, PermissionError):
    """The server refuses this device."""


class LoginRefused(TrichoscopeError, PermissionError):
    """The server wants another proof of who asks."""


class ServerFull(TrichoscopeError, OSError):
    """The server has no space."""


class ServerFailed(TrichoscopeError, OSError):
    """The server met a fault of its own."""


class ObjectRefused(TrichoscopeError, ValueError):
    """The server does not take an object."""


class NotAClinicServer(TrichoscopeError, ValueError):
    """Something answers that is no DICOMweb server."""


class ObjectConflict(TrichoscopeError, ValueError):
    """The server holds something else under the UID of an object."""


class ObjectNotFound(TrichoscopeError, LookupError):
    """The server does not have what it said it took."""


class KeyUnreadable(TrichoscopeError, OSError):
    """The device's own certificate or key cannot be used."""


class PhotographNotSendable(TrichoscopeError, ValueError):
    """A photograph cannot become an object as it is."""


class SyncRunning(TrichoscopeError, TimeoutError):
    """Another program is sending."""


class WorklistUnavailable(TrichoscopeError, ConnectionError):
    """The worklist did not answer."""


class WifiCodeInvalid(TrichoscopeError, ValueError):
    """A text or file describes no Wi-Fi."""


class SchedulerUnavailable(TrichoscopeError, ConnectionError):
    """There is no cluster to compute on."""


class ResultsOfOtherRun(TrichoscopeError, ValueError):
    """A results file was begun with other settings."""


class PhotographRemoved(TrichoscopeError, LookupError):
    """A photograph was removed after the clinic had received it."""


class ScaleMissing(TrichoscopeError, ValueError):
    """No scale was given."""


class ScaleOutOfRange(TrichoscopeError, ValueError):
    """No instrument for the scalp has this scale."""


class TargetNotFound(TrichoscopeError, ValueError):
    """The photograph shows no calibration target."""


class TargetTooFine(TrichoscopeError, ValueError):
    """The marks of the target are too few pixels apart."""


class TargetTooSmall(TrichoscopeError, ValueError):
    """The photograph shows too little of the target."""


class TargetTilted(TrichoscopeError, ValueError):
    """The target does not lie flat."""


class TargetDistorted(TrichoscopeError, ValueError):
    """The lens distorts the target too much."""


class PitchImplausible(TrichoscopeError, ValueError):
    """The pitch cannot be that of the target in the photograph."""


class TargetsDisagree(TrichoscopeError, ValueError):
    """Photographs of one target give different scales."""


class GreyCardUnusable(TrichoscopeError, ValueError):
    """The grey card is not photographed as it must be."""


class CalibrationUnreadable(TrichoscopeError, ValueError):
    """The file holds no calibration that can be used."""


class CalibrationExpired(TrichoscopeError, ValueError):
    """The calibration is older than it may be."""


class CalibrationOfOtherSize(TrichoscopeError, ValueError):
    """The calibration is not that of the photograph's size."""


class ScaleGivenTwice(TrichoscopeError, ValueError):
    """Both a scale and a calibration were given."""


class UnderVoltage(TrichoscopeError, RuntimeError):
    """The power supply is too weak."""


class TooHot(TrichoscopeError, RuntimeError):
    """The board is too hot to run at full speed."""


class ClockUntrusted(TrichoscopeError, RuntimeError):
    """Nothing stands behind the time."""


class BatteryLow(TrichoscopeError, RuntimeError):
    """The battery is nearly empty."""


class ThresholdOutOfRange(TrichoscopeError, ValueError):
    """No vellus threshold in use is near this one."""


class OutputNameInvalid(TrichoscopeError, ValueError):
    """The name of an output file does not end as its kind does."""


class ConfigUnreadable(TrichoscopeError, OSError):
    """The file of the configuration cannot be read."""


class ConfigInvalid(TrichoscopeError, ValueError):
    """The configuration asks for what is not possible."""


class PinMapInvalid(TrichoscopeError, ValueError):
    """The pin map cannot be used."""


class PanelMissing(TrichoscopeError, OSError):
    """Button and lights cannot be opened."""


class ScreenMissing(TrichoscopeError, OSError):
    """No display opens."""


class InstrumentNotInstalled(TrichoscopeError, ImportError):
    """What only the instrument needs is not installed."""


class ProgramFailed(TrichoscopeError, RuntimeError):
    """A fault of the program."""
