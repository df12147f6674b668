"""What was found, from the tables of a bank: of each finding, methods x feature sets x shots, and the curves behind the table."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
from sklearn.metrics import roc_curve

from ..prompts import prompt_pair
from ..quoting import quoted
from .charts import COLOURS, Curve, Roc

if TYPE_CHECKING:
    from ...store.bank import Bank

METRICS = ("auroc", "ap", "f1")
"""Shown."""
ALL = float("inf")
"""The whole training side, where shots are ordered: after all numbers."""
_RATES = np.linspace(0, 1, 201)


@final
@dataclass(frozen=True)
class Method:
    """A line of the table."""

    head: str
    encoder: str
    window: str
    features: str
    """The feature set, with its pooling."""
    prompts: str = ""
    """Of zero-shot, where they are not the usual pair."""


@final
@dataclass(frozen=True)
class Cell:
    """A metric over repeats."""

    run: str
    """The latest that measured it."""
    values: tuple[float, ...]
    lo: float | None
    hi: float | None
    """95%, of a single fit."""
    reason: str

    @property
    def mean(self) -> float | None:
        return float(np.mean(self.values)) if self.values else None

    @property
    def sd(self) -> float | None:
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else None


@final
@dataclass(frozen=True)
class FoundStudy:
    """Everything measured of one finding on the same units, sides and labels, by the same draws."""

    finding: str
    unit: str
    split: str
    source: str
    drawn: tuple[int, int] | None
    """Seed and repeats of the draws; None for zero-shot alone. Other draws are another study: their means do not compare."""
    counts: dict[str, dict[str, int]]
    """By side: present, absent, patients."""
    cells: dict[tuple[Method, float, str], Cell]
    """By method, shots (0 for zero-shot, `ALL`) and metric."""

    @property
    def methods(self) -> list[Method]:
        """By head, zero-shot first, then by feature set."""
        return sorted({method for method, _, _ in self.cells}, key=lambda m: (m.head != "zeroshot", m.head, m.features, m.prompts))

    @property
    def shots(self) -> list[float]:
        return sorted({shots for _, shots, _ in self.cells})

    def best(self, shots: float, metric: str) -> float | None:
        """The highest mean of a column, as it is printed."""
        means = [cell.mean for (_, k, name), cell in self.cells.items() if (k, name) == (shots, metric) and cell.mean is not None]
        return round(max(means), 3) if means else None


def found_studies(bank: Bank) -> list[FoundStudy]:
    """All that the bank's runs found, by finding and draws. Where two runs measured the same, the later counts."""
    runs = bank.sql("SELECT run, settings, finished FROM runs ORDER BY finished, run").to_pylist()
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    asked = ", ".join(f"'{name}'" for name in METRICS)
    query = f"""SELECT run, features, encoder, "window", head, shots, repeat, metric, value, lo, hi, reason
        FROM metrics WHERE metric IN ({asked}) AND subgroup IS NULL ORDER BY run, features, head, shots, repeat"""
    for row in bank.sql(query).to_pylist():
        rows[row["run"]].append(row)
    studies: dict[tuple[tuple[str, ...], tuple[int, int] | None], FoundStudy] = {}
    for run in runs:
        told = json.loads(run["settings"])
        # the same question of the same units: the digest of items stands for their labels and sides
        name = (str(told["finding"]), str(told["unit"]), str(told["split"]), str(told["source"]), str(told["items"]))
        if "items" not in told:  # averages over findings
            continue
        numbered = [row["repeat"] for row in rows[run["run"]] if row["shots"]]
        drawn = (int(told["seed"]), max(numbered) + 1) if numbered else None
        study = studies.setdefault((name, drawn), FoundStudy(*name[:4], drawn=drawn, counts=told["counts"], cells={}))
        study.cells.update(_cells(run["run"], rows[run["run"]], _unusual(told)))
    for name, drawn in list(studies):  # zero-shot needs no draws: it stands beside each
        alone = studies.get((name, None))
        if drawn is not None and alone is not None:
            studies[name, drawn].cells.update(alone.cells)
    beside = {name for name, drawn in studies if drawn is not None}
    kept = [study for (name, drawn), study in studies.items() if study.cells and (drawn is not None or name not in beside)]
    return sorted(kept, key=lambda s: (s.finding, s.unit, s.split, s.drawn or ()))


