"""The calibration of an instrument: a dated record of its scale and light, with limits, and whether it may be used."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from .. import __version__
from ..errors import (
    CalibrationExpired,
    CalibrationOfOtherSize,
    CalibrationUnreadable,
    GreyCardUnusable,
    PitchImplausible,
    TargetsDisagree,
)
from ..frame import SCALE_RANGE_UM_PER_PX
from .ruler import Scale, measure_dots, measure_ticks

TargetKind = Literal["dots", "ticks"]

FORMAT = 1
VALID_DAYS = 90
"""Focus rings and stands are moved by hand: a season, and not years as for a fixed lens."""
PITCH_RANGE_UM = (5.0, 5000.0)
DISAGREEMENT_LIMIT = 0.005
"""Share of the scale by which photographs of one target may differ: more, and focus or zoom was moved between them."""
CLOCK_SLACK = timedelta(minutes=5)

GREY_LEVELS = (40, 235)
"""Of 255: darker is mostly noise, brighter leaves no room for the bright spots of the field."""
GREY_CARD_LEVEL = 118
"""What a grey card of 18 % is to show: sRGB of 0.18. Fair skin, 60 % in red, then shows 203 and is not cut off."""
EXPOSURE_STEP_US = 10_000
"""A period of mains light: a multiple of it leaves no bands."""
EXPOSURE_MAX_US = 30_000
"""A hand that trembles by 100 µm/s blurs by a pixel of the reference build in that time."""
ANALOGUE_GAIN_RANGE = (1.0, 8.0)
"""Beyond 8 a sensor of 1.55 µm pixels shows more noise than thin hairs bear."""
GAIN_LIMIT = 4.0
FALLOFF_LIMIT = 0.6
"""Share of light lost in the darkest corner; beyond it the corner has a third of the signal."""
TEXTURE_LIMIT = 0.04
"""Root mean square of what the smooth field leaves, as a share of the light: a plain card under noise has 0.01."""
FIELD_TERMS = ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2), (4, 0), (2, 2), (0, 4))
"""Powers of x and y of the flat field, both −1 to 1 across the picture: slopes, and a lens's fall to the corners."""


@dataclass(frozen=True)
class Light:
    """What a plain grey card shows of exposure, white balance and the evenness of the light.

    Raises ValueError where a value is impossible.
    """

    level: float
    """Median of green, 0–255."""
    gains: tuple[float, float, float]
    """By which red, green and blue, in linear light, become equal; the smallest is 1."""
    field: tuple[float, ...]
    """Coefficients of FIELD_TERMS of the light in green, linear; its mean over the picture is 1."""
    falloff: float
    """Share of light that the darkest place has less than the brightest."""

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.level, *self.gains, *self.field, self.falloff))):
            raise ValueError("a number of light is not finite")
        if len(self.field) != len(FIELD_TERMS):
            raise ValueError(f"field must have {len(FIELD_TERMS)} coefficients")
        if not all(1 <= gain <= GAIN_LIMIT for gain in self.gains):
            raise ValueError(f"gains must be 1 to {GAIN_LIMIT:g}")

    def flat_field(self, size_px: tuple[int, int]) -> NDArray[np.float32]:
        """height × width: by which to divide linear light to make it even."""
        width, height = size_px
        y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
        return np.asarray((_terms(x, y) @ np.array(self.field)).reshape(height, width), np.float32)


