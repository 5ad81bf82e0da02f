"""The error table is whole, and every row of it is in use."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from trichoscope import cli, errors, frame

PACKAGE = Path(errors.__file__).parent
EXCEPTIONS = errors.TrichoscopeError.__subclasses__()


def test_numbers_are_unique_and_in_order() -> None:
    numbers = [row.number for row in errors.TABLE]
    assert numbers == sorted(set(numbers))


def test_every_row_has_its_exception_and_every_exception_its_row() -> None:
    assert Counter(row.name for row in errors.TABLE) == Counter(kind.__name__ for kind in EXCEPTIONS)


@pytest.mark.parametrize("row", errors.TABLE, ids=lambda row: row.name)
def test_the_exit_code_tells_the_family_and_is_not_that_of_a_crash(row: errors.Row) -> None:
    assert 1 <= row.family <= 9
    assert row.exit_code == 10 + row.number // 100


@pytest.mark.parametrize("row", errors.TABLE, ids=lambda row: row.name)
def test_words_are_whole_sentences(row: errors.Row) -> None:
    for words in (row.clinician, row.engineer):
        assert re.fullmatch(r"\S.*\.", words)


@pytest.mark.parametrize("kind", EXCEPTIONS, ids=lambda kind: kind.__name__)
def test_an_exception_is_also_the_builtin_it_refines(kind: type[errors.TrichoscopeError]) -> None:
    builtins = [base for base in kind.__mro__ if base.__module__ == "builtins"]
    assert builtins[0] not in (Exception, BaseException)


@pytest.mark.parametrize("row", errors.TABLE, ids=lambda row: row.name)
def test_no_row_is_dead(row: errors.Row) -> None:
    sources = [path.read_text("utf-8") for path in PACKAGE.rglob("*.py") if path.name != "errors.py"]
    assert any(re.search(rf"(raise|return|[=:]|if|else) {row.name}\b", source) for source in sources)


def test_a_message_has_number_words_and_detail() -> None:
    assert str(errors.ScaleOutOfRange("Got 500.")).startswith("E602 The scale is impossible")
    assert errors.ScaleOutOfRange("Got 500.").message.endswith("Got 500.")
    assert errors.ScaleMissing().message == errors.ScaleMissing().row.clinician


def test_ranges_in_the_words_are_those_in_the_code() -> None:
    for kind, (low, high) in (
        (errors.ScaleOutOfRange, frame.SCALE_RANGE_UM_PER_PX),
        (errors.ThresholdOutOfRange, cli.THRESHOLD_RANGE_UM),
    ):
        assert f"{low:g} to {high:g}" in kind().message
