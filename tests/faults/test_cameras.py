"""No photograph is older than its press, whatever a camera does. All of it: `scripts/fault-tests`."""

from __future__ import annotations

from tests.faults.camera_drill import FRAMES, QUICK, camera_faults


def test_a_faulty_camera_gives_no_old_photograph_and_works_again() -> None:
    tally = camera_faults(len(QUICK), kinds=QUICK, often=False)
    assert tally.problems == []
    assert tally.fired == tally.runs == len(QUICK)
    assert tally.kept >= len(QUICK)


def test_a_process_that_believes_every_frame_is_found() -> None:
    problems = camera_faults(len(FRAMES), "trusting", kinds=FRAMES, often=False).problems
    for flaw in ("older than its press", "shows no light", "torn", "exposed wrongly"):
        assert any(flaw in problem for problem in problems)
