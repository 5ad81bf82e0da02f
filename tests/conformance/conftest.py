"""Every camera in its world."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conformance.worlds import World, make_world
from trichoscope.instrument.camera import CameraProcess, Deadlines, make_camera


@contextmanager
def world_of(name: str, folder: Path) -> Iterator[World]:
    made = make_world(name, folder)
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in made.environment().items():
            patch.setenv(variable, value)
        yield made


CAMERAS = ("csi", "usb", "simulated", "photographs")
DEADLINES = Deadlines(open_s=10, preview_s=1.5, capture_s=1, again_s=0)


@pytest.fixture(scope="module", params=CAMERAS)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world_of(request.param, tmp_path_factory.mktemp("world")) as made:
        yield made


@pytest.fixture(scope="module")
def camera(world: World) -> Iterator[CameraProcess]:
    """Open; a test may leave it in any state."""
    made = make_camera(world.settings, DEADLINES)
    made.start()
    yield made
    made.close()
