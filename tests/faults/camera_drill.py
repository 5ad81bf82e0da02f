"""Scripted faults of a camera: whatever it does, no photograph is older than its press, and soon it works again.

The camera is the simulated one, small, in its real process with short deadlines. Each press lights the scope first, so
that the pixels tell too whether a frame began before it.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import simplejpeg

from tests.faults.drills import Tally
from trichoscope.errors import TrichoscopeError
from trichoscope.instrument.camera import Deadlines, Fault, Photograph, SimulatedProcess, SimulatedSettings

SETTINGS = SimulatedSettings(size_px=(640, 480), um_per_px=4.0)
DEADLINES = Deadlines(open_s=3, preview_s=0.6, capture_s=0.6, again_s=0)
BACK_S = 10
"""From the call in which the last fault of a script fired; until then the camera is not in order."""
LIT = 40
"""Mean grey level that no dark frame has."""
MOST_PRESSES = 30


FRAMES = tuple(Fault(kind) for kind in ("stale", "torn", "wrong_exposure", "black"))
CALLS = tuple(Fault(kind, on=on) for kind in ("hang", "crash", "unplugged") for on in ("capture", "preview", "open"))
LATE = tuple(Fault("late", on=on) for on in ("capture", "preview"))
ALL = (*FRAMES, *CALLS, *LATE)
QUICK = (*FRAMES, Fault("hang"), Fault("crash", on="preview"), Fault("unplugged", on="open"), Fault("late"))
"""One of a kind, without those that wait longest."""


def scripts(count: int, kinds: Sequence[Fault], often: bool, rng: random.Random) -> Iterator[tuple[Fault, ...]]:
    """All kinds in turn, each once, or `often` up to three times (frames up to seven)."""
    for fault in itertools.islice(itertools.cycle(rng.sample(kinds, len(kinds))), count):
        times = rng.randint(1, 7 if fault in FRAMES else 3) if often else 1
        # a late answer comes within its deadline or after it
        repeated = Fault(fault.kind, times, fault.on, late_s=rng.choice((0.2, 0.8)))
        yield (Fault("crash"), repeated) if fault.on == "open" else (repeated,)


def camera_faults(
    count: int, flaw: str = "none", *, kinds: Sequence[Fault] = ALL, often: bool = True, seed: int = 1
) -> Tally:
    """`count` scripts, one after the other, on one camera.

    Flaws: `trusting` believes every frame, `sulking` waits too long before it tries again.
    """
    rng, tally = random.Random(seed), Tally()
    deadlines = replace(DEADLINES, again_s=BACK_S + 1) if flaw == "sulking" else DEADLINES
    camera = (_Trusting if flaw == "trusting" else SimulatedProcess)(SETTINGS, deadlines)
    camera.open()
    camera.wait_drawn(60)
    for script in scripts(count, kinds, often, rng):
        problems = _play(camera, script, tally)
        told = ", ".join(f"{fault.kind} in {fault.on} × {fault.times}" for fault in script)
        tally.problems += [f"{told}: {problem}" for problem in problems]
        tally.runs += 1
    camera.close()
    return tally


class _Trusting(SimulatedProcess):
    def _verify(self, photograph: Photograph, after_ns: int) -> None:
        pass


def _play(camera: SimulatedProcess, script: Sequence[Fault], tally: Tally) -> list[str]:
    """Presses until all faults of the script have fired and one more; what went wrong."""
    problems = []
    wanted = camera.fired + sum(fault.times for fault in script)
    camera.disturb(*script)
    for _ in range(MOST_PRESSES):
        all_fired = camera.fired == wanted
        problems += _press(camera, tally, may_be_black=any(fault.kind == "black" for fault in script))
        if all_fired:
            tally.fired += 1
            return problems
    return [*problems, "the fault did not fire"]


def _press(camera: SimulatedProcess, tally: Tally, may_be_black: bool) -> list[str]:
    """One press as the instrument does it, repeated after an error, with the live picture before and after."""
    fired, began = camera.fired, time.monotonic()
    while True:
        tried = time.monotonic()
        camera.place(light="off")
        _look(camera)
        camera.place(light="white")
        press_ns = time.monotonic_ns()
        try:
            photograph = camera.capture(press_ns)
        except TrichoscopeError as error:
            tally.refused += 1
            if error.row.family != 1:
                return [str(error)]
            if camera.fired > fired:
                fired, began = camera.fired, tried
            if time.monotonic() - began > BACK_S:
                return [f"not back in service after {BACK_S} s: {error}"]
            continue
        tally.kept += 1
        problems = _faults_of(photograph, press_ns, may_be_black)
        if time.monotonic() - began > BACK_S:
            problems.append(f"back in service only after {time.monotonic() - began:.1f} s")
        return problems


def _look(camera: SimulatedProcess) -> None:
    try:
        camera.preview()
    except TrichoscopeError:
        return  # the press says it


def _faults_of(photograph: Photograph, press_ns: int, may_be_black: bool) -> list[str]:
    problems = []
    if photograph.sensor_time_ns < press_ns:
        problems.append("the photograph is older than its press")
    if photograph.exposure_us != SETTINGS.exposure_us:
        problems.append("the photograph is exposed wrongly")
    try:
        pixels = simplejpeg.decode_jpeg(photograph.jpeg)
    except ValueError:
        return [*problems, "the photograph is torn"]
    if pixels.mean() < LIT and not may_be_black:
        problems.append("the photograph shows no light: it began before its press")
    return problems
