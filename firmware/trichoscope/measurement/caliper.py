"""The caliper: apparent widths on the original pixels, with the blur taken out.

Sections are cut across every shaft, all at once. Each stretch of a shaft gives one mean profile, and each half of it,
from the middle outwards, is compared with a bank of blurred shafts: the likelihood of every width and blur. Where one
half is spoilt by a glint or a neighbour the other still counts. A thin hair's width and darkness cannot be told apart
on one profile; the blur and the contrast of the well-resolved shafts of the same photograph part them. The stretches
of a hair are joined by a robust line along the shaft, with the network's width as its prior.

Shafts are looked at in blocks whose numbers stay in a core's cache, and blocks on several threads: numpy and OpenCV
release the interpreter while they compute. A block is the same whatever the number of threads, so the answer is too.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
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
BLOCK = 24  # shafts looked at together
REACH = 1.2  # length of half a section, in expected widths
ROOT_UM = 55.0  # the path may begin this far inside the shadow of the root
TIP_UM = 20.0  # and end this far beyond the tip
DIRECTION_UM = 40.0  # either side of a section: shorter follows the path's jitter, longer misses bends
GLINT_SHARE = 0.6  # of the expected width either side of the middle: where bright valleys are taken for glints
CELL_UM = 8.0  # of the map that tells whose shaft a sample lies on
LAGS = 12  # either way in which a shaft is looked for beside its path
GAMMA = 1.9  # light = value ** GAMMA, between sRGB and the flatter curves of cheap scopes; blur adds up in light
_LIGHT = (np.arange(256, dtype=np.float32) / 255) ** GAMMA

PRIOR_SD = 0.13  # of the network's width, log
TAPER_SD = 0.15  # of the change of width from root to tip, log
SEARCH_SD = 0.35  # weak prior that keeps a stretch near its shaft; divided out again
MISFIT = 0.03  # of its depth: as well as the bank can describe a real profile
# Spread of log width between stretches and truth, fitted to rendered scalps: floor, per misfit of the profile
# relative to its depth, and per lack of contrast; and the share of stretches that measured something else.
FLOOR_SD, MISFIT_SD, PALE_SD, OUTLIERS = 0.05, 2.5, 0.12, 0.2
ALIKE = 0.5  # the halves and stretches of a shaft share their errors: this share of them is independent
MEASURED = 0.9  # measured, if the pixels brought the error below this share of the prior's
# What the sections do not know of themselves (a neighbour that nobody traced, a path beside its shaft) shows where the
# stretches of a shaft, or the network, disagree with them: shares of that disagreement in the standard error; and the
# network's own, log. Fitted to 2,224 hairs of 100 rendered photographs: 94 % lie within 1.96 standard errors.
SPREAD_SHARE, DISAGREEMENT_SHARE, NETWORK_SD = 1.0, 0.8, 0.25


@dataclass(frozen=True, eq=False)
class _Bank:
    """Half profiles of blurred shafts of depth 1; lengths in units of the expected width. J shafts, M samples."""

    at: Floats  # (M,) distance of the samples from the middle
    log_width: Floats  # (J,)
    log_blur: Floats  # (J,)
    profile: Floats  # (M, J)
    square: Floats  # (M, J) of profile
    moments: Floats  # (J, 4) log_width, log_blur and their squares


@lru_cache(maxsize=1)
def _banks() -> tuple[_Bank, _Bank]:
    """Every third shaft, and all of them.

    A chord of length c takes 1 − exp(−opacity · c) of the light: a box when opaque, near half an ellipse if not.
    """
    at = (np.arange(SAMPLES) + 0.5) * (REACH / SAMPLES)
    widths = np.exp(np.arange(-1.1, 0.6, 0.07))[:, None]
    blurs = np.exp(np.linspace(np.log(0.02), np.log(0.6), 9))
    fine, step = np.linspace(-2, 2, 1601, retstep=True)
    chord = np.sqrt(np.clip(1 - (2 * fine / widths) ** 2, 0, None))
    cover = np.clip((widths / 2 - np.abs(fine)) / step + 0.5, 0, 1)
    shafts = np.concatenate([cover * (1 - np.exp(-k * chord)) / (1 - np.exp(-k)) for k in (1.5, 30.0)])
    kernels = np.exp(-0.5 * ((at[:, None] - fine) / blurs[:, None, None]) ** 2)
    kernels /= kernels.sum(2, keepdims=True)
    profile = np.einsum("sf,bmf->mbs", shafts, kernels, optimize=True).reshape(SAMPLES, -1)
    pairs = np.broadcast_arrays(np.log(np.tile(widths[:, 0], 2)), np.log(blurs)[:, None])
    width, blur = (a.astype(np.float32).ravel() for a in pairs)

    def bank(every: int) -> _Bank:
        w, b, p = width[::every], blur[::every], profile[:, ::every].astype(np.float32, order="C")
        return _Bank(at.astype(np.float32), w, b, p, p**2, np.stack([w, w**2, b, b**2], 1))

    return bank(3), bank(1)


@dataclass(frozen=True, eq=False)
class _Stations:
    """Where N shafts are cut, K sections each. Photograph pixels."""

    centre: Floats  # (N, K, 2) x, y
    normal: Floats  # (N, K, 2) unit vectors
    free: Flags  # (N, K) no crossing here

    def __getitem__(self, some: slice) -> _Stations:
        return _Stations(self.centre[some], self.normal[some], self.free[some])


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


def _sample(
    grey: NDArray[np.uint8], stations: _Stations, centre: Floats, offset_px: Floats
) -> tuple[NDArray[np.uint8], Floats, Floats]:
    """Values (N, K, M) at offset_px (N, M) along the normals, and x and y of where they were taken."""
    offset = offset_px[:, None].astype(np.float32)
    x, y = (centre[..., i, None] + stations.normal[..., i, None] * offset for i in (0, 1))
    flat = len(x), -1
    value = cv2.remap(grey, x.reshape(flat), y.reshape(flat), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(value.reshape(x.shape), np.uint8), x, y


def _without_glints(dark: Floats) -> Floats:
    """A glint is a valley of darkness inside a shaft: filled up to the lower of its two banks."""
    return np.minimum(np.maximum.accumulate(dark, -1), np.maximum.accumulate(dark[..., ::-1], -1)[..., ::-1])


def _middle(values: Floats) -> Floats:
    """Median along the last axis; np.median takes longer to start than to find it."""
    half = values.shape[-1] // 2
    if values.shape[-1] % 2:
        return np.asarray(np.partition(values, half, -1)[..., half])
    return np.asarray(np.partition(values, (half - 1, half), -1)[..., half - 1 : half + 1].mean(-1))


@lru_cache(maxsize=1)
def _ridge() -> tuple[Floats, Floats]:
    """Offsets (M,) in expected widths, and a ridge filter of that width at each lag, (M, 2 · LAGS + 1)."""
    offset = np.arange(-36, 37) * (1.6 / 36)
    t = offset[LAGS:-LAGS] / 0.4
    ridge = (1 - t**2) * np.exp(-0.5 * t**2)
    ridge -= ridge.mean()
    taps = np.zeros((len(offset), 2 * LAGS + 1), np.float32)
    for lag in range(2 * LAGS + 1):
        taps[lag : lag + len(ridge), lag] = ridge
    return offset, taps


def _recentre(grey: NDArray[np.uint8], stations: _Stations, expected_px: Floats) -> tuple[Floats, Floats]:
    """Centres (N, K, 2) moved onto the shafts by a ridge filter of their width, and 1 for dark shafts, −1 for light."""
    offset, taps = _ridge()
    value, _, _ = _sample(grey, stations, stations.centre, expected_px[:, None] * offset)
    dark = value.astype(np.float32)
    near_middle = _middle(taps[:, LAGS // 2 : -LAGS // 2].T @ dark.swapaxes(1, 2)).mean(1)
    sign = np.where(near_middle > 0, -1.0, 1.0).astype(np.float32)
    dark *= -sign[:, None, None]
    dark[:, 1:-1] = 0.25 * dark[:, :-2] + 0.5 * dark[:, 1:-1] + 0.25 * dark[:, 2:]
    first, *_, last = np.flatnonzero(np.abs(offset) < GLINT_SHARE)
    dark[..., first : last + 1] = _without_glints(dark[..., first : last + 1])
    response = dark @ taps
    best = np.clip(response.argmax(2), 1, 2 * LAGS - 1)
    at = best + np.arange(best.size).reshape(best.shape) * response.shape[2]
    low, top, high = (response.ravel()[at + i] for i in (-1, 0, 1))
    bend = np.minimum(low - 2 * top + high, -1e-6)
    shift = best - LAGS + np.clip(0.5 * (low - high) / bend, -1, 1)
    beside = np.clip(np.arange(shift.shape[1])[:, None] + np.arange(-2, 3), 0, shift.shape[1] - 1)
    usual = _middle(shift[:, beside])
    shift = np.clip(shift, usual - 3, usual + 3) * (offset[1] - offset[0]) * expected_px[:, None]
    return (stations.centre + stations.normal * shift[..., None]).astype(np.float32), sign


def _owners(traces: Sequence[Trace], frame: Frame) -> NDArray[np.uint16]:
    """A coarse map of the picture: 1 + the index of the trace that a cell lies on, 0 for skin."""
    cell_px = CELL_UM / frame.um_per_px
    width, height = frame.size_px
    owner = np.zeros((int(height / cell_px) + 1, int(width / cell_px) + 1), np.uint16)
    points = np.round(((np.concatenate([t.path_px for t in traces]) + 0.5) / cell_px - 0.5) * 16).astype(np.int32)
    ends = np.cumsum([len(t.path_px) for t in traces])
    for i, (t, path) in enumerate(zip(traces, np.split(points, ends[:-1]), strict=True)):
        thickness = max(1, round(t.network_width_um / CELL_UM))
        cv2.polylines(owner, [path], False, i + 1, thickness, cv2.LINE_8, 4)
    return owner


@dataclass(frozen=True, eq=False)
class _Halves:
    """Mean profiles from the middle outwards: R = N hairs × stretches × two sides."""

    light: Floats  # (R, M)
    weight: Floats  # (R, M) 0–1
    unit_um: Floats  # (R,) of the bank's lengths
    expected_um: Floats  # (R,)


def _halves(
    frame: Frame,
    grey: NDArray[np.uint8],
    stations: _Stations,
    owner: NDArray[np.uint16],
    names: NDArray[np.intp],
    expected_um: Floats,
) -> _Halves:
    """names: (N,) of the shafts in `owner`."""
    um = frame.um_per_px
    centre, sign = _recentre(grey, stations, expected_um / um)
    unit_um = np.maximum(expected_um, max(25.0, 7.0 * um))  # thin hairs are mostly blur
    at = _banks()[1].at
    offset_um = unit_um[:, None] * np.concatenate([-at[::-1], at])
    value, x, y = _sample(grey, stations, centre, offset_um / um)
    width, height = frame.size_px
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    column, row = (((a + 0.5) * (um / CELL_UM)).astype(np.int32) for a in (x, y))
    found = owner.ravel().take(row * owner.shape[1] + column, mode="clip")  # of use only inside
    other = (found != 0) & (found != names[:, None, None])
    other &= (np.abs(offset_um) > 0.5 * expected_um[:, None])[:, None]
    good = inside & ~other & stations.free[..., None]

    shape = (-1, CUTS, 2 * SAMPLES)
    light = _LIGHT.take(value).reshape(shape)
    good = good.reshape(shape)
    number = good.sum(1)
    mean = (light * good).sum(1) / np.maximum(number, 1)
    light = np.where(good, light, mean[:, None])
    # the brightest and the darkest section have no say
    mean = (light.sum(1) - light.min(1) - light.max(1)) / (CUTS - 2)

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
class _Fit:
    """What R half profiles say of each of the J shafts of the bank, before anything is known of the photograph."""

    likelihood: Floats  # (R, J) log
    contrast: Floats  # (R, J) share of the skin's light that the shaft takes
    log_unit: Floats  # (R,) µm
    log_expected: Floats  # (R,) µm
    misfit: Floats  # (R,) root of the mean square error of the best shaft, as a share of its depth
    usable: Flags  # (R,) enough samples counted


def _product(a: Floats, b: Floats) -> Floats:
    """(R, M) · (M, J), in pieces so small that BLAS starts no threads: starting them took longer than the product."""
    return np.asarray(a.reshape(-1, 2 * STRETCHES, a.shape[1]) @ b).reshape(len(a), -1)


def _fit(halves: _Halves, um_per_px: float) -> _Fit:
    """Least squares of light ≈ base + depth · profile."""
    light, weight = halves.light, halves.weight.astype(np.float32)
    rows = np.arange(len(light))[:, None]
    for turn, bank in enumerate(_banks()):  # a coarse look first, to find what is not shaft
        total = np.maximum(weight.sum(1, keepdims=True), np.float32(1e-3))
        mean = (weight * light).sum(1, keepdims=True) / total
        centred = weight * (light - mean)
        share = _product(weight / total, bank.profile)
        var = _product(weight, bank.square)
        var -= total * share**2
        cov = _product(centred, bank.profile)
        depth = cov / np.maximum(var, np.float32(1e-4), out=var)
        explained = np.multiply(depth, cov, out=cov)
        best = explained.argmax(1)[:, None]
        best_depth = depth[rows, best]
        if turn == 0:  # then without glints in the shaft and other things beside it
            rest = light - mean - best_depth * (bank.profile.T[best[:, 0]] - share[rows, best])
            rest /= 1.4826 * _middle(np.abs(rest))[:, None] + 0.03 * np.abs(best_depth) + 0.004
            beside = bank.at > np.exp(bank.log_width[best]) / 2
            spoilt = np.where(beside, np.abs(rest) > 4, rest * -np.sign(best_depth) > 2.5)
            weight = weight * np.where(spoilt, np.float32(0.05), np.float32(1))
    most = explained[rows, best]
    least = np.maximum((centred * (light - mean)).sum(1, keepdims=True) - most, 0) / total
    base = np.multiply(depth, share, out=share)
    base -= mean
    contrast = np.divide(depth, np.minimum(base, np.float32(-0.01), out=base), out=depth)

    log_unit, log_expected = (np.log(a).astype(np.float32) for a in (halves.unit_um, halves.expected_um))
    independent = (REACH * halves.unit_um / (1.5 * um_per_px))[:, None].astype(np.float32)
    noise = least + (MISFIT * best_depth) ** 2 + 0.002**2
    beside_best = np.clip(best + np.array([-1, 1]), 0, explained.shape[1] - 1)
    step = (most - explained[rows, beside_best]).mean(1, keepdims=True) / total
    noise = np.maximum(noise, 0.5 * independent * step)  # never surer than the bank is fine: its steps vanish
    likelihood = np.subtract(explained, most, out=explained)
    likelihood *= 0.5 * independent / (noise * total)
    likelihood -= (bank.log_width + (log_unit - log_expected)[:, None]) ** 2 * np.float32(0.5 / SEARCH_SD**2)
    likelihood -= 20 * np.maximum(np.abs(contrast) - np.float32(1.1), 0)
    misfit = np.sqrt(least[:, 0]) / np.maximum(np.abs(best_depth[:, 0]), 1e-4)
    return _Fit(likelihood, contrast, log_unit, log_expected, misfit, total[:, 0] > 0.3 * SAMPLES)


def _believe(fit: _Fit, blur: tuple[float, float], pigment: tuple[float, float], every: int = 1) -> Floats:
    """(6, R): mean and variance of log width (of the expected), log blur (µm) and contrast of every k-th half profile.

    blur, pigment: mean and spread of log blur and contrast in the photograph.
    """
    _, bank = _banks()
    seen, log_unit, log_expected = fit.contrast[::every], fit.log_unit[::every], fit.log_expected[::every]
    belief = seen - np.float32(pigment[0])
    belief *= belief
    belief *= -0.5 / pigment[1] ** 2
    belief += fit.likelihood[::every]
    belief -= (0.5 / blur[1] ** 2) * (bank.log_blur + (log_unit - np.float32(blur[0]))[:, None]) ** 2
    belief -= belief.max(1, keepdims=True)
    np.exp(belief, out=belief)
    belief /= belief.sum(1, keepdims=True)
    w, ww, b, bb = (belief @ bank.moments).T
    belief *= seen
    c, cc = belief.sum(1), np.einsum("rj,rj->r", belief, seen)
    return np.stack([w + log_unit - log_expected, ww - w**2, b + log_unit, bb - b**2, c, cc - c**2])


def _pool(value: Floats, good: Flags, default: tuple[float, float], least_sd: float) -> tuple[float, float]:
    """Robust mean and spread over the photograph's well-resolved shafts."""
    if good.sum() < 5:
        return default
    middle = float(np.median(value[good]))
    return middle, max(least_sd, 1.4826 * float(np.median(np.abs(value[good] - middle))))


