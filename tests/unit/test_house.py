"""The rules of the house: imports point one way, the measurement is pure, the README's commands are real."""

from __future__ import annotations

import ast
import os
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from trichoscope import cli

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "firmware" / "trichoscope"
MODULES = sorted(PACKAGE.rglob("*.py"))

MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "frame": set(),
    "simulation": {"errors", "frame"},
    "measurement": {"errors", "frame"},
    "photograph": {"errors", "frame"},
    "clock": set(),
    "records": {"errors", "clock"},
    "instrument": {"errors", "frame", "measurement", "photograph", "simulation"},
    "config": {"clinic", "errors", "instrument"},
    "selftest": {"clock", "errors", "frame", "instrument", "measurement", "photograph", "records"},
    "consultation": {
        "capture",
        "clock",
        "errors",
        "instrument",
        "measurement",
        "outputs",
        "photograph",
        "records",
        "selftest",
        "visit",
    },
    "visit": {"clock", "instrument", "measurement", "records"},
    "rehearsal": {"instrument", "outputs"},
    "device": {
        "capture",
        "clock",
        "config",
        "consultation",
        "errors",
        "instrument",
        "measurement",
        "outputs",
        "records",
        "rehearsal",
        "selftest",
    },
    "cli_options": set(),
    "cli_instrument": {"cli_options", "config", "device", "errors", "outputs", "selftest"},
    "capture": {"clock", "frame", "instrument", "measurement", "photograph", "records"},
    "outputs": {"errors"},
    "cli_clinic": {
        "cli_options",
        "clinic",
        "clock",
        "config",
        "errors",
        "instrument",
        "measurement",
        "outputs",
        "photograph",
        "records",
    },
    "clinic": {"clock", "errors", "measurement", "photograph", "records"},
    "cli_records": {"cli_options", "clock", "errors", "measurement", "outputs", "photograph", "records"},
    "cli": {
        "cli_clinic",
        "cli_instrument",
        "cli_records",
        "errors",
        "frame",
        "measurement",
        "outputs",
        "photograph",
        "simulation",
    },
    "__main__": {"cli"},
}
"""Room → the other rooms it may import. A new room is entered here on purpose."""
PURE: dict[str, set[str]] = {
    "measurement": {"numpy", "cv2", "ai_edge_litert", "tflite_runtime"},
    "simulation": {"numpy", "cv2"},
}
"""Room → all that it may import from outside, beside the harmless part of the standard library."""
HARMFUL = {
    "sqlite3",
    "socket",
    "ssl",
    "http",
    "urllib",
    "ftplib",
    "smtplib",
    "asyncio",
    "subprocess",
    "multiprocessing",
}
BANNED_NAMES = re.compile(r"(^|_)(utils?|base|helpers?|managers?|common|misc)(_|$)")


def room_of(module: Path) -> str:
    return module.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(source: str, package: tuple[str, ...]) -> Iterator[str]:
    """Full dotted names of all that a module imports, wherever in it; `package` is the one it lies in."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            stem = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{stem}.{alias.name}" for alias in node.names)


def imports_of(module: Path) -> set[str]:
    package = module.relative_to(PACKAGE.parent).parent.parts
    return set(imports(module.read_text("utf-8"), package))


def rooms_imported(names: set[str]) -> set[str]:
    parts = [name.split(".") for name in names]
    return {part[1] for part in parts if part[0] == "trichoscope" and part[1] != "__version__"}


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("from ..cli import main", "trichoscope.cli.main"),
        ("from .. import cli", "trichoscope.cli"),
        ("from .units import x", "trichoscope.measurement.units.x"),
        ("def f():\n    import sqlite3", "sqlite3"),
        ("from trichoscope.frame import Frame", "trichoscope.frame.Frame"),
    ],
)
def test_the_check_itself_sees_every_way_to_import(line: str, name: str) -> None:
    assert list(imports(line, ("trichoscope", "measurement"))) == [name]


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.relative_to(PACKAGE)))
def test_imports_point_one_way(module: Path) -> None:
    room = room_of(module)
    assert rooms_imported(imports_of(module)) <= MAY_IMPORT.get(room, set()) | {room}


def test_no_two_rooms_import_each_other() -> None:
    def reach(room: str) -> set[str]:
        return MAY_IMPORT[room].union(*(reach(other) for other in MAY_IMPORT[room]))

    assert all(room not in reach(room) for room in MAY_IMPORT)


@pytest.mark.parametrize("room", PURE)
def test_pure_rooms_touch_no_driver_no_store_and_no_network(room: str) -> None:
    for module in (PACKAGE / room).rglob("*.py"):
        outside = {name.split(".")[0] for name in imports_of(module)} - {"trichoscope"}
        assert outside - sys.stdlib_module_names <= PURE[room]
        assert not outside & HARMFUL


def test_names_say_what_a_module_is_for() -> None:
    assert [m for m in MODULES if BANNED_NAMES.search(m.stem) or BANNED_NAMES.search(m.parent.name)] == []


README = (ROOT / "README.md").read_text("utf-8")


def readme_commands() -> list[list[str]]:
    blocks = re.findall(r"```(?:sh|bash)\n(.*?)```", README, re.DOTALL)
    return [command for block in blocks for line in block.splitlines() if (command := shlex.split(line, comments=True))]


def understand(arguments: list[str]) -> None:
    """Parse a command of `trichoscope` without running it."""
    group = typer.main.get_command(cli.app)
    command = group.commands[arguments[0]]  # type: ignore[attr-defined]
    command.make_context(arguments[0], arguments[1:])


@pytest.mark.parametrize("command", readme_commands(), ids=" ".join)
def test_every_command_of_the_readme_is_real(command: list[str]) -> None:
    program, *arguments = command
    if program == "trichoscope":
        understand(arguments)
    elif program.startswith("scripts/"):
        assert os.access(ROOT / program, os.X_OK)
    else:
        assert program in {"git", "cd", "pip"}


def test_a_command_that_is_not_real_would_be_found() -> None:
    with pytest.raises(Exception, match="--nonsense"):
        understand(["analyze", "scalp.jpg", "--nonsense"])


def test_every_file_the_readme_points_at_is_there() -> None:
    assert [link for link in re.findall(r"\]\(([^):]+)\)", README) if not (ROOT / link).exists()] == []


def test_the_readme_shows_both_scripts_and_both_commands() -> None:
    shown = {" ".join(command[:2]) for command in readme_commands()}
    assert {"scripts/demo", "scripts/test", "trichoscope analyze", "trichoscope render"} <= shown
