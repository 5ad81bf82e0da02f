"""The whole instrument on real drivers: from a press on the line to a reading that was kept."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from tests.hardware.machine import header, scope
from tests.hardware.machine.scalp import filmed
from trichoscope import config, device, rehearsal
from trichoscope.clock import SystemClock
from trichoscope.instrument.camera import SimulatedSettings
from trichoscope.instrument.panel import read_pins
from trichoscope.measurement.calibration import to_toml
from trichoscope.measurement.hairnet import NET_UM_PER_PX
from trichoscope.selftest import drawn_hairs

pytestmark = [pytest.mark.hardware, pytest.mark.usefixtures("emulated")]

SIZE = (640, 480)


def test_a_bouncing_press_becomes_one_reading_that_is_kept(tmp_path: Path) -> None:
    pins = read_pins()
    button, rings = pins["capture_button"].bcm, (pins["white_ring"].bcm, pins["polarised_ring"].bcm)
    picture, hairs = drawn_hairs()
    settings = config.load(None, {
        "camera": {"driver": "usb", "usb": {"device": scope.DEVICE, "pixel_format": "YUYV", "size_px": list(SIZE)}},
        "panel": {"driver": "gpio"}, "screen": {"driver": "dummy"}, "records": {"folder": str(tmp_path)},
    })  # fmt: skip
    known = device.known_calibration(SimulatedSettings(size_px=SIZE, um_per_px=NET_UM_PER_PX), SystemClock().now().time)
    settings.calibration_path.write_text(to_toml(known))

    def press() -> None:
        header.bounce(button, times=3)
        header.pull(button, high=True)

    header.pull(button, high=True)
    scope.plug(scope.FED)
    with filmed(picture, rings), ExitStack() as stack:
        screen = stack.enter_context(device.open_screen(settings))
        instrument = device.assemble(settings, screen, stack)
        device.loop(instrument, rehearsal.visit(2, press, lambda: True))
        kept = instrument.parts.store.captures()
        problems = instrument.parts.store.check()
        photographs = [instrument.parts.store.photograph(each) for each in kept]

    assert [each.capture.site for each in kept] == list(rehearsal.SITES[:2]), "one press is one capture, bounces or not"
    assert problems == []
    assert len(set(photographs)) == 2, "each press has its own frame"
    for each in kept:
        assert each.capture.reasons == ()
        assert each.capture.reading is not None
        counted = each.capture.reading["counts"]["total"]
        assert counted == pytest.approx(len(hairs), rel=0.25)  # as the self-test asks for
    assert not any(header.level(ring) for ring in rings), "dark when it is over"
    assert np.isclose(kept[0].capture.um_per_px or 0, NET_UM_PER_PX)
