"""What a report says of retrieval: the latest run of each kind of text, in both directions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..retrieval.evaluate import COMMAND, DIRECTIONS
from ..retrieval.measures import CUTS, chance
from .tables import Row, Shown, Table

if TYPE_CHECKING:
    from ...store.bank import Bank

Told = tuple[str, str, list[Table]]
"""Title, caption and tables."""
_RANKS = {f"recall_at_{cut}": f"R@{cut}" for cut in CUTS} | {"median_rank": "median rank ↓", "mrr": "MRR"}
_GRADED = {"map": "mAP", "ndcg": "nDCG"}
_NOTE = "95% intervals in brackets, over patients. A near-identical report's scan counts as right where the line says so."


def retrieval_told(bank: Bank) -> list[Told]:
    """One for each kind of text that was evaluated."""
    runs = bank.sql(f"SELECT run, settings FROM runs WHERE command = '{COMMAND}' ORDER BY finished, run").to_pylist()
    latest = {settings["queries"]: (row["run"], settings) for row in runs for settings in [json.loads(row["settings"])]}
    return [_told(bank, run, settings) for _, (run, settings) in sorted(latest.items())]


def _told(bank: Bank, run: str, settings: Mapping[str, Any]) -> Told:
    query = f"SELECT features, head, metric, value, lo, hi, reason FROM metrics WHERE run = '{run}' ORDER BY ALL"
    rows = bank.sql(query).to_pylist()
    cells = {(row["features"], row["head"], row["metric"]): _shown(row) for row in rows}
    sets = sorted({row["features"] for row in rows})
    pool, same = settings["pool"], settings["pool"] - settings["distinct_reports"]
    caption = (
        f"{pool} scans (primary series) and as many texts of {settings['patients']} patients, by cosine; {same} texts are "
        f"near-identical to one before them ({settings['near_identical']}); of equal scores the right one comes last. Run {run}."
    )
    tables = [_ranks(sets, cells, pool)]
    if settings["findings"]:
        shared = f"Relevance of a scan or report: {settings['relevance']}, {len(settings['findings'])} findings of {settings['source']}."
        lines = _lines(sets, cells, _GRADED, {"": ""})
        rows_of = tuple(Row(names[:2], shown, first) for names, shown, first in lines)
        tables.append(Table("By shared findings", ("features", "direction"), tuple(_GRADED.values()), rows_of, shared))
    return f"Retrieval by {settings['queries']}", caption, tables


def _ranks(sets: Sequence[str], cells: Mapping[tuple[str, str, str], Shown], pool: int) -> Table:
    lines = _lines(sets, cells, _RANKS, {"": "itself", "_duplicates": "or near-identical"})
    usual = chance(pool)
    random = tuple(Shown(f"{usual[name]:.3g}") if name in usual else Shown() for name in _RANKS)
    rows = (*(Row(*line) for line in lines), Row(("a random order", "", "itself"), random, first=True))
    return Table("Ranks", ("features", "direction", "right is"), tuple(_RANKS.values()), rows, _NOTE)


def _lines(
    sets: Sequence[str], cells: Mapping[tuple[str, str, str], Shown], columns: Mapping[str, str], rights: Mapping[str, str]
) -> list[tuple[tuple[str, ...], tuple[Shown, ...], bool]]:
    return [
        (
            (features, direction.replace("_", " "), right),
            tuple(cells.get((features, direction, name + ending), Shown()) for name in columns),
            place == 0 and not ending,
        )
        for features in sets
        for place, direction in enumerate(DIRECTIONS)
        for ending, right in rights.items()
    ]


def _shown(row: Mapping[str, Any]) -> Shown:
    if row["value"] is None:
        return Shown("–", note=row["reason"] or "")
    ranks = row["metric"].startswith("median_rank")
    digits = "g" if ranks else ".3f"
    ends = "" if row["lo"] is None else f"({row['lo']:{digits}}–{row['hi']:{digits}})"
    return Shown(f"{row['value']:{digits}}", ends)
