"""What a simulated photograph is made of: the scalp that is looked at, and the scope that looks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scalp:
    """A patch of scalp. Lengths in µm, angles in degrees, shares and strengths 0–1."""

    # growth
    density_per_cm2: float = 180.0
    unit_sizes: tuple[float, float, float, float] = (0.36, 0.42, 0.17, 0.05)
    """Shares of follicular units with 1, 2, 3 and 4 hairs."""
    ostium_um: float = 45.0
    """Standard deviation of the exit points of one unit about its ostium, across the growth direction."""
    vellus_share: float = 0.15
    terminal_um: tuple[float, float] = (72.0, 15.0)
    """Mean and standard deviation of the apparent width of terminal hairs."""
    vellus_um: tuple[float, float] = (27.0, 7.0)
    length_um: tuple[float, float] = (300.0, 900.0)
    """Shortest and longest length of terminal hairs above the skin; vellus hairs are at most half as long, or 600."""
    clipped: bool = True
    """Hairs end in a cut; otherwise they taper to a tip."""
    curl_per_mm: float = 0.15
    """Standard deviation of the curvature: 0.05 straight, 0.6 wavy, 2 curly, 4 coily."""
    direction_deg: float = 20.0
    direction_swirl: float = 0.2
    """How much the growth direction turns over the picture, rad/mm."""
    direction_jitter_deg: float = 9.0
    elevation_deg: tuple[float, float] = (15.0, 50.0)
    """Angle between shaft and skin where hairs leave it."""

    # hair
    melanin: float = 0.95
    """0 white, 0.15 blond, 0.4 brown, 1 black."""
    pheomelanin: float = 0.0
    """1 is red hair."""
    grey_share: float = 0.0
    pigment_variation: float = 0.15
    taper: float = 0.08
    """Relative change of width from root to tip of a clipped hair."""
    wetness: float = 0.2
    """Lumps and glints of fluid on the shafts."""
    matting: float = 0.2
    """How far the hairs of one unit lie against each other instead of fanning out."""

    # skin
    skin_melanin: float = 0.15
    redness: float = 0.25
    sulci: float = 0.4
    grain: float = 0.5
    pores_per_cm2: float = 60.0
    scaling: float = 0.15
    sebum: float = 0.25
    root_shadow: float = 0.7
    """The blurred blue-grey shadow of the root under the skin."""
    perifollicular: float = 0.3
    """Reddish or brown ring and funnel round the ostium."""
    vessels: float = 0.1

    # what lies on it
    loose_hairs_per_cm2: float = 8.0
    stray_hairs: float = 0.0
    """Expected number of long shafts that cross the whole picture without a root in it."""
    fibres: float = 0.3
    ink: float = 0.0


@dataclass(frozen=True)
class Scope:
    """A dermoscope and its camera."""

    width_px: int = 1280
    height_px: int = 1024
    um_per_px: float = 2.77
    polarised: bool = False
    glint: float = 0.35
    """Ring-light streaks along the shafts and glitter on the skin; cross-polarised light shows a tenth of it."""
    bubbles: float = 0.0
    tick_pitch_um: float = 0.0
    """Pitch of a ruler etched in the contact plate; 0 is none."""
    burned_text: bool = False
    bars: bool = False
    """Grey bars of a screenshot at the sides."""
    focus_um: float = 20.0
    """Height of the plane of focus above the skin."""
    defocus_um_per_um: float = 0.035
    """Blur (Gaussian sigma) per distance from the plane of focus."""
    psf_um: float = 3.0
    """Gaussian sigma of lens and demosaicing in focus."""
    field_blur_um: float = 4.0
    """Blur added towards the corner that is farthest out of focus."""
    motion_um: float = 0.0
    vignetting: float = 0.15
    white_balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
    grey_world: float = 0.6
    """How far automatic white balance has turned the skin grey: 0 not at all, 1 wholly."""
    cast_gradient: float = 0.1
    """Change of the light's colour across the field."""
    exposure: float = 1.0
    contrast: float = 1.0
    gamma: float = 1.8
    """Exponent of the camera's tone curve: value = light ** (1 / gamma)."""
    noise: float = 0.012
    demosaic: bool = False
    upscale: float = 1.0
    """A cheap scope enlarges its sensor's picture by this factor."""
    sharpening: float = 0.2
    jpeg_quality: int = 90
