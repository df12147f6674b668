"""Charts of values with intervals, one beneath the other: parts of the test side, and differences of two methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from matplotlib.axes import Axes

from .charts import FAINT, svg
from .styles import Style

_INK = "#1f2933"


@final
@dataclass(frozen=True)
class Dots:
    """A method's values, one for each line of the chart; NaN where there is none."""

    label: str
    style: Style
    value: tuple[float, ...]
    lo: tuple[float, ...]
    hi: tuple[float, ...]


@final
@dataclass(frozen=True)
class Effect:
    """A difference."""

    label: str
    value: float
    lo: float
    hi: float
    """NaN where there is no interval."""
    told: str
    """To its right."""
    clear: bool
    """Whether the corrected p-value is under 0.05."""


def parts_chart(parts: Sequence[str], dots: Sequence[Dots], metric: str) -> str:
    """Values of methods on parts of the test side, the first part at the top."""
    return svg(lambda every: draw_dots(every[0], parts, dots, metric), 0.7 + len(parts) * max(0.3, 0.11 * len(dots)), most=1)


def draw_dots(axes: Axes, parts: Sequence[str], dots: Sequence[Dots], metric: str) -> None:
    """Values of methods, a line for each part, the first at the top."""
    step = 0.7 / max(len(dots), 1)
    for place, one in enumerate(dots):
        heights = np.arange(len(parts)) + (place - (len(dots) - 1) / 2) * step
        value, lo, hi = (np.array(values, dtype=np.float64) for values in (one.value, one.lo, one.hi))
        axes.hlines(heights, lo, hi, color=one.style.colour, linewidth=1.4)
        axes.plot(value, heights, color=one.style.colour, marker=one.style.marker, markersize=4.5, linestyle="", label=one.label)
    for edge in range(1, len(parts)):
        axes.axhline(edge - 0.5, color="#e4e7eb", linewidth=0.8)
    axes.set_yticks(range(len(parts)), parts)
    axes.set_ylim(len(parts) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(metric)


def forest_chart(effects: Sequence[Effect], metric: str) -> str:
    """Differences with their intervals about the line of none; filled where the corrected p-value is under 0.05."""

    def draw(every: Sequence[Axes]) -> None:
        (axes,) = every
        axes.axvline(0, color=FAINT, linewidth=1)
        for place, one in enumerate(effects):
            if not np.isnan(one.lo):
                axes.hlines(place, one.lo, one.hi, color=_INK, linewidth=1.4)
            axes.plot(
                one.value,
                place,
                color=_INK,
                marker="s",
                markersize=5.5,
                linestyle="",
                markerfacecolor=_INK if one.clear else "white",
            )
        axes.set_yticks(range(len(effects)), [one.label for one in effects], fontsize=8)
        told = axes.twinx()
        told.set_yticks(range(len(effects)), [one.told for one in effects], fontsize=8)
        for each in (axes, told):
            each.set_ylim(len(effects) - 0.4, -0.6)
            each.tick_params(axis="y", length=0)
            each.grid(visible=False, axis="y")
            each.spines[["left", "right", "top"]].set_visible(False)
        axes.locator_params(axis="x", nbins=5)
        axes.set_xlabel(f"difference in {metric} (95% interval)")

    lines = 2 if any("\n" in one.label for one in effects) else 1
    return svg(draw, 0.7 + 0.1 * (1 + 1.4 * lines) * len(effects), most=1)
