"""The pages of hardware/: what they point at is there, what they name is on the bill, what they type is real."""

from __future__ import annotations

import csv
import re
import shlex
from pathlib import Path

import pytest
import typer.main

from trichoscope import cli

HARDWARE = Path(__file__).parents[2] / "hardware"
PAGES = sorted(HARDWARE.rglob("*.md"))
OF_THE_BOARD = {"J5", "J8"}
"""Connectors of the Raspberry Pi."""


def bill() -> set[str]:
    """Every single reference."""
    found: set[str] = set()
    with (HARDWARE / "bom.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            first, _, last = row["reference"].partition("-")
            letters, number = re.fullmatch(r"([A-Z]+)(\d+)", first).groups()  # type: ignore[union-attr]
            end = int(re.sub(r"\D", "", last)) if last else int(number)
            found |= {f"{letters}{n}" for n in range(int(number), end + 1)}
    return found


def named(text: str) -> set[str]:
    letters = "|".join(sorted({re.sub(r"\d", "", reference) for reference in bill()}, key=len, reverse=True))
    return set(re.findall(rf"(?<![\w./-])((?:{letters})\d+)(?![\w-])", text))


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_what_a_page_points_at_is_there(page: Path) -> None:
    links = re.findall(r"\]\(([^):#]+)\)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_readme_lists_every_file_and_no_other() -> None:
    first_cells = re.findall(r"(?m)^\|([^|]+)\|", (HARDWARE / "README.md").read_text("utf-8"))
    listed = set(re.findall(r"`([\w./-]+)`", " ".join(first_cells)))
    there = {
        path.name
        for path in HARDWARE.iterdir()
        if path.is_file() and path.suffix in {".md", ".py", ".toml", ".csv", ".svg"} and path.name != "README.md"
    }
    assert listed - {"enclosure/"} == there


@pytest.mark.parametrize("name", ["assembly.md", "schematic.md"])
def test_what_is_named_is_on_the_bill(name: str) -> None:
    terminals = {"S1", "S2", "B1", "B2", "L2"}
    assert named((HARDWARE / name).read_text("utf-8")) <= bill() | OF_THE_BOARD | terminals


def test_a_part_that_is_not_on_the_bill_would_be_found() -> None:
    assert named("Solder R99 beside U1.") - bill() == {"R99"}


def test_every_command_is_real() -> None:
    seen = 0
    for page in PAGES:
        for block in re.findall(r"```sh[^\n]*\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
            for line in block.splitlines():
                program, *arguments = shlex.split(line)
                seen += 1
                if program == "trichoscope":
                    group = typer.main.get_command(cli.app)
                    group.commands[arguments[0]].make_context(arguments[0], arguments[1:])  # type: ignore[attr-defined]
                else:
                    assert [program, arguments[0]] == ["python", "-m"]
                    assert (HARDWARE.parent / (arguments[1].replace(".", "/") + ".py")).exists(), arguments[1]
    assert seen >= 3


def test_every_step_of_the_assembly_ends_with_a_check() -> None:
    steps = re.split(r"(?m)^## \d+ ", (HARDWARE / "assembly.md").read_text("utf-8"))[1:]
    assert len(steps) == 12
    for step in steps:
        assert step.split("\n## ")[0].count("**Check.**") == 1, step.splitlines()[0]


def test_the_safety_page_says_what_was_not_tested() -> None:
    text = (HARDWARE / "safety.md").read_text("utf-8")
    for standard in ("IEC 60601-1 ", "IEC 60601-1-2", "IEC 62471", "ISO 10993", "IEC 62133", "ISO 14971"):
        assert standard in text
    assert "not a medical device" in text
