"""What holds for the child process of any camera, tried with the simulated one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conformance.conftest import DEADLINES
from tests.conformance.test_cameras import ended
from trichoscope.errors import CameraFailed, CameraHung, CameraMissing
from trichoscope.instrument.camera import Deadlines, Fault, SimulatedProcess, SimulatedSettings

ROOT = Path(__file__).parents[2]
SMALL = SimulatedSettings(size_px=(640, 480))

PARENT = """
import threading
from trichoscope.instrument.camera import Deadlines, Fault, SimulatedProcess, SimulatedSettings

def tell():
    while camera.fired == 0:
        pass
    print(camera.pid, camera._drawing._process.pid, flush=True)

camera = SimulatedProcess(SimulatedSettings(size_px=(4056, 3040)), Deadlines(preview_s=100))
camera.open()
camera.disturb(Fault("hang", on="preview"))
threading.Thread(target=tell, daemon=True).start()
camera.preview()
"""


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_outlives_a_parent_that_is_killed_while_its_camera_hangs(signal_number: int) -> None:
    path = {**os.environ, "PYTHONPATH": str(ROOT / "firmware")}
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, env=path) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2  # the one with the camera and the one that draws
        assert not any(ended(pid, within_s=0) for pid in pids)
        parent.send_signal(signal_number)
        assert all(ended(pid) for pid in pids)


def test_after_a_failure_calls_fail_at_once_for_a_while() -> None:
    """So that a loop that shows the live picture is not held up by every attempt."""
    camera = SimulatedProcess(SMALL, Deadlines(open_s=10, preview_s=2, again_s=1000))
    camera.disturb(Fault("unplugged", on="open"))
    with pytest.raises(CameraMissing):
        camera.preview()
    assert camera.fired == 1
    began = time.monotonic()
    with pytest.raises(CameraMissing):
        camera.preview()
    assert time.monotonic() - began < 0.1
    camera.close()


def test_files_and_memory_do_not_grow_with_processes() -> None:
    camera = SimulatedProcess(SMALL, DEADLINES)

    def open_files() -> int:
        return len(os.listdir("/proc/self/fd"))

    camera.preview()
    before = open_files()
    for _ in range(2):
        assert camera.pid is not None
        os.kill(camera.pid, signal.SIGKILL)
        camera.preview()
    assert open_files() <= before  # what was drawn meanwhile is closed
    camera.close()


def test_a_call_to_one_that_takes_no_messages_has_a_deadline_too() -> None:
    camera = SimulatedProcess(SMALL, Deadlines(open_s=10, preview_s=1, capture_s=0, again_s=0))
    camera.open()
    assert camera.pid is not None
    os.kill(camera.pid, signal.SIGSTOP)
    with pytest.raises(CameraHung):
        camera.capture(0)
    camera.close()


def test_what_a_killed_process_was_asked_is_not_taken_for_an_answer_later() -> None:
    camera = SimulatedProcess(SMALL, Deadlines(open_s=10, preview_s=2, capture_s=0.5, again_s=0))
    camera.open()
    camera.disturb(Fault("late", late_s=0.8))
    press_ns = time.monotonic_ns()
    assert camera.capture(press_ns).sensor_time_ns >= press_ns
    assert camera.fired == 1
    later_ns = time.monotonic_ns()
    assert camera.capture(later_ns).sensor_time_ns >= later_ns
    camera.close()


def test_a_scalp_that_cannot_be_drawn_is_an_error_and_drawn_anew() -> None:
    camera = SimulatedProcess(SMALL, DEADLINES)
    camera.open()
    assert camera._drawing is not None
    camera._drawing._process.kill()
    with pytest.raises(CameraFailed, match="-9"):
        camera.wait_drawn(60)
    assert camera.wait_drawn(60)
    camera.close()


def test_knobs_are_turned_before_it_is_open_too() -> None:
    camera = SimulatedProcess(SMALL, DEADLINES)
    camera.place(light="white")
    camera.start()
    camera.place(defocus_um=3.0)
    photograph = camera.capture(time.monotonic_ns())
    assert photograph.metadata["lit"]
    assert photograph.metadata["defocus_um"] == 3.0
    camera.close()
