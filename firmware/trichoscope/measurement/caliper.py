"""The caliper: apparent widths on the original pixels, with the blur taken out.

Sections are cut across every shaft, all at once. Each stretch of a shaft gives one mean profile, and each half of it,
from the middle outwards, is compared with a bank of blurred shafts: the likelihood of every width and blur. Where one
half is spoilt by a glint or a neighbour the other still counts. A thin hair's width and darkness cannot be told apart
on one profile; the blur and the contrast of the well-resolved shafts of the same photograph part them. The stretches
of a hair are joined by a robust line along the shaft, with the network's width as its prior.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscope.frame import Frame
from trichoscope.measurement.hair import Trace, Width

Floats = NDArray[np.floating]
Flags = NDArray[np.bool_]

STRETCHES = 4  # parts of a shaft that get widths of their own
CUTS = 5  # sections of a stretch
SAMPLES = 32  # across half a section
REACH = 1.2  # length of half a section, in expected widths
ROOT_UM = 55.0  # the path may begin this far inside the shadow of the root
TIP_UM = 20.0  # and end this far beyond the tip
DIRECTION_UM = 40.0  # either side of a section: shorter follows the path's jitter, longer misses bends
GLINT_SHARE = 0.6  # of the expected width either side of the middle: where bright valleys are taken for glints
CELL_UM = 8.0  # of the map that tells whose shaft a sample lies on
GAMMA = 1.9  # light = value ** GAMMA, between sRGB and the flatter curves of cheap scopes; blur adds up in light

PRIOR_SD = 0.13  # of the network's width, log
TAPER_SD = 0.15  # of the change of width from root to tip, log
SEARCH_SD = 0.35  # weak prior that keeps a stretch near its shaft; divided out again
MISFIT = 0.03  # of its depth: as well as the bank can describe a real profile
# Spread of log width between stretches and truth, fitted to rendered scalps: floor, per misfit of the profile
# relative to its depth, and per lack of contrast; and the share of stretches that measured something else.
FLOOR_SD, MISFIT_SD, PALE_SD, OUTLIERS = 0.05, 2.5, 0.12, 0.2
ALIKE = 0.5  # the halves and stretches of a shaft share their errors: this share of them is independent
MEASURED = 0.9  # measured, if the pixels brought the error below this share of the prior's


@dataclass(frozen=True, eq=False)
class _Bank:
    """Half profiles of blurred shafts of depth 1; lengths in units of the expected width. J shafts, M samples."""

    at: Floats  # (M,) distance of the samples from the middle
    log_width: Floats  # (J,)
    log_blur: Floats  # (J,)
    profile: Floats  # (J, M)


@lru_cache(maxsize=1)
def _bank() -> _Bank:
    """A chord of length c takes 1 − exp(−opacity · c) of the light: a box when opaque, near half an ellipse if not."""
    at = (np.arange(SAMPLES) + 0.5) * (REACH / SAMPLES)
    widths = np.exp(np.arange(-1.1, 0.6, 0.07))[:, None]
    blurs = np.exp(np.linspace(np.log(0.02), np.log(0.6), 9))
    fine, step = np.linspace(-2, 2, 1601, retstep=True)
    chord = np.sqrt(np.clip(1 - (2 * fine / widths) ** 2, 0, None))
    cover = np.clip((widths / 2 - np.abs(fine)) / step + 0.5, 0, 1)
    shafts = np.concatenate([cover * (1 - np.exp(-k * chord)) / (1 - np.exp(-k)) for k in (1.5, 30.0)])
    kernels = np.exp(-0.5 * ((at[:, None] - fine) / blurs[:, None, None]) ** 2)
    kernels /= kernels.sum(2, keepdims=True)
    profile = np.einsum("sf,bmf->bsm", shafts, kernels, optimize=True).reshape(-1, SAMPLES)
    log_blur, log_width = np.broadcast_arrays(np.log(blurs)[:, None], np.log(np.tile(widths[:, 0], 2)))
    return _Bank(*(a.astype(np.float32) for a in (at, log_width.ravel(), log_blur.ravel(), profile)))


@dataclass(frozen=True, eq=False)
class _Stations:
    """Where N shafts are cut, K sections each. Photograph pixels."""

    centre: Floats  # (N, K, 2) x, y
    normal: Floats  # (N, K, 2) unit vectors
    free: Flags  # (N, K) no crossing here


def _stations(traces: Sequence[Trace], um_per_px: float) -> _Stations:
    count = np.array([len(t.path_px) for t in traces])
    last = np.cumsum(count) - 1
    first = last - count + 1
    points = np.concatenate([t.path_px for t in traces]).astype(np.float64)
    step = np.linalg.norm(np.diff(points, axis=0), axis=1) * um_per_px
    step[last[:-1]] = 0.0
    # one arc length over all paths, rising even where points coincide, lets one interpolation serve all
    arc = np.concatenate([[0.0], np.cumsum(step + 1e-6)]) + np.repeat(np.arange(len(traces)), count)
    begin, end = arc[first], arc[last]
    length = end - begin
    root = np.minimum(ROOT_UM, 0.3 * length)
    tip = np.where([t.cut_by_frame for t in traces], 0.0, np.minimum(TIP_UM, 0.15 * length))
    share = (np.arange(STRETCHES * CUTS) + 0.5) / (STRETCHES * CUTS)
    s = (begin + root)[:, None] + (length - root - tip)[:, None] * share
    crossed = np.interp(s, arc, np.concatenate([t.crossed for t in traces]).astype(np.float64)) > 0

    def at(where: Floats) -> Floats:
        where = np.clip(where, begin[:, None], end[:, None])
        return np.stack([np.interp(where, arc, points[:, 0]), np.interp(where, arc, points[:, 1])], -1)

    along = at(s + DIRECTION_UM) - at(s - DIRECTION_UM)
    along /= np.maximum(np.linalg.norm(along, axis=2, keepdims=True), 1e-9)
    normal = np.stack([-along[..., 1], along[..., 0]], -1)
    return _Stations(at(s).astype(np.float32), normal.astype(np.float32), ~crossed)


def _sample(grey: NDArray[np.uint8], stations: _Stations, centre: Floats, offset_px: Floats) -> tuple[Floats, Floats]:
    """Values (N, K, M) at offset_px (N, M) along the normals, and where they were taken (N, K, M, 2)."""
    xy = centre[:, :, None] + stations.normal[:, :, None] * offset_px[:, None, :, None].astype(np.float32)
    n, k, m, _ = xy.shape
    x, y = (np.ascontiguousarray(xy[..., i]).reshape(n, k * m) for i in (0, 1))
    value = cv2.remap(grey, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return value.reshape(n, k, m).astype(np.float32), xy


def _without_glints(dark: Floats) -> Floats:
    """A glint is a valley of darkness inside a shaft: filled up to the lower of its two banks."""
    return np.minimum(np.maximum.accumulate(dark, -1), np.maximum.accumulate(dark[..., ::-1], -1)[..., ::-1])


def _recentre(grey: NDArray[np.uint8], stations: _Stations, expected_px: Floats) -> tuple[Floats, Floats]:
    """Centres (N, K, 2) moved onto the shafts by a ridge filter of their width, and 1 for dark shafts, −1 for light."""
    reach, lags = 36, 12
    unit = 1.6 / reach  # of the expected width
    offset = np.arange(-reach, reach + 1) * unit
    dark, _ = _sample(grey, stations, stations.centre, expected_px[:, None] * offset)
    t = offset[lags:-lags] / 0.4
    ridge = (1 - t**2) * np.exp(-0.5 * t**2)
    ridge -= ridge.mean()
    taps = np.zeros((len(offset), 2 * lags + 1), np.float32)
    for lag in range(2 * lags + 1):
        taps[lag : lag + len(ridge), lag] = ridge
    near_middle = np.median(dark @ taps[:, lags // 2 : -lags // 2], axis=1).mean(1)
    sign = np.where(near_middle > 0, -1.0, 1.0).astype(np.float32)
    dark *= -sign[:, None, None]
    dark[:, 1:-1] = 0.25 * dark[:, :-2] + 0.5 * dark[:, 1:-1] + 0.25 * dark[:, 2:]
    inner = np.abs(offset) < GLINT_SHARE
    dark[..., inner] = _without_glints(dark[..., inner])
    response = dark @ taps
    best = np.clip(response.argmax(2), 1, 2 * lags - 1)
    low, top, high = (np.take_along_axis(response, (best + i)[..., None], 2)[..., 0] for i in (-1, 0, 1))
    bend = np.minimum(low - 2 * top + high, -1e-6)
    shift = best - lags + np.clip(0.5 * (low - high) / bend, -1, 1)
    padded = np.pad(shift, ((0, 0), (2, 2)), mode="edge")
    usual = np.median(np.lib.stride_tricks.sliding_window_view(padded, 5, axis=1), axis=2)
    shift = np.clip(shift, usual - 3, usual + 3) * unit * expected_px[:, None]
    return (stations.centre + stations.normal * shift[..., None]).astype(np.float32), sign


def _owners(traces: Sequence[Trace], frame: Frame) -> NDArray[np.uint16]:
    """A coarse map of the picture: 1 + the index of the trace that a cell lies on, 0 for skin."""
    cell_px = CELL_UM / frame.um_per_px
    width, height = frame.size_px
    owner = np.zeros((int(height / cell_px) + 1, int(width / cell_px) + 1), np.uint16)
    for i, t in enumerate(traces):
        points = np.round(((t.path_px + 0.5) / cell_px - 0.5) * 16).astype(np.int32)
        thickness = max(1, round(t.network_width_um / CELL_UM))
        cv2.polylines(owner, [points[:, None]], False, i + 1, thickness, cv2.LINE_8, 4)
    return owner


@dataclass(frozen=True, eq=False)
class _Halves:
    """Mean profiles from the middle outwards: R = N hairs × stretches × two sides."""

    light: Floats  # (R, M)
    weight: Floats  # (R, M) 0–1
    unit_um: Floats  # (R,) of the bank's lengths
    expected_um: Floats  # (R,)


def _halves(
    frame: Frame, grey: NDArray[np.uint8], stations: _Stations, owner: NDArray[np.uint16], expected_um: Floats
) -> _Halves:
    um = frame.um_per_px
    n = len(expected_um)
    centre, sign = _recentre(grey, stations, expected_um / um)
    unit_um = np.maximum(expected_um, max(25.0, 7.0 * um))  # thin hairs are mostly blur
    at = _bank().at
    offset_um = unit_um[:, None] * np.concatenate([-at[::-1], at])
    value, xy = _sample(grey, stations, centre, offset_um / um)
    width, height = frame.size_px
    cell = ((xy + 0.5) * (um / CELL_UM)).astype(np.int32)
    found = owner[np.clip(cell[..., 1], 0, owner.shape[0] - 1), np.clip(cell[..., 0], 0, owner.shape[1] - 1)]
    other = (found != 0) & (found != np.arange(1, n + 1)[:, None, None])
    other &= (np.abs(offset_um) > 0.5 * expected_um[:, None])[:, None]
    inside = ((xy >= 0) & (xy <= (width - 1, height - 1))).all(-1)
    good = inside & ~other & stations.free[..., None]

    shape = (n * STRETCHES, CUTS, 2 * SAMPLES)
    light = ((value / 255).clip(0, 1) ** GAMMA).reshape(shape)
    good = good.reshape(shape)
    number = good.sum(1)
    mean = (light * good).sum(1) / np.maximum(number, 1)
    ordered = np.sort(np.where(good, light, mean[:, None]), axis=1)
    mean = ordered[:, 1:-1].mean(1)  # the brightest and the darkest section have no say

    sign, expected, unit = (np.repeat(a, STRETCHES)[:, None] for a in (sign, expected_um, unit_um))
    inner = unit * np.abs(np.concatenate([-at[::-1], at])) < GLINT_SHARE * expected
    dark = np.where(inner & (number > 0), -mean * sign, -1.0)
    filled = _without_glints(dark)
    mean = np.where(inner, -filled * sign, mean)

    def sides(a: Floats) -> Floats:
        return np.stack([a[:, SAMPLES - 1 :: -1], a[:, SAMPLES:]], 1).reshape(-1, SAMPLES)

    # a side counts as far as the nearest neighbour, and only if it shows skin
    weight = sides(number / CUTS)
    unit, expected = (np.repeat(a[:, 0], 2) for a in (unit, expected))
    skin = at * unit[:, None] > 0.5 * expected[:, None]
    seen = np.cumsum((weight < 0.5) & skin, 1) == 0
    enough = (seen & (at * unit[:, None] > 0.5 * expected[:, None] + 10)).sum(1) > 3
    return _Halves(sides(mean).astype(np.float32), weight * seen * enough[:, None], unit, expected)


@dataclass(frozen=True, eq=False)
class _Stretches:
    """What R half profiles say."""

    log_um: Floats  # (R,) width
    variance: Floats  # (R,) of log_um; infinite where nothing can be measured
    contrast: Floats  # (R,) share of the skin's light that the shaft takes
    blur_um: Floats  # (R,)


def _pool(value: Floats, good: Flags, default: tuple[float, float], least_sd: float) -> tuple[float, float]:
    """Robust mean and spread over the photograph's well-resolved shafts."""
    if good.sum() < 5:
        return default
    middle = float(np.median(value[good]))
    return middle, max(least_sd, 1.4826 * float(np.median(np.abs(value[good] - middle))))


