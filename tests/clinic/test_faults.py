"""The clinic holds each object once, byte for byte, whatever is cut, killed or answered. All of it:
`scripts/clinic-fault-tests`.

Every drill is also run with a flaw built in, which it must find.
"""

from __future__ import annotations

import pytest

from tests.clinic.clinic import Clinic
from tests.faults import clinic_drills as drills
from tests.faults.drills import why_not_mounted

pytestmark = pytest.mark.clinic
WHY_NOT_MOUNTED = why_not_mounted()


def test_cut_connections_lose_and_double_nothing(clinic: Clinic) -> None:
    tally = drills.cuts(clinic, len(drills.PLACES))
    assert tally.problems == []
    assert tally.fired == tally.runs == tally.kept


def test_a_sender_that_takes_an_attempt_for_a_receipt_is_found(clinic: Clinic) -> None:
    assert any("said to be received" in problem for problem in drills.cuts(clinic, 4, drills.Credulous).problems)


def test_a_sender_that_renames_what_it_sends_again_is_found(clinic: Clinic) -> None:
    problems = drills.cuts(clinic, 4, drills.Renaming).problems
    assert any("nobody sent" in problem for problem in problems)


def test_a_server_that_is_killed_loses_nothing(clinic: Clinic) -> None:
    tally = drills.server_kills(clinic, 3)
    assert tally.problems == []
    assert tally.fired


def test_a_device_that_is_killed_loses_nothing_even_with_its_states(clinic: Clinic) -> None:
    tally = drills.device_kills(clinic, 2, lose_states=True)
    assert tally.problems == []
    assert tally.fired


def test_whatever_answers_in_its_place_nothing_is_lost(clinic: Clinic) -> None:
    tally = drills.bad_answers(clinic)
    assert tally.problems == []
    assert tally.fired == tally.refused == tally.runs


def test_a_sender_that_believes_whatever_answers_is_found(clinic: Clinic) -> None:
    assert drills.bad_answers(clinic, drills.Credulous).problems


@pytest.mark.skipif(WHY_NOT_MOUNTED is not None, reason=str(WHY_NOT_MOUNTED))
def test_a_full_server_loses_nothing() -> None:
    tally = drills.full_server()
    assert tally.problems == []
    assert tally.fired


def test_nothing_is_removed_before_it_was_received(clinic: Clinic) -> None:
    assert drills.early_removal(clinic).problems == []
    assert drills.early_removal(clinic, flaw=True).problems
