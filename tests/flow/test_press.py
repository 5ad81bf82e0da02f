"""From the press to the number: the order of things, and what is shown when something is not as it should be."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import cv2
import pytest

from tests.flow import parts
from tests.flow.parts import BLURRED, DARK, HAIRS, NOON, SHARP, Bench, BenchCamera
from trichoscope import errors
from trichoscope.capture import TimeLine, reduced
from trichoscope.clock import Instant
from trichoscope.consultation import Consultation
from trichoscope.instrument.screen import events, pages
from trichoscope.instrument.screen.pages import Page
from trichoscope.records import Store

Ready = Callable[..., Bench]
PRESS = events.Press()


def rows(folder: Path) -> int:
    """Captures that another program finds in the records now."""
    db = sqlite3.connect(folder / "records.db")
    (count,) = db.execute("SELECT count(*) FROM capture").fetchone()
    db.close()
    return int(count)


def numbers_of(page: Page) -> bool:
    return isinstance(page, pages.Result)


def test_ok__a_press_gives_a_number_that_is_kept(ready: Ready) -> None:
    instrument = ready()
    page = instrument.turn(PRESS)
    assert isinstance(page, pages.Result)
    assert page.reading.total == HAIRS
    assert page.reading.diameter_mean_um == pytest.approx(72, abs=5)
    (kept,) = instrument.store.captures()
    assert instrument.store.photograph(kept) == SHARP
    assert kept.capture.reading is not None
    assert kept.capture.reading["counts"]["total"] == HAIRS
    assert set(kept.capture.reading["elapsed_ms"]) >= {"frame", "decode", "model", "tracing", "widths"}
    assert (kept.capture.patient, kept.capture.site, kept.capture.operator) == ("P-000017", "vertex", "ab")
    assert (kept.capture.light, kept.capture.um_per_px, kept.capture.calibration_id) == (
        "white", 3.2, "2026-03-01T12:00:00+00:00"
    )  # fmt: skip
    assert kept.capture.study_uid is not None
    assert kept.capture.study_uid.startswith("2.25.")
    assert instrument.panel.sounds == ["kept"]


def test_ok__the_story_in_its_order(ready: Ready, monkeypatch: pytest.MonkeyPatch) -> None:
    instrument = ready()
    story = instrument.camera.log
    story.clear()
    save = Store.save

    def noted(self: Store, *arguments: Any) -> Any:
        kept = save(self, *arguments)
        story.append("saved")
        return kept

    monkeypatch.setattr(Store, "save", noted)
    instrument.display.seen = lambda page: story.append(
        page.step if isinstance(page, pages.Measuring) else type(page).__name__.lower()
    )
    instrument.panel.light("polarised")
    story.clear()
    instrument.turn(PRESS)
    assert story == ["photograph", "light white", "photograph", "hairs", "saving", "saved", "light off", "result"]


def test_ok__the_frame_is_asked_for_after_the_light(ready: Ready) -> None:
    instrument = ready()
    instrument.panel.light("off")
    lit_ns: list[int] = []
    light = instrument.panel.light

    def timed(kind: Any) -> int:
        lit_ns.append(light(kind))
        return lit_ns[-1]

    instrument.panel.light = timed  # type: ignore[method-assign]
    instrument.turn(PRESS)
    assert instrument.camera.asked_ns == lit_ns[0]


def test_ok__a_number_is_seen_only_once_another_program_can_read_it(ready: Ready, tmp_path: Path) -> None:
    instrument = ready()
    seen: list[tuple[bool, int]] = []
    instrument.display.seen = lambda page: seen.append((numbers_of(page), rows(tmp_path)))
    instrument.turn(PRESS)
    assert [kept for number, kept in seen if number] == [1]
    assert {kept for number, kept in seen if not number} == {0}


def test_fail__showing_before_saving_would_be_found(
    ready: Ready, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of the test above: a store that only promises."""
    instrument = ready()
    seen: list[int] = []
    save = Store.save
    promised: list[Callable[[], Any]] = []

    def later(self: Store, photograph: Any, capture: Any) -> Any:
        promised.append(lambda: save(self, photograph.data, capture))
        from trichoscope.records import Kept  # noqa: PLC0415

        return Kept(1, "a" * 32, "", 0, capture)

    monkeypatch.setattr(Store, "save", later)
    instrument.display.seen = lambda page: seen.append(rows(tmp_path)) if numbers_of(page) else None
    instrument.turn(PRESS)
    assert seen == [0]
    assert promised


@pytest.mark.parametrize(("photograph", "words"), [(DARK, "Too dark"), (BLURRED, "Nothing to see")])
def test_ok__a_frame_that_is_not_good_enough_is_kept_with_reasons_and_without_a_number(
    ready: Ready, photograph: bytes, words: str
) -> None:
    instrument = ready(camera=BenchCamera([photograph]))
    page = instrument.turn(PRESS)
    assert isinstance(page, pages.Refused)
    assert words in page.reasons[0]
    (kept,) = instrument.store.captures()
    assert (kept.capture.reading, kept.capture.reasons) == (None, page.reasons)
    assert kept.capture.um_per_px == 3.2
    assert instrument.store.photograph(kept) == photograph
    assert instrument.panel.sounds == ["refused"]
    assert isinstance(instrument.turn(PRESS), pages.Result)  # "press again"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"calibrated": None}, "not calibrated"),
        ({"calibrated": parts.calibration(NOON - timedelta(days=91))}, "out of date"),
        ({"calibrated": parts.calibration(NOON + timedelta(days=1))}, "set the clock"),
        ({"calibrated": dataclasses.replace(parts.calibration(), size_px=(4056, 3040))}, "another size"),
    ],
)
def test_ok__without_a_calibration_the_photograph_is_kept_and_no_figure_is_shown(
    ready: Ready, wrong: dict[str, Any], words: str
) -> None:
    instrument = ready(**wrong)
    page = instrument.turn(PRESS)
    assert isinstance(page, pages.Withheld)
    assert words in page.why
    (kept,) = instrument.store.captures()
    assert (kept.capture.reading, kept.capture.reasons) == (None, (page.why,))
    assert (kept.capture.um_per_px, kept.capture.calibration_id) == (None, None)
    assert isinstance(instrument.turn(PRESS), pages.Ready)


