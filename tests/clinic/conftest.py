"""A real clinic server for the tests that need one; they are skipped where it is not installed."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clinic.captures import SetClock
from tests.clinic.clinic import Clinic
from trichoscope.records import Store
from trichoscope.records.outbox import Outbox

PROGRAMS = ("Orthanc", "nginx", "openssl", "dump2dcm", "dciodvfy", "java")
MISSING = [program for program in PROGRAMS if shutil.which(program, path="/usr/bin:/usr/sbin:/bin:/sbin") is None]


def pytest_runtest_setup(item: pytest.Item) -> None:
    if MISSING and item.get_closest_marker("clinic") is not None:
        pytest.skip(f"not installed: {', '.join(MISSING)} (scripts/clinic-packages)")


@pytest.fixture(scope="session")
def clinic() -> Iterator[Clinic]:
    """One server for the session, with the device TS-0001 enrolled."""
    with tempfile.TemporaryDirectory() as folder, Clinic.started(Path(folder)) as started:
        yield started


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "records", SetClock(), create=True, floor_bytes=0) as opened:
        yield opened


@pytest.fixture
def outbox(store: Store) -> Outbox:
    return Outbox(store)
