"""Parts for an instrument on the bench: a drawn scalp, a camera that gives it, a network that knows it, a display."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscope.clock import Instant
from trichoscope.consultation import Consultation, Customs, Parts
from trichoscope.frame import Frame
from trichoscope.instrument.camera import Camera, Photograph
from trichoscope.instrument.health import Health
from trichoscope.instrument.panel import SimulatedPanel
from trichoscope.instrument.screen.events import Event
from trichoscope.instrument.screen.pages import Page
from trichoscope.measurement.calibration import Calibration
from trichoscope.measurement.hairnet import Hairnet, Maps
from trichoscope.records import Store
from trichoscope.records.outbox import Outbox

Picture = NDArray[np.uint8]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
UM_PER_PX = 3.2
SIZE_PX = (640, 480)
HAIRS = 20
_CELL_PX = 4
_LENGTH_PX, _WIDTH_PX, _ANGLE = 80, 22, math.radians(35)
_ROOTS = [(60 + 120 * column, 50 + 105 * row) for row in range(4) for column in range(5)]


def scalp(blur_px: float = 0.8, light: float = 1.0) -> Picture:
    """480 × 640 × 3, RGB: HAIRS dark shafts, 70 µm wide, on skin with some grain."""
    rng = np.random.default_rng(1)
    grain = np.full((480, 640, 3), (205, 165, 145), np.float32) + rng.normal(0, 10, (480, 640, 1))
    skin = cv2.GaussianBlur(grain.astype(np.float32), (0, 0), 2.0)
    for x, y in _ROOTS:
        tip = (round(x + _LENGTH_PX * math.cos(_ANGLE)), round(y + _LENGTH_PX * math.sin(_ANGLE)))
        cv2.line(skin, (x, y), tip, (45, 32, 28), _WIDTH_PX, cv2.LINE_AA)
    seen = cv2.GaussianBlur(skin, (0, 0), blur_px) + rng.normal(0, 2, skin.shape)
    return np.asarray(np.clip(light * seen, 0, 255), np.uint8)


@cache
def jpeg(blur_px: float = 0.8, light: float = 1.0) -> bytes:
    return encoded(scalp(blur_px, light))


def encoded(picture: Picture) -> bytes:
    return bytes(cv2.imencode(".jpg", picture[..., ::-1])[1].tobytes())


SHARP, BLURRED, DARK = jpeg(), jpeg(blur_px=60.0), jpeg(light=0.15)


class KnownNetwork(Hairnet):
    """In place of Hairnet: the maps of the drawn scalp, whatever it is shown."""

    def __init__(self) -> None:
        self.name, self.sha256, self.threads = "known", "ab" * 32, 1

    def maps(self, frame: Frame) -> Maps:
        return _maps()


@cache
def _maps() -> Maps:
    height, width = SIZE_PX[1] // _CELL_PX, SIZE_PX[0] // _CELL_PX
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    root, tip, ridge = (np.zeros((height, width), np.float32) for _ in range(3))
    to_root = np.zeros((height, width, 2), np.float32)
    along = np.array([math.cos(_ANGLE), math.sin(_ANGLE)])
    for place in _ROOTS:
        begin = (np.array(place) + 0.5) / _CELL_PX - 0.5
        way = (x - begin[0]) * along[0] + (y - begin[1]) * along[1]
        side = (y - begin[1]) * along[0] - (x - begin[0]) * along[1]
        length = _LENGTH_PX / _CELL_PX
        beyond = np.clip(np.maximum(-way, way - length), 0, None)
        ridge = np.maximum(ridge, np.exp(-(np.hypot(side, beyond) ** 2) / (2 * 0.8**2)))
        for heat, at in ((root, 0.0), (tip, length)):
            np.maximum(heat, np.exp(-((way - at) ** 2 + side**2) / (2 * 1.2**2)), out=heat)
        near = np.hypot(side, beyond) < 3
        to_root[near] = (np.stack([begin[0] - x, begin[1] - y], -1) * 12.8)[near]
    twice = [math.cos(2 * _ANGLE), math.sin(2 * _ANGLE)]
    return Maps(
        root=root, tip=tip, centreline=ridge.astype(np.float32),
        orientation=np.broadcast_to(np.array(twice, np.float32), (height, width, 2)).copy(), to_root_um=to_root,
        width_um=np.full((height, width), 70, np.float32), cell_px=(_CELL_PX, _CELL_PX), root_threshold=0.3,
        tip_threshold=0.3, centreline_threshold=0.3,
    )  # fmt: skip


class SetClock:
    """A clock that says what it was told."""

    def __init__(self, instant: Instant | None = None) -> None:
        self.instant = instant or Instant(NOON, True)

    def now(self) -> Instant:
        return self.instant


@dataclass
class BenchCamera:
    """Gives what it was told to, in order, then sharp photographs: bytes, an error, or something to do meanwhile."""

    gives: list[bytes | Exception | Callable[[], bytes]] = field(default_factory=list)
    live: Picture | Exception = field(default_factory=scalp)
    log: list[str] = field(default_factory=list)
    key: bool = False
    name: str = "bench"
    size_px: tuple[int, int] = SIZE_PX
    gains: tuple[float, ...] = (1.0, 2.0, 2.0)
    exposure_us: float | None = 10_000.0
    is_open: bool = True
    sequence: int = 0
    asked_ns: int = 0

    def open(self) -> None:
        self.is_open = True
        self.log.append("camera opened")

    def close(self) -> None:
        self.is_open = False
        self.log.append("camera closed")

    def preview(self) -> Picture:
        if isinstance(self.live, Exception):
            raise self.live
        return self.live

    def capture(self, after_ns: int) -> Photograph:
        self.log.append("photograph")
        self.asked_ns = after_ns
        given = self.gives.pop(0) if self.gives else SHARP
        if callable(given):
            given = given()
        if isinstance(given, Exception):
            raise given
        self.sequence += 1
        return Photograph(given, self.sequence, time.monotonic_ns(), self.exposure_us, self.gains, {})

    def pressed(self) -> bool:
        pressed, self.key = self.key, False
        return pressed


@dataclass
class BenchDisplay:
    """Remembers every page; touches are put in by hand."""

    pages: list[Page] = field(default_factory=list)
    touches: list[Event] = field(default_factory=list)
    seen: Callable[[Page], None] = lambda page: None

    def show(self, page: Page) -> None:
        self.pages.append(page)
        self.seen(page)

    def events(self) -> list[Event]:
        touches, self.touches = self.touches, []
        return touches


def calibration(made_at: datetime = NOON, um_per_px: float = UM_PER_PX) -> Calibration:
    return Calibration(
        um_per_px=um_per_px, uncertainty_um_per_px=0.001, size_px=SIZE_PX, target="dots", pitch_um=500.0, marks=400,
        photographs=3, residual_px=0.02, perspective_percent=0.01, stretch_percent=0.01, distortion_percent=0.1,
        warnings=(), made_at=made_at, valid_days=90, firmware_version="1.2.3",
    )  # fmt: skip


@dataclass
class Bench:
    """An instrument whose parts can be reached into."""

    camera: BenchCamera
    panel: SimulatedPanel
    display: BenchDisplay
    clock: SetClock
    store: Store
    customs: Customs
    consultation: Consultation
    moves: list[tuple[str, str]]
    now_s: list[float]
    """Its one number is the time of what happens by itself."""

    def turn(self, *asked: Event) -> Page:
        self.consultation.turn([*asked, *self.display.events()])
        return self.consultation.page


def bench(
    folder: Path,
    *,
    calibrated: Calibration | None = None,
    camera: BenchCamera | None = None,
    clock: SetClock | None = None,
    hairnet: Hairnet | None = None,
    cameras: Iterable[Camera] = (),
    outbox: bool = False,
    **customs: Any,
) -> Bench:
    """`cameras` are what camera_for gives, one after the other."""
    camera, clock, display = camera or BenchCamera(), clock or SetClock(), BenchDisplay()
    panel = SimulatedPanel(lambda light: camera.log.append(f"light {light}"))
    store = Store(folder, clock, create=True)
    moves: list[tuple[str, str]] = []
    now_s = [0.0]
    further = iter(cameras)
    parts = Parts(
        panel, lambda found: next(further), hairnet or KnownNetwork(), store, clock, Health(folder, folder), display,
        Outbox(store) if outbox else None, lambda patient, site: moves.append((patient, site)), lambda: now_s[0],
    )  # fmt: skip
    told: dict[str, Any] = {
        "threshold_um": 40.0, "operator": "ab", "light": "white", "calibration_path": folder / "calibration.toml",
        "target": "dots", "target_pitch_um": 500.0, "calibration_days": 90,
    } | customs  # fmt: skip
    made = Customs(**told)
    consultation = Consultation(parts, made, calibrated, camera)
    return Bench(camera, panel, display, clock, store, made, consultation, moves, now_s)
