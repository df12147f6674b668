"""Differences of methods that `compare` found, from the table `comparisons`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..metric_kinds import METRICS
from ..quoting import listed, quoted
from .charts_forest import Effect
from .rows import ALL
from .studies import FoundStudy, shots_label
from .tables import Row, Shown, Table

if TYPE_CHECKING:
    from ...store.bank import Bank

_LINE = 48
"""Letters of a line's name in a chart."""


def differences(bank: Bank, study: FoundStudy) -> list[dict[str, Any]]:
    """Rows of the table that compare runs of a study, by metric, pair and shots."""
    if not study.runs:
        return []
    runs = listed(study.runs)
    return bank.sql(f"""SELECT first, second, shots, metric, method, first_value, second_value, difference, lo, hi, p, p_holm, reason
        FROM comparisons WHERE finding = {quoted(study.finding)} AND first_run IN {runs} AND second_run IN {runs}
        ORDER BY metric, first, second, shots NULLS LAST""").to_pylist()


def effects(rows: Sequence[dict[str, Any]], metric: str) -> list[Effect]:
    """Those of one metric that have a value."""
    nothing, found = float("nan"), []
    for row in rows:
        if row["metric"] == metric and row["difference"] is not None:
            lo, hi = (nothing if row[end] is None else row[end] for end in ("lo", "hi"))
            told = f"{row['difference']:+.3f}" + ("" if row["lo"] is None else f" ({row['lo']:+.3f}, {row['hi']:+.3f})")
            told += "" if row["p_holm"] is None else f"   {_p(row['p_holm'])}"
            told = told.replace("-", "−")  # as the axis writes it
            clear = row["p_holm"] is not None and row["p_holm"] < 0.05
            found.append(Effect(f"{pair(row['first'], row['second'])}, {_shots(row)}", row["difference"], lo, hi, told, clear))
    return found


def difference_table(rows: Sequence[dict[str, Any]]) -> Table:
    """First minus second, all that were compared."""
    lines, before = [], None
    for row in rows:
        interval = "" if row["lo"] is None else f"({row['lo']:+.3f}, {row['hi']:+.3f})"
        value = Shown("–", note=row["reason"] or "") if row["difference"] is None else Shown(f"{row['difference']:+.3f}", interval)
        each = ("–" if row[name] is None else f"{row[name]:.3f}" for name in ("first_value", "second_value"))
        tested = ("–" if row[name] is None else _p(row[name])[2:].removeprefix("= ") for name in ("p", "p_holm"))
        names = (METRICS[row["metric"]].title, row["first"], row["second"], _shots(row))
        lines.append(Row(names, (*map(Shown, each), value, *map(Shown, tested), Shown(row["method"])), names[:3] != before))
        before = names[:3]
    columns = ("first", "second", "difference (95%)", "p", "p (Holm)", "by")
    note = "First minus second on the same items and draws; p two-sided, Holm's correction over all that were compared together."
    return Table("Differences", ("metric", "first", "second", "shots"), columns, tuple(lines), note, open=False)


def pair(first: str, second: str) -> str:
    """Two methods, HEAD:FEATURES each, as the line of a chart names them: what they share once, and of long names each on its own line."""
    (head, _, features), (other, _, others) = first.partition(":"), second.partition(":")
    if features == others:
        return _fitting(f"{head} − {other},", features)
    if head == other:
        return _fitting(f"{head}: {features}", f"− {others}")
    return _fitting(first, f"− {second}")


def _fitting(one: str, other: str) -> str:
    return f"{one} {other}" if len(one) + len(other) <= _LINE else f"{one}\n{other}"


def _shots(row: dict[str, Any]) -> str:
    return shots_label(ALL if row["shots"] is None else float(row["shots"]))


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"
