"""Charts of scores: ROC, precision over recall, reliability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from .charts import FAINT, svg
from .styles import Style

TICKS = (0, 0.2, 0.4, 0.6, 0.8, 1)


@final
@dataclass(frozen=True)
class Line:
    """A curve in the unit square."""

    label: str
    style: Style
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    """(n,) each."""


@final
@dataclass(frozen=True)
class Bins:
    """Probabilities in bins of equal width; empty bins are left out."""

    label: str
    style: Style
    said: NDArray[np.float64]
    """(n,) mean probability of a bin's items."""
    happened: NDArray[np.float64]
    """(n,) share of positive ones."""
    items: NDArray[np.int64]
    """(n,) over all repeats."""


def scores_chart(roc: Sequence[Line], precision_recall: Sequence[Line], bins: Sequence[Bins], prevalence: float) -> str:
    """Three panels of the same methods: ROC, precision over recall, reliability (the larger a point, the more items).

    Dotted lines are chance: of precision, the share of positive items. Of reliability it is perfect calibration.
    """

    def draw(every: Sequence[Axes]) -> None:
        first, second, third = every
        first.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle=":")
        for line in roc:
            first.plot(line.x, line.y, color=line.style.colour, linewidth=1.5, linestyle=line.style.dash, label=line.label)
        first.set(xlabel="false positive rate (1 − specificity)", ylabel="true positive rate (sensitivity)")
        second.axhline(prevalence, color=FAINT, linewidth=1, linestyle=":")
        for line in precision_recall:
            style = line.style
            second.plot(
                np.append(0, line.x),
                np.append(line.y[:1], line.y),
                color=style.colour,
                linewidth=1.5,
                linestyle=style.dash,
                drawstyle="steps-pre",
            )
        second.set(xlabel="recall (sensitivity)", ylabel="precision")
        third.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle=":")
        for curve in bins:
            colour = curve.style.colour
            third.plot(curve.said, curve.happened, color=colour, linewidth=1.1, linestyle=curve.style.dash)
            sizes = 6 + 60 * curve.items / curve.items.sum()
            third.scatter(curve.said, curve.happened, s=sizes, color=colour, alpha=0.75, linewidths=0)
        third.set(xlabel="predicted probability", ylabel="share with the finding")
        for axes, title in zip(every, ("ROC", "Precision–recall", "Reliability"), strict=True):
            axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xticks=TICKS, yticks=TICKS)
            axes.set_aspect("equal")
            axes.set_title(title, fontsize=9.5, loc="left", fontweight="bold")

    return svg(draw, 3.4, panels=3)
