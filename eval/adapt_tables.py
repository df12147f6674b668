"""The two tables of a cross-domain study, as text for papers and as CSV for programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from .adapt_found import Apart, Found, Row

_TITLES = {"auroc": "AUROC", "ap": "AP", "f1": "F1"}


def full_table(found: Found) -> tuple[list[str], list[list[str]]]:
    """Headings and lines: a line for each backbone and method; for each window AUROC with its interval, and F1 at Youden's threshold."""
    windows = each(found.full, "window")
    columns = ["backbone", "method", *(f"{window}: {title}" for window in windows for title in ("AUROC", "F1"))]
    lines = [
        [backbone, method, *(_of(found.full, metric, backbone, window, method) for window in windows for metric in ("auroc", "f1"))]
        for backbone in each(found.full, "backbone")
        for method in each(found.full, "method")
    ]
    return columns, lines


def few_table(found: Found) -> tuple[list[str], list[list[str]]]:
    """Headings and lines: a line for each backbone, window and head; for each number of shots AUROC and AP, mean and deviation."""
    shots = each(found.few, "shots")
    columns = ["backbone", "window", "head", *(f"{k}: {_TITLES[metric]}" for k in shots for metric in ("auroc", "ap"))]
    lines = [
        [backbone, window, head, *(_of(found.few, metric, backbone, window, head, k) for k in shots for metric in ("auroc", "ap"))]
        for backbone in each(found.few, "backbone")
        for window in each(found.few, "window")
        for head in each(found.few, "method")
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


def apart_csv(found: Sequence[Apart]) -> str:
    """Every difference, at full precision."""
    names = ("window", "first", "second", "value", "lo", "hi", "p", "p_holm", "reason")
    rows = [[": ".join(one) if isinstance(one := getattr(each, name), tuple) else one for name in names] for each in found]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([names, *rows])
    return text.getvalue()


def each(rows: Sequence[Row], name: str) -> list[Any]:
    """The values that rows have in a column, in their order."""
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
    return f"{row.mean:.3f}" + interval(row.lo, row.hi)


def interval(lo: float | None, hi: float | None, form: str = ".3f") -> str:
    """As it follows a value: a space and ` (LO..HI)`, or nothing."""
    return "" if lo is None or hi is None else f" ({lo:{form}}..{hi:{form}})"
