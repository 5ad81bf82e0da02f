"""The plots of the model's card."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

from models.training.score import Score, match

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

if TYPE_CHECKING:
    from models.training.evaluate import Measured

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#000000")  # Okabe and Ito 2008: safe for the colour-blind
Sets = Mapping[str, Sequence["Measured"]]


def draw_all(sets: Sets, scores: Mapping[str, tuple[Score, Score]], folder: Path) -> None:
    """Every plot as a PNG in `folder`."""
    folder.mkdir(exist_ok=True)
    plt.rcParams.update({"figure.figsize": (6, 4.2), "figure.dpi": 110, "font.size": 9, "axes.grid": True})
    plt.rcParams["grid.alpha"] = 0.3
    quantities: dict[str, tuple[str, Callable[[Measured, Mapping[str, Any]], float | None]]] = {
        "width": ("true width, µm", lambda m, hair: hair.get("diameter_um")),
        "density": ("true hairs /cm²", lambda m, hair: _density(m)),
        "scale": ("µm per pixel", lambda m, hair: m.truth["scale_um_per_px"]),
        "hair-colour": ("melanin of the hair (0 white, 1 black)", lambda m, hair: m.scalp.melanin if m.scalp else None),
        "skin": (
            "melanin of the skin (0 very light, 1 very dark)",
            lambda m, hair: m.scalp.skin_melanin if m.scalp else None,
        ),
    }
    drawings: dict[str, Callable[[Axes], None]] = {
        "precision-recall": lambda axes: _precision_recall(axes, sets),
        "width": lambda axes: _width(axes, scores),
        "confusion": lambda axes: _confusion(axes, scores),
        **{f"by-{name}": partial(_by, sets=sets, label=label, value_of=of) for name, (label, of) in quantities.items()},
    }
    for name, drawing in drawings.items():
        figure, axes = plt.subplots()
        drawing(axes)
        figure.tight_layout()
        figure.savefig(folder / f"{name}.png")
        plt.close(figure)


def _density(measured: Measured) -> float:
    width, height = measured.truth["size_px"]
    return float(len(measured.truth["hairs"]) / (width * height * measured.truth["scale_um_per_px"] ** 2 * 1e-8))


def _precision_recall(axes: Axes, sets: Sets) -> None:
    """As the root's probability that is asked for rises from the model's threshold (the dot) upwards."""
    for colour, (name, measured) in zip(COLOURS, sets.items(), strict=False):
        graded: list[tuple[float, bool]] = []
        asked = 0
        for m in measured:
            ignored = [bool(hair.get("ignore")) for hair in m.truth["hairs"]]
            asked += ignored.count(False)
            pairs = {j: i for i, j in match(m.truth, m.found)}
            graded += [(s, j in pairs) for j, s in enumerate(m.scores) if not (j in pairs and ignored[pairs[j]])]
        right = np.cumsum([good for _, good in sorted(graded, reverse=True)])
        if not len(right):
            continue
        recall, precision = right / max(asked, 1), right / np.arange(1, len(right) + 1)
        axes.plot(recall, precision, color=colour, label=name)
        axes.plot(recall[-1], precision[-1], "o", color=colour)
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0.5, 1))
    axes.legend(fontsize=7)


def _width(axes: Axes, scores: Mapping[str, tuple[Score, Score]]) -> None:
    for colour, (name, (ours, _)) in zip(COLOURS, scores.items(), strict=False):
        if len(ours.widths_um):
            axes.plot(*ours.widths_um.T, ".", ms=2, alpha=0.4, color=colour, label=name)
    axes.plot([10, 140], [10, 140], "k-", lw=0.8)
    axes.set(xlabel="true apparent width, µm", ylabel="measured, µm", xlim=(0, 140), ylim=(0, 140))
    axes.legend(fontsize=7, markerscale=5)


def _confusion(axes: Axes, scores: Mapping[str, tuple[Score, Score]]) -> None:
    """Of all rendered photographs at up to 4 µm/px, at 40 µm."""
    total: NDArray[np.intp] = sum(
        (ours.confusion for name, (ours, _) in scores.items() if "2–4" in name), np.zeros((2, 2), np.intp)
    )
    axes.imshow(total / np.maximum(total.sum(1, keepdims=True), 1), cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(total):
        colour = "white" if row == column else "black"
        axes.text(column, row, str(count), ha="center", va="center", fontsize=14, color=colour)
    axes.set(xticks=(0, 1), yticks=(0, 1), xlabel="found", ylabel="true")
    axes.set_xticklabels(("terminal", "vellus"))
    axes.set_yticklabels(("terminal", "vellus"))
    axes.grid(visible=False)


def _by(axes: Axes, sets: Sets, label: str, value_of: Callable[[Measured, Mapping[str, Any]], float | None]) -> None:
    """Share of true hairs that are missed, and mean width error, over eight equal groups of a quantity."""
    rows: list[tuple[float, bool, float]] = []
    for name, measured in sets.items():
        if "terminal only" in name and label != "µm per pixel":
            continue
        for m in measured:
            partner = dict(match(m.truth, m.found))
            for i, hair in enumerate(m.truth["hairs"]):
                value = value_of(m, hair)
                if hair.get("ignore") or value is None:
                    continue
                found = m.found[partner[i]]["diameter_um"] if i in partner else None
                true = hair.get("diameter_um")
                rows.append((value, i not in partner, abs(found - true) if found and true else np.nan))
    if not rows:
        return
    values, missed, error = np.array(sorted(rows), float).T
    groups = np.array_split(np.arange(len(values)), min(8, len(values)))
    middle = [values[g].mean() for g in groups]
    axes.plot(middle, [100 * missed[g].mean() for g in groups], "o-", color=COLOURS[0], label="missed, %")
    widths = [np.nanmean(error[g]) if np.isfinite(error[g]).any() else np.nan for g in groups]
    axes.plot(middle, widths, "s--", color=COLOURS[1], label="width error, µm")
    axes.set(xlabel=label, ylim=(0, None))
    axes.legend()
