"""What was called kept is there, whatever is killed, refused, cut off or full. All of it: `scripts/fault-tests`.

Every drill is also run on a writer with a flaw built in, which it must find.
"""

from __future__ import annotations

import pytest

from tests.faults import drills

WHY_NOT_TRACED = drills.why_not_traced()
WHY_NOT_MOUNTED = drills.why_not_mounted()
traced = pytest.mark.skipif(WHY_NOT_TRACED is not None, reason=str(WHY_NOT_TRACED))
mounted = pytest.mark.skipif(WHY_NOT_MOUNTED is not None, reason=str(WHY_NOT_MOUNTED))


def test_kill_at_random_moments_loses_nothing() -> None:
    tally = drills.kills(12)
    assert tally.problems == []
    assert tally.fired > 3  # the others met the writer between two saves
    assert tally.kept > 12


def test_a_writer_that_says_so_too_early_is_found_by_kills() -> None:
    assert any("is lost" in problem for problem in drills.kills(8, "says so too early").problems)


@traced
def test_a_system_call_that_fails_or_is_the_last_loses_nothing() -> None:
    tally = drills.system_calls(12)
    assert tally.problems == []
    assert tally.fired == tally.runs
    assert tally.refused


@traced
def test_a_writer_that_ignores_errors_is_found() -> None:
    tally = drills.system_calls(flaw="careless", disturbed=["write"])
    assert tally.fired == tally.runs
    assert tally.problems


@traced
def test_power_cuts_lose_nothing() -> None:
    tally = drills.power_cuts(150)
    assert tally.problems == []
    assert tally.fired == tally.runs
    assert tally.kept > 150


@traced
@pytest.mark.parametrize("flaw", ["synchronous normal", "photograph not synced", "folder not synced"])
def test_a_save_that_leaves_a_sync_out_is_found(flaw: str) -> None:
    tally = drills.power_cuts(40, flaw)
    assert len(tally.problems) >= 5


@mounted
def test_a_full_disk_loses_nothing_and_the_audit_says_so() -> None:
    tally = drills.full_disks(12)
    assert tally.problems == []
    assert tally.fired == tally.runs == tally.refused
    assert tally.kept > 12


@mounted
def test_without_the_reserve_the_audit_does_not_get_in() -> None:
    assert any("the audit does not say" in problem for problem in drills.full_disks(2, "no reserve").problems)
