"""A page of every kind, with figures as they come: usual, long, many, few and none.

The photographs are painted here, by rule and without chance, so that the stored pictures change with the screen alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import cv2
import numpy as np

from trichoscope.errors import Row
from trichoscope.frame import Frame
from trichoscope.instrument.screen.pages import (
    Aids,
    Banner,
    Calibrating,
    Check,
    Fault,
    History,
    Image,
    Measuring,
    Page,
    PastFault,
    PastReading,
    Patients,
    Ready,
    Refused,
    Result,
    Scanning,
    SelfTest,
    Service,
    SiteFrames,
    Sites,
    Starting,
    TypeCode,
    Visit,
    Withheld,
)
from trichoscope.measurement.calibration import Calibration
from trichoscope.measurement.hair import Hair, HairClass
from trichoscope.measurement.quality import Quality
from trichoscope.measurement.reading import Interval, Reading, read_hairs

GOLDEN = (0.7548776662466927, 0.5698402909980532)
"""Multiples of these fill a square evenly."""
NOW = datetime(2026, 3, 9, 14, 32, tzinfo=UTC)
SIZE = (1200, 900)
UM_PER_PX = 3.2
ROWS = {
    row.name: row
    for row in (
        Row(102, "CameraHung", "The camera did not answer. Press again; if it stays, call service.",
            "A call passed its deadline. The camera's process was killed and started again, and it passed it again.",
            "reopen"),
        Row(107, "FrameTorn", "The camera gave an incomplete picture: it was not used. Press again.",
            "The JPEG data end early.", "retry"),
        Row(404, "StorageFailed",
            "The storage failed: this capture was not kept. Press again; if it stays, call service.",
            "An input or output error of the file system or SQLite.", "retry"),
        Row(405, "RecordsDamaged", "The records are damaged. Take no more captures and call service.",
            "SQLite finds the file corrupt or foreign, or a photograph is not the one that was saved.", "service"),
        Row(603, "TargetNotFound", "No calibration target is seen. Lay it flat under the scope, focus and try again.",
            "No square grid of dark dots, or no row of dark parallel ticks that is even enough to be one.", "retry"),
        Row(606, "TargetTilted", "The target is tilted. Lay it flat against the scope and try again.",
            "The scale differs across the picture or between directions by more than the limit.", "retry"),
        Row(612, "CalibrationExpired", "The calibration is out of date. Calibrate again.",
            "Older than its days of validity, or dated in the future: then the clock is wrong.", "retry"),
    )
}  # fmt: skip
"""As in the table, which may be worded anew without new pictures."""
LONG_CODE = "KH-STATION7-2026-000123456-B"


def photograph(hairs: tuple[Hair, ...] = (), size: tuple[int, int] = SIZE, um_per_px: float = UM_PER_PX) -> Image:
    """Skin with those hairs on it, darker towards the corners as under a ring of light."""
    y, x = np.mgrid[-1 : 1 : size[1] * 1j, -1 : 1 : size[0] * 1j]
    light = 1 - 0.16 * (x**2 + y**2) + 0.02 * np.sin(9 * x + 4 * y) * np.sin(7 * y)
    picture = np.asarray(light[..., None] * np.array([226.0, 186.0, 164.0]), np.uint8)
    for hair in hairs:
        dark = (62, 46, 38) if hair.hair_class == "terminal" else (146, 114, 96)
        points = np.rint(hair.path_px * 16).astype(np.int32).reshape(-1, 1, 2)
        cv2.polylines(picture, [points], False, dark, max(1, round(hair.diameter_um / um_per_px)), cv2.LINE_AA, 4)
    return picture


def hairs(count: int, size: tuple[int, int] = SIZE, um_per_px: float = UM_PER_PX) -> tuple[Hair, ...]:
    """So many hairs in units of one to three, every fourth or so vellus."""
    found: list[Hair] = []
    unit = 0
    while len(found) < count:
        centre = tuple(size[i] * (0.03 + 0.94 * (((unit + 1) * GOLDEN[i]) % 1)) for i in range(2))
        for member in range(1 + unit % 3):
            if len(found) < count:
                found.append(_hair(len(found), unit, member, (centre[0], centre[1]), um_per_px))
        unit += 1
    return tuple(found)


def _hair(i: int, unit: int, member: int, centre: tuple[float, float], um_per_px: float) -> Hair:
    share = (i * GOLDEN[0]) % 1
    width = 22 + 70 * share if share > 0.2 else 20 + 60 * share
    hair_class: HairClass = "vellus" if width <= 40 else "terminal"
    angle = -1.1 + 0.5 * math.sin(unit) + 0.35 * member
    length = (380 + 300 * share) / um_per_px
    along = np.linspace(0, length, 24)
    bend = 0.25 * along**2 / length
    path = np.stack(
        [
            centre[0] + member * 9 + along * math.cos(angle) - bend * math.sin(angle),
            centre[1] + member * 3 + along * math.sin(angle) + bend * math.cos(angle),
        ],
        1,
    ).astype(np.float32)
    return Hair(
        root_px=(float(path[0, 0]), float(path[0, 1])),
        path_px=path,
        diameter_um=width,
        diameter_sd_um=3.0,
        diameter_error_um=1.0,
        diameter_measured=True,
        length_um=length * um_per_px,
        pigment=0.6,
        hair_class=hair_class,
        class_probability=0.95,
        unit=unit,
        score=0.9,
        cut_by_frame=False,
        crossed=False,
        out_of_focus=False,
    )


def reading(
    found: tuple[Hair, ...],
    *,
    size: tuple[int, int] = SIZE,
    um_per_px: float = UM_PER_PX,
    warnings: tuple[str, ...] = (),
    reasons: tuple[str, ...] = (),
) -> Reading:
    return read_hairs(
        Frame(np.zeros((size[1], size[0], 3), np.uint8), um_per_px),
        found,
        Quality(reasons, warnings, 9.0),
        threshold_um=40.0,
        model_name="hairnet",
        model_sha256="0" * 64,
        firmware_version="0",
        elapsed_ms={},
    )


def banner() -> Banner:
    return Banner(
        patient="A-10428",
        site="vertex",
        now=NOW,
        clock_trusted=True,
        free_bytes=31 * 10**9,
        storage_low=False,
        unsent=3,
        battery_percent=82,
        on_mains=False,
    )


def result(count: int = 18) -> Result:
    found = hairs(count)
    return Result(banner(), reading(found), photograph(found), frame=2)


def _past(months: int, value: float, trusted: bool = True) -> PastReading:
    at = NOW - timedelta(days=30 * months)
    return PastReading(
        at,
        trusted,
        Interval(value, value * 0.83, value * 1.2),
        Interval(value * 0.76, value * 0.62, value * 0.93),
        Interval(value * 0.24, value * 0.16, value * 0.35),
        Interval(48 + value / 20, 44 + value / 20, 53 + value / 20),
        frames=3,
    )


def _visits() -> tuple[Visit, ...]:
    names = (
        "Adler, Ruth",
        "Łukasz Żuk",
        None,
        "Θεοδώρα Παπαδοπούλου",
        "van den Heuvel-Eibrink, Marijke",
        None,
        "Иванова",
    )
    return tuple(
        Visit(
            code=f"A-104{28 + 7 * i}" if i != 4 else LONG_CODE,
            name=name,
            at=NOW.replace(hour=8 + i, minute=15 * (i % 4)),
            procedure="Trichoscopy" if i % 2 == 0 else "Trichoscopy, four sites, follow-up after six months",
            frames=(4, 0, 0, 1)[i % 4],
        )
        for i, name in enumerate(names)
    )


def checks() -> tuple[Check, ...]:
    return (
        Check("Calibration", "3.204 µm/px, valid until 7 June 2026.", "good"),
        Check("Self-test", "All 12 passed today at 08:02.", "good"),
        Check("Storage", "31 GB free: about 4,600 photographs.", "good"),
        Check("Unsent", "3 captures wait for the clinic's server, the oldest since 13:58.", "plain"),
        Check("Power", "The supply was too weak at 11:20. Use the instrument's own supply.", "caution"),
        Check("Heat", "54 °C.", "good"),
        Check("Clock", "Set by the network.", "good"),
    )


def self_test() -> tuple[Check, ...]:
    words: tuple[tuple[str, str], ...] = (
        ("Camera", "A picture of 4056 × 3040 after 92 ms."),
        ("Light", "White and polarised brighten the picture."),
        ("Model", "The one of its card; the sample gives the same 41 hairs."),
        ("Storage", "31 GB free, a photograph is written and read back in 38 ms."),
        ("Records", "1,204 captures, the trail is whole."),
        ("Calibration", "Expired on 1 March 2026: widths and densities are withheld. Calibrate again."),
        ("Button", "Not pressed within 10 s. Press it when the test asks; if it does not answer, call service."),
        ("Clock", "Set by the network."),
    )
    states = ("good", "good", "good", "good", "good", "caution", "bad", "good")
    return tuple(Check(name, said, state) for (name, said), state in zip(words, states, strict=True))  # type: ignore[arg-type]


def calibration() -> Calibration:
    return Calibration(
        um_per_px=3.2041,
        uncertainty_um_per_px=0.0031,
        size_px=(4056, 3040),
        target="dots",
        pitch_um=500.0,
        marks=1482,
        photographs=3,
        residual_px=0.08,
        perspective_percent=0.21,
        stretch_percent=0.03,
        distortion_percent=0.34,
        warnings=(),
        made_at=NOW,
        valid_days=90,
        firmware_version="0",
    )


def _grid() -> Image:
    """The target: dots in a square grid."""
    picture = np.full((600, 800, 3), 214, np.uint8)
    for y in range(22, 600, 31):
        for x in range(18, 800, 31):
            cv2.circle(picture, (x, y), 8, (38, 38, 40), -1, cv2.LINE_AA)
    return picture


SOFT = "Slightly soft: thin hairs may be missed and their widths are less certain."
GLARE = "Glare hides 9 % of the picture: densities are too low by about as much."
COARSE = (
    "Scale too coarse for vellus hairs (6.2 µm/px, at most 5): terminal and vellus figures are withheld; thin hairs "
    "may be missed from the density."
)
BLURRED = "Out of focus: put the scope flat on the skin, focus and press again."


def pages() -> Mapping[str, Page]:
    """Every page that has a stored picture, by its name."""
    usual, live = hairs(20), hairs(140, (800, 600), 16.0)
    preview = photograph(live, (800, 600), 16.0)
    aids = Aids(focus=0.84, exposure="good")
    few, many = hairs(3), hairs(44)
    coarse = hairs(60, SIZE, 6.2)
    nobody = replace(banner(), patient=None, site=None, unsent=0)
    poor = replace(
        banner(),
        patient=LONG_CODE,
        site="temporal_right",
        clock_trusted=False,
        storage_low=True,
        free_bytes=412 * 10**6,
        battery_percent=6,
        unsent=128,
        notice="The power supply is too weak. Use the instrument's own supply.",
    )
    noticed = replace(
        banner(), notice="The clock may be wrong: dates are marked as not trusted. Readings are not touched."
    )
    return {
        "starting": Starting("Looking for the camera", "Trichoscope 0.3"),
        "ready": Ready(banner(), preview, aids, frames=2),
        "ready-nobody": Ready(nobody, preview, Aids(focus=0.42, exposure="dark"), light="polarised"),
        "ready-notice": Ready(replace(noticed, patient=LONG_CODE, patient_name="Adler, Ruth"), preview, aids),
        "measuring-photograph": Measuring(banner(), "photograph"),
        "measuring-hairs": Measuring(banner(), "hairs", photograph(usual)),
        "result": Result(banner(), reading(usual), photograph(usual), frame=2),
        "result-plain": Result(banner(), reading(usual), photograph(usual), frame=2, hairs_shown=False),
        "result-picture": Result(banner(), reading(usual), photograph(usual), view="picture"),
        "result-dense": Result(poor, reading(many, warnings=(SOFT, GLARE)), photograph(many), frame=12),
        "result-warnings": Result(
            poor, reading(many, warnings=(SOFT, GLARE, COARSE)), photograph(many), view="warnings"
        ),
        "result-few": Result(banner(), reading(few), photograph(few)),
        "result-none": Result(
            banner(), reading((), warnings=("No hair found. Check that the picture shows bald skin.",)), photograph()
        ),
        "result-coarse": Result(
            banner(),
            reading(coarse, um_per_px=6.2, warnings=(COARSE,)),
            photograph(coarse, um_per_px=6.2),
        ),
        "withheld": Withheld(
            banner(),
            photograph(usual),
            "The calibration is out of date. Calibrate again. It was made on 2025-11-30, valid for 90 days.",
        ),
        "refused": Refused(banner(), cv2.GaussianBlur(photograph(usual), (0, 0), 14).astype(np.uint8), (BLURRED,)),
        "refused-reasons": Refused(
            poor,
            np.full((900, 1200, 3), 18, np.uint8),
            (
                "Too dark: check the light and press again.",
                "Blurred by movement: hold the scope still and press again.",
            ),
        ),
        "patients": Patients(banner(), _visits(), NOW.replace(hour=8, minute=55)),
        "patients-none": Patients(nobody, (), None),
        "scanning": Scanning(nobody, preview),
        "scanning-found": Scanning(nobody, preview, found=LONG_CODE),
        "type-code": TypeCode(nobody, "A-1042"),
        "type-code-problem": TypeCode(
            nobody, LONG_CODE, "This code is not on the worklist. Check it, then press Done."
        ),
        "sites": Sites(
            banner(),
            {
                "frontal": SiteFrames(3, 187.3, 12.4),
                "vertex": SiteFrames(2, 142.0, 9.1),
                "occipital": SiteFrames(1, 231.0),
                "temporal_left": SiteFrames(1),
            },
        ),
        "history": History(
            banner(), tuple(_past(m, v) for m, v in ((14, 141), (9, 138), (5, 152), (2, 171), (0, 178)))
        ),
        "history-vellus": History(banner(), tuple(_past(m, v) for m, v in ((5, 152), (0, 178))), quantity="vellus"),
        "history-clock": History(banner(), (_past(1, 151), _past(20, 402, False), _past(0, 371))),
        "history-one": History(banner(), (_past(0, 178),), quantity="width"),
        "history-none": History(replace(banner(), patient=LONG_CODE), ()),
        "service": Service(banner(), checks(), _faults(), "Trichoscope 0.3, serial 1000-0042"),
        "service-faults": Service(banner(), checks(), _faults(), "Trichoscope 0.3, serial 1000-0042", view="faults"),
        "calibrating-target": Calibrating(banner(), "target", 500.0, photographs=1, preview=_grid(), aids=aids),
        "calibrating-grey": Calibrating(
            banner(), "grey", 500.0, photographs=3, preview=np.full((600, 800, 3), 128, np.uint8), aids=aids
        ),
        "calibrating-done": Calibrating(
            banner(), "done", 500.0, photographs=3, calibration=calibration(), before_um_per_px=3.2102
        ),
        "calibrating-failed": Calibrating(
            banner(), "failed", 500.0, photographs=3, problem=ROWS["TargetTilted"].clinician
        ),
        "self-test": SelfTest(banner(), self_test()),
        "self-test-running": SelfTest(
            banner(),
            tuple(replace(c, state="waiting", words="") if i > 2 else c for i, c in enumerate(self_test())),
            running=True,
        ),
        "fault": Fault(banner(), ROWS["CameraHung"]),
        "fault-service": Fault(
            poor,
            ROWS["RecordsDamaged"],
            "Photograph 0f3c2b7d9e1a4c5f8b6d7e8f90a1b2c3.jpg is not the one that was saved.",
        ),
    }


def _faults() -> tuple[PastFault, ...]:
    return (
        PastFault(NOW - timedelta(minutes=12), ROWS["CameraHung"]),
        PastFault(NOW - timedelta(hours=3), ROWS["StorageFailed"], times=14),
        PastFault(NOW - timedelta(days=2), ROWS["TargetNotFound"]),
        PastFault(NOW - timedelta(days=9), ROWS["CalibrationExpired"]),
        PastFault(NOW - timedelta(days=40), ROWS["FrameTorn"], times=2),
    )
