"""The whole instrument disturbed: what was shown is kept. All of it: `scripts/fault-tests`."""

from __future__ import annotations

from tests.faults import instrument
from tests.faults.drills import fast_folder
from tests.faults.pressed import PHOTOGRAPH_SHA256, prepared


def test_undisturbed_it_shows_what_it_keeps() -> None:
    with fast_folder() as folder:
        prepared(folder)
        said = instrument.starts(folder).stdout.splitlines()
    assert said[1:] == [
        "ready", "press 1", f"kept 1 {PHOTOGRAPH_SHA256}", "press 2", f"kept 2 {PHOTOGRAPH_SHA256}"
    ]  # fmt: skip


def test_killed_it_loses_nothing_that_was_shown_and_leaves_no_camera_behind() -> None:
    tally = instrument.killed(3)
    assert tally.problems == []
    assert tally.fired
    assert tally.kept > 2


def test_an_instrument_that_shows_before_it_saves_is_found() -> None:
    assert any("is lost" in problem for problem in instrument.killed(1, "shows before it saves").problems)


def test_a_clock_that_jumps_changes_no_order_and_withholds_figures_out_of_date() -> None:
    tally = instrument.clock_jumps(12)
    assert tally.problems == []
    assert 2 < tally.fired < tally.runs
    assert tally.kept == tally.runs


def test_by_wall_time_the_order_would_be_wrong() -> None:
    assert (
        "the captures are not in the order they were taken" in instrument.clock_jumps(6, ordered_by_time=True).problems
    )
