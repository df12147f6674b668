"""Curves of a training run from its log, as a picture. Needs matplotlib: `pip install matplotlib`."""

from __future__ import annotations

import csv
from pathlib import Path

LOSSES = ("reports", "statements", "depth", "places")


def read_log(path: Path) -> dict[str, list[float]]:
    """Columns by name; where a step was logged twice (a run that was killed before its state was saved), the later counts."""
    with path.open(newline="") as file:
        rows = {int(row["step"]): row for row in csv.DictReader(file)}
    return {name: [float(rows[step][name] or "nan") for step in sorted(rows)] for name in next(iter(rows.values()))}


def draw(log: Path, out: Path) -> None:
    """Losses on the left, held-out scores on the right."""
    from matplotlib.figure import Figure

    columns = read_log(log)
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name in LOSSES:
        left.plot(columns["step"], columns[name], label=name)
    left.set(xlabel="step", ylabel="loss (mean since the last point)", yscale="log")
    for name in columns:
        if name in (*LOSSES, "step", "rate", "seconds", "auroc", "recall5"):
            continue
        right.plot(columns["step"], columns[name], color="0.8", linewidth=0.8)
    right.plot(columns["step"], columns["auroc"], label="zero-shot AUROC, mean (grey: each finding)")
    right.plot(columns["step"], columns["recall5"], label="recall@5 of 100, report to volume")
    right.set(
        xlabel="step",
        ylim=(0, 1),
        title="held-out source D",
    )
    for axes in (left, right):
        axes.legend(fontsize=8)
        axes.grid(alpha=0.3)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=110, metadata={"Software": None})