@dataclass(frozen=True, eq=False)
class _Stretches:
    """What R half profiles say."""

    log_um: Floats  # (R,) width
    variance: Floats  # (R,) of log_um; infinite where nothing can be measured
    contrast: Floats  # (R,) share of the skin's light that the shaft takes
    blur_um: Floats  # (R,)


def _compare(fits: Sequence[_Fit], um_per_px: float, pool: Executor) -> _Stretches:
    blur, pigment = (float(np.log(1.5 * um_per_px)), 0.7), (0.6, 9.0)

    def believe(every: int) -> Floats:
        return np.concatenate(list(pool.map(lambda fit: _believe(fit, blur, pigment, every), fits)), 1)

    # a third of the shafts tells the blur and the contrast of the photograph
    usable = np.concatenate([fit.usable[::3] for fit in fits])
    _, var_width, mean_blur, var_blur, mean_contrast, var_contrast = believe(3)
    blur = _pool(mean_blur, usable & (var_blur < 0.3**2), blur, 0.15)
    resolved = usable & (var_contrast < 0.08**2) & (var_width < 0.12**2)
    pigment = _pool(mean_contrast, resolved, (0.6, 0.4), 0.12)
    mean_width, var_width, mean_blur, _, mean_contrast, _ = believe(1)

    var_width = np.clip(var_width, 0.02**2, 0.9 * SEARCH_SD**2)
    own = 1 / (1 / var_width - 1 / SEARCH_SD**2)
    pale = 1 / np.clip(np.abs(mean_contrast), 0.05, 1) - 1
    misfit, log_expected, usable = (
        np.concatenate([getattr(fit, name) for fit in fits]) for name in ("misfit", "log_expected", "usable")
    )
    variance = own + FLOOR_SD**2 + (MISFIT_SD * misfit) ** 2 + (PALE_SD * pale) ** 2
    return _Stretches(
        log_um=mean_width * own / var_width + log_expected,
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
    support = np.log((inliers(x[..., None] - grid, variance[..., None]) + flat).prod(1)) * ALIKE
    middle = grid[(support - 0.5 * (grid / PRIOR_SD) ** 2).argmax(1)]
    taper = np.zeros(n)
    for _ in range(4):
        inlier = inliers(x - middle[:, None] - taper[:, None] * along, variance)
        weight = ALIKE * inlier / (inlier + flat) / variance
        a, b, c = weight.sum(1) + PRIOR_SD**-2, (weight * along).sum(1), (weight * along**2).sum(1) + TAPER_SD**-2
        u, v = (weight * x).sum(1), (weight * x * along).sum(1)
        middle, taper = (c * u - b * v) / (a * c - b**2), (a * v - b * u) / (a * c - b**2)
    return middle + np.log(prior_um), c / (a * c - b**2), weight


def measure_widths(frame: Frame, traces: Sequence[Trace], threads: int = 1) -> list[Width]:
    """Apparent width of every trace, in the order of the traces.

    measured is False where the pixels did not narrow the network's width down; diameter_um is then the network's.
    """
    if not traces:
        return []
    prior_um = np.clip([t.network_width_um for t in traces], 8.0, 200.0).astype(np.float64)
    grey = np.asarray(cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2GRAY), np.uint8)
    stations = _stations(traces, frame.um_per_px)
    owner = _owners(traces, frame)
    _banks()  # made here, not by each thread

    def fit(first: int) -> _Fit:
        block = slice(first, first + BLOCK)
        names = np.arange(first, first + BLOCK)[: len(prior_um[block])]
        return _fit(_halves(frame, grey, stations[block], owner, names + 1, prior_um[block]), frame.um_per_px)

    with ThreadPoolExecutor(threads) as pool:
        fits = list(pool.map(fit, range(0, len(traces), BLOCK)))
        stretches = _compare(fits, frame.um_per_px, pool)
    log_um, variance, weight = _join(stretches, prior_um)
    shape = weight.shape
    weight += 1e-9  # an unmeasured hair's contrast and blur are the plain means of what was seen
    share = weight / weight.sum(1, keepdims=True)
    spread = np.sqrt((share * np.clip(stretches.log_um.reshape(shape) - log_um[:, None], -0.5, 0.5) ** 2).sum(1))
    pigment = (share * stretches.contrast.reshape(shape)).sum(1).clip(-1, 1)
    blur_um = np.exp((share * np.log(stretches.blur_um.reshape(shape))).sum(1))
    measured = variance < (MEASURED * PRIOR_SD) ** 2
    diameter_um = np.where(measured, np.exp(log_um), [t.network_width_um for t in traces])
    disagreement = log_um - np.log(prior_um)
    error = np.sqrt(variance + (SPREAD_SHARE * spread) ** 2 + (DISAGREEMENT_SHARE * disagreement) ** 2)
    error = np.where(measured, error, NETWORK_SD)
    columns = (diameter_um, spread * diameter_um, error * diameter_um, measured, pigment, blur_um)
    return [
        Width(float(d), float(sd), float(error), bool(seen), float(dark), float(blur))
        for d, sd, error, seen, dark, blur in zip(*columns, strict=True)
    ]
