"""Is the instrument well? Everything that can be looked at, in words, on its screen and on the command line."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from .clock import Clock
from .errors import (
    BatteryLow,
    ClockUntrusted,
    MeasurementFailed,
    StorageLow,
    TooHot,
    TrichoscopeError,
    UnderVoltage,
)
from .frame import Frame
from .instrument.camera import Camera
from .instrument.health import HOT_C, LOW_BATTERY_PERCENT, HealthReading
from .instrument.panel import Light, Panel
from .measurement.calibration import Calibration, withheld_because
from .measurement.hairnet import NET_UM_PER_PX, Hairnet
from .measurement.measure import measure
from .photograph import decode_pixels
from .records import Store
from .records.store import FLOOR_BYTES

State = Literal["good", "caution", "bad"]

CAPTURE_BYTES = 6_000_000
"""A photograph of 12 MP and its reading, to say storage in captures."""
SOON_DAYS = 14
"""Before a calibration ends: time to find the target."""
LIT = 1.3
"""By how much brighter a photograph is at least with the ring than without."""
_LIGHTS: tuple[Light, ...] = ("white", "polarised")
NEAR_PX = 20.0
"""A root that is found lies near an end of its drawn hair, which is 12 px wide."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    name: str
    words: str
    state: State = "good"
    code: str | None = None
    """Of the error, where it is one of the table."""

    @classmethod
    def of(cls, name: str, error: TrichoscopeError, state: State = "bad") -> Finding:
        return cls(name, error.message, state, error.code)


def state_of(
    health: HealthReading, clock: Clock, calibration: Calibration | None, size_px: tuple[int, int] | None
) -> list[Finding]:
    """What can be told without touching a device: calibration, storage, power, temperature, battery, clock."""
    now = clock.now()
    return [
        _calibration(calibration, clock, size_px),
        _storage(health.free_bytes),
        _power(health),
        _temperature(health),
        *([] if health.battery_percent is None else [_battery(health.battery_percent, health.on_mains)]),
        Finding("Clock", f"{now.time:%Y-%m-%d %H:%M}, trusted")
        if now.trusted
        else Finding.of("Clock", ClockUntrusted(), "caution"),
    ]


def self_test(
    *,
    hairnet: Hairnet,
    store: Store,
    camera: Camera,
    panel: Panel,
    state: Callable[[], list[Finding]],
    newest: int | None = None,
) -> list[tuple[str, Callable[[], list[Finding]]]]:
    """The checks, each as its name and what does it; an error of the table is a finding too.

    Args:
        newest: how many captures are looked at; all of them may take longer than a watchdog waits.
    """
    checks: list[tuple[str, Callable[[], list[Finding]]]] = [
        ("Model", lambda: [_model(hairnet)]),
        ("Records", lambda: [_records(store, newest)]),
        ("Camera", lambda: [_camera(camera, panel)]),
        ("Light", lambda: [_light(camera, panel)]),
        ("State", state),
    ]
    return [(name, _numbered(name, check)) for name, check in checks]


def _numbered(name: str, check: Callable[[], list[Finding]]) -> Callable[[], list[Finding]]:
    def checked() -> list[Finding]:
        try:
            return check()
        except TrichoscopeError as error:
            return [Finding.of(name, error)]

    return checked


def _model(hairnet: Hairnet) -> Finding:
    """Hairs are found where hairs are drawn: the runtime computes what it should on this processor."""
    picture, roots = drawn_hairs()
    hairs = measure(Frame(picture, NET_UM_PER_PX), hairnet).hairs
    found = np.array([hair.root_px for hair in hairs]).reshape(-1, 2)
    near = np.linalg.norm(found[:, None] - roots, axis=2) <= NEAR_PX
    met, drawn = int(near.any(0).sum()), len(roots)
    if met < 3 / 4 * drawn or len(found) > 5 / 4 * drawn:
        raise MeasurementFailed(f"{met} of {drawn} drawn hairs were found, and {len(found) - met} others.")
    return Finding("Model", f"{hairnet.name} {hairnet.sha256[:12]}, {met} of {drawn} drawn hairs found")


