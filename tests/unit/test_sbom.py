"""The bill of materials of the software: of this interpreter and of a dpkg that stands on PATH."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SBOM = Path(__file__).parents[2] / "scripts" / "sbom"


DPKG = r"""#!/bin/sh
printf 'libone:amd64\t1.0+b1\tamd64\tinstalled\n'
printf 'gone\t2\tall\tconfig-files\n'
printf 'two\t1:2~3\tall\tinstalled\n'
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """With a dpkg of three packages, one of them removed."""
    folder = tmp_path_factory.mktemp("tools")
    tool = folder / "dpkg-query"
    tool.write_text(DPKG)
    tool.chmod(0o755)
    return os.environ | {"PATH": f"{folder}:{os.environ['PATH']}", "SOURCE_DATE_EPOCH": "1767225600"}


@pytest.fixture(scope="module")
def written(environment: dict[str, str]) -> str:
    return sbom(environment)


def sbom(environment: dict[str, str], *arguments: str) -> str:
    return subprocess.run(
        [sys.executable, SBOM, *arguments], env=environment, capture_output=True, text=True, check=True, timeout=60
    ).stdout


def test_it_is_cyclonedx_and_the_same_each_time(written: str, environment: dict[str, str]) -> None:
    assert written == sbom(environment)
    document = json.loads(written)
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    assert document["metadata"]["timestamp"] == "2026-01-01T00:00:00+00:00"
    assert document["metadata"]["component"]["name"] == "trichoscope"
    references = [part["bom-ref"] for part in document["components"]]
    assert len(references) == len(set(references))


def by_name(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {part["name"]: part for part in document["components"]}


def test_it_knows_the_packages_of_python_and_of_debian(written: str) -> None:
    parts = by_name(json.loads(written))
    assert parts["numpy"]["purl"].startswith("pkg:pypi/numpy@")
    assert parts["numpy"]["licenses"]
    assert parts["libone"]["purl"] == "pkg:deb/debian/libone@1.0%2Bb1?arch=amd64"
    assert parts["two"]["purl"] == "pkg:deb/debian/two@1%3A2~3?arch=all"
    assert "gone" not in parts, "what was removed is not on the instrument"
    assert "trichoscope" not in parts, "it is what the document is about"


def test_the_table_has_every_part(written: str, environment: dict[str, str]) -> None:
    parts = json.loads(written)["components"]
    table = sbom(environment, "--licences").splitlines()
    assert len(table) == len(parts) + 2
    assert any(line.startswith("| two | 1:2~3 | not said |") for line in table)


def test_an_unknown_option_is_refused(environment: dict[str, str]) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        sbom(environment, "--nonsense")
