"""Pages of the instrument's own state: service, calibration, self-test, faults."""

from __future__ import annotations

from dataclasses import replace

from pygame import Rect

from ...errors import Action
from .banner import bar, head
from .drawing import ACTIONS, Button, Drawing
from .events import Back, Calibrate, Keep, Press, Quit, Recover, Retake, RunSelfTest, SkipGreyCard, Turn
from .lists import TOP, checks, pager
from .measuring import aids
from .pages import Calibrating, Fault, PastFault, SelfTest, Service
from .style import BODY, FIGURE, GAP, LEAD, LINE, MUTED, PLATE, SMALL, TEXT, TOUCH

_FAULTS, _FAULT_PITCH = 4, 77
_ACTIONS: dict[Action, tuple[str, str]] = {
    "retry": ("Try again", "again"),
    "reopen": ("Open it again", "again"),
    "restart": ("Start again", "power"),
    "service": ("Service", "service"),
}


def service(drawing: Drawing, page: Service) -> None:
    head(drawing, page.banner, "Service", below=page.version)
    if page.view == "state":
        checks(drawing, page, page.checks)
    else:
        _faults(drawing, page)
    other: Button = (
        (f"Faults ({len(page.faults)})", Turn(replace(page, view="faults", first=0)), "list", "plain", 1.1)
        if page.view == "state"
        else ("State", Turn(replace(page, view="state", first=0)), "test", "plain", 1.1)
    )
    drawing.buttons(
        ACTIONS,
        [
            ("Calibrate", Calibrate(), "ruler", "plain", 1.1),
            ("Self-test", RunSelfTest(), "test", "plain", 1),
            other,
            ("Off", Quit(), "power", "plain", 0.7),
        ],
    )


def _faults(drawing: Drawing, page: Service) -> None:
    if not page.faults:
        drawing.sign("good", (400, 200), 44)
        drawing.text("No fault is on record.", (400, 262), BODY, align="centre")
    wide = 784 - (TOUCH + GAP if len(page.faults) > _FAULTS else 0)
    for i, fault in enumerate(page.faults[page.first : page.first + _FAULTS]):
        _fault_row(drawing, Rect(GAP, TOP + i * _FAULT_PITCH, wide, _FAULT_PITCH - 5), fault)
    pager(drawing, page, len(page.faults), _FAULTS)


def _fault_row(drawing: Drawing, area: Rect, fault: PastFault) -> None:
    drawing.plate(area, PLATE)
    drawing.text(f"E{fault.row.number}", (area.left + 14, area.top + 32), BODY, face="Strong")
    times = f" ×{fault.times}" if fault.times > 1 else ""
    drawing.text(f"{fault.at.day} {fault.at:%b %H:%M}{times}", (area.left + 14, area.top + 59), SMALL, MUTED, room=176)
    drawing.lines(fault.row.clinician, (area.left + 200, area.centery), area.width - 212)


def calibrating(drawing: Drawing, page: Calibrating) -> None:
    """All but the live view."""
    titles = {
        "target": "Calibration: target",
        "grey": "Calibration: grey card",
        "working": "Calibration",
        "done": "Calibration: result",
        "failed": "Calibration",
    }
    below = "for the light, not the scale" if page.step == "grey" else f"pitch {page.pitch_um:g} µm"
    head(drawing, page.banner, titles[page.step], below=below)
    if page.step in ("target", "grey"):
        _calibration_step(drawing, page)
    elif page.step == "working":
        drawing.text("Measuring the photographs", (400, 270), LEAD, align="centre", face="Strong")
    elif page.step == "done":
        _calibration_result(drawing, page)
    else:
        drawing.sign("bad", (60, 160), 56)
        drawing.text("Not calibrated", (108, 176), FIGURE, face="Strong")
        drawing.paragraph(page.problem or "", (108, 228), 640, BODY, most=5)
        drawing.buttons(
            ACTIONS, [("Leave", Back(), "back", "plain", 1), ("Begin again", Retake(), "again", "primary", 1.8)]
        )


def _calibration_step(drawing: Drawing, page: Calibrating) -> None:
    x, room = 536, 256
    y = 122
    for i in range(page.wanted):
        if i < page.photographs:
            drawing.sign("good", (x + 16 + i * 44, y), 32)
        else:
            drawing.dot((x + 16 + i * 44, y), 13, TEXT if i == page.photographs else LINE, width=3)
    if page.step == "target":
        words = "Lay the target flat under the scope, focus, press. Turn it a little between photographs."
    else:
        words = "Lay the grey card under the scope and press. It sets exposure, white and evenness of the light."
    drawing.paragraph(words, (x, 176), room, SMALL, most=5)
    if page.step == "target":
        drawing.button(Rect(x, 400, room, TOUCH), "Photograph", Press(), icon="camera", kind="primary")
    else:
        drawing.button(Rect(x, 400, 92, TOUCH), "Skip", SkipGreyCard())
        drawing.button(Rect(x + 100, 400, 156, TOUCH), "Photo", Press(), icon="camera", kind="primary")


