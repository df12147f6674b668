"""A cross-domain study as one picture: AUROC of each method with its interval, and heads over shots, for each backbone and window."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..adapt_found import Found, Row
from ..adapt_tables import each
from .charts import FAINT, STYLE, Curve, draw_curve
from .charts_forest import Dots, draw_dots
from .styles import COLOURS, Style

_MARKERS = ("o", "s", "^", "D", "v", "P")
_WIDE, _DPI = 3.6, 130
"""Inches of a panel, and dots to an inch."""
_NOTHING = float("nan")


def study_png(found: Found) -> bytes:
    """A column for each window. On top the methods on all training data, with 95% intervals; below, a row for each backbone, heads over
    shots, with a standard deviation over draws. The dotted line is chance.
    """
    windows, backbones, methods = each(found.full, "window"), each(found.full, "backbone"), each(found.full, "method")
    top = 1.1 + len(methods) * max(0.3, 0.16 * len(backbones))
    with rc_context(STYLE):
        figure = Figure(figsize=(max(_WIDE * len(windows), 2 * _WIDE), top + 2.3 * len(backbones)), layout="constrained")
        upper, lower = figure.subfigures(2, 1, squeeze=False, height_ratios=[top, 2.3 * len(backbones)])[:, 0]
        _full(upper.subplots(1, len(windows), squeeze=False, sharex=True, sharey=True)[0], found, backbones, methods, windows)
        _few(lower.subplots(len(backbones), len(windows), squeeze=False, sharex=True, sharey=True), found, backbones, windows)
        upper.suptitle(_title(found), fontsize=10, fontweight="bold")
        lower.suptitle("few shots: mean over draws, and one standard deviation", fontsize=9)
        for part in (upper, lower):
            known = {label: handle for axes in part.axes for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
            part.legend(known.values(), known, frameon=False, fontsize=8, loc="outside lower center", ncols=max(1, min(len(known), 4)))
        out = io.BytesIO()
        figure.savefig(out, format="png", dpi=_DPI, metadata={"Software": None})
    return out.getvalue()


def _title(found: Found) -> str:
    who = found.tested
    of = "" if who is None else f" ({who.present} {who.unit}s with it, {who.items - who.present} without, of {who.patients} patients)"
    return f"{found.finding.replace('_', ' ')} on the test side{of}"


def _full(every: Sequence[Axes], found: Found, backbones: Sequence[str], methods: Sequence[str], windows: Sequence[str]) -> None:
    for axes, window in zip(every, windows, strict=True):
        dots = []
        for place, backbone in enumerate(backbones):
            rows = [_one(found.full, backbone=backbone, window=window, method=method, metric="auroc") for method in methods]
            value, lo, hi = (tuple(_number(getattr(row, name, None)) for row in rows) for name in ("mean", "lo", "hi"))
            dots.append(Dots(backbone, _style(place), value, lo, hi))
        axes.axvline(0.5, color=FAINT, linewidth=1, linestyle=":")
        draw_dots(axes, methods, dots, "AUROC, all training data (95% interval)")
        axes.grid(visible=True, axis="x", linewidth=0.8)
        axes.set_title(window, fontsize=9.5, loc="left")


def _few(every: np.ndarray, found: Found, backbones: Sequence[str], windows: Sequence[str]) -> None:
    shots, heads = each(found.few, "shots"), each(found.few, "method")
    for row, backbone in zip(every, backbones, strict=True):
        for axes, window in zip(row, windows, strict=True):
            axes.grid(visible=True, linewidth=0.8)
            axes.axhline(0.5, color=FAINT, linewidth=1, linestyle=":")
            for place, head in enumerate(heads):
                curve = _curve(found, backbone, window, head, _style(place + 2))  # colours that no backbone of two has
                if curve.shots:
                    draw_curve(axes, curve, [shots.index(int(k)) for k in curve.shots], place, len(heads))
            axes.set_xticks(range(len(shots)), [str(k) for k in shots])
            axes.set_xlim(-0.3, len(shots) - 0.7)
            axes.set_title(f"{backbone}, {window}", fontsize=9, loc="left")
        row[0].set_ylabel("AUROC")
    for axes in every[-1]:
        axes.set_xlabel("shots of each class")


def _curve(found: Found, backbone: str, window: str, head: str, style: Style) -> Curve:
    rows = [row for row in found.few if (row.backbone, row.window, row.method, row.metric) == (backbone, window, head, "auroc")]
    known = [(float(row.shots or 0), row.mean, row.sd or 0.0) for row in rows if row.mean is not None]
    shots, mean, sd = (np.array(values, dtype=np.float64) for values in (zip(*known, strict=True) if known else ((), (), ())))
    return Curve(head, style, tuple(shots), tuple(mean), tuple(mean - sd), tuple(mean + sd))


def _style(place: int) -> Style:
    return Style(COLOURS[place % len(COLOURS)], marker=_MARKERS[place % len(_MARKERS)])


def _one(rows: Sequence[Row], **wanted: str) -> Row | None:
    return next((row for row in rows if all(getattr(row, name) == value for name, value in wanted.items())), None)


def _number(value: float | None) -> float:
    return _NOTHING if value is None else value
