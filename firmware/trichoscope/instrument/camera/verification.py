"""Whether a photograph may be used: it is not older than its press, whole, and exposed as configured."""

from __future__ import annotations

import simplejpeg

from ...errors import ExposureWrong, FrameStale, FrameTorn
from .protocol import Photograph
from .settings import CameraSettings

EXPOSURE_TOLERANCE = 0.02
"""Relative; a sensor exposes whole lines (19–30 µs each, so 0.3 % of 10 ms) and amplifies in steps of under 1 %."""


def verify(photograph: Photograph, settings: CameraSettings, after_ns: int, size_px: tuple[int, int] | None) -> None:
    """Raise FrameStale, FrameTorn or ExposureWrong.

    Args:
        after_ns: before this its exposure must not have begun, on the clock of time.monotonic_ns().
        size_px: width and height it must have; None where the driver has read the whole photograph already.
    """
    if photograph.sensor_time_ns < after_ns:
        raise FrameStale(f"{(after_ns - photograph.sensor_time_ns) / 1e6:.0f} ms too old.")
    if size_px is not None:
        _whole(photograph.jpeg, size_px)
    if settings.exposure_us is not None:
        _close("exposure time, µs", photograph.exposure_us, settings.exposure_us)
    for i, wanted in enumerate(settings.gains):
        _close(f"gain {i + 1}", photograph.gains[i] if i < len(photograph.gains) else None, wanted)


def _whole(jpeg: bytes, size_px: tuple[int, int]) -> None:
    """Damage between header and end is found where the photograph is decoded."""
    if not jpeg.endswith(b"\xff\xd9"):
        raise FrameTorn("It has no end.")
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(jpeg)
    except ValueError as error:
        raise FrameTorn(f"{error}.") from error
    if (width, height) != size_px:
        raise FrameTorn(f"It has {width} × {height} pixels.")


def _close(what: str, got: float | None, wanted: float) -> None:
    if got is None or abs(got - wanted) > EXPOSURE_TOLERANCE * wanted:
        raise ExposureWrong(f"{what}: {got} instead of {wanted}.")
