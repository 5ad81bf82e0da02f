"""The project's metric: hairs found, counts, widths and classes of readings, against truth.

A found hair is right when its root lies within 150 µm of a true root and its direction within 40° of that hair's,
one to one. True hairs marked to be ignored, and found hairs with their root in the edge margin, count neither for
nor against. Truth and readings are as the renderer and `trichoscope analyze --json` write them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

MAX_ROOT_UM = 150.0
MAX_ANGLE = math.radians(40)
_REACH_UM = 350.0  # a hair's direction is from its root to where it is this far away
_UM_PER_RADIAN = 60.0  # of two roots as near, the one that points the right way is the match
_NEVER = 1e6

Truth = Mapping[str, Any]
Found = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, eq=False)
class Score:
    """Figures over a set of photographs. Undefined ones are NaN."""

    photographs: int
    precision: float
    recall: float
    f1: float
    recall_terminal: float
    recall_vellus: float
    count_error: float
    """Mean of |found − true| / true over photographs."""
    count_bias: float
    width_error_um: float
    width_bias_um: float
    width_p95_um: float
    width_covered: float
    """Share of right hairs whose true width lies within 1.96 of their own standard errors."""
    balanced_accuracy: float
    confusion: NDArray[np.intp]
    """[true, found], terminal 0, vellus 1; of right hairs."""
    widths_um: NDArray[np.float64]
    """(n, 2) true and found width of right hairs."""


def match(truth: Truth, found: Found) -> list[tuple[int, int]]:
    """Pairs of indices of true and found hairs, one to one."""
    hairs, um = truth["hairs"], truth["scale_um_per_px"]
    if not hairs or not found:
        return []
    roots = [np.array([hair["root_px"] for hair in side], float) * um for side in (hairs, found)]
    cost = np.linalg.norm(roots[0][:, None] - roots[1][None], axis=2)
    angles = [np.array([_angle(hair.get("path_px"), um) for hair in side]) for side in (hairs, found)]
    turn = np.abs((angles[0][:, None] - angles[1][None] + np.pi) % (2 * np.pi) - np.pi)  # NaN where a path is missing
    near = cost <= MAX_ROOT_UM
    cost = cost + np.where(near, np.nan_to_num(turn) * _UM_PER_RADIAN, 0)
    cost[(near & (turn > MAX_ANGLE)) | (cost > MAX_ROOT_UM + _UM_PER_RADIAN)] = _NEVER
    rows, columns = linear_sum_assignment(cost)
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if cost[i, j] < _NEVER / 10]


def _angle(path_px: Sequence[Sequence[float]] | None, um: float) -> float:
    path = np.asarray(path_px if path_px is not None else [], float) * um
    if len(path) < 2:
        return math.nan
    away = np.linalg.norm(path - path[0], axis=1)
    end = path[max(int(np.argmax(away >= min(_REACH_UM, away.max()))), 1)] - path[0]
    return math.atan2(end[1], end[0])


def score(photographs: Iterable[tuple[Truth, Found]]) -> Score:
    """Over pairs of a truth and the hairs found in that photograph."""
    seen: dict[str, list[bool]] = {"terminal": [], "vellus": []}
    right = extra = 0
    counts, widths, covered = [], [], []
    confusion = np.zeros((2, 2), np.intp)
    for truth, found in photographs:
        hairs = truth["hairs"]
        pairs = match(truth, found)
        matched = {i for i, _ in pairs}
        counted = [(hairs[i], found[j]) for i, j in pairs if not hairs[i].get("ignore")]
        for true, answer in counted:
            confusion[int(true["class"] == "vellus"), int(answer.get("class") == "vellus")] += 1
            if true.get("diameter_um") is not None and answer.get("diameter_um") is not None:
                widths.append((true["diameter_um"], answer["diameter_um"]))
                if answer.get("diameter_error_um") is not None:
                    away_um = abs(answer["diameter_um"] - true["diameter_um"])
                    covered.append(away_um <= 1.96 * answer["diameter_error_um"])
        asked = [(i, hair) for i, hair in enumerate(hairs) if not hair.get("ignore")]
        for i, hair in asked:
            seen[hair["class"]].append(i in matched)
        spare = {j for j in range(len(found))} - {j for _, j in pairs}
        wrong = sum(_within(found[j]["root_px"], truth["size_px"], truth.get("edge_px", 0)) for j in spare)
        right, extra = right + len(counted), extra + wrong
        counts.append((len(asked), len(counted) + wrong))
    asked_n = len(seen["terminal"]) + len(seen["vellus"])
    true_n, found_n = np.array(counts, float).reshape(-1, 2).T
    pairs_um = np.array(widths, float).reshape(-1, 2)
    error = pairs_um[:, 1] - pairs_um[:, 0]
    of_class = np.diag(confusion) / np.maximum(confusion.sum(1), 1)
    return Score(
        photographs=len(counts),
        precision=right / max(right + extra, 1),
        recall=right / max(asked_n, 1),
        f1=2 * right / max(right + extra + asked_n, 1),
        recall_terminal=_mean(seen["terminal"]),
        recall_vellus=_mean(seen["vellus"]),
        count_error=_mean(np.abs(found_n - true_n) / np.maximum(true_n, 1)),
        count_bias=float(found_n.sum() / max(true_n.sum(), 1) - 1),
        width_error_um=_mean(np.abs(error)),
        width_bias_um=_mean(error),
        width_p95_um=float(np.percentile(np.abs(error), 95)) if len(error) else math.nan,
        width_covered=_mean(covered),
        balanced_accuracy=float(of_class.mean()),
        confusion=confusion,
        widths_um=pairs_um,
    )


def _within(root_px: Sequence[float], size_px: Sequence[float], edge_px: float) -> bool:
    return all(edge_px <= at <= size - edge_px for at, size in zip(root_px, size_px, strict=True))


def _mean(values: Sequence[bool] | NDArray[np.float64]) -> float:
    return float(np.mean(values)) if len(values) else math.nan