def live_calibrating(drawing: Drawing, page: Calibrating) -> list[Rect]:
    """The live view and its aids. Returns what was drawn on."""
    if page.step not in ("target", "grey") or page.preview is None:
        return []
    area, below = Rect(GAP, TOP, 512, 384), Rect(536, 304, 256, 84)
    drawing.picture(page.preview, area)
    if page.aids is None:
        return [area]
    aids(drawing, page.aids, below, focus=page.step == "target")  # a plain card has nothing to focus on
    return [area, below]


def _calibration_result(drawing: Drawing, page: Calibrating) -> None:
    found = page.calibration
    if found is None:
        return
    x = 16 + drawing.text(f"{found.um_per_px:.3f}", (16, 178), 84, face="Strong") + 12
    drawing.text("µm/px", (x, 178), LEAD, face="Strong")
    percent = 100 * found.uncertainty_um_per_px / found.um_per_px
    drawing.text(f"± {found.uncertainty_um_per_px:.4f} ({percent:.2f} %), 95 %", (16, 218), BODY, MUTED)
    warned = bool(found.warnings)
    drawing.sign("caution" if warned else "good", (30, 258), 28)
    drawing.lines(found.warnings[0] if warned else "The target was seen well.", (54, 258), 400)
    y = 306
    before = page.before_um_per_px
    if before is not None:
        change = 100 * (found.um_per_px / before - 1)
        drawing.text(f"before: {before:.3f} µm/px ({change:+.2f} %)".replace("-", "−"), (16, y), SMALL, MUTED)
        y += 28
    drawing.text(f"valid until {found.expires_at.day} {found.expires_at:%B %Y}", (16, y), SMALL, MUTED)

    rows = [
        ("Photographs", f"{found.photographs}"),
        ("Marks", f"{found.marks}"),
        ("Residual", f"{found.residual_px:.2f} px"),
        ("Perspective", f"{found.perspective_percent:.2f} %"),
        ("Stretch", "—" if found.stretch_percent is None else f"{found.stretch_percent:.2f} %"),
        ("Distortion", "—" if found.distortion_percent is None else f"{found.distortion_percent:.2f} %"),
        ("Grey card", "skipped" if found.light is None else "done"),
    ]
    drawing.plate(Rect(480, 96, 312, 288))
    for i, (name, words) in enumerate(rows):
        drawing.text(name, (498, 132 + i * 39), BODY, MUTED)
        drawing.text(words, (774, 132 + i * 39), BODY, face="Strong", align="right")
    drawing.buttons(
        ACTIONS,
        [("Begin again", Retake(), "again", "plain", 1), ("Use this calibration", Keep(), "check", "primary", 1.8)],
    )


def self_test(drawing: Drawing, page: SelfTest) -> None:
    done = [check for check in page.checks if check.state != "waiting"]
    wrong = sum(check.state == "bad" for check in done)
    minded = sum(check.state == "caution" for check in done)
    if page.running:
        below = f"{len(done)} of {len(page.checks)} checked"
    else:
        below = (
            ", ".join(filter(None, (f"{wrong} failed" if wrong else "", f"{minded} to mind" if minded else "")))
            or f"all {len(done)} passed"
        )
    head(drawing, page.banner, "Self-test", below=below)
    checks(drawing, page, page.checks)
    again = None if page.running else RunSelfTest()
    drawing.buttons(
        ACTIONS,
        [
            ("Running" if page.running else "Test again", again, "test", "plain", 1),
            ("Done", Back(), "check", "primary", 1),
        ],
    )


def fault(drawing: Drawing, page: Fault) -> None:
    bar(drawing, page.banner)
    drawing.sign("bad", (52, 108), 64)
    drawing.text(f"E{page.row.number}", (100, 127), 52, face="Strong")
    y = drawing.paragraph(page.row.clinician, (16, 190), 768, 28, face="Strong", most=3)
    if page.detail:
        drawing.paragraph(page.detail, (16, y + 2), 768, SMALL, most=2)
    drawing.paragraph(f"For service: {page.row.engineer}", (16, 352), 768, SMALL, MUTED, most=2)
    label, icon = _ACTIONS[page.action]
    drawing.buttons(
        ACTIONS,
        [
            ("Back to the live view", Back(), "back", "plain", 1),
            (label, Recover(page.action), icon, "primary", 1.2),
        ],
    )