@dataclass(frozen=True, eq=False)
class _Fit:
    """Least squares of light ≈ base + depth · profile for R half profiles and the J shafts of the bank."""

    contrast: Floats  # (R, J) share of the skin's light that the shaft takes
    excess: Floats  # (R, J) mean square error above the best shaft's
    step: Floats  # (R, 1) the excess of a width one step beside the best
    least: Floats  # (R, 1) mean square error of the best shaft
    depth: Floats  # (R, 1) of the best shaft
    weight: Floats  # (R,) samples that counted


def _fit(halves: _Halves) -> _Fit:
    bank = _bank()
    light, weight = halves.light, halves.weight.astype(np.float32)
    for every in (3, 1):  # a coarse look first, to find what is not shaft
        profile = bank.profile[::every]
        total = np.maximum(weight.sum(1, keepdims=True), np.float32(1e-3))
        mean = (weight * light).sum(1, keepdims=True) / total
        centred = weight * (light - mean)
        share = (weight / total) @ profile.T
        var = np.maximum(weight @ (profile**2).T - total * share**2, np.float32(1e-4))
        cov = centred @ profile.T
        depth = cov / var
        explained = depth * cov
        best = explained.argmax(1)
        best_depth = np.take_along_axis(depth, best[:, None], 1)
        if every > 1:  # then without glints in the shaft and other things beside it
            rest = light - mean - best_depth * (profile[best] - np.take_along_axis(share, best[:, None], 1))
            rest /= 1.4826 * np.median(np.abs(rest), 1, keepdims=True) + 0.03 * np.abs(best_depth) + 0.004
            beside = bank.at > np.exp(bank.log_width[::every][best])[:, None] / 2
            spoilt = np.where(beside, np.abs(rest) > 4, rest * -np.sign(best_depth) > 2.5)
            weight = weight * np.where(spoilt, np.float32(0.05), np.float32(1))
    most = np.take_along_axis(explained, best[:, None], 1)
    least = np.maximum((centred * (light - mean)).sum(1, keepdims=True) - most, 0) / total
    contrast = depth / np.minimum(depth * share - mean, np.float32(-0.01))
    excess = (most - explained) / total
    beside_best = np.clip(best[:, None] + [-1, 1], 0, excess.shape[1] - 1)
    step = np.take_along_axis(excess, beside_best, 1).mean(1, keepdims=True)
    return _Fit(contrast, excess, step, least, best_depth, total[:, 0])


