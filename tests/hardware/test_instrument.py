"""The whole instrument on real drivers: from a press on the line to a reading that is kept, and to the clinic."""

from __future__ import annotations

import json
import select
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import Outcome
from tests.hardware.machine import header, scope
from tests.hardware.machine.scalp import filmed
from trichoscope import config, device
from trichoscope.clock import SystemClock
from trichoscope.instrument.camera import SimulatedSettings
from trichoscope.instrument.panel import read_pins
from trichoscope.instrument.screen import events, pages
from trichoscope.measurement.calibration import to_toml
from trichoscope.measurement.hairnet import NET_UM_PER_PX
from trichoscope.records import Kept, Store
from trichoscope.records.outbox import Outbox
from trichoscope.rehearsal import Hand
from trichoscope.selftest import drawn_hairs

pytestmark = [pytest.mark.hardware, pytest.mark.usefixtures("emulated")]

SIZE = (640, 480)
SITES: tuple[pages.Site, ...] = ("frontal", "vertex")
HOST = "10.0.2.2"
"""The host, as QEMU's network calls it."""


def hand(press: Callable[[], None]) -> Hand:
    """Type a patient's code, and press once at each site. Ends early where a fault is shown."""
    yield []
    yield []  # the first page is seen
    yield [events.OpenTypeCode()]
    yield [events.Typed("P-0001")]
    for site in SITES:
        yield [events.OpenSites()]
        yield [events.ChooseSite(site)]
        yield []  # the live view is of the place now
        press()
        page = yield []
        while not isinstance(page, pages.Result | pages.Refused | pages.Fault):
            page = yield []
        yield [events.Keep()]


@dataclass(frozen=True)
class Visit:
    """What a visit left behind."""

    records: Path
    kept: list[Kept]
    photographs: list[bytes]
    problems: list[str]
    rings_lit: bool


@pytest.fixture(scope="module")
def visit(emulated: None, tmp_path_factory: pytest.TempPathFactory) -> Visit:
    """Two presses at two sites, on real drivers; the screen draws and nobody sees it."""
    records = tmp_path_factory.mktemp("records")
    pins = read_pins()
    button, rings = pins["capture_button"].bcm, (pins["white_ring"].bcm, pins["polarised_ring"].bcm)
    settings = config.load(None, {
        "camera": {"driver": "usb", "usb": {"device": scope.DEVICE, "pixel_format": "YUYV", "size_px": list(SIZE)}},
        "panel": {"driver": "gpio"}, "screen": {"driver": "dummy"}, "records": {"folder": str(records)},
    })  # fmt: skip
    known = device.known_calibration(SimulatedSettings(size_px=SIZE, um_per_px=NET_UM_PER_PX), SystemClock().now().time)
    settings.calibration_path.write_text(to_toml(known))

    def press() -> None:
        header.bounce(button, times=3)
        header.pull(button, high=True)

    header.pull(button, high=True)
    scope.plug(scope.FED)
    with filmed(drawn_hairs()[0], rings), ExitStack() as stack:
        screen = stack.enter_context(device.open_screen(settings))
        instrument = device.assemble(settings, screen, stack)
        device.loop(instrument, hand(press))
        store = instrument.parts.store
        kept, problems = store.captures(), store.check()
        photographs = [store.photograph(each) for each in kept]
    return Visit(records, kept, photographs, problems, any(header.level(ring) for ring in rings))


def test_a_bouncing_press_becomes_one_reading_that_is_kept(visit: Visit) -> None:
    assert [each.capture.site for each in visit.kept] == list(SITES), "one press, one capture"
    assert visit.problems == []
    assert len(set(visit.photographs)) == 2, "each press has its own frame"
    for each in visit.kept:
        assert each.capture.reasons == ()
        assert each.capture.reading is not None
        counted = each.capture.reading["counts"]["total"]
        assert counted == pytest.approx(len(drawn_hairs()[1]), rel=0.25)  # as the self-test asks for
        assert each.capture.um_per_px == pytest.approx(NET_UM_PER_PX)


def test_its_lights_are_out_when_it_is_over(visit: Visit) -> None:
    assert not visit.rings_lit


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Path]:
    """A configuration for the clinic's server on the host, which is at localhost here too."""
    place = Path("/out/clinic.json")
    if not place.exists():
        pytest.skip("no clinic's server was started beside the machine")
    settings = json.loads(place.read_text())
    file = tmp_path / "clinic.toml"
    file.write_text(
        "[clinic]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings["clinic"].items())
    )
    with relay(settings["port"], HOST):
        yield file


def test_what_was_kept_is_received_by_the_clinic(
    visit: Visit, clinic: Path, trichoscope: Callable[..., Outcome]
) -> None:
    sent = trichoscope("sync", "--config", clinic, "--data", visit.records, "--json")
    assert sent.exit_code == 0, sent.stderr
    with Store(visit.records, SystemClock()) as store:
        assert Outbox(store).unsent() == 0
    assert json.loads(sent.stdout)["received"] == 2 * len(visit.kept), "a photograph and its report of each"


@contextmanager
def relay(port: int, host: str) -> Iterator[None]:
    """Connections to this port of localhost go on to the same port of another host, byte for byte."""

    class Onwards(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection((host, port)) as there:
                ways = {self.request: there, there: self.request}
                while True:
                    for end in select.select(list(ways), [], [])[0]:
                        if not (data := end.recv(65536)):
                            return
                        ways[end].sendall(data)

    socketserver.ThreadingTCPServer.allow_reuse_address = True
    with socketserver.ThreadingTCPServer(("127.0.0.1", port), Onwards) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()
