"""How readings of several visits are compared and placed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from tests.screen.samples import NOW
from trichoscope.instrument.screen import past
from trichoscope.instrument.screen.pages import PastReading
from trichoscope.measurement.reading import Interval


def test_a_difference_of_symmetric_intervals_adds_their_variances() -> None:
    change = past.difference(Interval(170, 160, 180), Interval(140, 116, 164))
    assert [change.value, change.low, change.high] == pytest.approx([30, 30 - 26, 30 + 26])


def test_a_difference_takes_each_end_from_the_side_that_matters() -> None:
    change = past.difference(Interval(10, 9, 14), Interval(10, 7, 11))
    assert change.low == pytest.approx(-np.hypot(1, 1))
    assert change.high == pytest.approx(np.hypot(4, 3))


def test_95_of_100_intervals_of_a_difference_hold_it() -> None:
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(2000):
        one, two = rng.normal(170, 12), rng.normal(140, 20)
        change = past.difference(
            Interval(one, one - 1.96 * 12, one + 1.96 * 12), Interval(two, two - 1.96 * 20, two + 1.96 * 20)
        )
        held += change.low <= 30 <= change.high
    assert 0.935 < held / 2000 < 0.965


def reading(days: int, trusted: bool = True) -> PastReading:
    return PastReading(NOW + timedelta(days=days), trusted, Interval(150, 130, 175))


def test_visits_stand_by_their_dates() -> None:
    assert past._places([reading(0), reading(30), reading(120)]) == ([0, 0.25, 1], True)


@pytest.mark.parametrize(
    "readings",
    [
        [reading(0), reading(30, trusted=False), reading(120)],
        [reading(0), reading(-400), reading(120)],
        [reading(0), reading(0), reading(1)],
    ],
    ids=["a date is not trusted", "a date is before the one before", "no time between"],
)
def test_visits_stand_in_their_order_where_dates_do_not_say(readings: list[PastReading]) -> None:
    assert past._places(readings) == ([0, 0.5, 1], False)


def test_one_visit_stands_in_the_middle() -> None:
    assert past._places([replace(reading(0), clock_trusted=False)]) == ([0.5], True)


@pytest.mark.parametrize(("top", "step"), [(0.0, 0.2), (4.0, 1), (40, 10), (226, 50), (553, 200)])
def test_a_scale_has_round_steps(top: float, step: float) -> None:
    assert past._step(top) == pytest.approx(step)


@pytest.mark.parametrize(
    ("value", "text"), [(12.4, "+12"), (-7.6, "−8"), (0.3, "0"), (-0.3, "0"), (5.0, "+5"), (-10, "−10")]
)
def test_a_change_has_its_sign(value: float, text: str) -> None:
    assert past._signed(value) == text
