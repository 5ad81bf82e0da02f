"""What lies under the simulated probe, drawn in a process of its own: it takes seconds and much memory.

    python -m trichoscope.instrument.camera.scalp LIFELINE WIDTH HEIGHT UM_PER_PX PERSON SITE > scalp.jpg

PERSON is a number that stands for a patient, SITE the name of a place on the head; or what the probe is put on to
calibrate it, `dots 500`, `ticks 100` (a target and its pitch in µm), `grey card`, or a `wristband`.
"""

from __future__ import annotations

import os
import sys

import cv2
import numpy as np
import zxingcpp

from ...simulation import Scalp, Scope, render
from ...simulation.target import Dots, GreyCard, Ticks, View, photograph_grey_card, photograph_target
from .lifeline import die_with_parent
from .settings import SIMULATED_PATIENT

OPTICS_UM = 6.4
"""The simulated lens shows no finer detail than this; drawing finer pixels would take four times as long."""
JPEG_QUALITY = 96
TARGETS = frozenset({"dots", "ticks", "grey"})
THINNING_SITES = frozenset({"frontal", "vertex", "parietal"})
"""Where pattern hair loss shows; the back and the sides keep most of their hair (Hamilton 1951)."""


def draw(size_px: tuple[int, int], um_per_px: float, person: int, site: str) -> bytes:
    """A JPEG of clipped scalp. A person has one colour of hair and skin, and so much hair at each site."""
    hair = np.random.default_rng(person)
    place = np.random.default_rng([person, *site.encode()])
    loss = hair.uniform(0.0, 0.7) * (1.0 if site in THINNING_SITES else 0.15)
    melanin = hair.uniform(0.6, 1.0)
    scalp = Scalp(
        density_per_cm2=hair.uniform(170, 240) * (1 - 0.45 * loss) * place.uniform(0.93, 1.07),
        vellus_share=0.06 + 0.5 * loss,
        terminal_um=(hair.uniform(66, 84) * (1 - 0.15 * loss), 13.0),
        direction_deg=place.uniform(0, 360),
        curl_per_mm=hair.uniform(0.03, 0.3),
        melanin=melanin,
        skin_melanin=hair.uniform(0.0, 0.35) * melanin,
        redness=place.uniform(0.1, 0.4),
        scaling=place.uniform(0.05, 0.25),
        fibres=0.1,
    )
    width, height = size_px
    upscale = max(1.0, OPTICS_UM / um_per_px)
    scope = Scope(width_px=width, height_px=height, um_per_px=um_per_px, upscale=upscale, jpeg_quality=JPEG_QUALITY)
    return render(scalp, scope, int(place.integers(2**31))).jpeg


def draw_target(size_px: tuple[int, int], um_per_px: float, kind: str, pitch_um: float) -> bytes:
    """A JPEG of a target that lies a little turned, in the light that the scalp is seen in."""
    shrink = max(1, round(OPTICS_UM / um_per_px))
    width, height = (-(-side // shrink) for side in size_px)
    scope = Scope(width_px=width, height_px=height, um_per_px=um_per_px * shrink, grey_world=0.0, jpeg_quality=98)
    view = View(rotation_deg=3.0)
    if kind == "grey":
        pixels = photograph_grey_card(GreyCard(), scope, 1).pixels
    elif kind == "dots":
        pixels = photograph_target(Dots(pitch_um, pitch_um / 2), view, scope, 1).pixels
    else:
        pixels = photograph_target(Ticks(pitch_um, pitch_um / 6, 4 * pitch_um), view, scope, 1).pixels
    whole = cv2.resize(pixels, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_CUBIC)[: size_px[1], : size_px[0]]
    return cv2.imencode(".jpg", whole[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()


def draw_wristband(size_px: tuple[int, int]) -> bytes:
    """A JPEG of a band with the code of a patient who does not exist."""
    code = zxingcpp.create_barcode(SIMULATED_PATIENT, zxingcpp.BarcodeFormat.QRCode)
    modules = np.array(zxingcpp.write_barcode_to_image(code, scale=1))
    width, height = size_px
    side = height * 6 // 10
    band = np.full((height, width), 214, np.uint8)
    top, left = (height - side) // 2, (width - side) // 2
    band[top : top + side, left : left + side] = cv2.resize(modules, (side, side), interpolation=cv2.INTER_NEAREST)
    soft = cv2.GaussianBlur(np.clip(band, 30, 214), (0, 0), height / 400)
    return cv2.imencode(".jpg", soft, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()


def main(lifeline: str, width: str, height: str, um_per_px: str, person: str, site: str) -> None:
    die_with_parent(int(lifeline))
    os.nice(10)
    size_px = int(width), int(height)
    kind, _, pitch_um = site.partition(" ")
    if kind == "wristband":
        jpeg = draw_wristband(size_px)
    elif kind in TARGETS:
        jpeg = draw_target(size_px, float(um_per_px), kind, float(pitch_um) if kind != "grey" else 0.0)
    else:
        jpeg = draw(size_px, float(um_per_px), int(person), site)
    sys.stdout.buffer.write(jpeg)


if __name__ == "__main__":
    main(*sys.argv[1:])
