"""One press of the button, from the light to the number: the story of the instrument, in one function."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from . import __version__
from .clock import Clock, Instant
from .frame import Frame
from .instrument.camera import Camera, Photograph
from .instrument.health import Health
from .instrument.panel import Panel
from .measurement.calibration import Calibration, withheld_because
from .measurement.hairnet import Hairnet
from .measurement.measure import measure
from .measurement.reading import Reading, to_contract
from .photograph import decode_pixels
from .records import Capture, Kept, Light, Store

Step = Literal["photograph", "hairs", "saving"]
Picture = NDArray[np.uint8]
"""height × width × 3, RGB."""

SHOWN_PX = 800
"""About how wide a photograph is shown: as the screen is."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Order:
    """What a press is to be a capture of."""

    patient: str
    site: str
    study_uid: str
    accession_number: str | None
    operator: str
    light: Light
    threshold_um: float


@dataclass(frozen=True, eq=False)
class Taken:
    """What a press gave. It is kept already."""

    kept: Kept
    picture: Picture
    """The photograph, reduced for the screen."""
    reading: Reading | None
    """None where the photograph was refused: `kept.capture.reasons` says why."""


class Show(Protocol):
    """Where the progress of a press and its outcome are seen."""

    def step(self, step: Step, picture: Picture | None) -> None:
        """No number is known yet. During `photograph` the hand must hold still."""
        ...

    def taken(self, taken: Taken) -> None: ...


@dataclass
class TimeLine:
    """Milliseconds of each part of a press, in the order of their first time; a part may come again."""

    now: Callable[[], float] = time.perf_counter
    ms: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._last = self.now()

    def mark(self, part: str, within: Mapping[str, float] = MappingProxyType({})) -> None:
        """All since the last mark was this part, but for what parts `within` it took."""
        now = self.now()
        own = {name: ms for name, ms in within.items() if name != "total"}
        for name, ms in {**own, part: 1e3 * (now - self._last) - sum(own.values())}.items():
            self.ms[name] = self.ms.get(name, 0.0) + ms
        self._last = now


def capture(
    order: Order,
    *,
    panel: Panel,
    camera: Camera,
    hairnet: Hairnet,
    calibration: Calibration | None,
    store: Store,
    clock: Clock,
    health: Health,
    show: Show,
) -> TimeLine:
    """Light, photograph, hairs, reading, saved, shown: in this order, so that no number is seen that is not kept.

    A photograph that nobody should believe is kept too, with the reasons and without a number. Returns how long each
    part took. Raises an error of the table where a part fails: then nothing is shown and, unless the disk itself is in
    doubt, nothing kept.
    """
    line = TimeLine()
    store.require_room()
    show.step("photograph", None)
    line.mark("draw")

    lit_ns = panel.light(order.light)
    photograph = camera.capture(after_ns=lit_ns)
    taken_at = clock.now()
    line.mark("frame")

    pixels = decode_pixels(photograph.jpeg)
    line.mark("decode")

    with store.incoming(photograph.jpeg) as incoming:  # the disk writes while the hairs are found
        line.mark("save")

        picture = reduced(pixels)
        show.step("hairs", picture)
        line.mark("draw")

        why_withheld = withheld_because(calibration, taken_at.time, camera.size_px)
        if calibration is not None and why_withheld is None:
            reading = measure(_frame(photograph, pixels, calibration.um_per_px), hairnet, order.threshold_um)
            reasons = reading.quality.reasons
            line.mark("reading", reading.elapsed_ms)
        else:
            calibration, reading, reasons = None, None, (str(why_withheld),)
        believed = reading if not reasons else None

        show.step("saving", picture)
        line.mark("draw")
        kept = store.save(incoming, _record(order, taken_at, calibration, hairnet, believed, reasons, health, line))
    line.mark("save")

    show.taken(Taken(kept, picture, believed))
    line.mark("draw")
    log.info("capture %d: %s", kept.sequence, ", ".join(f"{part} {ms:.0f} ms" for part, ms in line.ms.items()))
    return line


def reduced(pixels: Picture) -> Picture:
    """A photograph halved until it is less than twice as wide as the screen; an odd last row or column is cut off.

    OpenCV averages 2 × 2 pixels three times as fast as any other number of them.
    """
    while pixels.shape[1] >= 2 * SHOWN_PX:
        height, width = pixels.shape[0] // 2, pixels.shape[1] // 2
        whole = pixels[: 2 * height, : 2 * width]
        pixels = np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    return pixels


def calibration_id(calibration: Calibration) -> str:
    """By what a capture names the calibration it was measured with: when that was made."""
    return calibration.made_at.isoformat()


def _frame(photograph: Photograph, pixels: Picture, um_per_px: float) -> Frame:
    return Frame(
        pixels=pixels,
        um_per_px=um_per_px,
        sequence=photograph.sequence,
        sensor_time_ns=photograph.sensor_time_ns,
        exposure_us=photograph.exposure_us,
        gains=photograph.gains,
        metadata=photograph.metadata,
    )


def _record(
    order: Order,
    taken_at: Instant,
    calibration: Calibration | None,
    hairnet: Hairnet,
    reading: Reading | None,
    reasons: tuple[str, ...],
    health: Health,
    line: TimeLine,
) -> Capture:
    document = None
    if reading is not None:
        document = to_contract(reading, "")
        document["elapsed_ms"] |= {part: round(line.ms[part], 1) for part in ("frame", "decode")}
    return Capture(
        patient=order.patient,
        site=order.site,
        operator=order.operator,
        taken_at=taken_at.time,
        clock_trusted=taken_at.trusted,
        threshold_um=order.threshold_um,
        um_per_px=None if calibration is None else calibration.um_per_px,
        calibration_id=None if calibration is None else calibration_id(calibration),
        model_name=hairnet.name,
        model_sha256=hairnet.sha256,
        firmware_version=__version__,
        throttling=health.throttling(),
        reading=document,
        reasons=reasons,
        study_uid=order.study_uid,
        accession_number=order.accession_number,
        light=order.light,
    )
