"""Charts as SVG that stands in a page, and the first of them: curves over shots."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .styles import Style

WIDTH = 9.6
"""Inches: as wide as the page, so that text is of one size in all of them."""
FAINT = "#8793a0"
"""What the others are compared with: chance, no difference."""
STYLE: Any = {
    "svg.hashsalt": "scanbank",  # ids within the SVG follow from its content, not from chance
    "svg.fonttype": "none",  # text stays text: small, sharp, searchable
    "font.family": ["DejaVu Sans"],  # comes with matplotlib; the page shows its own
    "font.size": 9,
    "text.parse_math": False,  # a name with dollars is a name
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#9aa5b1",
    "axes.labelcolor": "#1f2933",
    "xtick.color": "#3e4c59",
    "ytick.color": "#3e4c59",
    "grid.color": "#e4e7eb",
}
"""Of all charts."""


@final
@dataclass(frozen=True)
class Curve:
    """A score over shots."""

    label: str
    style: Style
    shots: tuple[float, ...]
    """Of each class, increasing; 0 for zero-shot, infinity for the whole training side."""
    mean: tuple[float, ...]
    lo: tuple[float, ...]
    hi: tuple[float, ...]
    """Of the band: a standard deviation about the mean, or the 95% interval of a single fit; NaN where there is neither."""


BANDS = 4
"""More curves than these have bars instead of bands, side by side: bands that cover one another tell nothing."""


def shots_chart(panels: Mapping[str, Sequence[Curve]]) -> str:
    """Mean over repeats with bands or bars, over the number of examples a class, a panel for each metric, all of the same methods.

    Zero-shot is a point at 0, and a thin line across.
    """
    every = sorted({shot for curves in panels.values() for curve in curves for shot in curve.shots})

    def draw(all_axes: Sequence[Axes]) -> None:
        for axes, (metric, curves) in zip(all_axes, panels.items(), strict=True):
            for group in ([one for one in curves if not any(one.shots)], [one for one in curves if any(one.shots)]):
                for place, curve in enumerate(group):
                    draw_curve(axes, curve, [every.index(shot) for shot in curve.shots], place, len(group))
            axes.set_xticks(range(len(every)), ["all" if np.isinf(shot) else str(int(shot)) for shot in every])
            axes.set_xlim(-0.4, len(every) - 0.6)
            axes.set(xlabel="training examples of each class (shots)", ylabel=f"{metric} on the test side")

    return svg(draw, 3.5, panels=len(panels))


def draw_curve(axes: Axes, curve: Curve, shots: Sequence[int], place: int, of: int) -> None:
    """A curve at these places of the axis, the `place`-th `of` so many there."""
    colour, dash = curve.style.colour, curve.style.dash
    mean, lo, hi = (np.array(values) for values in (curve.mean, curve.lo, curve.hi))
    at = np.array(shots, dtype=np.float64)
    if not any(curve.shots):
        axes.axhline(curve.mean[0], color=colour, linewidth=0.9, linestyle=dash, alpha=0.6)
    if of <= BANDS and len(shots) > 1:
        axes.fill_between(at, np.clip(lo, 0, 1), np.clip(hi, 0, 1), color=colour, alpha=0.14, linewidth=0)
    else:
        at += (place - (of - 1) / 2) * min(0.07, 0.5 / of)
        axes.vlines(at, lo, hi, color=colour, linewidth=1, alpha=0.6)
    axes.plot(at, mean, color=colour, linestyle=dash, marker=curve.style.marker, markersize=4, linewidth=1.5, label=curve.label)


def svg(draw: Callable[[Sequence[Axes]], None], height: float, *, panels: int = 1, most: int = 2) -> str:
    """What `draw` puts on axes side by side, as SVG of the page's width and `height` inches, with a legend beneath, which covers no data.

    A single panel takes the width where `most` is 1; otherwise its share.
    """
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH * max(panels, 1) / max(panels, most), height), layout="constrained")
        every = figure.subplots(1, panels, squeeze=False)[0]
        for axes in every:
            axes.grid(visible=True, linewidth=0.8)
            axes.set_axisbelow(True)
        draw(every)
        handles, labels = every[0].get_legend_handles_labels()
        if handles:
            longest = max(map(len, labels))
            columns = max(1, min(3, int(13.5 * figure.get_figwidth()) // (longest + 8)))
            figure.set_figheight(height + 0.18 * math.ceil(len(handles) / columns))
            figure.legend(handles, labels, frameon=False, fontsize=8, loc="outside lower left", ncols=columns, handlelength=3.2)
        out = io.StringIO()
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = out.getvalue().replace("DejaVu Sans", "Inter, Helvetica, Arial")
    return text[text.index("<svg") :]
