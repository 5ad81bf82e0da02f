"""Power cuts while captures are saved, in short: scripts/power-cuts has the long form."""

from __future__ import annotations

import pytest

from tests.hardware.power_cuts import run

pytestmark = pytest.mark.usefixtures("machine")

CUTS, SPOILT_CUTS = 3, 10


def test_nothing_that_was_acknowledged_is_missing() -> None:
    outcome = run(CUTS)
    assert outcome.cuts == CUTS
    assert outcome.acknowledged >= CUTS, "each cut came after a capture"
    assert outcome.missing == set()
    assert outcome.problems == []


def test_records_that_do_not_wait_for_the_disk_lose_some() -> None:
    """The control: with the disk waited for at checkpoints only, the drill finds what is lost, sooner or later."""
    assert run(SPOILT_CUTS, flaw="synchronous normal", until_missing=True).missing
