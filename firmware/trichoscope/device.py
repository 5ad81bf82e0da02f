"""The instrument, put together from its configuration, and the loop it lives in. Only here drivers have names."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from . import __version__
from .capture import calibration_id
from .clock import Clock, SystemClock
from .config import Config
from .consultation import Consultation, Customs, Display, Parts
from .errors import CalibrationUnreadable, TrichoscopeError
from .instrument.camera import (
    CameraProcess,
    CameraSettings,
    CsiSettings,
    SimulatedProcess,
    SimulatedSettings,
    make_camera,
)
from .instrument.health import Health
from .instrument.panel import GpioPanel, Panel, SimulatedPanel, read_pins
from .instrument.screen import Screen, events, pages
from .instrument.watchdog import notify
from .measurement.calibration import Calibration, read_calibration, to_toml
from .measurement.hairnet import Hairnet
from .outputs import write
from .records import Store
from .records.outbox import Outbox
from .rehearsal import Hand, Recorder, visit
from .selftest import Finding, self_test, state_of

FRAME_S = 1 / 20
"""From one live picture to the next: half a core is left for whoever measures."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Instrument:
    """All parts, open."""

    consultation: Consultation
    parts: Parts
    camera: CameraProcess


def has_display() -> bool:
    """Whether a window can be opened here."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def open_screen(config: Config) -> Screen:
    """Raises ScreenMissing."""
    return Screen(None if config.screen.driver == "window" else config.screen.driver)


def assemble(
    config: Config, display: Display, stack: ExitStack, clock: Clock | None = None, hairnet: Hairnet | None = None
) -> Instrument:
    """Open everything; the stack closes it. The camera starts while the model is loaded.

    Args:
        clock: the system's where None.
        hairnet: the one that is shipped where None.

    Raises an error of the table for what the instrument cannot be without. A camera that is missing is not of these:
    it may still be plugged in.
    """
    clock = clock or SystemClock()
    store = stack.enter_context(Store(config.records.folder, clock, create=True))
    calibration = _calibration(config, store, clock)
    cameras: dict[CameraSettings, CameraProcess] = {}

    def camera_for(calibration: Calibration | None) -> CameraProcess:
        settings = exposed(config.camera.settings(), calibration)
        if settings not in cameras:
            cameras[settings] = make_camera(settings)
            stack.callback(cameras[settings].close)
        return cameras[settings]

    camera = camera_for(calibration)
    camera.start()
    hairnet = hairnet or Hairnet.load(threads=min(config.measurement.threads, os.cpu_count() or 1))
    panel: Panel
    moved: Callable[[str, str], None] = lambda patient, site: None  # noqa: E731
    if config.panel.driver == "gpio":
        panel = GpioPanel(read_pins(), sound=config.panel.sound)
    elif isinstance(camera, SimulatedProcess):
        simulated = camera
        panel = SimulatedPanel(lambda light: simulated.place(light=light))
        moved = lambda patient, site: simulated.place(patient=patient, site=site)  # noqa: E731
    else:
        panel = SimulatedPanel()
    stack.callback(panel.close)
    outbox = Outbox(store) if config.clinic.url else None
    parts = Parts(panel, camera_for, hairnet, store, clock, Health(config.records.folder), display, outbox, moved)
    customs = Customs(
        threshold_um=config.measurement.threshold_um,
        operator=config.records.operator,
        light=config.panel.light,
        calibration_path=config.calibration_path,
        target=config.measurement.target,
        target_pitch_um=config.measurement.target_pitch_um,
        calibration_days=config.measurement.calibration_days,
    )
    consultation = Consultation(parts, customs, calibration, camera)
    stack.callback(consultation.close)
    return Instrument(consultation, parts, camera)


def exposed(settings: CameraSettings, calibration: Calibration | None) -> CameraSettings:
    """Set to what a grey card has shown. Only a camera on the ribbon can be set so."""
    if isinstance(settings, CsiSettings) and calibration is not None and (found := calibration.exposure) is not None:
        return replace(
            settings,
            exposure_us=round(found.exposure_us),
            analogue_gain=found.analogue_gain,
            colour_gains=found.colour_gains,
        )
    return settings


def loop(instrument: Instrument, hand: Hand | None = None) -> None:
    """Turn after turn, until somebody leaves. The watchdog hears of each turn that was done."""
    consultation, parts = instrument.consultation, instrument.parts
    if hand is not None:
        next(hand)
    ready = False
    next_at_s = time.monotonic()
    while not consultation.over:
        parts.panel.wait(max(0.0, next_at_s - time.monotonic()))
        next_at_s = max(next_at_s + FRAME_S, time.monotonic())
        asked = parts.display.events()
        if parts.panel.pressed() or consultation.camera.pressed():
            asked.append(events.Press())
        if hand is not None:
            try:
                asked += hand.send(consultation.page)
            except StopIteration:
                asked.append(events.Quit())
        consultation.turn(asked)
        notify("WATCHDOG=1" if ready else "READY=1")
        ready = True


@dataclass(frozen=True)
class Ended:
    """How a run ended."""

    readings: int
    """That were kept, and not set aside, where presses were asked for."""
    wish: Literal["restart", "off"] | None
    """What was asked for on the screen; None where the program was asked to stop."""


def run(config: Config, *, presses: int | None = None, screens: Path | None = None) -> Ended:
    """The instrument, until it is switched off.

    Args:
        presses: where given, nobody is needed: the simulated instrument is pressed so many times, and is left.
        screens: folder for a picture of every screen.

    Raises an error of the table where it cannot start.
    """
    with ExitStack() as stack:
        screen = stack.enter_context(open_screen(config))
        display: Display = screen
        if screens is not None:
            recorder = Recorder(screen, screens)
            stack.callback(recorder.keep)
            display = recorder
        display.show(pages.Starting("Opening the records, the model and the camera", __version__))
        try:
            instrument = assemble(config, display, stack)
        except TrichoscopeError as error:
            log.error("cannot start: %s", error)
            if presses is None:
                _say_why(config, display, error)
            raise
        consultation = instrument.consultation
        before = instrument.parts.store.count()
        hand = None if presses is None else visit(presses, *_hand_of(instrument))
        previous = signal.signal(signal.SIGTERM, lambda *_: consultation.stop())
        stack.callback(signal.signal, signal.SIGTERM, previous)
        log.info("ready: %s, %s", instrument.camera.name, instrument.parts.hairnet.name)
        loop(instrument, hand)
        notify("STOPPING=1")
        kept = [] if presses is None else instrument.parts.store.captures()[before:]
    readings = sum(each.capture.reading is not None and not each.set_aside for each in kept)
    return Ended(readings, consultation.wish)


def check(config: Config, stack: ExitStack) -> list[Finding]:
    """The whole self-test, at once. Raises an error of the table for what the instrument cannot be without."""
    screen = stack.enter_context(open_screen(config))
    instrument = assemble(config, screen, stack)
    parts, camera = instrument.parts, instrument.camera
    tests = self_test(
        hairnet=parts.hairnet, store=parts.store, camera=camera, panel=parts.panel,
        state=lambda: state(config, camera.size_px),
    )  # fmt: skip
    return [finding for _, test in tests for finding in test()]


def state(config: Config, size_px: tuple[int, int] | None = None) -> list[Finding]:
    """What can be told without touching a device. Raises an error of family 4 or 6."""
    clock = SystemClock()
    with Store(config.records.folder, clock) as store:
        kept = Finding("Records", f"{store.count()} captures")
    calibration = read_calibration(config.calibration_path)
    return [kept, *state_of(Health(config.records.folder).read(), clock, calibration, size_px)]


def _say_why(config: Config, display: Display, error: TrichoscopeError) -> None:
    """Show what keeps the instrument from starting until somebody touches the screen: then it is tried again."""
    now = SystemClock().now()
    free_bytes = Health(config.records.folder).read().free_bytes
    banner = pages.Banner(None, None, now.time, now.trusted, free_bytes, storage_low=False, unsent=0)
    display.show(pages.Fault(banner, error.row, error.detail))
    notify("READY=1")
    turn = threading.Event()
    while not any(isinstance(event, events.Recover | events.Back | events.Quit) for event in display.events()):
        turn.wait(FRAME_S)
        notify("WATCHDOG=1")


def _hand_of(instrument: Instrument) -> tuple[Callable[[], None], Callable[[], bool]]:
    """What a simulated hand does: press the button, and wait until the probe is where it is to be."""
    assert isinstance(instrument.parts.panel, SimulatedPanel)
    camera = instrument.camera
    in_place = camera.drawn if isinstance(camera, SimulatedProcess) else lambda: True
    return instrument.parts.panel.press, in_place


def _calibration(config: Config, store: Store, clock: Clock) -> Calibration | None:
    """The one in use. One that cannot be read is none: figures are withheld until there is a new one."""
    path = config.calibration_path
    try:
        found = read_calibration(path)
    except CalibrationUnreadable as error:
        log.error("%s", error)
        return None
    settings = config.camera.settings()
    if found is None and isinstance(settings, SimulatedSettings):
        found = known_calibration(settings, clock.now().time)
        write(path, to_toml(found).encode())
        store.note("calibrated", {"id": calibration_id(found), "simulated": True}, by="instrument")
    return found


def known_calibration(settings: SimulatedSettings, now: datetime) -> Calibration:
    """Of the simulated scope, which knows its scale: no target was photographed."""
    nothing: dict[str, Any] = dict.fromkeys(("marks", "photographs"), 0)
    return Calibration(
        um_per_px=settings.um_per_px,
        uncertainty_um_per_px=settings.um_per_px * 1e-6,
        size_px=settings.size_px,
        target="dots",
        pitch_um=500.0,
        residual_px=0.0,
        perspective_percent=0.0,
        stretch_percent=None,
        distortion_percent=None,
        warnings=("The simulated scope knows its scale: no target was photographed.",),
        made_at=now.replace(microsecond=0),
        valid_days=90,
        firmware_version=__version__,
        **nothing,
    )
