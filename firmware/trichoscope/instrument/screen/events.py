"""What the user asked for by touch or key."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import Action
from .pages import Light, Page, Site


@dataclass(frozen=True, eq=False)
class Turn:
    """Show this page instead: the same thing looked at otherwise (scrolled, a letter typed, hairs hidden)."""

    page: Page


@dataclass(frozen=True)
class Press:
    """Take a photograph, as the instrument's own button does: to measure, or of the target while calibrating."""


@dataclass(frozen=True)
class ChooseLight:
    light: Light


@dataclass(frozen=True)
class OpenPatients:
    """Choose who is measured."""


@dataclass(frozen=True)
class ChoosePatient:
    """From the worklist."""

    code: str


@dataclass(frozen=True)
class ScanWristband:
    """Read the patient's code with the camera."""


@dataclass(frozen=True)
class OpenTypeCode:
    """Type the patient's code."""


@dataclass(frozen=True)
class Typed:
    """A whole code was typed, without spaces at its ends, never empty."""

    code: str


@dataclass(frozen=True)
class OpenSites:
    """Choose where is measured."""


@dataclass(frozen=True)
class ChooseSite:
    site: Site


@dataclass(frozen=True)
class Keep:
    """The reading stays as it is; while calibrating: the new calibration is used from now on."""


@dataclass(frozen=True)
class Retake:
    """The reading is set aside and the live view comes back; while calibrating: begin again."""


@dataclass(frozen=True)
class OpenHistory:
    """Earlier readings of this patient at this site."""


@dataclass(frozen=True)
class OpenService:
    """State, calibration, self-test, faults."""


@dataclass(frozen=True)
class RunSelfTest:
    """Check everything."""


@dataclass(frozen=True)
class Calibrate:
    """Begin a calibration."""


@dataclass(frozen=True)
class SkipGreyCard:
    """Calibrate the scale alone."""


@dataclass(frozen=True)
class Recover:
    """Do what may help after a fault."""

    action: Action


@dataclass(frozen=True)
class Back:
    """To the page before, or to the live view."""


@dataclass(frozen=True)
class Quit:
    """Switch off; on a laptop, the window was closed."""


Event = (
    Turn
    | Press
    | ChooseLight
    | OpenPatients
    | ChoosePatient
    | ScanWristband
    | OpenTypeCode
    | Typed
    | OpenSites
    | ChooseSite
    | Keep
    | Retake
    | OpenHistory
    | OpenService
    | RunSelfTest
    | Calibrate
    | SkipGreyCard
    | Recover
    | Back
    | Quit
)