@dataclass(frozen=True)
class Exposure:
    """What a camera is set to. Raises ValueError where a value is impossible."""

    exposure_us: float
    analogue_gain: float
    colour_gains: tuple[float, float]
    """Of red and blue; green is 1."""

    def __post_init__(self) -> None:
        values = (self.exposure_us, self.analogue_gain, *self.colour_gains)
        if len(self.colour_gains) != 2 or not all(math.isfinite(value) and value > 0 for value in values):
            raise ValueError("exposure and gains must be above 0")

    def corrected(self, light: Light) -> Exposure:
        """What makes a grey card, that was photographed with this, as bright as it is to be, and grey.

        As much of it as possible by time, in whole steps; the rest by the analogue gain, within its range.
        """
        wanted, found = (float(_linear(level)) for level in (GREY_CARD_LEVEL, light.level))
        product_us = self.exposure_us * self.analogue_gain * wanted / found
        low, high = ANALOGUE_GAIN_RANGE
        steps = min(max(product_us // EXPOSURE_STEP_US, 1), EXPOSURE_MAX_US // EXPOSURE_STEP_US)
        exposure_us = float(steps * EXPOSURE_STEP_US)
        red, green, blue = light.gains
        return Exposure(
            exposure_us,
            min(max(product_us / exposure_us, low), high),
            (self.colour_gains[0] * red / green, self.colour_gains[1] * blue / green),
        )


@dataclass(frozen=True)
class Calibration:
    """The record. Raises ValueError where a value is impossible."""

    um_per_px: float
    """Mean over the picture."""
    uncertainty_um_per_px: float
    """Half of the 95 % interval, without the error of the target itself."""
    size_px: tuple[int, int]
    """Width and height of the photographs it holds for."""
    target: TargetKind
    pitch_um: float
    marks: int
    photographs: int
    residual_px: float
    perspective_percent: float
    stretch_percent: float | None
    distortion_percent: float | None
    warnings: tuple[str, ...]
    made_at: datetime
    """With its time zone."""
    valid_days: int
    firmware_version: str
    light: Light | None = None
    exposure: Exposure | None = None
    """What the camera is set to from this calibration on; None leaves it to the configuration."""

    def __post_init__(self) -> None:
        low, high = SCALE_RANGE_UM_PER_PX
        numbers = [value for value in asdict(self).values() if isinstance(value, float)]
        if not all(map(math.isfinite, numbers)):
            raise ValueError("a number is not finite")
        if not low <= self.um_per_px <= high:
            raise ValueError(f"um_per_px is {self.um_per_px:g}, it must be {low:g} to {high:g}")
        if not 0 < self.uncertainty_um_per_px < self.um_per_px:
            raise ValueError("uncertainty_um_per_px must be above 0 and below um_per_px")
        if len(self.size_px) != 2 or min(self.size_px) < 1:
            raise ValueError("size_px must be a width and a height")
        if self.target not in ("dots", "ticks"):
            raise ValueError('target must be "dots" or "ticks"')
        if self.made_at.tzinfo is None:
            raise ValueError("made_at must have its time zone")
        if not 1 <= self.valid_days <= 3660:
            raise ValueError("valid_days must be 1 to 3660")

    @property
    def expires_at(self) -> datetime:
        return self.made_at + timedelta(days=self.valid_days)

    def check(self, now: datetime) -> None:
        """Raises CalibrationExpired where it is too old at `now`, or from the future: then a clock is wrong."""
        if now >= self.expires_at:
            raise CalibrationExpired(f"It was made on {self.made_at:%Y-%m-%d}, valid for {self.valid_days} days.")
        if now < self.made_at - CLOCK_SLACK:
            raise CalibrationExpired(f"It is dated {self.made_at:%Y-%m-%d}, which is to come: set the clock.")

    def check_size(self, size_px: tuple[int, int]) -> None:
        """Raises CalibrationOfOtherSize for photographs of another width or height, in pixels."""
        if size_px != self.size_px:
            sizes = (f"{width} × {height}" for width, height in (size_px, self.size_px))
            raise CalibrationOfOtherSize("The picture has {}, the calibration {}.".format(*sizes))


def withheld_because(
    calibration: Calibration | None, now: datetime, size_px: tuple[int, int] | None = None
) -> str | None:
    """Why figures in µm may not be shown, in plain words; None where they may."""
    if calibration is None:
        return "The instrument is not calibrated: widths and densities are withheld."
    try:
        calibration.check(now)
        if size_px is not None:
            calibration.check_size(size_px)
    except (CalibrationExpired, CalibrationOfOtherSize) as error:
        return error.message
    return None


def calibrate(
    photographs: Sequence[NDArray[np.uint8]],
    target: TargetKind,
    pitch_um: float,
    now: datetime,
    grey_card: NDArray[np.uint8] | None = None,
    valid_days: int = VALID_DAYS,
    exposure: Exposure | None = None,
) -> Calibration:
    """A calibration from one or more photographs of a target and perhaps one of a grey card, all height × width × 3.

    Several photographs are averaged; what they differ by is part of the uncertainty. With the exposure that the grey
    card was photographed with, the calibration says what to set the camera to.
    Raises an error of family 6 (see errors.TABLE) that says what is wrong with the photographs.
    """
    low, high = PITCH_RANGE_UM
    if not low <= pitch_um <= high:
        raise PitchImplausible(f"A pitch of {pitch_um:g} µm was given; {low:g} to {high:g} is possible.")
    sizes = {picture.shape[1::-1] for picture in (*photographs, *([] if grey_card is None else [grey_card]))}
    if len(sizes) > 1:
        raise TargetsDisagree("They are of different sizes.")
    measure = measure_dots if target == "dots" else measure_ticks
    scales = [measure(picture, pitch_um) for picture in photographs]
    um_per_px, uncertainty = _combined(scales)
    light = None if grey_card is None else read_grey_card(grey_card)
    worst = max(scales, key=lambda scale: scale.uncertainty_um_per_px)
    return Calibration(
        um_per_px=um_per_px,
        uncertainty_um_per_px=uncertainty,
        size_px=cast("tuple[int, int]", sizes.pop()),
        target=target,
        pitch_um=pitch_um,
        marks=sum(scale.marks for scale in scales),
        photographs=len(scales),
        residual_px=worst.residual_px,
        perspective_percent=worst.perspective_percent,
        stretch_percent=worst.stretch_percent,
        distortion_percent=worst.distortion_percent,
        warnings=tuple(dict.fromkeys(warning for scale in scales for warning in scale.warnings)),
        made_at=now,
        valid_days=valid_days,
        firmware_version=__version__,
        light=light,
        exposure=exposure.corrected(light) if exposure is not None and light is not None else None,
    )


def _combined(scales: Sequence[Scale]) -> tuple[float, float]:
    """Mean and its uncertainty: that of one photograph, as the lens errs alike in all, and half of their spread."""
    values = [scale.um_per_px for scale in scales]
    mean, spread = float(np.mean(values)), max(values) - min(values)
    if spread > DISAGREEMENT_LIMIT * mean:
        raise TargetsDisagree(f"Their scales lie between {min(values):.4g} and {max(values):.4g} µm per pixel.")
    return mean, math.hypot(max(scale.uncertainty_um_per_px for scale in scales), spread / 2)


def read_grey_card(pixels: NDArray[np.uint8]) -> Light:
    """Exposure, white balance and flat field from a plain grey or white card that fills the picture.

    Pixels (height × width × 3, RGB) are taken for sRGB (IEC 61966-2-1), as cameras deliver them.
    Raises GreyCardUnusable.
    """
    level = float(np.median(pixels[::4, ::4, 1]))
    low, high = GREY_LEVELS
    if not low <= level <= high:
        raise GreyCardUnusable(f"It is too {'dark' if level < low else 'bright'}: change the exposure.")
    if float((pixels[::4, ::4].max(2) >= 254).mean()) > 0.01:
        raise GreyCardUnusable("A part of it is too bright: lower the exposure or the light.")
    light = _linear(cv2.resize(pixels, (64, 48), interpolation=cv2.INTER_AREA))
    means = light.reshape(-1, 3).mean(0)
    gains = means.max() / means
    if gains.max() > GAIN_LIMIT:
        raise GreyCardUnusable("It is of one colour: use a grey card and the scope's own light.")
    green = light[..., 1] / means[1]
    y, x = np.meshgrid((np.arange(48) + 0.5) / 24 - 1, (np.arange(64) + 0.5) / 32 - 1, indexing="ij")
    terms = _terms(x, y)
    field = np.linalg.lstsq(terms, green.ravel(), rcond=None)[0]
    smooth = terms @ field
    texture = float(np.sqrt(np.mean((green.ravel() / smooth - 1) ** 2)))
    if texture > TEXTURE_LIMIT:
        raise GreyCardUnusable("It is not plain: something lies on it or it is dirty.")
    falloff = float(1 - smooth.min() / smooth.max())
    if falloff > FALLOFF_LIMIT:
        raise GreyCardUnusable(f"The light falls by {100 * falloff:.0f} % across it: check the light.")
    red, own, blue = (float(gain) for gain in gains)
    return Light(level, (red, own, blue), tuple(float(value) for value in field), falloff)


def _terms(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([(x**i * y**j).ravel() for i, j in FIELD_TERMS], 1)


def _linear(pixels: Any) -> NDArray[np.float64]:
    value = np.asarray(pixels, np.float64) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def as_contract(calibration: Calibration) -> dict[str, Any]:
    """What `calibrate --json` writes and the file holds: every field, JSON-ready, absent ones as None."""
    return {"format": FORMAT, **asdict(calibration), "made_at": calibration.made_at.isoformat()}


def to_toml(calibration: Calibration) -> str:
    """The record as a file's text, for from_toml."""

    def lines(table: dict[str, Any]) -> list[str]:
        # JSON writes numbers, strings and lists of them as TOML reads them
        return [f"{key} = {json.dumps(value, allow_nan=False)}" for key, value in table.items() if value is not None]

    record = as_contract(calibration)
    tables = {name: record.pop(name) for name in ("light", "exposure")}
    text = lines(record)
    for name, table in tables.items():
        text += ["", f"[{name}]", *lines(table)] if table else []
    return "\n".join(text) + "\n"


def read_calibration(path: Path) -> Calibration | None:
    """The calibration in a file; None where there is no file. Raises CalibrationUnreadable."""
    try:
        return from_toml(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise CalibrationUnreadable(f"{path}: {error}.") from error


def from_toml(text: str) -> Calibration:
    """The record of a file's text. Raises CalibrationUnreadable for anything but a whole record of this format."""
    try:
        table = tomllib.loads(text)
        if table.pop("format", None) != FORMAT:
            raise ValueError(f"format must be {FORMAT}")
        light, exposure = (table.pop(name, None) for name in ("light", "exposure"))
        values = _checked(Calibration, table)
        return Calibration(
            **{**values, "made_at": datetime.fromisoformat(values["made_at"])},
            light=Light(**_checked(Light, light)) if light else None,
            exposure=Exposure(**_checked(Exposure, exposure)) if exposure else None,
        )
    except (ValueError, TypeError) as error:  # TOMLDecodeError is a ValueError
        raise CalibrationUnreadable(f"{error}.") from error


_KINDS: dict[str, tuple[type, ...]] = {
    "float": (float, int), "int": (int,), "str": (str,), "TargetKind": (str,), "datetime": (str,),
    "float | None": (float, int), "tuple[int, int]": (int,), "tuple[str, ...]": (str,),
    "tuple[float, float, float]": (float, int), "tuple[float, float]": (float, int), "tuple[float, ...]": (float, int),
}  # fmt: skip
"""Annotation → what a value, or each of a list, may be in the file."""
_LENGTHS = {"tuple[int, int]": 2, "tuple[float, float]": 2, "tuple[float, float, float]": 3}


def _checked(kind: type[Calibration] | type[Light] | type[Exposure], table: dict[str, Any]) -> dict[str, Any]:
    """Values for the fields of a record, each of its type, none missing or unknown. Raises ValueError."""
    wanted = {field.name: str(field.type) for field in fields(kind) if str(field.type) in _KINDS}
    if unknown := set(table) - set(wanted):
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
    values: dict[str, Any] = {}
    for name, annotation in wanted.items():
        value = table.get(name)
        if value is None:
            if not annotation.endswith("None"):
                raise ValueError(f"{name} is missing")
        elif annotation.startswith("tuple") != isinstance(value, list):
            raise ValueError(f"{name} is of a wrong type")
        elif isinstance(value, list) and len(value) != _LENGTHS.get(annotation, len(value)):
            raise ValueError(f"{name} has a wrong length")
        elif any(
            isinstance(v, bool) or not isinstance(v, _KINDS[annotation])
            for v in (value if isinstance(value, list) else [value])
        ):
            raise ValueError(f"{name} is of a wrong type")
        values[name] = tuple(value) if isinstance(value, list) else value
    return values
