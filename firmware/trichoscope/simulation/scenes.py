"""Random scalps and scopes of a kind: what the training set, the evaluation and the demo draw from."""

from __future__ import annotations

import numpy as np

from .scalp import Scalp, Scope

STYLES = ("clipped", "long", "coarse_clipped", "coarse_long")


def draw_scene(rng: np.random.Generator, style: str) -> tuple[Scalp, Scope]:
    """A random scalp under a random scope: clipped or long hair, fine (2–5 µm/px) or coarse (5–15 µm/px).

    Raises ValueError for a style that is not in STYLES.
    """
    if style not in STYLES:
        raise ValueError(f"style {style!r} is none of {', '.join(STYLES)}")
    coarse = style.startswith("coarse")
    scalp = _scalp(rng, clipped="clipped" in style, coarse=coarse)
    return scalp, _scope(rng, coarse)


def _mixture(rng: np.random.Generator, *shares: float) -> int:
    return int(rng.choice(len(shares), p=np.array(shares) / np.sum(shares)))


def _scalp(rng: np.random.Generator, clipped: bool, coarse: bool) -> Scalp:
    u = rng.uniform
    colour = _mixture(rng, 0.58, 0.18, 0.08, 0.05, 0.11)  # black, brown, blond, red, greying
    melanin = (u(0.8, 1.1), u(0.3, 0.75), u(0.08, 0.28), u(0.15, 0.5), u(0.5, 1.0))[colour]
    # black and grey hair grows on every skin, fair hair seldom on dark skin
    skin_melanin = float(rng.beta(1.1, 2.2) if colour in (0, 4) else rng.beta(1.2, 5.0))
    terminal_mean = u(55, 98)
    vellus = (0.0, u(0.02, 0.2), u(0.2, 0.6))[_mixture(rng, 0.15, 0.55, 0.3)]
    if clipped:
        short = np.exp(u(np.log(140), np.log(700)))
        length = (short, short * u(1.3, 2.5))
    else:
        short = np.exp(u(np.log(1200), np.log(9000)))
        length = (short, short * u(1.5, 3.5))
    curl = (u(0.02, 0.15), u(0.15, 0.6), u(0.6, 1.6), u(1.6, 3.5))[_mixture(rng, 0.62, 0.25, 0.09, 0.04)]
    sizes = rng.dirichlet((4, 4.5, 2.2, 0.7))
    return Scalp(
        density_per_cm2=u(25, 130) if rng.random() < 0.4 else u(110, 310),
        unit_sizes=(float(sizes[0]), float(sizes[1]), float(sizes[2]), float(sizes[3])),
        ostium_um=u(22, 70),
        vellus_share=vellus,
        terminal_um=(terminal_mean, u(6, 20)),
        vellus_um=(u(20, 33), u(3, 8)),
        length_um=length,
        clipped=clipped,
        curl_per_mm=curl,
        direction_deg=u(0, 360),
        direction_swirl=abs(rng.normal(0, 0.15)),
        direction_jitter_deg=u(2, 18) if clipped or rng.random() < 0.3 else u(2, 8),
        elevation_deg=(u(5, 30), u(30, 68)),
        melanin=melanin,
        pheomelanin=u(0.6, 1) if colour == 3 else u(0, 0.35) * (rng.random() < 0.5),
        grey_share=u(0.1, 0.9) if colour == 4 else 0.0,
        pigment_variation=u(0.02, 0.4),
        taper=u(0, 0.25),
        wetness=u(0, 1) if rng.random() < 0.5 else 0.0,
        matting=u(0, 1),
        skin_melanin=skin_melanin,
        redness=u(0, 0.85) ** 2,
        sulci=u(0, 0.9),
        grain=u(0.1, 1.0),
        pores_per_cm2=u(0, 150),
        scaling=u(0, 0.12) if rng.random() < 0.75 else u(0.12, 0.8),
        sebum=u(0, 0.5) if rng.random() < 0.7 else u(0.5, 1.0),
        root_shadow=u(0, 0.35) if rng.random() < 0.25 else u(0.35, 1.3),
        perifollicular=u(0, 1.0),
        vessels=u(0.1, 1) if rng.random() < 0.15 else 0.02,
        loose_hairs_per_cm2=(u(3, 30) if rng.random() < 0.4 else 1.0) if clipped else u(0, 2),
        stray_hairs=u(0.5, 4) if rng.random() < 0.25 else 0.1,
        fibres=u(0, 1.5) if rng.random() < 0.3 else 0.1,
        ink=0.06,
    )


def _scope(rng: np.random.Generator, coarse: bool) -> Scope:
    u = rng.uniform
    um_per_px = float(np.exp(u(np.log(5.0), np.log(15.0)))) if coarse else float(u(2.0, 5.0))
    width_px, height_px = [(640, 480), (800, 600), (640, 480), (720, 540)][rng.integers(4)] if coarse else (0, 0)
    if not coarse:  # a field of about 3.5 mm, as much as a crop can use
        width_px = int(u(2600, 4000) / um_per_px)
        height_px = int(width_px * u(0.6, 0.85))
    polarised = rng.random() < 0.3
    # detail ends at a blur of this many µm; cheap scopes enlarge a smaller sensor's picture
    upscale = u(1.3, 2.3) if rng.random() < 0.35 else 1.0
    if coarse:
        upscale = u(1.2, 1.8) if rng.random() < 0.3 and um_per_px < 9 else 1.0
    warm = rng.normal(0, 0.12)
    balance = (1 + warm + rng.normal(0, 0.05), 1.0, 1 - warm + rng.normal(0, 0.07))
    if rng.random() < 0.08:
        balance = (u(0.5, 1.5), 1.0, u(0.4, 1.5))
    return Scope(
        width_px=width_px,
        height_px=height_px,
        um_per_px=um_per_px,
        polarised=polarised,
        glint=u(0, 0.3) if rng.random() < 0.35 else u(0.2, 0.9),
        bubbles=u(0.1, 0.8) if rng.random() < 0.12 else 0.0,
        tick_pitch_um=float(rng.choice([100, 200, 250, 500, 1000]))
        if rng.random() < (0.12 if coarse else 0.06)
        else 0.0,
        burned_text=rng.random() < 0.06,
        bars=rng.random() < 0.05,
        focus_um=u(0, 120) if rng.random() < 0.8 else u(100, 300),
        defocus_um_per_um=u(0.01, 0.06),
        psf_um=max(u(1.5, 6.0), 0.45 * um_per_px),
        field_blur_um=u(0, 14),
        motion_um=u(5, 16) if rng.random() < 0.08 else 0.0,
        vignetting=u(0, 0.35) if rng.random() < 0.85 else u(0.4, 0.9),
        white_balance=balance,
        grey_world=u(0, 1.15),
        cast_gradient=u(0, 0.22),
        exposure=float(np.exp(rng.normal(0.1, 0.32))),
        contrast=u(0.85, 1.25),
        gamma=u(1.3, 2.3),
        noise=u(0.003, 0.03),
        demosaic=rng.random() < 0.5,
        upscale=upscale,
        sharpening=u(0, 0.8) if rng.random() < 0.5 else 0.0,
        jpeg_quality=int(rng.integers(70, 98)),
    )
