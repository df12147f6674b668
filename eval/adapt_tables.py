"""The two tables of a cross-domain study, as text for papers and as CSV for programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from .adapt_study import Found, Row

_TITLES = {"auroc": "AUROC", "ap": "AP", "f1": "F1"}


def full_table(found: Found) -> tuple[list[str], list[list[str]]]:
    """Headings and lines: a line for each backbone and method; for each window AUROC with its interval, and F1 at Youden's threshold."""
    windows = _each(found.full, "window")
    columns = ["backbone", "method", *(f"{window}: {title}" for window in windows for title in ("AUROC", "F1"))]
    lines = [
        [backbone, method, *(_of(found.full, metric, backbone, window, method) for window in windows for metric in ("auroc", "f1"))]
        for backbone in _each(found.full, "backbone")
        for method in _each(found.full, "method")
    ]
    return columns, lines


def few_table(found: Found) -> tuple[list[str], list[list[str]]]:
    """Headings and lines: a line for each backbone, window and head; for each number of shots AUROC and AP, mean and deviation."""
    shots = _each(found.few, "shots")
    columns = ["backbone", "window", "head", *(f"{k}: {_TITLES[metric]}" for k in shots for metric in ("auroc", "ap"))]
    lines = [
        [backbone, window, head, *(_of(found.few, metric, backbone, window, head, k) for k in shots for metric in ("auroc", "ap"))]
        for backbone in _each(found.few, "backbone")
        for window in _each(found.few, "window")
        for head in _each(found.few, "method")
    ]
    return columns, lines


def markdown(columns: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table as Markdown has it."""
    rows = [columns, ["---"] * len(columns), *lines]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |\n" for row in rows)


def as_csv(rows: Sequence[Row]) -> str:
    """Every row, at full precision."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [one.name for one in fields(Row)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return text.getvalue()


def ordering(found: Found) -> list[str]:
    """What was found, in words: methods by their AUROC, best first, for each backbone and window."""
    told: list[str] = []
    for backbone in _each(found.full, "backbone"):
        for window in _each(found.full, "window"):
            rows = [row for row in found.full if (row.backbone, row.window, row.metric) == (backbone, window, "auroc")]
            known = sorted((row for row in rows if row.mean is not None), key=lambda row: -(row.mean or 0))
            listed = ", ".join(f"{row.method} {row.mean:.3f}" for row in known)
            told.append(f"{backbone}, {window}: {listed or 'nothing could be measured'}")
    return told


def _each(rows: Sequence[Row], name: str) -> list[Any]:
    return list(dict.fromkeys(getattr(row, name) for row in rows))


def _of(rows: Sequence[Row], metric: str, backbone: str, window: str, method: str, shots: int | None = -1) -> str:
    fitting = [
        row
        for row in rows
        if (row.backbone, row.window, row.method, row.metric) == (backbone, window, method, metric) and shots in (-1, row.shots)
    ]
    if not fitting:
        return ""
    (row,) = fitting
    if row.mean is None:
        return "-"
    if row.sd is not None:
        return f"{row.mean:.3f} ± {row.sd:.3f}"
    return f"{row.mean:.3f}" + (f" ({row.lo:.3f}..{row.hi:.3f})" if row.lo is not None and row.hi is not None else "")
