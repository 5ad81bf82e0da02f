"""From light to file: lens, field, sensor, tone curve, demosaicing, enlargement, JPEG."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .scalp import Scope

Image = NDArray[np.float32]


def _field(rng: np.random.Generator, scope: Scope, shape: tuple[int, int]) -> Image:
    """Illumination, h × w × 3: vignetting, a gradient of brightness and a gradient of colour."""
    h, w = shape
    y, x = np.mgrid[-1:1:24j, -1:1:24j].astype(np.float32)
    centre = rng.normal(0, 0.25, 2)
    r2 = (x - centre[0]) ** 2 + (y - centre[1]) ** 2
    light = 1 - scope.vignetting * r2 * 0.6 + 0.12 * scope.vignetting * (x * rng.normal() + y * rng.normal())
    out = np.empty((24, 24, 3), np.float32)
    angle = rng.uniform(0, 6.28)
    slope = x * np.cos(angle) + y * np.sin(angle)
    cast = scope.cast_gradient * np.array([rng.normal(0, 0.4), -0.1, rng.normal(0.3, 0.6)])
    for c in range(3):
        out[..., c] = np.clip(light * (1 + cast[c] * slope), 0.02, None) * scope.white_balance[c]
    return np.asarray(cv2.resize(out, (w, h), interpolation=cv2.INTER_LINEAR), np.float32)


def _mosaic(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What a Bayer sensor (RGGB) and bilinear demosaicing make of it."""
    bayer = rgb[..., 1].copy()
    bayer[0::2, 0::2] = rgb[0::2, 0::2, 0]
    bayer[1::2, 1::2] = rgb[1::2, 1::2, 2]
    return np.asarray(cv2.cvtColor(bayer, cv2.COLOR_BayerBG2RGB), np.uint8)


def _develop(light: Image, grain: NDArray[np.uint8], scope: Scope, gain: float) -> NDArray[np.uint8]:
    """Tone curve and noise (of shot and readout) by tables of 2¹² levels of light up to twice full scale."""
    level = np.linspace(0, 2, 4096)
    tone = ((level ** (1 / scope.gamma) - 0.5) * scope.contrast + 0.5) * 255
    slope = np.gradient(tone, level[1])
    sigma = np.minimum(slope, slope[40]) * np.sqrt(level + 0.02) * scope.noise * gain
    tone_table, noise_table = (tone + 0.5).astype(np.float32), (sigma / 74).astype(np.float32)
    pixels = np.empty(light.shape, np.uint8)
    for top in range(0, len(light), 64):  # in strips that stay in the cache
        strip = slice(top, top + 64)
        index = np.clip(light[strip] * np.float32(2047.5), 0, 4095).astype(np.uint16)
        value = tone_table[index] + noise_table[index] * (grain[strip] - np.float32(127.5))
        pixels[strip] = np.clip(value, 0, 255)
    return pixels


def _motion(length_px: float, angle: float) -> NDArray[np.float32]:
    size = int(np.ceil(length_px)) | 1
    kernel = np.zeros((size + 2, size + 2), np.float32)
    centre = (size + 1) / 2
    dx, dy = np.cos(angle) * length_px / 2, np.sin(angle) * length_px / 2
    a = (round((centre - dx) * 16), round((centre - dy) * 16))
    b = (round((centre + dx) * 16), round((centre + dy) * 16))
    cv2.line(kernel, a, b, 1.0, 1, cv2.LINE_AA, 4)
    return np.asarray(kernel / kernel.sum(), np.float32)


def _blurred(light: Image, sigma_px: float) -> Image:
    return np.asarray(cv2.GaussianBlur(light, (0, 0), sigma_px), np.float32)


def expose(
    rng: np.random.Generator, light: Image, scope: Scope, um_per_px: float, skin_rgb: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """Light (h × w × 3, linear) at the sensor's scale → the camera's pixels at the scope's size.

    skin_rgb is the mean light of the bare skin, by which automatic exposure and white balance go.
    """
    h, w = light.shape[:2]
    sigma = scope.psf_um / um_per_px
    if sigma > 0.25:
        light = _blurred(light, sigma)
    if scope.field_blur_um > 1:
        soft = _blurred(light, max(scope.field_blur_um / um_per_px, 0.3))
        y, x = np.mgrid[-1:1:16j, -1:1:16j]
        angle = rng.uniform(0, 6.28)
        ramp = np.clip(0.3 + 0.6 * (x * np.cos(angle) + y * np.sin(angle)) + 0.3 * (x**2 + y**2 - 0.7), 0, 1)
        share = cv2.resize(ramp.astype(np.float32), (w, h), interpolation=cv2.INTER_LINEAR)[..., None]
        light = light + share * (soft - light)
    if scope.motion_um > um_per_px:
        kernel = _motion(scope.motion_um / um_per_px, rng.uniform(0, np.pi))
        light = np.asarray(cv2.filter2D(light, -1, kernel), np.float32)
    light = light * _field(rng, scope, (h, w))
    grey = np.maximum(skin_rgb, 1e-3)
    light *= (0.36 * scope.exposure / grey.mean()) * (grey.mean() / grey) ** np.float32(scope.grey_world)

    grain = rng.integers(0, 256, (h, w, 3), np.uint8)
    if scope.noise > 0.015:  # denoising leaves soft grain
        grain = np.asarray(cv2.GaussianBlur(grain, (0, 0), 0.7), np.uint8)
    pixels = _develop(light, grain, scope, 2.2 if scope.noise > 0.015 else 1.0)
    if scope.demosaic:
        pixels = _mosaic(pixels)
    if scope.upscale != 1.0:
        size = scope.width_px, scope.height_px
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    if scope.sharpening > 0.02:
        smooth = cv2.GaussianBlur(pixels, (0, 0), 1.0 * scope.upscale)
        sharp = cv2.addWeighted(pixels, 1 + scope.sharpening, smooth, -scope.sharpening, 0)
        pixels = np.asarray(sharp, np.uint8)
    return pixels


def encode(pixels: NDArray[np.uint8], quality: int) -> tuple[NDArray[np.uint8], bytes]:
    """JPEG bytes and the pixels that come back from them."""
    _, jpeg = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR_RGB), np.uint8), jpeg.tobytes()