def _compare(halves: _Halves, um_per_px: float) -> _Stretches:
    bank, fit = _bank(), _fit(halves)
    contrast = fit.contrast
    usable = fit.weight > 0.3 * SAMPLES
    relative = np.log(halves.unit_um / halves.expected_um).astype(np.float32)[:, None]
    unit = np.log(halves.unit_um).astype(np.float32)[:, None]
    independent = (REACH * halves.unit_um / (1.5 * um_per_px))[:, None].astype(np.float32)
    noise = fit.least + (MISFIT * fit.depth) ** 2 + 0.002**2
    noise = np.maximum(noise, 0.5 * independent * fit.step)  # never surer than the bank is fine: its steps vanish
    likelihood = fit.excess * (-0.5 * independent / noise)
    likelihood -= (bank.log_width + relative) ** 2 * np.float32(0.5 / SEARCH_SD**2)
    likelihood -= 20 * np.maximum(np.abs(contrast) - np.float32(1.1), 0)
    nodes = np.stack([bank.log_width, bank.log_width**2, bank.log_blur, bank.log_blur**2], 1)

    def believe(which: slice, blur: tuple[float, float], pigment: tuple[float, float]) -> tuple[Floats, ...]:
        """Mean and variance of log width (of the unit), log blur (µm) and contrast."""
        seen = contrast[which]
        belief = likelihood[which] - (0.5 / pigment[1] ** 2) * (seen - np.float32(pigment[0])) ** 2
        belief -= (0.5 / blur[1] ** 2) * (bank.log_blur + (unit[which] - np.float32(blur[0]))) ** 2
        belief = np.exp(belief - belief.max(1, keepdims=True))
        belief /= belief.sum(1, keepdims=True)
        w, ww, b, bb = (belief @ nodes).T
        c, cc = np.einsum("rj,rj->r", belief, seen), np.einsum("rj,rj,rj->r", belief, seen, seen, optimize=False)
        return w, ww - w**2, b + unit[which, 0], bb - b**2, c, cc - c**2

    # a third of the shafts tells the blur and the contrast of the photograph
    some = slice(None, None, 3)
    blur, pigment = (float(np.log(1.5 * um_per_px)), 0.7), (0.6, 9.0)
    _, var_width, mean_blur, var_blur, mean_contrast, var_contrast = believe(some, blur, pigment)
    blur = _pool(mean_blur, usable[some] & (var_blur < 0.3**2), blur, 0.15)
    resolved = usable[some] & (var_contrast < 0.08**2) & (var_width < 0.12**2)
    pigment = _pool(mean_contrast, resolved, (0.6, 0.4), 0.12)
    mean_width, var_width, mean_blur, _, mean_contrast, _ = believe(slice(None), blur, pigment)
    mean_width = mean_width + relative[:, 0]

    var_width = np.clip(var_width, 0.02**2, 0.9 * SEARCH_SD**2)
    own = 1 / (1 / var_width - 1 / SEARCH_SD**2)
    misfit = np.sqrt(fit.least[:, 0]) / np.maximum(np.abs(fit.depth[:, 0]), 1e-4)
    pale = 1 / np.clip(np.abs(mean_contrast), 0.05, 1) - 1
    variance = own + FLOOR_SD**2 + (MISFIT_SD * misfit) ** 2 + (PALE_SD * pale) ** 2
    return _Stretches(
        log_um=mean_width * own / var_width + np.log(halves.expected_um),
        variance=np.where(usable, variance, np.inf),
        contrast=mean_contrast,
        blur_um=np.exp(mean_blur),
    )


