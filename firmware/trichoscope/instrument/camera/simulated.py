"""A probe over a drawn scalp: its sensor exposes thirty frames a second whether asked or not, in a trembling hand."""

from __future__ import annotations

import ctypes
import math
import os
import time
from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

from ...errors import CameraMissing, CameraUnplugged
from .live import LIVE_PX
from .protocol import Photograph
from .settings import MARGIN_UM, Fault, Probe, SimulatedSettings
from .shared import SharedMemory

Pixels = NDArray[np.uint8]

PERIOD_NS = 33_333_333
"""From the start of one exposure to the next: 30 frames/s."""
TREMOR = ((0.9, 0.31), (0.9, 1.1), (0.6, 2.7), (0.15, 9.0))
"""Amplitude and frequency, Hz: slow drift and the 8–12 Hz of every hand. The squares add up to 2: a standard deviation
of 1."""
GAMMA = 1.8
"""Exponent of the tone curve with which the scalp is drawn."""
JPEG_QUALITY = 92
STALE_FRAMES = 6
"""How many frames before its press a stale one began: 0.2 s."""
DARK, SKIN = 2, (150, 165, 195)
"""Grey level of a frame without light; blue, green and red of skin that is out of focus."""


class SimulatedCamera:
    """The driver. Without a scalp (it is being drawn) the probe is in the air: nothing but blurred skin.

    A frame shows light if the light was on when its exposure began, so that one older than its press is dark.
    """

    name = "simulated"

    def __init__(self, settings: SimulatedSettings, memory: SharedMemory) -> None:
        cv2.setNumThreads(1)  # the other core is for the analysis
        self.size_px = settings.size_px
        self._settings = settings
        self._memory = memory
        self._faults: deque[Fault] = deque()
        self._probe = Probe()
        self._lit_from_ns = 0
        self._first_ns = 0
        """When frame 0 began."""
        self._scalp: Pixels | None = None
        scale = min(1.0, LIVE_PX / max(settings.size_px))
        self._live_px = round(settings.size_px[0] * scale), round(settings.size_px[1] * scale)
        self._live_scalp: Pixels | None = None
        self._live: tuple[int, Pixels] | None = None
        """The newest live picture and its frame."""

    def place(self, probe: Probe) -> None:
        """Hold the probe like this from now on."""
        if (probe.light == "off") != (self._probe.light == "off"):
            self._lit_from_ns = time.monotonic_ns()
        self._probe = probe
        self._live = None

    def touch(self, length: int) -> None:
        """Put the probe on the scalp whose JPEG has `length` bytes in the shared memory; 0 lifts it off."""
        self._scalp = self._live_scalp = self._live = None
        if length:
            jpeg = np.frombuffer(self._memory.get_scalp(length), np.uint8)
            scalp = np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8)
            scale = self._live_px[0] / self.size_px[0]
            self._scalp = scalp
            self._live_scalp = np.asarray(cv2.resize(scalp, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))

    def disturb(self, faults: list[Fault]) -> None:
        """Further faults, each of one time."""
        self._faults.extend(faults)

    def open(self) -> None:
        fault = self._fault("open")
        if fault and fault.kind == "unplugged":
            raise CameraMissing
        self._first_ns = time.monotonic_ns()

    def preview(self) -> Pixels:
        fault = self._fault("preview")
        if fault and fault.kind == "unplugged":
            raise CameraUnplugged
        frame = self._frame_at(time.monotonic_ns() - self._exposure_ns)
        if self._live is None or self._live[0] != frame:
            bgr = self._seen(frame, self._live_scalp, self._live_px)
            self._live = frame, np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
        return self._live[1]

    def capture(self, after_ns: int) -> Photograph:
        fault = self._fault("capture")
        kind = fault.kind if fault else None
        if kind == "unplugged":
            raise CameraUnplugged
        frame = 1 + self._frame_at(max(after_ns - 1, time.monotonic_ns() - PERIOD_NS))
        ready_ns = self._begin_ns(frame) + self._exposure_ns
        if kind == "stale":
            frame = self._frame_at(after_ns) - STALE_FRAMES
        longer = 3.0 if kind == "wrong_exposure" else 1.0
        pixels = self._seen(frame, self._scalp, self.size_px, longer)
        if kind == "black":
            pixels = np.zeros_like(pixels)
        jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
        if kind == "torn":
            jpeg = jpeg[: len(jpeg) // 2]
        _wait_until(ready_ns)  # what a camera's own circuits would do was done meanwhile
        return Photograph(
            jpeg=jpeg,
            sequence=frame,
            sensor_time_ns=self._begin_ns(frame),
            exposure_us=longer * self._settings.exposure_us,
            gains=self._settings.gains,
            metadata={
                "drawn": self._scalp is not None,
                "light": self._probe.light,
                "lit": self._lit(frame),
                "defocus_um": self._probe.defocus_um,
                "exposure": self._probe.exposure,
                "tremor_um": self._tremor_um(frame),
            },
        )

    def pressed(self) -> bool:
        return False

    def close(self) -> None:
        self._scalp = self._live_scalp = self._live = None

    @property
    def _exposure_ns(self) -> int:
        return 1000 * self._settings.exposure_us

    def _frame_at(self, time_ns: int) -> int:
        """The last frame whose exposure began by then."""
        return (time_ns - self._first_ns) // PERIOD_NS

    def _begin_ns(self, frame: int) -> int:
        return self._first_ns + frame * PERIOD_NS

    def _lit(self, frame: int) -> bool:
        return self._probe.light != "off" and self._begin_ns(frame) >= self._lit_from_ns

    def _tremor_um(self, frame: int) -> tuple[float, float]:
        """Where a frame looks, right and down."""
        seconds = frame * PERIOD_NS * 1e-9
        limit = MARGIN_UM - self._settings.um_per_px
        x, y = (
            sum(size * math.sin(2 * math.pi * hertz * seconds + phase * (1 + hertz)) for size, hertz in TREMOR)
            for phase in (0.0, 2.0)
        )
        tremor = self._probe.tremor_um
        return min(max(tremor * x, -limit), limit), min(max(tremor * y, -limit), limit)

    def _seen(self, frame: int, scalp: Pixels | None, size_px: tuple[int, int], longer: float = 1.0) -> Pixels:
        """What a frame shows, BGR; the scalp is given at the scale of `size_px`."""
        if not self._lit(frame):
            return np.full((size_px[1], size_px[0], 3), DARK, np.uint8)
        um_per_px = self._settings.um_per_px * self.size_px[0] / size_px[0]
        at = [(MARGIN_UM + tremor) / um_per_px for tremor in self._tremor_um(frame)]
        if scalp is None:
            pixels = self._air(at, size_px)
        elif size_px == self.size_px:
            left, top = round(at[0]), round(at[1])
            pixels = scalp[top : top + size_px[1], left : left + size_px[0]]
        else:  # whole pixels of a small picture would be seen to jump
            shift = np.array([[1, 0, at[0]], [0, 1, at[1]]])
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            pixels = np.asarray(cv2.warpAffine(scalp, shift, size_px, flags=flags, borderMode=cv2.BORDER_REPLICATE))
        if self._probe.defocus_um > 0:
            pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), self._probe.defocus_um / um_per_px))
        light = longer * self._probe.exposure
        return pixels if light == 1 else np.asarray(cv2.convertScaleAbs(pixels, alpha=light ** (1 / GAMMA)), np.uint8)

    def _air(self, at: list[float], size_px: tuple[int, int]) -> Pixels:
        """Skin so far out of focus that only its shades are left."""
        shades = np.random.default_rng(self._settings.seed).normal(0, 14, (6, 8, 1)) + SKIN
        scale = 7 / size_px[0]
        view = np.array([[scale, 0, at[0] * scale], [0, scale, at[1] * scale]])
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        air = cv2.warpAffine(np.clip(shades, 0, 255).astype(np.uint8), view, size_px, flags=flags,
                             borderMode=cv2.BORDER_REFLECT)  # fmt: skip
        return np.asarray(air, np.uint8)

    def _fault(self, call: str) -> Fault | None:
        """The fault of this call, if it is its turn; `hang` and `crash` do not come back from here."""
        if not self._faults or self._faults[0].on != call:
            return None
        fault = self._faults.popleft()
        self._memory.fired += 1
        match fault.kind:
            case "hang":  # the worst kind: in a library that keeps the interpreter's lock, so that no thread runs
                ctypes.PyDLL(None).pause()
            case "crash":
                os._exit(1)
            case "late":
                time.sleep(fault.late_s)
        return fault


def _wait_until(time_ns: int) -> None:
    if (left_ns := time_ns - time.monotonic_ns()) > 0:
        time.sleep(left_ns * 1e-9)
