"""Pages that say who is measured and where."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np
import pygame
from pygame import Rect

from . import style
from .banner import head
from .drawing import ACTIONS, Drawing, middle
from .events import ChoosePatient, ChooseSite, OpenService, OpenTypeCode, ScanWristband, Turn, Typed
from .icons import stencil
from .lists import TOP, pager
from .pages import SITES, Patients, Scanning, Site, SiteFrames, Sites, TypeCode, Visit
from .style import BODY, CAUTION, FIGURE, GAP, INK, LEAD, LINE, MUTED, PLATE, RAISED, SMALL, TEXT, TOUCH

ROWS, _PITCH = 4, 77
KEYS = ("1234567890", "QWERTYUIOP", "ASDFGHJKL-", "ZXCVBNM._")
LONGEST_CODE = 64
"""As long as a patient's identifier may be in DICOM."""


def patients(drawing: Drawing, page: Patients) -> None:
    fetched = page.fetched_at
    head(
        drawing,
        page.banner,
        "Who is measured?",
        below=f"Worklist of {fetched:%H:%M}, {len(page.visits)} visits" if fetched else "No worklist from the clinic",
    )
    wide = 784 - (TOUCH + GAP if len(page.visits) > ROWS else 0)
    for i, visit in enumerate(page.visits[page.first : page.first + ROWS]):
        _visit(drawing, Rect(GAP, TOP + i * _PITCH, wide, _PITCH - 5), visit, visit.code == page.banner.patient)
    if not page.visits:
        drawing.text("Nobody is on the worklist.", (400, 222), LEAD, align="centre", face="Strong")
        drawing.text("Scan the wristband or type the code.", (400, 264), BODY, MUTED, align="centre")
    pager(drawing, page, len(page.visits), ROWS)
    drawing.buttons(
        ACTIONS,
        [
            ("Scan wristband", ScanWristband(), "scan", "plain", 1),
            ("Type code", OpenTypeCode(), "keyboard", "plain", 1),
            ("Service", OpenService(), "service", "plain", 0.7),
        ],
    )


def _visit(drawing: Drawing, area: Rect, visit: Visit, chosen: bool) -> None:
    pressed = drawing.touch(area, ChoosePatient(visit.code))
    ink, soft = (INK, INK) if pressed else (TEXT, MUTED)
    drawing.plate(area, TEXT if pressed else RAISED, outline=TEXT if chosen else None, width=3)
    x = area.left + 16
    if visit.at is not None:
        drawing.text(f"{visit.at:%H:%M}", (x, middle(area, BODY)), BODY, soft)
    x += 84
    done = f"{visit.frames} frame{'s'[: visit.frames != 1]}" if visit.frames else ""
    right = area.right - 16
    if done:
        right -= drawing.text(done, (right, middle(area, SMALL)), SMALL, ink, align="right") + 36
        drawing.icon("good", (right + 18, area.centery), 24, ink)
    room = right - x - 8
    below = " · ".join(filter(None, (visit.name, visit.procedure)))
    if below:
        drawing.text(visit.code, (x, area.top + 32), BODY, ink, face="Code", room=room)
        drawing.text(below, (x, area.top + 59), SMALL, soft, room=room)
    else:
        drawing.text(visit.code, (x, middle(area, BODY)), BODY, ink, face="Code", room=room)


def scanning(drawing: Drawing, page: Scanning) -> None:
    """All but the live view."""
    head(drawing, page.banner, "Scan the wristband", below="")
    drawing.surface.fill(INK, Rect(0, TOP, 800, 392))
    x = 540
    if page.found is None:
        drawing.paragraph("Hold the code under the scope, flat, until it is read.", (x, 150), 252, BODY)
    else:
        drawing.sign("good", (x + 18, 140), 36)
        drawing.text("Read", (x + 46, 153), LEAD, face="Strong")
        drawing.paragraph(page.found, (x, 200), 252, BODY, face="Code", most=4)
    drawing.button(Rect(x, 400, 252, TOUCH), "Type code", OpenTypeCode(), icon="keyboard")


def live_scanning(drawing: Drawing, page: Scanning) -> list[Rect]:
    """The live view with a frame to aim with. Returns what was drawn on."""
    area = Rect(GAP, TOP, 512, 384)
    drawing.picture(page.preview, area)
    for x, dx in ((area.left + 64, 1), (area.right - 64, -1)):
        for y, dy in ((area.top + 64, 1), (area.bottom - 64, -1)):
            drawing.surface.fill(TEXT, Rect(min(x, x + dx * 48), y - 3, 48, 6))
            drawing.surface.fill(TEXT, Rect(x - 3, min(y, y + dy * 48), 6, 48))
    return [area]


def type_code(drawing: Drawing, page: TypeCode) -> None:
    head(drawing, page.banner, "Patient's code", below="", problem=page.problem)
    field = Rect(GAP, 92, 632, 68)
    drawing.plate(field, PLATE, outline=CAUTION if page.problem else LINE)
    x = field.left + 16
    if page.text:
        room = field.width - 44
        size = style.largest(page.text, room, "Code", (FIGURE, LEAD, BODY, SMALL))
        text = page.text
        while style.width_of(text, "Code", size) > room:  # the end is what is being typed
            text = text[1:]
        x += drawing.text(text, (x, middle(field, size)), size, face="Code") + 2
    drawing.surface.fill(TEXT, Rect(x, field.top + 14, 3, field.height - 28))
    code = page.text.strip()
    drawing.button(Rect(648, 90, 144, TOUCH), "Done", Typed(code) if code else None, icon="check", kind="primary")
    for i, row in enumerate(KEYS):
        y = 168 + i * 78
        for j, key in enumerate(row):
            longer = Turn(typed(page, key)) if len(page.text) < LONGEST_CODE else None
            drawing.button(_key(j, y), key, longer, size=LEAD)
    drawing.button(_key(9, 168 + 3 * 78), "", Turn(erased(page)) if page.text else None, icon="erase")


