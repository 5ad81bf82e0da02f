"""A bench in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.drills import fast_folder
from tests.flow.parts import Bench, bench, calibration
from trichoscope.instrument.screen import events


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """In memory where there is such a folder: nothing here is about the disk."""
    with fast_folder() as folder:
        yield folder


@pytest.fixture
def on_bench(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    """Makes benches, with a calibration where nothing else is said, and takes them apart."""
    made: list[Bench] = []

    def make(**wanted: Any) -> Bench:
        made.append(bench(tmp_path, **{"calibrated": calibration(), **wanted}))
        return made[-1]

    yield make
    for each in made:
        each.consultation.close()
        each.store.close()


@pytest.fixture
def ready(on_bench: Callable[..., Bench]) -> Callable[..., Bench]:
    """Makes a bench with a patient and a site chosen: the live view is shown."""

    def make(**wanted: Any) -> Bench:
        instrument = on_bench(**wanted)
        instrument.turn(events.OpenTypeCode())
        instrument.turn(events.Typed("P-000017"))
        instrument.turn(events.ChooseSite("vertex"))
        return instrument

    return make
