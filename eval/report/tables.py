"""The tables of a report, as text that HTML, Markdown and LaTeX lay out alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from ..metric_kinds import METRICS
from .rows import ALL, Cell, Method
from .studies import FoundStudy, best, shots_label, shown_head

FULL = (("auroc", "ap", "f1", "sensitivity", "specificity"), ("balanced_accuracy", "accuracy", "macro_f1", "brier", "ece"))
"""Columns of the full-data tables: what people look for first, then the rest."""
FIRST = ("auroc", "ap")
"""Shown open; others can be opened."""


@final
@dataclass(frozen=True)
class Shown:
    """A cell's text."""

    text: str = ""
    spread: str = ""
    """What follows the value: a deviation, or an interval."""
    best: bool = False
    note: str = ""


@final
@dataclass(frozen=True)
class Row:
    """A line."""

    names: tuple[str, ...]
    cells: tuple[Shown, ...]
    first: bool
    """Whether a new group begins."""


@final
@dataclass(frozen=True)
class Table:
    """A table: columns of names to the left, of numbers to the right."""

    title: str
    names: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    note: str = ""
    """Of how it is to be read."""
    open: bool = True
    """Whether a page shows it at once."""

    @property
    def reasons(self) -> list[str]:
        """Why cells have no value, each once."""
        return sorted({cell.note for row in self.rows for cell in row.cells if cell.note})


def study_tables(study: FoundStudy) -> list[Table]:
    """The few-shot tables, one for each metric, and the full-data ones."""
    return [*few_shot_tables(study), *full_tables(study)]


def few_shot_tables(study: FoundStudy) -> list[Table]:
    """Method x feature set x shots: mean ± standard deviation over repeats. None where nothing learned from a few."""
    if not any(0 < shots < ALL for shots in study.shots):
        return []
    learned = {method for method, shots, _ in study.cells if shots < ALL}
    methods = [method for method in study.methods if method in learned]
    return [_few_shots(study, metric, methods) for metric in study.metrics]


def full_tables(study: FoundStudy) -> list[Table]:
    """Encoder x window x method, learned from the whole training side, with zero-shot beside them: values with their 95% intervals."""
    full = [method for method in study.methods if any((method, ALL, name) in study.cells for name in study.metrics)]
    few = any(0 < shots < ALL for shots in study.shots)
    if not full and few:
        return []
    beside = [method for method in study.methods if method.zero_shot]
    methods = sorted([*full, *beside], key=lambda m: (m.encoder, m.features, m.window, not m.zero_shot, m.head))
    what = "Full data" if full else "Zero-shot"
    found = []
    for place, wanted in enumerate(FULL):
        metrics = [name for name in wanted if name in study.metrics]
        if metrics:
            found.append(_full(study, methods, metrics, what if not place else f"{what}, more metrics", is_open=not found))
    return found


def part_table(study: FoundStudy, metric: str, methods: Sequence[Method]) -> Table:
    """Methods at their largest number of shots, on parts of the test side."""
    parts = list(study.parts)
    shots = [at[0] if (at := study.last(method, metric)) else ALL for method in methods]
    keys = [(method, k, metric) for method, k in zip(methods, shots, strict=True)]
    columns = [[cells.get(key) for key in keys] for cells in (study.cells, *study.parts.values())]
    rows = _rows(methods, columns, [metric] * len(columns), [shots_label(k) for k in shots])
    title = f"{METRICS[metric].title} on parts of the test side"
    return Table(title, ("method", "encoder", "window", "shots"), ("all", *parts), rows, _BY_CELL, open=False)


_BY_CELL = "Mean ± standard deviation over repeats; of a single fit its 95% interval. The best of a column in bold."


def _few_shots(study: FoundStudy, metric: str, methods: Sequence[Method]) -> Table:
    columns = [[study.cells.get((method, shots, metric)) for method in methods] for shots in study.shots]
    heads, counted = [], True
    for shots, cells in zip(study.shots, columns, strict=True):
        counts = {len(cell.values) for cell in cells if cell and cell.values}
        single = len(counts) == 1
        heads.append(shots_label(shots) + (f" (n = {max(counts)})" if single and 0 < shots < ALL else ""))
        counted &= single or not counts
    rows = _rows(methods, columns, [metric] * len(columns), counted=not counted)
    title = f"{METRICS[metric].title}, few-shot"
    return Table(title, ("method", "encoder", "window"), tuple(heads), rows, _BY_CELL + " n: repeats.", metric in FIRST)


def _full(study: FoundStudy, methods: Sequence[Method], metrics: Sequence[str], title: str, *, is_open: bool) -> Table:
    columns = []
    for metric in metrics:
        keys = [(method, 0.0 if method.zero_shot else ALL, metric) for method in methods]
        columns.append([study.cells.get(key) for key in keys])
    rows = _rows(methods, columns, metrics, by_encoder=True)
    titles = tuple(METRICS[name].title + ("" if METRICS[name].larger_is_better else " ↓") for name in metrics)
    note = "95% intervals in brackets; ± is over repeats. The best of a column in bold; of ↓ the lowest is best."
    return Table(title, ("encoder", "window", "method"), titles, rows, note, is_open)


def _rows(
    methods: Sequence[Method],
    columns: Sequence[Sequence[Cell | None]],
    metrics: Sequence[str],
    more: Sequence[str] = (),
    *,
    counted: bool = False,
    by_encoder: bool = False,
) -> tuple[Row, ...]:
    """Lines from columns of cells, each of a metric."""
    tops = [best([c.mean for c in cells if c and c.mean is not None], name) for cells, name in zip(columns, metrics, strict=True)]
    named = Counter((_names(method)[1], method.window) for method in {one.features: one for one in methods}.values())
    rows, before = [], None
    for place, method in enumerate(methods):
        cells = tuple(_shown(cells[place], top, counted=counted) for cells, top in zip(columns, tops, strict=True))
        head, encoder = _names(method)
        if named[encoder, method.window] > 1:  # sets of one encoder and window that differ in their grids: their whole names tell
            encoder = method.features
        group = encoder if by_encoder else head.partition(":")[0]
        names = (encoder, method.window, head) if by_encoder else (head, encoder, method.window)
        rows.append(Row((*names, *more[place : place + 1]), cells, group != before))
        before = group
    return tuple(rows)


def _names(method: Method) -> tuple[str, str]:
    """Of the head and of the encoder with its pooling."""
    pool = method.features.rpartition("/")[2]
    pooled = pool in ("mean", "max") or (pool.startswith("top") and pool[3:].isdigit())
    head = shown_head(method)
    return f"{head}: {method.prompts}" if method.prompts else head, f"{method.encoder} ({pool})" if pooled else method.encoder


def _shown(cell: Cell | None, top: float | None, *, counted: bool) -> Shown:
    if cell is None:
        return Shown()
    if cell.mean is None:
        return Shown("–", note=cell.reason)
    spread = ""
    if cell.sd is not None:
        spread = f"± {cell.sd:.3f}"
    elif cell.lo is not None:
        spread = f"({cell.lo:.3f}–{cell.hi:.3f})"
    if counted and len(cell.values) > 1:
        spread += f" (n = {len(cell.values)})"
    return Shown(f"{cell.mean:.3f}", spread, round(cell.mean, 3) == top, cell.reason)
