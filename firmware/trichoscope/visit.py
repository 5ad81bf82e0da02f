"""A patient who is here now: the study that captures belong to, the frames of each site, and what was read before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from uuid import uuid4

from .clock import Instant
from .instrument.screen import pages
from .measurement.reading import Interval
from .records import Kept, averages, figures
from .records.outbox import Appointment


@dataclass(frozen=True)
class _Frame:
    """A reading of this visit, by its figures."""

    sequence: int
    site: str
    figures: dict[str, float | None]


class Visit:
    """Of one patient.

    Args:
        kept: every capture of this patient, in their order; those of this study go on as its frames.
        planned: its line of the worklist. Without one the visit that was begun today goes on, or a new one begins.
    """

    def __init__(self, patient: str, kept: Sequence[Kept], planned: Appointment | None, now: Instant) -> None:
        self.patient = patient
        self.accession_number: str | None = None
        self.name: str | None = None
        if planned is not None:
            self.study_uid = planned.study_uid
            self.accession_number = planned.accession_number or None
            self.name = name_of(planned)
        else:
            self.study_uid = _begun_today(kept, now) or f"2.25.{uuid4().int}"
        self._frames: list[_Frame] = []
        for each in kept:
            if each.capture.study_uid == self.study_uid and not each.set_aside:
                self.add(each)

    def add(self, kept: Kept) -> None:
        """A capture of this visit; one without a reading is no frame."""
        if kept.capture.reading is not None:
            self._frames.append(_Frame(kept.sequence, kept.capture.site, figures(kept.capture.reading)))

    def remove(self, sequence: int) -> None:
        self._frames = [frame for frame in self._frames if frame.sequence != sequence]

    def frames_of(self, site: str | None) -> int:
        return sum(frame.site == site for frame in self._frames)

    def sites(self) -> dict[pages.Site, pages.SiteFrames]:
        """The sites that have frames: how many, their mean density and its spread."""
        found = {}
        for site in pages.SITES:
            if frames := [frame.figures for frame in self._frames if frame.site == site]:
                density = averages(frames).get("density_per_cm2")
                mean, spread = (None, None) if density is None else (density.mean, density.spread)
                found[site] = pages.SiteFrames(len(frames), mean, spread)
        return found


def past_readings(kept: Iterable[Kept]) -> tuple[pages.PastReading, ...]:
    """Captures of one patient and site → a point for each visit, in their order."""
    visits: dict[str, list[Kept]] = {}
    for each in kept:
        if each.capture.reading is not None and not each.set_aside:
            visits.setdefault(each.capture.study_uid or f"capture {each.sequence}", []).append(each)
    return tuple(filter(None, map(_past_reading, visits.values())))


def name_of(planned: Appointment) -> str | None:
    """As people write it: DICOM's Doe^Jane is Doe, Jane."""
    return ", ".join(filter(None, planned.name.split("^")[:2])) or None


def _begun_today(kept: Sequence[Kept], now: Instant) -> str | None:
    """The visit that the last of these captures belongs to, where it is one of today and the clock knows that."""
    if not kept or not (now.trusted and kept[-1].capture.clock_trusted):
        return None
    last = kept[-1].capture
    return last.study_uid if last.taken_at.astimezone().date() == now.time.astimezone().date() else None


def _past_reading(kept: Sequence[Kept]) -> pages.PastReading | None:
    """The frames of one visit at one site as one point; None where no frame has a density."""
    frames = [figures(each.capture.reading) for each in kept]
    site = averages(frames)

    def interval(name: str) -> Interval | None:
        ends = [site.get(f"{name}_{end}per_cm2") for end in ("", "low_", "high_")]
        value, low, high = (None if end is None else end.mean for end in ends)
        return None if value is None or low is None or high is None else Interval(value, low, high)

    if (total := interval("density")) is None:
        return None
    last = kept[-1].capture
    return pages.PastReading(
        at=last.taken_at,
        clock_trusted=all(each.capture.clock_trusted for each in kept),
        total_per_cm2=total,
        terminal_per_cm2=interval("terminal"),
        vellus_per_cm2=interval("vellus"),
        diameter_mean_um=_mean_width(frames),
        frames=len(kept),
    )


def _mean_width(frames: Sequence[dict[str, float | None]]) -> Interval | None:
    """With the 95 % interval of one frame's mean: 1.96 · SD / √n, averaged like the ends of the densities."""
    intervals = []
    for frame in frames:
        mean, sd, hairs = (frame[name] for name in ("diameter_mean_um", "diameter_sd_um", "hairs"))
        if mean is not None and sd is not None and hairs:
            half = 1.96 * sd / hairs**0.5
            intervals.append((mean - half, mean, mean + half))
    if not intervals:
        return None
    low, mean, high = (fmean(column) for column in zip(*intervals, strict=True))
    return Interval(mean, low, high)
