"""Follicular units: which hairs leave the skin through one ostium."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

UNIT_UM = 250.0
"""Mean distance at which two groups of roots are no longer one unit. Hairs of one ostium are told apart from
neighbours by a gap, not by a fine cut: in 2,821 roots labelled by hospital staff on clipped scalp, 95 % of the hairs of
multi-hair units have their next root within 265 µm and half of the lone hairs have none within 780 µm. With this cut
95 % of the former and 82 % of the latter are grouped as labelled; 225 or 300 µm change either by under 4 points."""
ALONG_WEIGHT = 0.7
"""Weight of an offset along the growth direction. Hairs of one ostium leave it at different heights and a root is
located worse along the shaft than across it, so an offset along the hair says less about the ostium."""


def follicular_units(roots_um: ArrayLike, directions: ArrayLike) -> NDArray[np.intp]:
    """Group roots into follicular units by average linkage, cut at `UNIT_UM`.

    Average linkage, because a chain of neighbours is not a unit (single linkage) and one badly placed root should not
    break one (complete linkage). The answer does not depend on the order of the hairs, except in the numbering.

    Args:
        roots_um: (n, 2) x, y in µm.
        directions: (n, 2) unit vectors from root towards tip; (0, 0) where unknown.

    Returns:
        (n,) unit of each hair, numbered from 0 in the order of first appearance.
    """
    roots = np.asarray(roots_um, np.float64).reshape(-1, 2)
    headings = np.asarray(directions, np.float64).reshape(-1, 2)
    if len(roots) == 0:
        return np.zeros(0, np.intp)
    # Two groups at a mean distance under the cut hold a pair under it: every unit lies inside one connected component
    # of the close pairs. Components are small, so the cubic part stays cheap.
    i, j = _close_pairs(roots, UNIT_UM / ALONG_WEIGHT)
    close = _separation(roots[i], headings[i], roots[j], headings[j]) <= UNIT_UM
    component = _components(len(roots), i[close], j[close])
    unit = np.arange(len(roots))
    order = np.argsort(component, kind="stable")
    starts = np.flatnonzero(np.diff(component[order], prepend=-1))
    for members in np.split(order, starts[1:]):
        if len(members) == 2:  # close as they are
            unit[members] = members[0]
        elif len(members) > 2:
            r, h = roots[members], headings[members]
            unit[members] = members[_average_linkage(_separation(r[:, None], h[:, None], r[None], h[None]))]
    _, first, inverse = np.unique(unit, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.intp)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]


def _separation(
    a: NDArray[np.float64], heading_a: NDArray[np.float64], b: NDArray[np.float64], heading_b: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Distance in µm with the part along the common heading weighted down; shapes broadcast, last axis is x, y."""
    offset = b - a
    # the sum is short where the two hairs part ways: then no direction is common and nothing is weighted down
    common = (heading_a + heading_b) / 2
    along = (offset * common).sum(-1)
    squared: NDArray[np.float64] = (offset**2).sum(-1) - (1 - ALONG_WEIGHT**2) * along**2
    return np.sqrt(np.maximum(squared, 0.0))


def _close_pairs(points: NDArray[np.float64], reach: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """All pairs no farther apart in x and in y than `reach`, each once; a sweep along x."""
    order = np.argsort(points[:, 0], kind="stable")
    x = points[order, 0]
    n = len(x)
    ahead = np.searchsorted(x, x + reach, side="right") - np.arange(n) - 1
    left = np.repeat(np.arange(n), ahead)
    right = left + 1 + np.arange(len(left)) - np.repeat(np.cumsum(ahead) - ahead, ahead)
    i, j = order[left], order[right]
    near = np.abs(points[i, 1] - points[j, 1]) <= reach
    return i[near], j[near]


def _components(n: int, i: NDArray[np.intp], j: NDArray[np.intp]) -> NDArray[np.intp]:
    """Connected components: the smallest index reachable, passed along edges until nothing changes."""
    label = np.arange(n)
    while True:
        before = label.copy()
        low = np.minimum(label[i], label[j])
        np.minimum.at(label, i, low)
        np.minimum.at(label, j, low)
        label = label[label]
        if np.array_equal(label, before):
            return label


def _average_linkage(separation: NDArray[np.float64]) -> NDArray[np.intp]:
    """Merge the two nearest groups until their mean distance exceeds `UNIT_UM`; (n,) group, named by a member."""
    n = len(separation)
    d = separation.copy()
    np.fill_diagonal(d, np.inf)
    size = np.ones(n)
    group = np.arange(n)
    for _ in range(n - 1):
        a, b = divmod(int(np.argmin(d)), n)
        if d[a, b] > UNIT_UM:
            break
        merged = (size[a] * d[a] + size[b] * d[b]) / (size[a] + size[b])
        d[a], d[:, a] = merged, merged
        d[a, a] = np.inf
        d[b], d[:, b] = np.inf, np.inf
        size[a] += size[b]
        group[group == b] = a
    return group
