"""The pages: all that each of them shows, and nothing of how.

A page is frozen. What only changes how the same thing is looked at (a scrolled list, a typed letter, hidden hairs) is a
field of the page, and the screen answers a touch on it with `events.Turn`, which holds the page to show instead.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...errors import Action, Row
from ...measurement.calibration import Calibration
from ...measurement.reading import Interval, Reading

Image = NDArray[np.uint8]
"""height × width × 3, RGB, of any size: the screen fits it."""

Site = Literal["frontal", "parietal", "vertex", "occipital", "temporal_left", "temporal_right"]
SITES: dict[Site, str] = {
    "frontal": "Frontal",
    "parietal": "Parietal",
    "vertex": "Vertex",
    "occipital": "Occipital",
    "temporal_left": "Temporal left",
    "temporal_right": "Temporal right",
}
"""The standard sites, front to back, and what they are called."""

Light = Literal["white", "polarised"]
Exposure = Literal["good", "dark", "bright", "glare"]
FOCUS_GOOD = 0.75
State = Literal["good", "caution", "bad", "plain", "waiting"]


@dataclass(frozen=True)
class Banner:
    """Who is measured where, and how the instrument fares: at the top of every page."""

    patient: str | None
    """The code."""
    site: Site | None
    now: datetime
    """Cut to the minute."""
    clock_trusted: bool
    free_bytes: int
    storage_low: bool
    unsent: int
    """Captures that the clinic does not have yet."""
    patient_name: str | None = None
    """Only where the clinic's worklist gives it."""
    battery_percent: int | None = None
    """None where no gauge is present."""
    on_mains: bool = True
    notice: str | None = None
    """One sentence that the clinician should know now, such as of under-voltage, heat or a missing calibration."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "now", self.now.replace(second=0, microsecond=0))


@dataclass(frozen=True)
class Aids:
    """What helps to place the scope, from the live picture. See `aids.look`."""

    focus: float
    """0 (blurred beyond use) to 1 (perfectly sharp); from `FOCUS_GOOD` on, thin hairs are measured well too."""
    exposure: Exposure


@dataclass(frozen=True)
class Starting:
    """Until the parts are there."""

    doing: str
    version: str


@dataclass(frozen=True)
class Ready:
    """Live view: ready for a press. Only `preview` and `aids` change between most frames, so they are not compared."""

    banner: Banner
    preview: Image = field(compare=False)
    aids: Aids = field(compare=False)
    light: Light = "white"
    frames: int = 0
    """Frames kept of this site today."""


@dataclass(frozen=True)
class Measuring:
    """From the press to the reading."""

    banner: Banner
    step: Literal["photograph", "hairs", "saving"]
    """While `photograph`, the hand must hold still."""
    photograph: Image | None = field(default=None, compare=False)


@dataclass(frozen=True, eq=False)
class Result:
    """One reading, kept already: shown to be kept or taken again. Figures that are None are withheld."""

    banner: Banner
    reading: Reading
    photograph: Image
    """All of it, whatever the size: hairs are placed by `reading.size_px`."""
    frame: int = 1
    """Which frame of this site today."""
    view: Literal["figures", "picture", "warnings"] = "figures"
    hairs_shown: bool = True


@dataclass(frozen=True, eq=False)
class Withheld:
    """A photograph without figures because the instrument has no valid calibration."""

    banner: Banner
    photograph: Image
    why: str
    """As `measurement.calibration.withheld_because` says."""


@dataclass(frozen=True, eq=False)
class Refused:
    """A photograph that is not good enough to be measured."""

    banner: Banner
    photograph: Image
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Visit:
    """One line of the worklist."""

    code: str
    name: str | None = None
    at: datetime | None = None
    """When the visit is planned."""
    procedure: str = ""
    frames: int = 0
    """Kept today."""


@dataclass(frozen=True)
class Patients:
    """Today's worklist, and the other ways to say who is measured."""

    banner: Banner
    visits: tuple[Visit, ...]
    fetched_at: datetime | None
    """When the worklist came from the clinic; None where there is none."""
    first: int = 0
    """Index of the first line shown."""


@dataclass(frozen=True)
class Scanning:
    """Live view that looks for the code of a wristband."""

    banner: Banner
    preview: Image = field(compare=False)
    found: str | None = None
    """The code that was read, shown until the flow goes on."""


@dataclass(frozen=True)
class TypeCode:
    """A keyboard for a patient's code."""

    banner: Banner
    text: str = ""
    problem: str | None = None
    """Why the code was not taken."""


@dataclass(frozen=True)
class SiteFrames:
    """What was kept today of one site."""

    frames: int
    mean_per_cm2: float | None = None
    """Mean total density of the frames; None where there is no figure."""
    spread_per_cm2: float | None = None
    """Standard deviation between the frames; None below two."""


@dataclass(frozen=True)
class Sites:
    """A head with the standard sites. Sites without frames may be left out."""

    banner: Banner
    frames: dict[Site, SiteFrames]


@dataclass(frozen=True)
class PastReading:
    """Readings of one visit at one site: one point of the history."""

    at: datetime
    clock_trusted: bool
    total_per_cm2: Interval
    terminal_per_cm2: Interval | None = None
    vellus_per_cm2: Interval | None = None
    diameter_mean_um: Interval | None = None
    frames: int = 1


Quantity = Literal["total", "terminal", "vellus", "width"]


@dataclass(frozen=True)
class History:
    """Readings of this patient at this site, in the order they were taken."""

    banner: Banner
    readings: tuple[PastReading, ...]
    quantity: Quantity = "total"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at, in words."""

    name: str
    words: str
    state: State


@dataclass(frozen=True)
class PastFault:
    """An error that happened."""

    at: datetime
    row: Row
    times: int = 1


@dataclass(frozen=True)
class Service:
    """The state of the instrument, and what service does."""

    banner: Banner
    checks: tuple[Check, ...]
    """Calibration, last self-test, storage, unsent, power, temperature, clock."""
    faults: tuple[PastFault, ...]
    """Newest first."""
    version: str
    view: Literal["state", "faults"] = "state"
    first: int = 0
    """Index of the first line shown."""


@dataclass(frozen=True)
class Calibrating:
    """The steps of a calibration and its result."""

    banner: Banner
    step: Literal["target", "grey", "working", "done", "failed"]
    pitch_um: float
    photographs: int = 0
    """Of the target, taken so far."""
    wanted: int = 3
    preview: Image | None = field(default=None, compare=False)
    """While `target` or `grey`."""
    aids: Aids | None = field(default=None, compare=False)
    calibration: Calibration | None = None
    """When `done`."""
    before_um_per_px: float | None = None
    """The scale that was valid until now."""
    problem: str | None = None
    """When `failed`, in the table's words."""


@dataclass(frozen=True)
class SelfTest:
    """The list of checks; those still to come are `waiting`."""

    banner: Banner
    checks: tuple[Check, ...]
    running: bool = False
    first: int = 0
    """Index of the first line shown."""


@dataclass(frozen=True)
class Fault:
    """One error of the table, with the clinician's words and the action that may help."""

    banner: Banner
    row: Row
    detail: str = ""

    @property
    def action(self) -> Action:
        return self.row.action


Page = (
    Starting
    | Ready
    | Measuring
    | Result
    | Withheld
    | Refused
    | Patients
    | Scanning
    | TypeCode
    | Sites
    | History
    | Service
    | Calibrating
    | SelfTest
    | Fault
)
