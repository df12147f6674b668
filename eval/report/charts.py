"""Charts as SVG that stands in a page: curves over shots with bands, ROC curves."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

COLOURS = ("#1f6f8b", "#d1603d", "#5b8c5a", "#8e5572", "#c9a227", "#4a4e69", "#7a9e9f", "#b56576")
"""Told apart also by most who see colours differently, and in print."""
_STYLE: Any = {
    "svg.hashsalt": "scanbank",  # ids within the SVG follow from its content, not from chance
    "svg.fonttype": "none",  # text stays text: small, sharp, searchable
    "font.family": ["DejaVu Sans"],  # comes with matplotlib; the page shows its own
    "font.size": 9,
    "text.parse_math": False,  # a name with dollars is a name
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#9aa5b1",
    "axes.labelcolor": "#3e4c59",
    "xtick.color": "#52606d",
    "ytick.color": "#52606d",
    "grid.color": "#e4e7eb",
}


@dataclass(frozen=True)
class Curve:
    """A score over shots."""

    label: str
    colour: str
    shots: tuple[float, ...]
    """Of each class, increasing; 0 for zero-shot, infinity for the whole training side."""
    mean: tuple[float, ...]
    sd: tuple[float, ...]


@dataclass(frozen=True)
class Roc:
    """A ROC curve: rates (n,) from (0, 0) to (1, 1)."""

    label: str
    colour: str
    false_positive: NDArray[np.float64]
    true_positive: NDArray[np.float64]


def shots_chart(curves: Sequence[Curve], metric: str) -> str:
    """Mean over repeats with a band of one standard deviation, over the number of examples a class. Zero-shot is a dashed line across."""
    every = sorted({shot for curve in curves for shot in curve.shots if shot})
    band = 0.14 if len(curves) <= 4 else 0.06  # many of them, and nothing is seen any more

    def draw(axes: Axes) -> None:
        for curve in curves:
            colour = curve.colour
            learned = [i for i, shot in enumerate(curve.shots) if shot]
            if not learned:
                axes.axhline(curve.mean[0], color=colour, linewidth=1.4, linestyle="--", label=f"zero-shot, {curve.label}")
                continue
            places = [every.index(curve.shots[i]) for i in learned]
            mean, sd = np.array(curve.mean)[learned], np.array(curve.sd)[learned]
            axes.fill_between(places, np.clip(mean - sd, 0, 1), np.clip(mean + sd, 0, 1), color=colour, alpha=band, linewidth=0)
            axes.plot(places, mean, color=colour, marker="o", markersize=3.5, linewidth=1.6, label=curve.label)
        axes.set_xticks(range(len(every)), ["all" if np.isinf(shot) else str(int(shot)) for shot in every])
        axes.set(xlabel="examples of each class (shots)", ylabel=metric)

    return _svg(draw)


def roc_chart(curves: Sequence[Roc]) -> str:
    """ROC curves, with chance as a dotted line."""

    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color="#9aa5b1", linewidth=1, linestyle=":")
        for place, curve in enumerate(curves):
            # later ones with gaps: of curves that lie on one another each is seen
            style: Any = "-" if not place else (0, (6, 1.5 * place))
            axes.plot(curve.false_positive, curve.true_positive, color=curve.colour, linewidth=1.6, linestyle=style, label=curve.label)
        axes.set(xlabel="false positive rate", ylabel="true positive rate", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        axes.set_aspect("equal")

    return _svg(draw)


def _svg(draw: Callable[[Axes], None]) -> str:
    with rc_context(_STYLE):
        figure = Figure(figsize=(5.6, 4.4), layout="constrained")
        axes = figure.subplots()
        axes.grid(visible=True, linewidth=0.8)
        draw(axes)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, fontsize=7.5, loc="upper left", bbox_to_anchor=(0, -0.16), ncols=1)
        out = io.StringIO()
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = out.getvalue().replace("DejaVu Sans", "Inter, Helvetica, Arial")
    return text[text.index("<svg") :]
