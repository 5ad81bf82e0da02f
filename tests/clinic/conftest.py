"""Skips what needs the clinic's server where it is not installed."""

from __future__ import annotations

import shutil

import pytest

PROGRAMS = ("Orthanc", "nginx", "openssl", "dump2dcm", "dciodvfy", "java")
MISSING = [program for program in PROGRAMS if shutil.which(program, path="/usr/bin:/usr/sbin:/bin:/sbin") is None]


def pytest_runtest_setup(item: pytest.Item) -> None:
    if MISSING and item.get_closest_marker("clinic") is not None:
        pytest.skip(f"not installed: {', '.join(MISSING)} (scripts/clinic-packages)")