def drawn_hairs() -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """480 × 640 × 3, RGB, at NET_UM_PER_PX: dark lines of 77 µm, each with the shadow of its root; and (n, 2) roots."""
    roots = np.array([(60 + 100 * column, 60 + 110 * row) for row in range(4) for column in range(6)], np.float64)
    along = np.array([math.cos(0.61), math.sin(0.61)])
    tips, deep = (np.rint(roots + px * along).astype(int).tolist() for px in (70, -18))
    buried = np.zeros((480, 640), np.float32)
    for end, root in zip(deep, roots.astype(int).tolist(), strict=True):
        cv2.line(buried, end, root, 1.0, 12, cv2.LINE_AA)
    shadow = cv2.GaussianBlur(buried, (0, 0), 5.0)[..., None]
    picture = (1 - shadow) * np.array((205, 165, 145), np.float32) + shadow * np.array((150, 135, 140), np.float32)
    for root, tip in zip(roots.astype(int).tolist(), tips, strict=True):
        cv2.line(picture, root, tip, (45, 32, 28), 12, cv2.LINE_AA)
    return cv2.GaussianBlur(picture, (0, 0), 1.0).astype(np.uint8), roots


def _records(store: Store, newest: int | None) -> Finding:
    store.note("self_test", {}, by="firmware")  # writes, and waits for the disk
    if problems := store.check(newest):
        return Finding("Records", " ".join(problems[:3]), "bad", "E405")
    checked = "photographs, readings, audit" if newest is None else f"the audit and the last {newest} captures"
    return Finding("Records", f"Whole: {checked}")


def _camera(camera: Camera, panel: Panel) -> Finding:
    photograph = camera.capture(after_ns=panel.light("white"))
    width, height = camera.size_px
    return Finding("Camera", f"{camera.name}, {width} × {height}, {len(photograph.jpeg) / 1e6:.1f} MB")


def _light(camera: Camera, panel: Panel) -> Finding:
    def level(kind: Light) -> float:
        return float(decode_pixels(camera.capture(after_ns=panel.light(kind)).jpeg).mean())

    dark = level("off")
    if unseen := [kind for kind in _LIGHTS if level(kind) < LIT * max(dark, 1.0)]:
        return Finding("Light", f"The {' and the '.join(unseen)} light makes no difference to the picture", "caution")
    return Finding("Light", "Both lights are seen by the camera")


def _calibration(calibration: Calibration | None, clock: Clock, size_px: tuple[int, int] | None) -> Finding:
    now = clock.now().time
    if why := withheld_because(calibration, now, size_px):
        return Finding("Calibration", why, "caution")  # the instrument is well, and says no figure
    assert calibration is not None
    days = (calibration.expires_at - now).days
    words = f"{calibration.um_per_px:.4f} µm per pixel, for {days} more days"
    return Finding("Calibration", words, "caution" if days < SOON_DAYS else "good")


def _storage(free_bytes: int) -> Finding:
    left = free_bytes - FLOOR_BYTES
    if left < CAPTURE_BYTES:
        return Finding.of("Storage", StorageLow())
    words = f"{free_bytes / 1e9:.1f} GB free, about {left // CAPTURE_BYTES} captures"
    return Finding("Storage", words, "caution" if left < 100 * CAPTURE_BYTES else "good")


def _power(health: HealthReading) -> Finding:
    if health.under_voltage_now:
        return Finding.of("Power", UnderVoltage())
    if health.under_voltage_past:
        return Finding("Power", "Was too weak since the start; it is enough now", "caution", UnderVoltage().code)
    return Finding("Power", "Enough" if health.throttling is not None else "Not told by this board")


def _temperature(health: HealthReading) -> Finding:
    if health.temperature_c is None:
        return Finding("Temperature", "Not told by this board")
    if health.temperature_c >= HOT_C or health.slowed_now:
        return Finding.of("Temperature", TooHot(f"{health.temperature_c:.0f} °C."), "caution")
    return Finding("Temperature", f"{health.temperature_c:.0f} °C")


def _battery(percent: int, on_mains: bool) -> Finding:
    if percent <= LOW_BATTERY_PERCENT and not on_mains:
        return Finding.of("Battery", BatteryLow(f"{percent} %."), "caution")
    return Finding("Battery", f"{percent} %, " + ("on the charger" if on_mains else "on its own"))
