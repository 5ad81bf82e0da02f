"""The site builds, its commands are real, those that need no instrument are run, its errors are the program's."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from trichoscope import cli
from trichoscope.errors import TABLE

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if not path.is_symlink())
BLOCK = re.compile(r"```sh(?P<instrument> \{ \.instrument \})?\n(?P<text>.*?)```", re.DOTALL)
KNOWN = {"cd", "git", "journalctl", "nano", "pip", "python", "python3", "reboot", "rauc", "systemctl", ".venv/bin/pip"}
"""Programs that are not ours."""
RUN_BY = {
    "scripts/install --remove": ("hardware/install_drill.sh", "scripts/install --remove"),
    "scripts/install --erase": ("hardware/install_drill.sh", "scripts/install --erase"),
    "scripts/install": ("hardware/install_drill.sh", "/tree/scripts/install\n"),
    "scripts/image keys": ("unit/test_image.py", 'image("keys"'),
    "scripts/image bundle": ("unit/test_image.py", 'image("bundle"'),
    "scripts/image verify": ("unit/test_image.py", 'image("verify"'),
    "scripts/emulated-machine": ("hardware/test_emulated_machine.py", "scripts/emulated-machine"),
    "scripts/power-cuts": ("hardware/test_power_cuts.py", "run(CUTS)"),
    "scripts/debian-root --arch arm64": ("hardware/test_arm64.py", '"--arch", "arm64"'),
    "scripts/clinic-server start": ("clinic/clinic.py", '"start"'),
    "scripts/clinic-server patient": ("clinic/test_sending.py", '"patient"'),
    "scripts/clinic-server stop": ("clinic/clinic.py", '"stop"'),
    "scripts/enrol-device": ("clinic/clinic.py", '"enrol"'),
    "trichoscope worklist": ("clinic/test_canary.py", '"worklist"'),
    "trichoscope sync": ("clinic/test_canary.py", '"sync"'),
    "trichoscope reanalyze": ("clinic/test_reanalysis.py", '"reanalyze"'),
    "trichoscope config": ("unit/test_config.py", '"config"'),
    "trichoscope list": ("unit/test_cli_records.py", '"list"'),
    "trichoscope calibrate": ("unit/test_calibration.py", '"calibrate"'),
}
"""Commands marked as for an instrument, by their first words: the file of the tests that runs each, and how."""
NOT_RUN = {
    "scripts/image build": "needs rpi-image-gen on an arm64 Debian",
    "scripts/test": "runs this test",
    "scripts/clinic-server page": "prints an address for a browser",
    "python -m models.training.evaluate": "takes longer than all tests together",
    "python3 -m venv": "of Python",
    ".venv/bin/pip install": "the tests are installed by it",
    "reboot": "of the system",
    "nano": "of the system",
    "systemctl": "of the system",
    "journalctl": "of the system",
}
"""Those that no test runs, and why."""


def commands(page: Path, *, instrument: bool) -> list[list[str]]:
    """Of the blocks that are to be run here, or of those that need an instrument, root or much time."""
    found = []
    for block in BLOCK.finditer(page.read_text("utf-8")):
        if bool(block["instrument"]) == instrument:
            found += [words for line in block["text"].splitlines() if (words := shlex.split(line, comments=True))]
    return found


def bare(words: list[str]) -> list[str]:
    """Without the user it runs as and without its environment."""
    while words[0] == "sudo" or "=" in words[0]:
        words = words[1:]
        if words[0] == "-u":
            words = words[2:]
    return words


def understand(words: list[str]) -> None:
    """What a shell would start: a command of ours that takes these options, a script that is there, or a known tool."""
    program, *arguments = bare(words)
    if program == "trichoscope":
        group = typer.main.get_command(cli.app)
        group.commands[arguments[0]].make_context(arguments[0], arguments[1:])  # type: ignore[attr-defined]
    elif program.startswith("scripts/"):
        assert os.access(ROOT / program, os.X_OK), program
    elif program in ("python", "python3") and arguments[0] == "-m" and "." in arguments[1]:
        assert (ROOT / (arguments[1].replace(".", "/") + ".py")).exists(), arguments[1]
    else:
        assert program in KNOWN, program


def test_every_command_of_the_site_is_real() -> None:
    for page in PAGES:
        for words in commands(page, instrument=True):
            understand(words)


def test_a_command_that_is_not_real_would_be_found() -> None:
    for words in (["trichoscope", "analyze", "a.jpg", "--nonsense"], ["scripts/nonsense"], ["nonsense"]):
        with pytest.raises(Exception, match="nonsense"):
            understand(words)


def test_every_command_is_run_by_a_test_or_said_to_be_run_by_none() -> None:
    marked = [" ".join(bare(words)) for page in PAGES for words in commands(page, instrument=True)]
    assert [command for command in marked if not command.startswith((*RUN_BY, *NOT_RUN))] == []
    assert [known for known in (*RUN_BY, *NOT_RUN) if not any(command.startswith(known) for command in marked)] == []


@pytest.mark.parametrize("command", RUN_BY)
def test_the_test_that_runs_a_command_does(command: str) -> None:
    file, how = RUN_BY[command]
    assert how in (ROOT / "tests" / file).read_text("utf-8")


@pytest.mark.parametrize(
    "page", [page for page in PAGES if commands(page, instrument=False)], ids=lambda p: str(p.name)
)
def test_the_commands_of_a_page_run_one_after_the_other(page: Path, tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "firmware"), "NO_COLOR": "1"}
    environment.pop("DISPLAY", None)
    for words in commands(page, instrument=False):
        assert words[0] == "trichoscope", "the others are marked as for an instrument"
        done = subprocess.run(
            [sys.executable, "-m", *words], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
            timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, f"{shlex.join(words)}\n{done.stdout}{done.stderr}"


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert built.returncode == 0, built.stdout + built.stderr
    page = (tmp_path / "errors/index.html").read_text("utf-8")
    assert [row.number for row in TABLE if f"E{row.number}" not in page] == []
    assert not re.search(r'<(?:script|link|img)[^>]+(?:src|href)="https?://', page), "nothing is fetched from elsewhere"
