"""scripts/install in a fresh Debian: install, again, use, remove, erase. What is checked stands in install_drill.sh."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STEPS = [
    "refuses whoever is not root",
    "the second installation changes nothing",
    "systemd takes the units, and their programs are there",
    "the program measures",
    "both users write the records, nobody else reads them",
    "the key to the clinic is for the program that sends",
    "settings survive an update",
    "removed, records and settings kept",
    "erased, nothing is left but the groups gpio and i2c",
]


def in_fresh_debian(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "scripts/debian-root", *command], capture_output=True, text=True, check=False, timeout=1500
    )


@pytest.mark.usefixtures("debian_root")
@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
def test_it_installs_works_and_goes_without_a_trace(suite: str) -> None:
    drill = in_fresh_debian("--suite", suite, "bash", "/src/tests/hardware/install_drill.sh")
    assert drill.returncode == 0, drill.stdout + drill.stderr
    done = [line.removeprefix("step: ") for line in drill.stdout.splitlines() if line.startswith("step: ")]
    assert [step.split(":")[0] for step in done] == STEPS


@pytest.mark.usefixtures("debian_root")
def test_it_refuses_a_system_it_does_not_know() -> None:
    refused = in_fresh_debian(
        "sh", "-c", "sed -i 's/^VERSION_ID=.*/VERSION_ID=\"11\"/' /etc/os-release; /src/scripts/install"
    )
    assert refused.returncode == 1
    assert "12 (Bookworm) or 13 (Trixie) is needed" in refused.stderr
