"""From what the hand does to what the screen shows: patients, sites, presses, calibrations, faults. One turn at a time.

Nothing in here knows a driver: the parts are passed in. A turn does what was asked for, brings the live picture up to
date and shows the page.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol

from . import __version__
from .capture import Order, Picture, Step, Taken, calibration_id, capture
from .clock import Clock
from .errors import (
    BatteryLow,
    ClockUntrusted,
    ProgramFailed,
    StorageLow,
    TooHot,
    TrichoscopeError,
    UnderVoltage,
)
from .instrument.camera import Camera, Photograph
from .instrument.health import HOT_C, LOW_BATTERY_PERCENT, Health, HealthReading
from .instrument.panel import Panel
from .instrument.screen import events, pages
from .instrument.screen.aids import look
from .instrument.screen.events import Event
from .instrument.screen.pages import Page, Site
from .instrument.wristband import WIFI, problem_of, read_code
from .measurement.calibration import (
    Calibration,
    Exposure,
    TargetKind,
    as_contract,
    calibrate,
    to_toml,
    withheld_because,
)
from .measurement.hairnet import Hairnet
from .outputs import write
from .photograph import decode_pixels
from .records import Kept, Light, Store
from .records.outbox import Outbox, Worklist
from .records.store import FLOOR_BYTES
from .selftest import Finding, self_test, state_of
from .visit import Visit, name_of, past_readings

HEALTH_S, UNSENT_S = 2.0, 10.0
"""How often the board is asked how it fares, and the outbox what it still holds."""
WIFI_FILE = "wifi.code"
"""In the folder of the records: the code of a Wi-Fi that was held before the camera."""
FOUND_S = 1.0
"""How long a code that was read is shown before the flow goes on."""
IDLE_S = 300.0
"""After so long without a touch the live view is left, and with it the light: it warms what it lies on."""
NOMINAL_UM_PER_PX = 3.2
"""Of the reference build, for the focus aid of an instrument that is not calibrated."""
TARGETS_WANTED = 3
PAST_FAULTS = 50
NEWEST = 200
"""Captures that the self-test on the screen looks at; `trichoscope selftest` looks at all."""

log = logging.getLogger(__name__)


class Display(Protocol):
    """Where pages are seen and touched."""

    def show(self, page: Page) -> None: ...

    def events(self) -> list[Event]:
        """What was asked for since the last call."""
        ...


@dataclass(frozen=True)
class Parts:
    """What the instrument is made of."""

    panel: Panel
    camera_for: Callable[[Calibration | None], Camera]
    """A closed camera, set to what a calibration with a grey card found."""
    hairnet: Hairnet
    store: Store
    clock: Clock
    health: Health
    display: Display
    outbox: Outbox | None = None
    """None where there is no clinic to send to."""
    moved: Callable[[str, str], None] = lambda patient, site: None
    """Told where the probe is to be held; the simulated probe goes there by itself."""
    now_s: Callable[[], float] = time.monotonic


@dataclass(frozen=True)
class Customs:
    """What the configuration says about how this clinic works."""

    threshold_um: float
    operator: str
    light: Light
    calibration_path: Path
    target: TargetKind
    target_pitch_um: float
    calibration_days: int


@dataclass
class _Targets:
    """A calibration on the way."""

    photographs: list[bytes]
    grey: Photograph | None = None
    working: Future[Calibration] | None = None


class Consultation:
    """One instrument in one hand.

    Args:
        calibration: the one in use.
    """

    def __init__(self, parts: Parts, customs: Customs, calibration: Calibration | None, camera: Camera) -> None:
        self.over = False
        self.wish: Literal["restart", "off"] | None = None
        """What is to happen once it is over."""
        self._parts = parts
        self._customs = customs
        self._calibration = calibration
        self._camera = camera
        self._light: Light = customs.light
        self._visit: Visit | None = None
        self._site: Site | None = None
        self._last: Kept | None = None
        self._targets = _Targets([])
        self._tests: list[tuple[str, Callable[[], list[Finding]]]] = []
        self._tested: list[Finding] = []
        self._faults: list[pages.PastFault] = []
        self._found_at_s = 0.0
        self._health, self._unsent = parts.health.read(), 0
        self._health_at_s, self._unsent_at_s = parts.now_s(), -UNSENT_S
        self._asked_at_s = parts.now_s()
        self._work = ThreadPoolExecutor(max_workers=1)
        self._page: Page = self._patients()
        self._shown: Page | None = None

    @property
    def page(self) -> Page:
        return self._page

    @property
    def _by(self) -> str:
        """Who stands in the audit."""
        return self._customs.operator or "instrument"

    @property
    def camera(self) -> Camera:
        return self._camera

    def stop(self) -> None:
        """Let the turn that is on be the last one."""
        self.over = True

    def close(self) -> None:
        self._work.shutdown(wait=False, cancel_futures=True)

    def turn(self, asked: Iterable[Event]) -> None:
        """Do what was asked for, then show where that has led."""
        try:
            self._look_around()
            for event in asked:
                self._asked_at_s = self._parts.now_s()
                self._do(event)
            self._go_on()
        except TrichoscopeError as error:
            self.fail(error)
        except Exception as error:  # the edge of the loop: whatever it was, the next press may go well
            log.exception("unforeseen")
            failure = ProgramFailed(f"{type(error).__name__}: {error}.")
            self.fail(failure)
        self._show()

    def fail(self, error: TrichoscopeError) -> None:
        """Show an error in place of what was asked for."""
        if not (isinstance(self._page, pages.Fault) and self._page.row == error.row):
            log.error("%s %s: %s", error.code, error.row.name, error.detail)
            self._parts.panel.beep("fault")
        now = self._parts.clock.now().time
        times = 1
        if self._faults and self._faults[0].row == error.row:
            times += self._faults.pop(0).times
        self._faults = [pages.PastFault(now, error.row, times), *self._faults][:PAST_FAULTS]
        self._turn_to(pages.Fault(self._banner(), error.row, error.detail))

    def _do(self, event: Event) -> None:  # noqa: PLR0912  one line for each wish
        match event:
            case events.Turn(page):
                if type(page) is type(self._page):  # else it was touched too late
                    self._page = page
            case events.Press():
                self._press()
            case events.ChooseLight(light):
                self._light = light
                self._turn_to(self._page)
            case events.OpenPatients():
                self._turn_to(self._patients())
            case events.ChoosePatient(code):
                self._begin(code)
            case events.ScanWristband():
                self._parts.moved("", "wristband")
                self._turn_to(pages.Scanning(self._banner(), self._camera.preview()))
            case events.OpenTypeCode():
                self._turn_to(pages.TypeCode(self._banner()))
            case events.Typed(code):
                if problem := problem_of(code):
                    self._turn_to(pages.TypeCode(self._banner(), code, problem))
                else:
                    self._begin(code)
            case events.OpenSites():
                self._turn_to(self._sites())
            case events.ChooseSite(site):
                self._site = site
                self._ready()
            case events.Keep():
                self._keep()
            case events.Retake():
                self._retake()
            case events.OpenHistory():
                self._turn_to(self._history())
            case events.OpenService():
                self._turn_to(self._service())
            case events.RunSelfTest():
                self._begin_self_test()
            case events.Calibrate():
                self._begin_calibration()
            case events.SkipGreyCard():
                self._calibrate()
            case events.Recover(action):
                self._recover(action)
            case events.Back():
                self._back()
            case events.Quit():
                self.over, self.wish = True, "off"

    def _go_on(self) -> None:
        """What happens by itself, turn by turn."""
        match self._page:
            case pages.Ready():
                self._page = self._live()
            case pages.Scanning(found=None):
                preview = self._camera.preview()
                found = read_code(preview)
                if found is not None and found.startswith(WIFI):
                    # for trichoscope-wifi.service: this program has no network, and nobody is shown a password
                    write(self._parts.store.folder / WIFI_FILE, found.encode(), mode=0o600)
                    self._turn_to(self._patients())
                    return
                if found is not None and problem_of(found) is not None:
                    found = None
                self._found_at_s = self._parts.now_s()
                self._page = pages.Scanning(self._banner(), preview, found)
            case pages.Scanning(found=str(code)) if self._parts.now_s() >= self._found_at_s + FOUND_S:
                self._begin(code)
            case pages.Calibrating(step="target" | "grey"):
                preview = self._camera.preview()
                self._page = replace(self._page, banner=self._banner(), preview=preview, aids=self._look(preview))
            case pages.Calibrating(step="working"):
                self._look_after_calibration()
            case pages.SelfTest(running=True):
                self._test_one()
            case pages.Starting():
                pass
            case page if (banner := self._banner()) != page.banner:
                self._page = replace(page, banner=banner)

    # Pages

    def _show(self) -> None:
        if self._page is not self._shown:
            self._parts.display.show(self._page)
            self._shown = self._page

    def _look(self, preview: Picture) -> pages.Aids:
        um_per_px = NOMINAL_UM_PER_PX if self._calibration is None else self._calibration.um_per_px
        return look(preview, um_per_px * self._camera.size_px[0] / preview.shape[1])

    def _turn_to(self, page: Page) -> None:
        """Show a page, with the light on where there is a live picture to see."""
        live = _is_live(page)
        self._parts.panel.light(self._light if live else "off")
        self._parts.panel.status("fault" if isinstance(page, pages.Fault) else "ready" if live else "off")
        self._page = page

    def _ready(self) -> None:
        """The live view, or what has to be chosen before."""
        if self._visit is None:
            self._turn_to(self._patients())
        elif self._site is None:
            self._turn_to(self._sites())
        else:
            self._parts.moved(self._visit.patient, self._site)
            self._parts.panel.light(self._light)
            self._turn_to(self._live())

    def _live(self) -> pages.Ready:
        preview = self._camera.preview()
        frames = self._visit.frames_of(self._site) if self._visit is not None else 0
        return pages.Ready(self._banner(), preview, self._look(preview), self._light, frames)

    def _back(self) -> None:
        match self._page:
            case pages.TypeCode() | pages.Scanning():
                self._turn_to(self._patients())
            case pages.SelfTest() | pages.Calibrating():
                self._turn_to(self._service())
            case _:
                self._ready()

    def _banner(self) -> pages.Banner:
        now, health = self._parts.clock.now(), self._health
        return pages.Banner(
            patient=self._visit.patient if self._visit else None,
            site=self._site,
            now=now.time,
            clock_trusted=now.trusted,
            free_bytes=health.free_bytes,
            storage_low=health.free_bytes < 2 * FLOOR_BYTES,
            unsent=self._unsent,
            patient_name=self._visit.name if self._visit else None,
            battery_percent=health.battery_percent,
            on_mains=health.on_mains,
            notice=self._notice(health, now.trusted),
        )

    def _look_around(self) -> None:
        """Now and then: how the board fares, and what the clinic does not have yet."""
        now_s = self._parts.now_s()
        if now_s >= self._health_at_s + HEALTH_S:
            before, self._health, self._health_at_s = self._health, self._parts.health.read(), now_s
            if before.throttling != self._health.throttling:
                log.warning("throttling bits: %#x", self._health.throttling or 0)
        if self._parts.outbox is not None and now_s >= self._unsent_at_s + UNSENT_S:
            self._unsent, self._unsent_at_s = self._parts.outbox.unsent(), now_s
        if _is_live(self._page) and now_s >= self._asked_at_s + IDLE_S:
            self._turn_to(self._sites() if self._visit is not None else self._patients())

    def _notice(self, health: HealthReading, clock_trusted: bool) -> str | None:
        """The most urgent of what is not as it should be."""
        if health.under_voltage_now:
            return UnderVoltage().message
        if health.battery_percent is not None and health.battery_percent <= LOW_BATTERY_PERCENT and not health.on_mains:
            return BatteryLow().message
        if health.free_bytes < FLOOR_BYTES:
            return StorageLow().message
        if (health.temperature_c or 0) >= HOT_C:
            return TooHot().message
        if why := withheld_because(self._calibration, self._parts.clock.now().time):
            return why
        return None if clock_trusted else ClockUntrusted().message

    # Patients and sites

    def _patients(self) -> pages.Patients:
        worklist = self._worklist()
        visits = tuple(
            pages.Visit(planned.patient, name_of(planned), _time(planned.starts_at), planned.description)
            for planned in (worklist.appointments if worklist is not None else ())
        )
        return pages.Patients(self._banner(), visits, worklist.fetched_at if worklist is not None else None)

    def _worklist(self) -> Worklist | None:
        return self._parts.outbox.worklist() if self._parts.outbox is not None else None

    def _begin(self, patient: str) -> None:
        """A visit of this patient: as the worklist has it, or the one that was begun today, before a power cut too."""
        worklist = self._worklist()
        planned = next((each for each in (worklist.appointments if worklist else ()) if each.patient == patient), None)
        self._visit = Visit(patient, self._parts.store.captures(patient), planned, self._parts.clock.now())
        self._site = None
        self._turn_to(self._sites())

    def _sites(self) -> pages.Sites:
        return pages.Sites(self._banner(), self._visit.sites() if self._visit is not None else {})

    def _history(self) -> pages.History:
        assert self._visit is not None
        return pages.History(self._banner(), past_readings(self._parts.store.captures(self._visit.patient, self._site)))

    # Presses

    def _press(self) -> None:
        match self._page:
            case pages.Ready() | pages.Refused():
                self._capture()
            case pages.Result():
                self._keep()
            case pages.Withheld() | pages.Fault():
                self._ready()
            case pages.Calibrating(step="target" | "grey"):
                self._photograph_target()
            case _:
                log.info("a press without a live view is ignored")

    def _capture(self) -> None:
        if self._visit is None or self._site is None:
            self._ready()
            return
        self._parts.panel.status("busy")
        capture(
            Order(
                patient=self._visit.patient,
                site=self._site,
                study_uid=self._visit.study_uid,
                accession_number=self._visit.accession_number,
                operator=self._customs.operator,
                light=self._light,
                threshold_um=self._customs.threshold_um,
            ),
            panel=self._parts.panel,
            camera=self._camera,
            hairnet=self._parts.hairnet,
            calibration=self._calibration,
            store=self._parts.store,
            clock=self._parts.clock,
            health=self._parts.health,
            show=self,
        )
        self._ignore_what_was_pressed()

    def _ignore_what_was_pressed(self) -> None:
        """During a capture: being busy is the debounce, and a touch meant for the page before is not one for this."""
        self._parts.panel.pressed()
        self._camera.pressed()
        self._parts.display.events()

    def step(self, step: Step, picture: Picture | None) -> None:
        """How far the capture is: see capture.Show."""
        self._page = pages.Measuring(self._banner(), step, picture)
        self._show()

    def taken(self, taken: Taken) -> None:
        """The outcome of the capture, which is kept already: see capture.Show."""
        self._last, found = taken.kept, taken.kept.capture
        if taken.reading is not None:
            assert self._visit is not None
            self._visit.add(taken.kept)
            frame = self._visit.frames_of(found.site)
            self._turn_to(pages.Result(self._banner(), taken.reading, taken.picture, frame))
        elif found.um_per_px is None:
            self._turn_to(pages.Withheld(self._banner(), taken.picture, found.reasons[0]))
        else:
            self._turn_to(pages.Refused(self._banner(), taken.picture, found.reasons))
        self._parts.panel.beep("kept" if taken.reading is not None else "refused")
        self._show()

    def _keep(self) -> None:
        if isinstance(self._page, pages.Calibrating):
            self._use_calibration()
        else:
            self._ready()

    def _retake(self) -> None:
        if isinstance(self._page, pages.Calibrating):
            self._begin_calibration()
            return
        if isinstance(self._page, pages.Result) and self._last is not None:
            assert self._visit is not None
            self._parts.store.set_aside(self._last.sequence, by=self._by)
            self._visit.remove(self._last.sequence)
        self._ready()

    # Service

    def _service(self) -> pages.Service:
        worst = max(self._tested, key=lambda finding: ("good", "caution", "bad").index(finding.state), default=None)
        tested = Finding("Self-test", "Not run since the start", "caution")
        if worst is not None:
            words = "All well" if worst.state == "good" else f"{worst.name}: {worst.words}"
            tested = Finding("Self-test", words, worst.state)
        findings = [*self._state(), tested]
        return pages.Service(self._banner(), _checks(findings), tuple(self._faults), __version__)

    def _state(self) -> list[Finding]:
        return state_of(self._health, self._parts.clock, self._calibration, self._camera.size_px)

    def _begin_self_test(self) -> None:
        parts = self._parts
        self._tests = self_test(
            hairnet=parts.hairnet,
            store=parts.store,
            camera=self._camera,
            panel=parts.panel,
            state=self._state,
            newest=NEWEST,
        )
        self._tested = []
        self._turn_to(self._self_test())
        self._show()

    def _self_test(self) -> pages.SelfTest:
        waiting = tuple(pages.Check(name, "", "waiting") for name, _ in self._tests)
        return pages.SelfTest(self._banner(), (*_checks(self._tested), *waiting), running=bool(self._tests))

    def _test_one(self) -> None:
        _, test = self._tests[0]
        self._tested += test()
        self._tests = self._tests[1:]
        self._turn_to(self._self_test())

    def _recover(self, action: str) -> None:
        if action == "restart":
            self.over, self.wish = True, "restart"
        elif action == "service":
            self._turn_to(self._service())
        else:
            if action == "reopen":
                self._camera.close()
            self._ready()

    # Calibration

    def _begin_calibration(self) -> None:
        self._parts.moved("", f"{self._customs.target} {self._customs.target_pitch_um:g}")
        self._targets = _Targets([])
        self._turn_to(self._calibrating("target"))

    def _calibrating(self, step: Any, **more: Any) -> pages.Calibrating:
        return pages.Calibrating(
            self._banner(),
            step,
            self._customs.target_pitch_um,
            len(self._targets.photographs),
            TARGETS_WANTED,
            before_um_per_px=None if self._calibration is None else self._calibration.um_per_px,
            **more,
        )

    def _photograph_target(self) -> None:
        photograph = self._camera.capture(after_ns=self._parts.panel.light(self._light))
        self._ignore_what_was_pressed()
        if len(self._targets.photographs) < TARGETS_WANTED:
            self._targets.photographs.append(photograph.jpeg)
            if len(self._targets.photographs) == TARGETS_WANTED:
                self._parts.moved("", "grey card")
        else:
            self._targets.grey = photograph
        if self._targets.grey is not None:
            self._calibrate()
        elif len(self._targets.photographs) == TARGETS_WANTED:
            self._turn_to(self._calibrating("grey"))
        else:
            self._turn_to(self._calibrating("target"))

    def _calibrate(self) -> None:
        """Seconds of work, beside the loop: the screen goes on."""
        customs, targets = self._customs, self._targets
        now = self._parts.clock.now().time.replace(microsecond=0)
        grey = targets.grey

        def work() -> Calibration:
            return calibrate(
                [decode_pixels(jpeg) for jpeg in targets.photographs],
                customs.target,
                customs.target_pitch_um,
                now,
                None if grey is None else decode_pixels(grey.jpeg),
                customs.calibration_days,
                None if grey is None else _exposure_of(grey),
            )

        targets.working = self._work.submit(work)
        self._turn_to(self._calibrating("working"))

    def _look_after_calibration(self) -> None:
        working = self._targets.working
        if working is None or not working.done():
            return
        try:
            self._turn_to(self._calibrating("done", calibration=working.result()))
        except TrichoscopeError as error:
            self._turn_to(self._calibrating("failed", problem=str(error)))

    def _use_calibration(self) -> None:
        """From now on: written whole, noted in the audit with all its figures, and the camera set to it."""
        assert isinstance(self._page, pages.Calibrating)
        if (found := self._page.calibration) is None:
            return
        write(self._customs.calibration_path, to_toml(found).encode())
        self._parts.store.note("calibrated", {"id": calibration_id(found), **as_contract(found)}, by=self._by)
        self._calibration = found
        if found.exposure is not None:
            self._camera.close()
            self._camera = self._parts.camera_for(found)
            self._camera.open()
        self._turn_to(self._service())


def _is_live(page: Page) -> bool:
    return isinstance(page, pages.Ready | pages.Scanning) or (
        isinstance(page, pages.Calibrating) and page.step in ("target", "grey")
    )


def _time(text: str) -> datetime | None:
    """Of a worklist, which may say the day alone, or nothing."""
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%S").astimezone()
    except ValueError:
        return None


def _exposure_of(photograph: Photograph) -> Exposure | None:
    if photograph.exposure_us is None or len(photograph.gains) != 3:
        return None
    gain, red, blue = photograph.gains
    return Exposure(photograph.exposure_us, gain, (red, blue))


def _checks(findings: Iterable[Finding]) -> tuple[pages.Check, ...]:
    return tuple(pages.Check(finding.name, finding.words, finding.state) for finding in findings)