def _unusual(settings: Mapping[str, Any]) -> str:
    """The prompts of a run of zero-shot, where they are not the usual pair."""
    if "prompt" not in settings:
        return ""
    usual, asked = prompt_pair(str(settings["finding"])), (settings["prompt"], settings["negative"])
    return "" if asked == (usual.present, usual.absent) else f"“{asked[0]}” against “{asked[1]}”"


def _cells(run: str, rows: Sequence[dict[str, Any]], prompts: str) -> dict[tuple[Method, float, str], Cell]:
    groups: dict[tuple[Method, float, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        method = Method(row["head"], row["encoder"], row["window"], row["features"], prompts)
        groups[method, ALL if row["shots"] is None else float(row["shots"]), row["metric"]].append(row)
    return {
        key: Cell(
            run,
            tuple(row["value"] for row in group if row["value"] is not None),
            group[0]["lo"],
            group[0]["hi"],
            next((row["reason"] for row in group if row["value"] is None), None) or "",
        )
        for key, group in groups.items()
    }


def _colours(study: FoundStudy) -> dict[Method, str]:
    """The same for a method in every chart of a study; those that do best in AUROC have colours of their own."""

    def last(method: Method) -> float:
        means = [c.mean for k in study.shots if (c := study.cells.get((method, k, "auroc"))) and c.mean is not None]
        return means[-1] if means else -1.0

    ordered = sorted(study.methods, key=lambda method: (method.head != "zeroshot", -last(method)))
    return {method: COLOURS[place % len(COLOURS)] for place, method in enumerate(ordered)}


def curves(study: FoundStudy, metric: str, most: int) -> list[Curve]:
    """Mean and deviation over shots of the `most` methods that do best at their last number of shots. Zero-shot is one point at 0."""
    found: list[tuple[float, Curve]] = []
    colours = _colours(study)
    for method in study.methods:
        points = [(k, c) for k in study.shots if (c := study.cells.get((method, k, metric))) and c.mean is not None]
        if points:
            means = tuple(c.mean or 0.0 for _, c in points)
            curve = Curve(label(method), colours[method], tuple(k for k, _ in points), means, tuple(c.sd or 0.0 for _, c in points))
            found.append((means[-1], curve))
    # zero-shot is what the others are compared with: it stays
    kept = sorted(found, key=lambda one: (any(one[1].shots), -one[0]))[:most]
    return [curve for _, curve in sorted(kept, key=lambda one: one[1].label)]


def rocs(bank: Bank, study: FoundStudy, most: int) -> list[Roc]:
    """ROC curves of the `most` methods that do best, each at its largest number of shots; over repeats the mean of the true positive
    rates at equal false positive rates (vertical averaging; Fawcett, "An introduction to ROC analysis", 2006).
    """
    chosen: list[tuple[float, Method, float, Cell]] = []
    for method in study.methods:
        measured = [(k, c) for k in study.shots if (c := study.cells.get((method, k, "auroc"))) and c.mean is not None]
        if measured:
            chosen.append((measured[-1][1].mean or 0.0, method, *measured[-1]))
    found, colours = [], _colours(study)
    for _, method, shots, cell in sorted(chosen, key=lambda one: -one[0])[:most]:
        wanted = f"shots = {int(shots)}" if shots != ALL else "shots IS NULL"
        which = " AND ".join(f"{name} = {quoted(value)}" for name, value in (("head", method.head), ("features", method.features)))
        answer = bank.sql(f"SELECT repeat, y, score FROM predictions WHERE run = {quoted(cell.run)} AND {which} AND {wanted} ORDER BY ALL")
        repeats, y, score = (answer.column(name).to_numpy() for name in ("repeat", "y", "score"))
        rates = []
        for repeat in np.unique(repeats):
            false, true, _ = roc_curve(y[repeats == repeat], score[repeats == repeat], drop_intermediate=False)
            rates.append((false, true))
        label_ = f"{label(method)}, {shots_label(shots)}: {cell.mean:.2f}"
        if len(rates) == 1:
            found.append(Roc(label_, colours[method], *rates[0]))
        elif rates:
            mean = np.mean([np.interp(_RATES, false, true) for false, true in rates], axis=0)
            found.append(Roc(label_, colours[method], np.append(0, _RATES), np.append(0, mean)))
    return found


def label(method: Method) -> str:
    if method.head == "zeroshot":
        return f"{method.features}, {method.prompts}" if method.prompts else method.features
    return f"{method.head}, {method.features}"


def shots_label(shots: float) -> str:
    """As a column is headed."""
    return "all" if shots == ALL else "zero-shot" if shots == 0 else f"{int(shots)} shot" + "s" * (shots != 1)
