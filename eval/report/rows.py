"""What the tables `runs` and `metrics` say, by run, with repeats brought together."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np

from ..kinds import KINDS
from ..prompts import Said, Wording, label
from ..zeroshot_kinds import ZERO_SHOT

if TYPE_CHECKING:
    from ...store.bank import Bank

ALL = float("inf")
"""The whole training side, where shots are ordered: after all numbers."""


@final
@dataclass(frozen=True)
class Method:
    """A line of a table."""

    head: str
    encoder: str
    window: str
    features: str
    """The feature set, with its pooling."""
    prompts: str = ""
    """Of zero-shot and of heads that learn from class texts, where they are not the usual ones."""

    @property
    def zero_shot(self) -> bool:
        """Whether it learns from nothing."""
        return self.head in ZERO_SHOT


@final
@dataclass(frozen=True)
class Cell:
    """A metric over repeats."""

    run: str
    """The latest that measured it."""
    values: tuple[float, ...]
    lo: float | None
    hi: float | None
    """95%, of a single fit; of several, the deviation tells."""
    reason: str
    """Why a repeat has no value, where one has none."""

    @property
    def mean(self) -> float | None:
        return float(np.mean(self.values)) if self.values else None

    @property
    def sd(self) -> float | None:
        """Of the sample (n - 1); None of a single value."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else None


Key = tuple[Method, float, str]
"""A method, its shots (0 for zero-shot, `ALL`) and a metric."""
Cells = dict[Key, Cell]


@final
@dataclass(frozen=True)
class MeasuredRun:
    """A run and its numbers."""

    run: str
    command: str
    settings: Mapping[str, Any]
    draws: int
    """The most of any number of shots; 0 where nothing was drawn."""
    cells: Mapping[tuple[str, str], Cells]
    """By finding (averages have several) and by part of the test side, empty for all of it."""


def measured_runs(bank: Bank) -> list[MeasuredRun]:
    """Every run that measured something, in the order in which they ended."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    query = """SELECT run, finding, features, encoder, "window", head, shots, metric, coalesce(subgroup, '') AS part,
            list(value ORDER BY repeat) FILTER (value IS NOT NULL) AS values, count(*) AS repeats, max(repeat) + 1 AS draws,
            any_value(lo) AS lo, any_value(hi) AS hi, max(reason) AS reason
        FROM metrics WHERE metric <> 'threshold' GROUP BY ALL ORDER BY ALL"""
    for row in bank.sql(query).to_pylist():
        found[row["run"]].append(row)
    runs = bank.sql("SELECT run, command, settings FROM runs ORDER BY finished, run").to_pylist()
    return [_run(row, found[row["run"]]) for row in runs if found[row["run"]]]


def _run(told: Mapping[str, Any], rows: list[dict[str, Any]]) -> MeasuredRun:
    settings = json.loads(told["settings"])
    prompts, cells = _unusual(settings), defaultdict[tuple[str, str], Cells](dict)
    for row in rows:
        kind = ZERO_SHOT.get(row["head"]) or KINDS.get(row["head"])
        textual = kind is not None and kind.needs_texts
        method = Method(row["head"], row["encoder"], row["window"], row["features"], prompts if textual else "")
        shots, alone = ALL if row["shots"] is None else float(row["shots"]), row["repeats"] == 1
        ends = (row["lo"], row["hi"]) if alone else (None, None)
        cell = Cell(told["run"], tuple(row["values"] or ()), *ends, row["reason"] or "")
        cells[row["finding"], row["part"]][method, shots, row["metric"]] = cell
    draws = max((row["draws"] for row in rows if row["shots"]), default=0)
    return MeasuredRun(told["run"], told["command"], settings, draws, cells)


def _unusual(settings: Mapping[str, Any]) -> str:
    """What a run's prompts or class texts say, where it is not the usual."""
    if "wording" in settings:  # of averages
        return str(settings["wording"])
    if "texts" in settings:
        present, absent = settings["texts"]["present"], settings["texts"]["absent"]
    elif "prompt" in settings:
        present, absent = settings["prompt"], settings["negative"]
    else:
        return ""
    return label(Said(_texts(present), _texts(absent)), Wording().of(str(settings["finding"])))


def _texts(told: str | list[str] | None) -> tuple[str, ...]:
    return () if told is None else (told,) if isinstance(told, str) else tuple(told)
