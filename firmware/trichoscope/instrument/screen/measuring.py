"""Pages of a measurement: the live view, progress, and what came of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from pygame import Rect

from ...measurement.reading import Interval, Reading
from . import photograph, style
from .banner import BAR, bar, marks, notice
from .drawing import ACTIONS, Button, Drawing, middle, resized
from .events import (
    Calibrate,
    ChooseLight,
    Event,
    Keep,
    OpenHistory,
    OpenPatients,
    OpenService,
    OpenSites,
    Press,
    Retake,
    Turn,
)
from .pages import FOCUS_GOOD, SITES, Aids, Image, Light, Measuring, Ready, Refused, Result, Starting, Withheld
from .style import (
    BODY,
    CAUTION,
    FIGURE,
    GAP,
    GOOD,
    GREAT,
    INK,
    LEAD,
    LINE,
    MUTED,
    RAISED,
    SMALL,
    TEXT,
    TOUCH,
    Face,
)

LIVE = Rect(0, BAR, 576, 432)
"""The live picture: all of a 4 : 3 sensor, because what is seen is what is measured."""
_RAIL = Rect(584, BAR, 208, 424)
_AIDS = Rect(_RAIL.left, 218, _RAIL.width, 84)
_ASIDE = Rect(GAP, 64, 416, 312)

_STEPS = {"photograph": "Photograph", "hairs": "Hairs and widths", "saving": "Saving"}
_LIGHTS: dict[Light, tuple[str, Light]] = {"white": ("White", "polarised"), "polarised": ("Polarised", "white")}


def starting(drawing: Drawing, page: Starting) -> None:
    drawing.text("Trichoscope", (400, 226), 56, face="Strong", align="centre")
    drawing.text(page.doing, (400, 282), BODY, MUTED, align="centre", room=760)
    drawing.text(page.version, (400, 452), SMALL, MUTED, align="centre", room=760)


def ready(drawing: Drawing, page: Ready) -> None:
    """All but the live view."""
    banner = page.banner
    known = banner.patient is not None and banner.site is not None
    reach = marks(drawing, banner, 792, BAR // 2, brief=banner.notice is not None) - 16
    if banner.notice is not None:
        notice(drawing, banner.notice, Rect(12, 0, reach - 24, BAR))
    else:
        drawing.sign("good" if known else "plain", (26, BAR / 2), 26)
        words = "Ready" if known else "Choose patient and site"
        drawing.text(words, (48, middle(Rect(0, 0, 0, BAR), BODY)), BODY, face="Strong", room=reach - 48)
    left, wide = _RAIL.left, _RAIL.width
    patient = "Patient" if banner.patient is None else banner.patient_name or "Patient"
    _choice(drawing, Rect(left, 52, wide, 76), "person", banner.patient, OpenPatients(), patient)
    site = None if banner.site is None else SITES[banner.site]
    _choice(drawing, Rect(left, 134, wide, 76), "site", site, OpenSites(), _kept(page))
    drawing.button(Rect(left, 312, wide, 80), "Measure", Press() if known else None, kind="primary", size=LEAD)
    drawing.button(Rect(left, 400, 100, TOUCH), "History", OpenHistory() if known else None, icon="history")
    drawing.button(Rect(left + 108, 400, 100, TOUCH), "Service", OpenService(), icon="service")
    drawing.touch(_light_button(page), ChooseLight(_LIGHTS[page.light][1]))


def live_ready(drawing: Drawing, page: Ready) -> list[Rect]:
    """The live view and its aids: what is drawn anew with every picture. Returns what was drawn on."""
    drawing.picture(page.preview, LIVE)
    drawing.button(_light_button(page), _LIGHTS[page.light][0], ChooseLight(_LIGHTS[page.light][1]), icon=page.light)
    aids(drawing, page.aids, _AIDS)
    return [LIVE, _AIDS]


def aids(drawing: Drawing, found: Aids, area: Rect, *, focus: bool = True) -> None:
    """Focus as a bar with a mark from which it is good, and below it the exposure in a word."""
    drawing.surface.fill(INK, area)
    if focus:
        _focus_bar(drawing, found, area)
    y = area.top + 76
    drawing.sign("good" if found.exposure == "good" else "caution", (area.left + 13, y - 7), 24)
    words = {"good": "Light", "dark": "Light: too dark", "bright": "Light: too bright", "glare": "Glare: tilt, wipe"}
    drawing.text(words[found.exposure], (area.left + 32, y), SMALL, room=area.width - 32)


def _focus_bar(drawing: Drawing, found: Aids, area: Rect) -> None:
    good = found.focus >= FOCUS_GOOD
    y = area.top + 26
    drawing.sign("good" if good else "caution", (area.left + 13, y - 7), 24)
    drawing.text("Focus" if good else "Focus: sharper", (area.left + 32, y), SMALL, room=area.width - 32)
    track = Rect(area.left, area.top + 36, area.width, 12)
    drawing.surface.fill(RAISED, track)
    filled = Rect(track.left, track.top, round(track.width * min(max(found.focus, 0.0), 1.0)), track.height)
    drawing.surface.fill(GOOD if good else CAUTION, filled)
    drawing.surface.fill(TEXT, Rect(round(track.left + track.width * FOCUS_GOOD) - 1, track.top - 4, 3, 20))


def _light_button(page: Ready) -> Rect:
    return Rect(LIVE.left + GAP, LIVE.bottom - TOUCH - GAP, 136 if page.light == "white" else 184, TOUCH)


def _choice(drawing: Drawing, area: Rect, icon: str, chosen: str | None, event: Event, below: str) -> None:
    pressed = drawing.touch(area, event)
    ink = INK if pressed else TEXT
    drawing.plate(area, TEXT if pressed else RAISED, outline=CAUTION if chosen is None and not pressed else None)
    drawing.icon(icon, (area.left + 28, area.centery), 30, ink if chosen else CAUTION)
    x, room = area.left + 54, area.width - 62
    if chosen is None:
        drawing.text(below, (x, middle(area, BODY)), BODY, ink, face="Strong", room=room)
        return
    face: Face = "Code" if icon == "person" else "Strong"
    size = style.largest(chosen, room, face, (BODY, SMALL))
    drawing.text(chosen, (x, area.top + 34), size, ink, face=face, room=room)
    drawing.text(below, (x, area.top + 61), SMALL, INK if pressed else MUTED, room=room)


def _kept(page: Ready) -> str:
    if page.banner.site is None:
        return "Site"
    return {0: "no frame yet", 1: "1 frame kept"}.get(page.frames, f"{page.frames} frames kept")


def measuring(drawing: Drawing, page: Measuring) -> None:
    bar(drawing, page.banner)
    now = list(_STEPS).index(page.step)
    words = "Hold still" if now == 0 else "You may lift the scope"
    if page.photograph is not None:
        drawing.picture(page.photograph, _ASIDE)
        drawing.paragraph(words, (_ASIDE.right + 32, 216 if now == 0 else 190), 320, 52, face="Strong")
    else:
        drawing.text(words, (400, 240), 84 if now == 0 else 60, face="Strong", align="centre")
    for i, name in enumerate(_STEPS.values()):
        track = Rect(GAP + i * 264, 404, 256, 14)
        drawing.plate(track, TEXT if i < now else RAISED)
        if i == now:
            drawing.plate(Rect(track.left, track.top, track.width // 2, track.height), TEXT)
        x, y = track.left + 2, 454
        if i < now:
            drawing.sign("good", (x + 12, y - 7), 24)
            x += 32
        drawing.text(name, (x, y), SMALL, MUTED if i > now else TEXT, face="Strong" if i == now else "Text")


def result(drawing: Drawing, page: Result) -> None:
    if page.view == "picture":
        _enlarged(drawing, page)
    elif page.view == "warnings":
        _warnings(drawing, page)
    else:
        _figures(drawing, page)


def _figures(drawing: Drawing, page: Result) -> None:
    reading = page.reading
    bar(drawing, page.banner, right=f"frame {page.frame}")
    _density(drawing, reading.total_per_cm2, (16, 132))
    _classes(drawing, reading)
    for (label, value), (x, y) in zip(
        _other_figures(reading), ((16, 260), (232, 260), (16, 316), (232, 316)), strict=True
    ):
        drawing.text(value, (x, y), 28, face="Strong", room=204)
        drawing.text(label, (x, y + 22), SMALL, MUTED, room=204)
    _quality(drawing, reading.warnings)

    area = Rect(448, 56, 344, 258)
    larger = Turn(replace(page, view="picture"))
    pressed = drawing.touch(area, larger)
    place = drawing.picture(_picture(page, area), area)
    corner = Rect(place.right - 46, place.bottom - 46, 40, 40)
    drawing.plate(corner, TEXT if pressed else INK)
    drawing.icon("enlarge", corner.center, 26, INK if pressed else TEXT)
    photograph.histogram(drawing, Rect(448, 320, 344, 74), reading)

    n = len(reading.warnings)
    warn: list[Button] = [(f"{n} warnings" if n > 1 else "Warning", _turned(page, "warnings"), "caution", "plain", 1.2)]
    drawing.buttons(
        ACTIONS,
        [
            ("Retake", Retake(), "again", "plain", 1),
            _hairs_button(page, 1.2),
            *(warn if n else []),
            ("Keep", Keep(), "check", "primary", 1.2 if n else 1.8),
        ],
    )


def _enlarged(drawing: Drawing, page: Result) -> None:
    reading = page.reading
    area = Rect(0, 0, 640, 480)
    place = drawing.picture(_picture(page, area), area)
    photograph.scale_bar(drawing, place, reading.scale_um_per_px * reading.size_px[0] / place.width)
    left, wide = 648, 144
    total = reading.total_per_cm2
    drawing.text("—" if total is None else f"{total.value:.0f}", (left, 58), 60, face="Strong")
    drawing.text("hairs/cm²", (left, 86), SMALL)
    if total is not None:
        drawing.text(_range(total), (left, 112), SMALL, MUTED)
    if reading.classes_shown:
        for y, name in ((150, "Terminal"), (182, "Vellus")):
            photograph.marker(drawing, left, y - 7, vellus=name == "Vellus")
            drawing.text(name, (left + 44, y), SMALL)
    drawing.text(page.banner.patient or "", (left, 232), SMALL, face="Code", room=wide)
    if page.banner.site is not None:
        drawing.text(SITES[page.banner.site], (left, 258), SMALL, MUTED, room=wide)
    label, event, icon, kind, _ = _hairs_button(page, 1)
    drawing.button(Rect(left, 312, wide, TOUCH), label.split()[0], event, icon=icon, kind=kind)
    drawing.button(Rect(left, 400, wide, TOUCH), "Back", _turned(page, "figures"), icon="back", kind="primary")


def _warnings(drawing: Drawing, page: Result) -> None:
    bar(drawing, page.banner, right=f"frame {page.frame}")
    y = 92.0
    for warning in page.reading.warnings:
        drawing.sign("caution", (34, y - 8), 28)
        y = drawing.paragraph(warning, (62, y), 722, BODY, most=3) + 14
    drawing.buttons(
        ACTIONS,
        [
            ("Retake", Retake(), "again", "plain", 1),
            ("Figures", _turned(page, "figures"), "back", "plain", 1.2),
            ("Keep", Keep(), "check", "primary", 1.8),
        ],
    )


def _turned(page: Result, view: Literal["figures", "picture", "warnings"]) -> Turn:
    return Turn(replace(page, view=view))


def _hairs_button(page: Result, share: float) -> Button:
    turned = Turn(replace(page, hairs_shown=not page.hairs_shown))
    return (
        ("Hide hairs", turned, "eye-off", "plain", share)
        if page.hairs_shown
        else ("Show hairs", turned, "eye", "plain", share)
    )


def _picture(page: Result, area: Rect) -> Image:
    """The photograph at the size at which it fits, with hairs if they are wanted."""
    height, width = page.photograph.shape[:2]
    scale = min(area.width / width, area.height / height)
    size = (round(width * scale), round(height * scale))
    if page.hairs_shown:
        return photograph.with_hairs(page.photograph, page.reading, size)
    return resized(page.photograph, size)


def _density(drawing: Drawing, density: Interval | None, at: tuple[int, int]) -> None:
    x, y = at
    if density is None:
        drawing.text("—", at, GREAT, MUTED, face="Strong")
        return
    x += drawing.text(f"{density.value:.0f}", (x - 5, y), GREAT, face="Strong") + 8
    drawing.text("hairs/cm²", (x, y - 40), BODY, face="Strong")
    x += drawing.text(_range(density), (x, y - 2), LEAD) + 8
    drawing.text("95 %", (x, y - 2), SMALL, MUTED)


def _classes(drawing: Drawing, reading: Reading) -> None:
    if not reading.classes_shown:
        drawing.plate(Rect(12, 148, 420, 74))
        drawing.paragraph(
            f"Terminal and vellus figures are withheld: {reading.scale_um_per_px:.1f} µm/px is too coarse for thin "
            "hairs.",
            (26, 179), 396, SMALL, most=2,
        )  # fmt: skip
        return
    for y, name, density in ((176, "Terminal", reading.terminal_per_cm2), (213, "Vellus", reading.vellus_per_cm2)):
        photograph.marker(drawing, 16, y - 9, vellus=name == "Vellus")
        drawing.text(name, (60, y), BODY)
        if density is not None:
            drawing.text(f"{density.value:.0f}", (236, y), LEAD, face="Strong", align="right")
            drawing.text("/cm²", (242, y), SMALL, MUTED)
            drawing.text(_range(density), (424, y), BODY, MUTED, align="right")


def _other_figures(reading: Reading) -> list[tuple[str, str]]:
    ratio, share = reading.terminal_to_vellus, reading.vellus_share
    mean, sd, per_unit = reading.diameter_mean_um, reading.diameter_sd_um, reading.hairs_per_unit
    no_vellus = reading.classes_shown and reading.vellus == 0 and reading.total
    return [
        ("terminal : vellus", "no vellus" if no_vellus else "—" if ratio is None else f"{ratio:.1f} : 1"),
        ("vellus share", "—" if share is None else f"{100 * share:.0f} %"),
        ("mean width", "—" if mean is None else f"{mean:.0f} µm" if sd is None else f"{mean:.0f} ± {sd:.0f} µm"),
        ("hairs per unit", "—" if per_unit is None else f"{per_unit:.1f}"),
    ]


def _quality(drawing: Drawing, warnings: tuple[str, ...]) -> None:
    drawing.sign("caution" if warnings else "good", (28, 371), 26)
    drawing.lines(warnings[0] if warnings else "Quality good", (50, 371), 384)


def _range(interval: Interval) -> str:
    return f"{interval.low:.0f}–{interval.high:.0f}"


def _aside(drawing: Drawing, photograph: Image) -> None:
    """The photograph at the left, in a thin frame that is seen where all of it is dark."""
    drawing.plate(_ASIDE.inflate(4, 4), LINE)
    drawing.picture(photograph, _ASIDE)


def withheld(drawing: Drawing, page: Withheld) -> None:
    bar(drawing, page.banner)
    _aside(drawing, page.photograph)
    drawing.sign("caution", (466, 96), 44)
    drawing.text("No figures", (500, 110), FIGURE, face="Strong", room=292)
    y = drawing.paragraph(page.why, (446, 164), 340, BODY, most=5)
    drawing.paragraph("The photograph is kept.", (446, y + 16), 340, BODY, MUTED)
    drawing.buttons(
        ACTIONS,
        [
            ("Retake", Retake(), "again", "plain", 1),
            ("Calibrate", Calibrate(), "ruler", "plain", 1.2),
            ("Keep photograph", Keep(), "check", "primary", 1.8),
        ],
    )


def refused(drawing: Drawing, page: Refused) -> None:
    bar(drawing, page.banner)
    _aside(drawing, page.photograph)
    drawing.sign("bad", (466, 96), 44)
    drawing.text("Not usable", (500, 110), FIGURE, face="Strong", room=292)
    y = 162.0
    for reason in page.reasons:
        y = drawing.paragraph(reason, (446, y), 340, BODY, most=5) + 12
        if y > 360:
            break
    drawing.buttons(ACTIONS, [("Try again", Retake(), "again", "primary", 1)])
