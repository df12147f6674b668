"""What was found of each finding: methods x feature sets x shots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, final

from ..measuring import Measuring
from ..metric_kinds import METRICS
from .rows import ALL, Cell, Cells, MeasuredRun, Method, measured_runs

if TYPE_CHECKING:
    from ...store.bank import Bank


@final
@dataclass(frozen=True)
class FoundStudy:
    """Everything measured of one finding on the same units, sides and labels, by draws of the same seed."""

    finding: str
    unit: str
    split: str
    source: str
    drawn: tuple[int, int] | None
    """Seed and repeats of the draws; None for what draws nothing. Other draws are another study: their means do not compare."""
    counts: dict[str, dict[str, int]]
    """By side: present, absent, patients."""
    cells: Cells
    """Of the whole test side."""
    parts: dict[str, Cells] = field(default_factory=dict)
    """Of parts of it, such as `source=a`."""
    runs: tuple[str, ...] = ()
    leaks: tuple[str, ...] = ()
    """What the user let pass."""
    over: tuple[str, ...] = ()
    """Of an average, the findings."""
    measuring: Measuring = field(default_factory=Measuring)
    """How thresholds were chosen and probabilities calibrated; of other ways, results are another study."""

    @property
    def methods(self) -> list[Method]:
        """By head, zero-shot first, then by feature set."""
        return sorted({method for method, _, _ in self.cells}, key=lambda m: (not m.zero_shot, m.head, m.features, m.prompts))

    @property
    def shots(self) -> list[float]:
        return sorted({shots for _, shots, _ in self.cells})

    @property
    def metrics(self) -> list[str]:
        """In the order in which they are shown."""
        measured = {metric for _, _, metric in self.cells}
        return [name for name in METRICS if name in measured]

    def best(self, shots: float, metric: str) -> float | None:
        """The best mean of a column, as it is printed."""
        means = [cell.mean for (_, k, name), cell in self.cells.items() if (k, name) == (shots, metric) and cell.mean is not None]
        return best(means, metric)

    def last(self, method: Method, metric: str) -> tuple[float, Cell] | None:
        """The value of a method at its largest number of shots, with that number."""
        found = [(k, c) for k in self.shots if (c := self.cells.get((method, k, metric))) and c.mean is not None]
        return found[-1] if found else None

    def ranked(self, metric: str = "auroc") -> list[Method]:
        """Methods by how good they are at their largest number of shots, the best first; those without a value are left out."""
        found = [(at[1].mean or 0.0, method) for method in self.methods if (at := self.last(method, metric))]
        return [method for _, method in sorted(found, key=lambda one: -one[0])]

    def ranked_by_part(self, most: int) -> list[Method]:
        """The `most` best of those that were measured on parts of the test side."""
        measured = {method for cells in self.parts.values() for method, _, _ in cells}
        return [method for method in self.ranked() if method in measured][:most]


def best(means: Sequence[float], metric: str) -> float | None:
    """The best of some means, as it is printed."""
    if not means:
        return None
    return round(max(means) if METRICS[metric].larger_is_better else min(means), 3)


def found_studies(bank: Bank, runs: Sequence[MeasuredRun] | None = None) -> list[FoundStudy]:
    """All that the bank's runs found, by finding and draws. Where two runs measured the same, the later counts."""
    groups: dict[tuple[tuple[str, ...], int | None], list[MeasuredRun]] = {}
    for run in measured_runs(bank) if runs is None else runs:
        told = run.settings
        if "items" not in told:  # averages over findings
            continue
        # the same question of the same units: the digest of items stands for their labels and sides
        fitted = (str(told.get(one, usual)) for one, usual in Measuring().fitted.items())
        name = (*(str(told[one]) for one in ("finding", "unit", "split", "source")), *fitted, str(told["items"]))
        groups.setdefault((name, int(told["seed"]) if run.draws else None), []).append(run)
    drawn = {name for name, seed in groups if seed is not None}
    found = []
    for (name, seed), of in groups.items():
        if seed is None and name in drawn:
            continue
        beside = [] if seed is None else groups.get((name, None), [])  # needs no draws: it stands beside each
        found.append(_joined(name, seed, [*beside, *of]))
    return sorted(found, key=lambda s: (s.finding, s.unit, s.split, s.drawn or ()))


def _joined(name: tuple[str, ...], seed: int | None, runs: Sequence[MeasuredRun]) -> FoundStudy:
    cells: Cells = {}
    parts: dict[str, Cells] = {}
    for run in runs:
        for (_, part), of in run.cells.items():
            (parts.setdefault(part, {}) if part else cells).update(of)
    drawn = None if seed is None else (seed, max(run.draws for run in runs))
    leaks = [f"{leak['count']} {leak['kind']}" for run in runs for leak in run.settings.get("allowed_leaks", ())]
    counts = runs[-1].settings["counts"]
    finding, unit, split, source, threshold, calibration = name[:6]
    names = tuple(run.run for run in runs)
    of_parts = dict(sorted(parts.items()))
    how = Measuring(threshold=threshold, calibration=calibration)
    told = (drawn, counts, cells, of_parts, names, tuple(dict.fromkeys(leaks)))
    return FoundStudy(finding, unit, split, source, *told, measuring=how)


def label(method: Method) -> str:
    """As a legend names it."""
    return f"{shown_head(method)}, {method.features}" + (f", {method.prompts}" if method.prompts else "")


def shown_head(method: Method) -> str:
    """As people read it."""
    return {"zeroshot": "zero-shot", "zeroshot_single": "zero-shot (presence alone)"}.get(method.head, method.head)


def shots_label(shots: float) -> str:
    """As a column is headed."""
    return "all" if shots == ALL else "zero-shot" if shots == 0 else f"{int(shots)} shot" + "s" * (shots != 1)