def test_ok__a_press_or_a_touch_during_a_capture_is_ignored(ready: Ready) -> None:
    instrument = ready()

    def meanwhile() -> bytes:
        instrument.panel.press()
        instrument.camera.key = True
        instrument.display.touches += [PRESS, events.Retake()]
        return SHARP

    instrument.camera.gives = [meanwhile]
    instrument.turn(PRESS)
    assert not instrument.panel.pressed()
    assert not instrument.camera.pressed()
    assert isinstance(instrument.turn(), pages.Result)
    assert len(instrument.store.captures()) == 1


def test_fail__a_press_that_is_not_thrown_away_would_be_found(ready: Ready, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control of the test above."""
    monkeypatch.setattr(Consultation, "_ignore_what_was_pressed", lambda self: None)
    instrument = ready()

    def meanwhile() -> bytes:
        instrument.panel.press()
        instrument.display.touches += [events.Retake()]
        return SHARP

    instrument.camera.gives = [meanwhile]
    instrument.turn(PRESS)
    assert instrument.panel.pressed()
    assert isinstance(instrument.turn(), pages.Ready)  # set aside by a touch that was meant for another page


@pytest.mark.parametrize(
    ("failure", "row"),
    [
        (errors.CameraHung(), "CameraHung"),
        (errors.FrameStale("40 ms too old."), "FrameStale"),
        (SHARP[: len(SHARP) // 2], "PictureDamaged"),
        (ZeroDivisionError("division by zero"), "ProgramFailed"),
    ],
)
def test_ok__what_fails_is_shown_by_its_number_and_the_next_press_goes_well(
    ready: Ready, failure: Exception | bytes, row: str
) -> None:
    instrument = ready(camera=BenchCamera([failure]))
    page = instrument.turn(PRESS)
    assert isinstance(page, pages.Fault)
    assert page.row.name == row
    assert instrument.panel.shown == "fault"
    assert instrument.store.captures() == []
    assert isinstance(instrument.turn(PRESS), pages.Ready)
    assert isinstance(instrument.turn(PRESS), pages.Result)


def test_ok__what_cannot_be_kept_is_not_shown(ready: Ready, monkeypatch: pytest.MonkeyPatch) -> None:
    instrument = ready()
    with monkeypatch.context() as patch:
        patch.setattr("trichoscope.records.photographs.keep", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
        page = instrument.turn(PRESS)
    assert isinstance(page, pages.Fault)
    assert page.row.name == "StorageFull"
    assert not any(numbers_of(page) for page in instrument.display.pages)
    assert isinstance(instrument.turn(events.Back()), pages.Ready)
    assert isinstance(instrument.turn(PRESS), pages.Result)


def test_ok__captures_are_refused_early_when_storage_is_low(ready: Ready, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Store, "free_bytes", lambda self: 100_000_000)
    instrument = ready()
    page = instrument.turn(PRESS)
    assert isinstance(page, pages.Fault)
    assert page.row.name == "StorageLow"
    assert "photograph" not in instrument.camera.log


def test_ok__throttling_and_the_clocks_trust_are_kept_with_the_capture(ready: Ready, tmp_path: Path) -> None:
    bits = tmp_path / "sys/devices/platform/soc/soc:firmware/get_throttled"
    bits.parent.mkdir(parents=True)
    bits.write_text("50005\n")
    instrument = ready()
    instrument.clock.instant = Instant(NOON, False)
    page = instrument.turn(PRESS)
    (kept,) = instrument.store.captures()
    assert (kept.capture.throttling, kept.capture.clock_trusted) == (0x50005, False)
    assert isinstance(page, pages.Result)
    assert page.banner.notice is not None
    assert "power supply" in page.banner.notice


def test_ok__nobody_is_measured_before_patient_and_site_are_chosen(on_bench: Ready) -> None:
    instrument = on_bench()
    assert isinstance(instrument.turn(), pages.Patients)
    assert isinstance(instrument.turn(PRESS), pages.Patients)
    instrument.turn(events.OpenTypeCode())
    instrument.turn(events.Typed("P-000017"))
    assert isinstance(instrument.turn(PRESS), pages.Sites)
    assert instrument.store.captures() == []


def test_ok__a_time_line_adds_up() -> None:
    at = iter([0.0, 0.010, 0.110, 0.115, 0.130])
    line = TimeLine(now=lambda: next(at))
    line.mark("frame")
    line.mark("reading", {"model": 60.0, "widths": 30.0, "total": 95.0})
    line.mark("draw")
    line.mark("draw")
    assert line.ms == pytest.approx({"frame": 10, "model": 60, "widths": 30, "reading": 10, "draw": 20})


def test_ok__a_photograph_is_reduced_to_the_screen_and_a_small_one_left_alone() -> None:
    picture = parts.scalp()
    assert reduced(picture) is picture
    twice = picture.repeat(3, axis=0).repeat(3, axis=1)[:-1, :-1]
    assert reduced(twice).shape == (719, 959, 3)
    assert abs(reduced(twice).astype(int) - cv2.resize(twice, (959, 719), interpolation=cv2.INTER_AREA)).mean() < 2