def _join(stretches: _Stretches, prior_um: Floats) -> tuple[Floats, Floats, Floats]:
    """Log width (N,) at the middle of each shaft, its variance, and the weight (N, S) of its halves and stretches.

    A line along the shaft, fitted by expectation–maximisation to a mixture of Gaussians and a flat share of outliers.
    """
    n = len(prior_um)
    x = stretches.log_um.reshape(n, -1) - np.log(prior_um)[:, None]
    variance = stretches.variance.reshape(n, -1)
    along = (np.repeat(np.arange(STRETCHES), 2) + 0.5) / STRETCHES - 0.5
    flat = OUTLIERS / 2.0  # over a factor of e either way

    def inliers(rest: Floats, variance: Floats) -> Floats:
        return np.asarray((1 - OUTLIERS) * np.exp(-0.5 * rest**2 / variance) / np.sqrt(2 * np.pi * variance))

    grid = np.linspace(-0.8, 0.8, 81)
    support = np.log(inliers(x[..., None] - grid, variance[..., None]) + flat).sum(1) * ALIKE
    middle = grid[(support - 0.5 * (grid / PRIOR_SD) ** 2).argmax(1)]
    taper = np.zeros(n)
    for _ in range(4):
        inlier = inliers(x - middle[:, None] - taper[:, None] * along, variance)
        weight = ALIKE * inlier / (inlier + flat) / variance
        a, b, c = weight.sum(1) + PRIOR_SD**-2, (weight * along).sum(1), (weight * along**2).sum(1) + TAPER_SD**-2
        u, v = (weight * x).sum(1), (weight * x * along).sum(1)
        middle, taper = (c * u - b * v) / (a * c - b**2), (a * v - b * u) / (a * c - b**2)
    return middle + np.log(prior_um), c / (a * c - b**2), weight