def _key(column: int, y: int) -> Rect:
    return Rect(4 + column * 79 + 2, y, 75, 74)


def typed(page: TypeCode, letters: str) -> TypeCode:
    return replace(page, text=(page.text + letters)[:LONGEST_CODE], problem=None)


def erased(page: TypeCode) -> TypeCode:
    return replace(page, text=page.text[:-1], problem=None)


SPOTS: dict[Site, tuple[int, int]] = {
    "frontal": (200, 160),
    "temporal_left": (98, 218),
    "temporal_right": (302, 218),
    "parietal": (200, 248),
    "vertex": (200, 336),
    "occipital": (200, 424),
}
"""Where the sites lie on a head seen from above, nose at the top, so that left is left."""


def sites(drawing: Drawing, page: Sites) -> None:
    head(drawing, page.banner, "Site", below="")
    code = page.banner.patient or ""
    room = 300
    drawing.text(code, (96, 73), style.largest(code, room, "Code", (BODY, SMALL)), face="Code", room=room)
    drawing.surface.blit(_head_from_above(), (0, 84))
    drawing.text("left", (22, 462), SMALL, MUTED)
    drawing.text("right", (378, 462), SMALL, MUTED, align="right")
    for i, (site, name) in enumerate(SITES.items()):
        kept = page.frames.get(site, SiteFrames(0))
        spot = Rect(0, 0, 80, 80)
        spot.center = SPOTS[site]
        row = Rect(408, 72 + i * 68, 384, 68)
        pressed = drawing.touch(spot, ChooseSite(site)) | drawing.touch(row, ChooseSite(site))
        _spot(drawing, SPOTS[site], kept.frames, site == page.banner.site, pressed)
        _row(drawing, row.inflate(0, -4), name, kept, site == page.banner.site, pressed)


def _spot(drawing: Drawing, centre: tuple[int, int], frames: int, chosen: bool, pressed: bool) -> None:
    """A disc with the number of frames kept; the chosen one is light."""
    light = chosen or pressed
    drawing.dot(centre, 38, TEXT if light else RAISED)
    drawing.dot(centre, 38, TEXT if light or frames else LINE, width=3)
    ink = INK if light else TEXT if frames else MUTED
    drawing.text(str(frames) if frames else "–", (centre[0], centre[1] + 11), LEAD, ink, face="Strong", align="centre")


def _row(drawing: Drawing, area: Rect, name: str, kept: SiteFrames, chosen: bool, pressed: bool) -> None:
    light = chosen or pressed
    ink, soft = (INK, INK) if light else (TEXT, MUTED)
    drawing.plate(area, TEXT if light else PLATE)
    drawing.text(name, (area.left + 14, middle(area, BODY)), BODY, ink, face="Strong", room=184)
    right = area.right - 14
    if not kept.frames:
        drawing.text("no frame", (right, middle(area, SMALL)), SMALL, soft, align="right")
        return
    frames = f"{kept.frames} frame{'s'[: kept.frames != 1]}"
    if kept.mean_per_cm2 is None:
        drawing.text(f"{frames}, no figure", (right, middle(area, SMALL)), SMALL, soft, align="right")
        return
    spread = "" if kept.spread_per_cm2 is None else f" ± {kept.spread_per_cm2:.0f}"
    unit = drawing.text("/cm²", (right, area.top + 29), SMALL, soft, align="right")
    figure = f"{kept.mean_per_cm2:.0f}{spread}"
    drawing.text(figure, (right - unit - 6, area.top + 29), BODY, ink, face="Strong", align="right")
    below = frames if kept.spread_per_cm2 is None else f"mean ± SD of {frames}"
    drawing.text(below, (right, area.top + 53), SMALL, soft, align="right")


@lru_cache(maxsize=1)
def _head_from_above() -> pygame.Surface:
    """Skull, nose and ears, 400 × 396."""
    fine = 4
    mask = np.zeros((396 * fine, 400 * fine), np.uint8)

    def outline(level: int, thickness: int) -> None:
        for centre, axes in (((48, 214), (15, 36)), ((352, 214), (15, 36)), ((200, 206), (154, 184))):
            # the skull comes last: it covers what of the ears lies behind it
            at, half = (centre[0] * fine, centre[1] * fine), (axes[0] * fine, axes[1] * fine)
            cv2.ellipse(mask, at, half, 0, 0, 360, 0, -1)
            cv2.ellipse(mask, at, half, 0, 0, 360, level, thickness)

    nose = np.array([(182, 30), (200, 4), (218, 30)]) * fine
    cv2.polylines(mask, [nose.astype(np.int32)], False, 255, 3 * fine)
    outline(255, 3 * fine)
    return stencil(cv2.resize(mask, (400, 396), interpolation=cv2.INTER_AREA), LINE)
