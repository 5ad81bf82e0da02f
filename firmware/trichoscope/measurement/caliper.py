"""The caliper: apparent widths on the original pixels, with the blur taken out.

Sections are cut across every shaft, all at once. Each stretch of a shaft gives one mean profile, folded at its
middle, which is compared with a bank of blurred shafts: the likelihood of every width, blur and transparency.
A thin hair's width and darkness cannot be told apart on one profile; the blur and the pigment of the
well-resolved hairs of the same photograph, and the network's width, are the priors that part them.
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

Floats = NDArray[np.float32]

FILL = 0.6  # of the prior width
STRETCHES = 6  # parts of a shaft that get a width of their own
CUTS = 4  # sections of a stretch
SAMPLES = 36  # across half a section
ROOT_UM = 55.0  # the path may begin this far inside the shadow of the root
TIP_UM = 20.0
PRIOR_SD = 0.13  # of the network's width, log
MODEL, MISFIT, CLEAR, OUTLIER, TEMPER, MEASURED = 0.04, 2.5, 0.12, 0.2, 0.5, 0.75
GAMMA = 2.0  # light = value ** GAMMA: between sRGB and the flatter curves of cheap scopes


@dataclass(frozen=True, eq=False)
class _Bank:
    """Half profiles of blurred shafts of depth 1, in units of the half-length of a section; J shafts, M samples."""

    at: Floats  # (M,) distance of the samples from the middle
    log_width: Floats  # (J,)
    log_blur: Floats  # (J,)
    opacity: Floats  # (J,) optical depth at the middle
    profile: Floats  # (J, M)


@lru_cache(maxsize=1)
def _bank() -> _Bank:
    """Light that a cylinder takes away is 1 − exp(−opacity · chord): a box when opaque, half an ellipse when clear."""
    at = (np.arange(SAMPLES) + 0.5) / SAMPLES
    widths = np.exp(np.arange(np.log(0.1), np.log(1.9), 0.045))
    blurs = np.exp(np.linspace(np.log(0.02), np.log(0.5), 12))
    opacities = np.array([1.5, 30.0])
    fine = np.linspace(-2, 2, 1601)
    shafts = []
    for opacity in opacities:
        q = np.clip(1 - (2 * fine / widths[:, None]) ** 2, 0, None)
        cover = np.clip((widths[:, None] / 2 - np.abs(fine)) / (fine[1] - fine[0]) + 0.5, 0, 1)
        shafts.append(cover * (1 - np.exp(-opacity * np.sqrt(q))) / (1 - np.exp(-opacity)))
    shaft = np.concatenate(shafts)
    profiles = []
    for blur in blurs:
        kernel = np.exp(-0.5 * ((at[:, None] - fine) / blur) ** 2)
        profiles.append(shaft @ (kernel / kernel.sum(1, keepdims=True)).T)
    grid = np.broadcast_arrays(np.log(blurs)[:, None, None], opacities[:, None], np.log(widths))
    log_blur, opacity, log_width = (g.ravel().astype(np.float32) for g in grid)
    return _Bank(at.astype(np.float32), log_width, log_blur, opacity, np.concatenate(profiles).astype(np.float32))


def _stations(traces: Sequence[Trace], um_per_px: float):
    """Where the sections are cut: centres and normals (N, K, 2), and which are free of crossings (N, K)."""
    count = np.array([len(t.path_px) for t in traces])
    first = np.concatenate([[0], np.cumsum(count)[:-1]])
    last = first + count - 1
    points = np.concatenate([t.path_px for t in traces]).astype(np.float64)
    step = np.linalg.norm(np.diff(points, axis=0), axis=1) * um_per_px
    step[last[:-1]] = 0.0
    arc = np.concatenate([[0], np.cumsum(step)])
    arc += 1e-6 * np.arange(len(arc)) + np.repeat(np.arange(len(traces)) * 1.0, count)
    begin, end = arc[first], arc[last]
    length = end - begin
    tip = np.where([t.cut_by_frame for t in traces], 0.0, np.minimum(TIP_UM, 0.15 * length))
    root = np.minimum(ROOT_UM, 0.3 * length)
    k = STRETCHES * CUTS
    s = (begin + root)[:, None] + (length - root - tip)[:, None] * (np.arange(k) + 0.5) / k
    crossed = np.interp(s, arc, np.concatenate([t.crossed for t in traces]).astype(float)) > 0.0

    def at(where):
        where = np.clip(where, begin[:, None], end[:, None])
        return np.stack([np.interp(where, arc, points[:, 0]), np.interp(where, arc, points[:, 1])], -1)

    reach = 40.0
    tangent = at(s + reach) - at(s - reach)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=2, keepdims=True), 1e-9)
    normal = np.stack([-tangent[..., 1], tangent[..., 0]], -1)
    return at(s).astype(np.float32), normal.astype(np.float32), ~crossed, length


def _sample(grey, centres, normals, offsets):
    """Light (N, K, M) at centres + offsets (N, M) along the normals, and whether the picture reaches there."""
    xy = centres[:, :, None] + normals[:, :, None] * offsets[:, None, :, None]
    xy = xy.astype(np.float32)
    n, k, m, _ = xy.shape
    x, y = xy[..., 0].reshape(n, -1), xy[..., 1].reshape(n, -1)
    value = cv2.remap(grey, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    h, w = grey.shape
    inside = (x >= 0) & (y >= 0) & (x <= w - 1) & (y <= h - 1)
    return value.reshape(n, k, m), inside.reshape(n, k, m), xy


def _filled(dark):
    """A glint is a valley of darkness inside a shaft: filled up to the lower of its two banks."""
    return np.minimum(np.maximum.accumulate(dark, -1), np.maximum.accumulate(dark[..., ::-1], -1)[..., ::-1])


def _recentre(grey, centres, normals, prior_px):
    reach, lags = 36, 12
    unit = 1.6 / reach
    offsets = np.arange(-reach, reach + 1, dtype=np.float32) * unit
    light, _, _ = _sample(grey, centres, normals, prior_px[:, None] * offsets)
    light = light.astype(np.float32)
    size = reach - lags
    t = np.arange(-size, size + 1) * unit / 0.4
    kernel = (1 - t**2) * np.exp(-0.5 * t**2)
    kernel -= kernel.mean()
    taps = np.zeros((2 * lags + 1, 2 * reach + 1), np.float32)
    for i in range(2 * lags + 1):
        taps[i, i : i + 2 * size + 1] = kernel
    response = -np.median(light @ taps.T, axis=1)[:, lags // 2 : -lags // 2].mean(1)
    sign = np.where(response < 0, -1.0, 1.0).astype(np.float32)[:, None, None]
    dark = -light * sign
    dark[:, 1:-1] = 0.25 * dark[:, :-2] + 0.5 * dark[:, 1:-1] + 0.25 * dark[:, 2:]
    inner = np.abs(np.arange(-reach, reach + 1)) * unit < FILL
    dark[..., inner] = _filled(dark[..., inner])
    response = dark @ taps.T  # (N, K, L), positive where dark
    best = np.clip(response.argmax(2), 1, 2 * lags - 1)
    a, b, c = (np.take_along_axis(response, (best + d)[..., None], 2)[..., 0] for d in (-1, 0, 1))
    bend = a - 2 * b + c
    shift = best - lags + np.clip(np.where(bend < 0, 0.5 * (a - c) / np.minimum(bend, -1e-6), 0), -1, 1)
    padded = np.pad(shift, ((0, 0), (2, 2)), mode="edge")
    middle = np.median(np.lib.stride_tricks.sliding_window_view(padded, 5, axis=1), axis=2)
    shift = np.clip(shift, middle - 3, middle + 3) * unit * prior_px[:, None]
    return centres + normals * shift[..., None].astype(np.float32), sign[:, 0, 0]


def _other(traces, um_per_px, size_px, xy, offsets_um, prior_um):
    """Samples (N, K, M) that lie on another trace."""
    cell_px = 8.0 / um_per_px
    w, h = int(size_px[0] / cell_px) + 1, int(size_px[1] / cell_px) + 1
    owner = np.zeros((h, w), np.uint16)
    for i, t in enumerate(traces):
        p = np.round((t.path_px + 0.5) / cell_px * 16 - 8).astype(np.int32)
        cv2.polylines(owner, [p[:, None]], False, i + 1, max(1, round(t.network_width_um / 8.0)), cv2.LINE_8, 4)
    ix = np.clip(((xy[..., 0] + 0.5) / cell_px).astype(np.int32), 0, w - 1)
    iy = np.clip(((xy[..., 1] + 0.5) / cell_px).astype(np.int32), 0, h - 1)
    found = owner[iy, ix]
    own = np.arange(1, len(traces) + 1, dtype=np.uint16)[:, None, None]
    outside = np.abs(offsets_um)[:, None] > 0.5 * prior_um[:, None, None]
    return (found != 0) & (found != own) & outside


def _fit(y, v, bank):
    """Least squares of y ≈ base + depth · profile for every row and shaft: sum of squares, depth, base (R, J)."""
    total = v.sum(1, keepdims=True)
    mean = (v * y).sum(1, keepdims=True) / np.maximum(total, 1e-6)
    yc = y - mean
    st = v @ bank.profile.T
    stt = v @ (bank.profile**2).T
    sty = (v * yc) @ bank.profile.T
    var = np.maximum(stt - st**2 / np.maximum(total, 1e-6), 1e-4)
    depth = sty / var
    ss = (v * yc**2).sum(1, keepdims=True) - depth * sty
    base = mean - depth * st / np.maximum(total, 1e-6)
    return np.maximum(ss, 1e-12), depth, base


def _moments(weight, value):
    mean = (weight * value).sum(1)
    return mean, (weight * (value - mean[:, None]) ** 2).sum(1)


DEBUG: dict = {}


def measure_widths(frame: Frame, traces: Sequence[Trace]) -> list[Width]:
    if not traces:
        return []
    bank = _bank()
    um = frame.um_per_px
    n = len(traces)
    prior_um = np.clip([t.network_width_um for t in traces], 8.0, 200.0).astype(np.float32)
    grey = cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2GRAY)
    centres, normals, free, length = _stations(traces, um)
    centres, sign = _recentre(grey, centres, normals, prior_um / um)
    half_um = 0.75 * prior_um + max(18.0, 5.0 * um)
    at = np.concatenate([-bank.at[::-1], bank.at])
    offsets_um = half_um[:, None] * at
    light, inside, xy = _sample(grey, centres, normals, offsets_um / um)
    light = (light.astype(np.float32) / 255.0) ** GAMMA
    other = _other(traces, um, frame.size_px, xy, offsets_um, prior_um)
    ok = inside & ~other & free[..., None]
    # one mean profile for each stretch and side
    M = SAMPLES
    okf = ok.astype(np.float32).reshape(n * STRETCHES, CUTS, 2 * M)
    lt = light.reshape(n * STRETCHES, CUTS, 2 * M)
    cnt = okf.sum(1)
    mean = (lt * okf).sum(1) / np.maximum(cnt, 1e-6)
    srt = np.sort(np.where(okf > 0, lt, mean[:, None]), axis=1)
    mean = srt[:, 1:-1].mean(1)
    sgn = np.repeat(sign, STRETCHES)[:, None]
    w0 = np.repeat(prior_um, STRETCHES)
    near = np.abs(at) * np.repeat(half_um, STRETCHES)[:, None] < 0.5 * w0[:, None]
    low = (-mean * sgn).min(1, keepdims=True)
    mean = np.where(near, -sgn * _filled(np.where(near, -mean * sgn, low)), mean)
    # a side is used as far as its background is seen
    left, right = mean[:, M - 1 :: -1], mean[:, M:]
    vl, vr = cnt[:, M - 1 :: -1] / CUTS, cnt[:, M:] / CUTS
    half = np.repeat(half_um, STRETCHES)
    w0 = np.repeat(prior_um, STRETCHES)
    r = bank.at * half[:, None]
    sides = []
    for v in (vl, vr):
        blocked = (v < 0.5) & (r > 0.5 * w0[:, None])
        seen = np.cumsum(blocked, 1) == 0
        room = (seen * (r > 0.5 * w0[:, None] + 10)).sum(1) > 3
        sides.append(v * seen * room[:, None])
    vl, vr = sides
    rows = {}
    for it in range(2):
        v = vl + vr
        y = (vl * left + vr * right) / np.maximum(v, 1e-6)
        ss, depth, base = _fit(y, v, bank)
        best = ss.argmin(1)
        R = np.arange(len(y))
        if it == 0:
            model = base[R, best][:, None] + depth[R, best][:, None] * bank.profile[best]
            d = depth[R, best][:, None]
            wbest = np.exp(bank.log_width[best])[:, None]
            outer = bank.at > wbest / 2
            new = []
            scale = 1.4826 * np.median(np.abs(y - model), 1)[:, None] + 0.03 * np.abs(d) + 0.004
            for side, vs in ((left, vl), (right, vr)):
                e = (side - model) / scale
                glint = (~outer) & (e * -np.sign(d) > 2.5)
                far = outer & (np.abs(e) > 4)
                new.append(vs * np.where(glint | far, 0.05, 1.0))
            vl, vr = new
    total = v.sum(1)
    usable = (total > 0.3 * M)
    ssmin = ss[R, best]
    s2 = ssmin / np.maximum(total, 1e-6) + (0.015 * np.abs(depth[R, best])) ** 2 + 0.002**2
    neff = 2 * half / um / 1.5
    ll = -0.5 * (ss - ssmin[:, None]) / np.maximum(total, 1e-6)[:, None] / s2[:, None] * neff[:, None]
    # log width relative to the prior; log blur in µm
    lw = bank.log_width + np.log(half / w0)[:, None]
    lb = bank.log_blur + np.log(half)[:, None]
    WSD = 0.35
    contrast = -depth / np.maximum(base, 0.01)
    ll -= 0.5 * (lw / WSD) ** 2
    ll -= np.where(np.abs(contrast) > 1.1, 20.0 * (np.abs(contrast) - 1.1), 0)
    weight = np.exp(ll - ll.max(1, keepdims=True) - 0.5 * ((lb - np.log(1.5 * um)) / 0.7) ** 2)
    weight /= weight.sum(1, keepdims=True)
    mw, vw = _moments(weight, lw)
    mb, vb = _moments(weight, lb)
    mc, vc = _moments(weight, contrast)
    # what the resolved shafts say of this photograph
    good = usable & (vb < 0.3**2)
    blur0, blur_sd = np.log(1.5 * um), 0.5
    if good.sum() >= 5:
        blur0 = np.median(mb[good])
        blur_sd = max(0.15, 1.4826 * np.median(np.abs(mb[good] - blur0)))
    sharp = usable & (vc < 0.08**2) & (vw < 0.12**2)
    c0, csd = 0.6, 0.4
    if sharp.sum() >= 5:
        c0 = np.median(mc[sharp])
        csd = max(0.12, 1.4826 * np.median(np.abs(mc[sharp] - c0)))
    weight = ll - 0.5 * ((lb - blur0) / blur_sd) ** 2 - 0.5 * ((contrast - c0) / csd) ** 2
    weight = np.exp(weight - weight.max(1, keepdims=True))
    weight /= weight.sum(1, keepdims=True)
    mw, vw = _moments(weight, lw)
    mb, vb = _moments(weight, lb)
    mc, vc = _moments(weight, contrast)
    # divide the weak prior out, then join the stretches of each hair
    misfit = np.sqrt(ssmin / np.maximum(total, 1e-6)) / np.maximum(np.abs(depth[R, best]), 1e-4)
    clear = 1 / np.clip(np.abs(mc), 0.05, 1) - 1
    vw = np.minimum(vw, 0.9 * WSD**2)
    own = 1 / (1 / vw - 1 / WSD**2)
    x = mw * own / vw
    var = own + MODEL**2 + (MISFIT * misfit) ** 2 + (CLEAR * clear) ** 2
    grid = np.arange(-0.8, 0.805, 0.01)
    z2 = (x[:, None] - grid) ** 2 / var[:, None]
    p = (1 - OUTLIER) * np.exp(-0.5 * z2) / np.sqrt(2 * np.pi * var)[:, None] + OUTLIER / 2.0
    logp = np.where(usable[:, None], np.log(p), np.log(0.5)).reshape(n, STRETCHES, -1)
    post = logp.sum(1) * TEMPER - 0.5 * (grid / PRIOR_SD) ** 2
    post = np.exp(post - post.max(1, keepdims=True))
    post /= post.sum(1, keepdims=True)
    m, v = _moments(post, grid[None])
    d = prior_um * np.exp(m)
    err = d * np.sqrt(v)
    measured = v < (MEASURED * PRIOR_SD) ** 2
    width = (np.exp(x) * w0).reshape(n, STRETCHES)
    P = (usable / var).reshape(n, STRETCHES)
    DEBUG.update(locals())
    cc = (mc.reshape(n, -1) * (P + 1e-6)).sum(1) / (P + 1e-6).sum(1)
    bb = np.exp((mb.reshape(n, -1) * (P + 1e-6)).sum(1) / (P + 1e-6).sum(1))
    return [
        Width(float(d[i]), float(1.4826 * np.median(np.abs(width[i] - np.median(width[i])))),
              float(err[i]), bool(measured[i]), float(np.clip(cc[i], -1, 1)), float(bb[i]))
        for i, t in enumerate(traces)
    ]