def measure_widths(frame: Frame, traces: Sequence[Trace]) -> list[Width]:
    """Apparent width of every trace, in the order of the traces.

    measured is False where the pixels did not narrow the network's width down; diameter_um is then the network's.
    """
    if not traces:
        return []
    prior_um = np.clip([t.network_width_um for t in traces], 8.0, 200.0).astype(np.float64)
    grey = np.asarray(cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2GRAY), np.uint8)
    stations = _stations(traces, frame.um_per_px)
    owner = _owners(traces, frame)
    stretches = _compare(_halves(frame, grey, stations, owner, prior_um), frame.um_per_px)
    log_um, variance, weight = _join(stretches, prior_um)
    shape = weight.shape
    weight += 1e-9  # an unmeasured hair's contrast and blur are the plain means of what was seen
    share = weight / weight.sum(1, keepdims=True)
    spread = np.sqrt((share * np.clip(stretches.log_um.reshape(shape) - log_um[:, None], -0.5, 0.5) ** 2).sum(1))
    pigment = (share * stretches.contrast.reshape(shape)).sum(1).clip(-1, 1)
    blur_um = np.exp((share * np.log(stretches.blur_um.reshape(shape))).sum(1))
    measured = variance < (MEASURED * PRIOR_SD) ** 2
    diameter_um = np.where(measured, np.exp(log_um), [t.network_width_um for t in traces])
    columns = (diameter_um, spread * diameter_um, np.sqrt(variance) * diameter_um, measured, pigment, blur_um)
    return [
        Width(float(d), float(sd), float(error), bool(seen), float(dark), float(blur))
        for d, sd, error, seen, dark, blur in zip(*columns, strict=True)
    ]
