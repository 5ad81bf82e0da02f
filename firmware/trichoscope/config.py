"""The configuration: one TOML file over the shipped defaults, checked whole before anything starts.

An unknown key is an error, and all problems are found at once. Numbers that no clinic should tune stay in the code.
Secrets are never in here: they are files, and their paths are.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from .clinic.settings import ClinicSettings, Worklist
from .errors import ConfigInvalid, ConfigUnreadable

if TYPE_CHECKING:
    from .instrument.camera import CameraSettings

DEFAULTS = Path(__file__).with_name("defaults.toml")
SYSTEM_FILE = Path("/etc/trichoscope/trichoscope.toml")
"""Read where no other file is given, if it is there."""

Side = Annotated[int, Field(ge=64, le=10_000)]
Pixels = Annotated[tuple[Side, Side], Field(strict=False)]  # a list in TOML
Gain = Annotated[float, Field(ge=0.1, le=32)]
ExposureUs = Annotated[int, Field(ge=100, le=500_000)]
Quality = Annotated[int, Field(ge=70, le=100)]
PathText = Annotated[Path, Field(strict=False)]
Port = Annotated[int, Field(ge=1, le=65_535)]
AeTitle = Annotated[str, Field(min_length=1, max_length=16)]
"""DICOM PS3.8: at most 16 characters."""


class Section(BaseModel):
    """Part of the configuration. Values are of their type already; nothing is guessed from a string."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class Csi(Section):
    """A Raspberry Pi camera. A calibration with a grey card sets exposure and gains anew."""

    size_px: Pixels
    live_px: Pixels
    exposure_us: ExposureUs
    analogue_gain: Annotated[float, Field(ge=1, le=16)]
    colour_gains: Annotated[tuple[Gain, Gain], Field(strict=False)]
    jpeg_quality: Quality


class Usb(Section):
    """A USB microscope. What is left out stays as the camera has it."""

    device: Annotated[str, Field(pattern=r"^([0-9a-f]{4}:[0-9a-f]{4}(:.+)?)?$")]
    pixel_format: Literal["MJPEG", "YUYV"]
    size_px: Pixels
    exposure_us: ExposureUs | None = None
    gain: int | None = None
    white_balance_k: Annotated[int, Field(ge=1000, le=12_000)] | None = None
    jpeg_quality: Quality


class Simulated(Section):
    """A probe over a drawn scalp."""

    size_px: Pixels
    um_per_px: Annotated[float, Field(ge=0.5, le=30)]
    seed: Annotated[int, Field(ge=0)]


class Photographs(Section):
    """A folder of files."""

    folder: PathText


class Camera(Section):
    driver: Literal["csi", "usb", "simulated", "photographs"]
    csi: Csi
    usb: Usb
    simulated: Simulated
    photographs: Photographs

    def settings(self) -> CameraSettings:
        """What the chosen driver is told."""
        # here, as the sending by night has no camera and need not import any
        from .instrument.camera import (  # noqa: PLC0415
            CsiSettings,
            PhotographsSettings,
            SimulatedSettings,
            UsbSettings,
        )

        if self.driver == "csi":
            return CsiSettings(**self.csi.model_dump())
        if self.driver == "usb":
            return UsbSettings(**self.usb.model_dump())
        if self.driver == "simulated":
            return SimulatedSettings(**self.simulated.model_dump())
        return PhotographsSettings(**self.photographs.model_dump())


class Panel(Section):
    driver: Literal["gpio", "simulated"]
    sound: bool
    light: Literal["white", "polarised"]


class Screen(Section):
    driver: Literal["kmsdrm", "window", "dummy"]


class Measurement(Section):
    threshold_um: Annotated[float, Field(ge=20, le=100)]
    threads: Annotated[int, Field(ge=1, le=64)]
    target: Literal["dots", "ticks"]
    target_pitch_um: Annotated[float, Field(ge=5, le=5000)]
    calibration_days: Annotated[int, Field(ge=1, le=3660)]


class Records(Section):
    folder: PathText
    operator: Annotated[str, Field(max_length=64)]


class ClinicWorklist(Section):
    host: Annotated[str, Field(min_length=1)]
    port: Port = 2762
    ae_title: AeTitle = "WORKLIST"


class Clinic(Section):
    device_serial: Annotated[str, Field(max_length=64)]
    url: Annotated[str, Field(pattern=r"^(https://\S+)?$")]
    ca: PathText
    certificate: PathText
    key: PathText
    institution: Annotated[str, Field(max_length=64)]
    ae_title: AeTitle
    worklist: ClinicWorklist | None = None
    keep_days: Annotated[int, Field(ge=0, le=3660)]

    def settings(self) -> ClinicSettings:
        worklist = None if self.worklist is None else Worklist(**self.worklist.model_dump())
        return ClinicSettings(**{**self.model_dump(), "worklist": worklist})


class Config(Section):
    """All of it."""

    camera: Camera
    panel: Panel
    screen: Screen
    measurement: Measurement
    records: Records
    clinic: Clinic

    @property
    def calibration_path(self) -> Path:
        """Where the instrument keeps its calibration."""
        return self.records.folder / "calibration.toml"


def load(path: Path | None = None, changes: Mapping[str, Any] | None = None) -> Config:
    """The defaults, then the file, then the changes (nested like the file), each over the one before.

    Args:
        path: the file; where None, SYSTEM_FILE if it is there.

    Raises ConfigUnreadable or ConfigInvalid, which lists every problem.
    """
    if path is None and SYSTEM_FILE.exists():
        path = SYSTEM_FILE
    table = _read(DEFAULTS)
    if path is not None:
        table = _over(table, _read(path))
    try:
        return Config.model_validate(_over(table, changes or {}))
    except ValidationError as error:
        problems = [str(path)] if path is not None else []
        raise ConfigInvalid("\n".join(problems + [_in_words(problem) for problem in error.errors()])) from error


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigUnreadable(f"{path}: {error.strerror}.") from error
    except ValueError as error:  # TOMLDecodeError, UnicodeDecodeError
        raise ConfigUnreadable(f"{path}: {error}.") from error


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _over(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def _in_words(problem: ErrorDetails) -> str:
    """One problem as a sentence: section.key, the value, what is allowed, the nearest known key."""
    keys = [str(part) for part in problem["loc"]]
    name, value = ".".join(keys), problem["input"]
    if problem["type"] == "extra_forbidden":
        known = list(_section(keys[:-1]).model_fields)
        nearest = get_close_matches(keys[-1], known, 1, cutoff=0.5)
        instead = f"did you mean {'.'.join((*keys[:-1], nearest[0]))}?" if nearest else f"known: {', '.join(known)}."
        return f"{name} is not known; {instead}"
    if problem["type"] == "missing":
        return f"{name} is missing."
    allowed = _ALLOWED.get(problem["type"]) or problem["msg"].removeprefix("Input ").rstrip(".")
    return f"{name} is {_shown(value)}: it {allowed}."


_ALLOWED = {
    "string_pattern_mismatch": "must be of the form that the shipped defaults show beside it",
    "path_type": "must be a path",
}
"""Where pydantic speaks to programmers."""


def _section(keys: Iterable[str]) -> type[Section]:
    section: type[Section] = Config
    for key in keys:
        section = next(_sections(section.model_fields[key].annotation))
    return section


def _sections(annotation: Any) -> Iterator[type[Section]]:
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, Section):
            yield kind


def _shown(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else "a table" if isinstance(value, Mapping) else str(value)
