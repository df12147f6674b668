"""Two methods on the same items: the difference by each metric, for each finding and number of shots, with Holm's correction over all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, final

import numpy as np

from ..embed.named import is_named
from ..store.errors import UnknownNameError, UsageError
from ..store.progress import Progress, Silent
from .chances import UNCALIBRATED
from .comparison import Difference, Scored, compare
from .holm import holm
from .kinds import probabilities_of
from .methods import ItemScores, MeasuredRun, Method, item_scores, measured_runs, method_named, patients_of_items
from .metric_kinds import metrics_named

if TYPE_CHECKING:
    from ..store.bank import Bank

METRICS = ("auroc", "ap")
"""Compared by default."""


@final
@dataclass(frozen=True)
class Compared:
    """One difference."""

    first: Method
    second: Method
    finding: str
    shots: int | None
    """Of each class, of whichever learns; None for the whole training side, 0 where neither learns."""
    runs: tuple[str, str]
    items: int
    patients: int
    difference: Difference
    p_holm: float | None = None
    """Corrected over all that were compared together."""

    @property
    def row(self) -> dict[str, Any]:
        """For the table `comparisons`."""
        told = {name: value for name, value in asdict(self.difference).items() if name not in ("first", "second", "value", "reason")}
        return told | {
            "first": self.first.name,
            "second": self.second.name,
            "first_run": self.runs[0],
            "second_run": self.runs[1],
            "finding": self.finding,
            "shots": self.shots,
            "items": self.items,
            "patients": self.patients,
            "first_value": self.difference.first,
            "second_value": self.difference.second,
            "difference": self.difference.value,
            "p_holm": self.p_holm,
            "reason": self.difference.reason or None,
        }


def compare_methods(
    bank: Bank,
    first: str,
    second: str,
    *,
    findings: Sequence[str] = (),
    metrics: Sequence[str] = METRICS,
    draws: int = 1000,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[Compared]:
    """Compare what sweeps, probes and zero-shot runs have kept, and keep the differences in the table `comparisons`.

    The two are compared where they were tested on the same items, and learned from the same draws; one that learns from none is compared
    with each number of shots of the other.

    Args:
        bank: the bank.
        first: a method, as `methods.method_named` takes it.
        second: another.
        findings: only these; by default all that both have been measured on.
        metrics: names.
        draws: of patients, for the bootstrap.
        seed: of these.
        progress: told of findings.

    Raises:
        UnknownNameError: a method or metric is none.
        UsageError: the two are one, share no items, or scores of items were not kept.
    """
    one, other = method_named(bank, first), method_named(bank, second)
    if one == other:
        raise UsageError(f"{one.name} is compared with itself; name two methods")
    how = Comparing(tuple(findings), tuple(metrics), draws, seed)
    found = _compared(bank, one, other, how, progress or Silent())
    return _kept(bank, found, f"{one.name} and {other.name}")


@final
@dataclass(frozen=True)
class Comparing:
    """What of two methods is compared, as `compare_methods` takes it."""

    findings: tuple[str, ...] = ()
    metrics: tuple[str, ...] = METRICS
    draws: int = 1000
    seed: int = 0


def compare_encoders(
    bank: Bank, first: str, second: str, how: Comparing | None = None, *, head: str = "", progress: Progress | None = None
) -> list[Compared]:
    """Compare two encoders, such as a child and its parent, by every head that was tested on the same kind of vectors of both: the same
    view, kind, layer and pooling. Holm's correction is over all of it.

    Args:
        bank: the bank.
        first: an encoder, by the name of its feature sets; `tiny` is any version of it.
        second: another.
        how: what is compared.
        head: only this one.
        progress: told of findings.

    Raises:
        UnknownNameError: an encoder has no results.
        UsageError: the two were not tested by one head on the same kind of vectors and the same items.
    """
    how, progress = how or Comparing(), progress or Silent()
    one, other = (_results_of(bank, name) for name in (first, second))
    pairs = [(left, right) for key, left in one.items() if (right := other.get(key)) is not None and left != right]
    pairs = [pair for pair in pairs if not head or pair[0].head == head]
    if not pairs:
        by = f" by {head}" if head else " by one head"
        raise UsageError(
            f"{first} and {second} were not tested{by} on the same kind of vectors; run one sweep or probe with the feature sets of both"
        )
    found: list[Compared] = []
    failed: list[UsageError] = []
    for left, right in pairs:
        try:
            found += _compared(bank, left, right, how, progress)
        except UsageError as error:  # others may have been tested on the same items
            failed.append(error)
    if not found:
        raise failed[0]
    return _kept(bank, found, f"{first} and {second}")


def _results_of(bank: Bank, encoder: str) -> dict[tuple[str, str], Method]:
    """Methods on the feature sets of an encoder, by head and by what follows the encoder in the set's name."""
    rows = bank.sql("SELECT DISTINCT head, features, encoder FROM metrics WHERE encoder IS NOT NULL ORDER BY ALL").to_pylist()
    known = {row["encoder"] for row in rows}
    found = {
        (row["head"], row["features"].removeprefix(row["encoder"])): Method(row["head"], row["features"])
        for row in rows
        if is_named(encoder, row["encoder"]) and row["features"].startswith(row["encoder"])
    }
    if not found:
        raise UnknownNameError("encoder with results", encoder, known, "`scanbank sweep` and `scanbank probe` make results")
    return found


def _compared(bank: Bank, one: Method, other: Method, how: Comparing, progress: Progress) -> list[Compared]:
    findings, metrics = how.findings, how.metrics
    ranking = all(kind.needs == "score" for kind in metrics_named(metrics))
    pairs = _pairs(measured_runs(bank, one), measured_runs(bank, other), ranking=ranking)
    alike_too = "" if ranking else " with the same threshold rule and calibration"
    pairs = {finding: pair for finding, pair in pairs.items() if not findings or finding in findings}
    if lacking := [finding for finding in findings if finding not in pairs]:
        of = ", ".join(lacking)
        raise UsageError(f"{one.name} and {other.name} were not tested on the same items of {of}{alike_too}; run one sweep with both")
    if not pairs:
        raise UsageError(f"{one.name} and {other.name} were never tested on the same items{alike_too}; run one sweep with both")
    progress.start("comparing", len(pairs))
    found: list[Compared] = []
    for finding, alike in sorted(pairs.items()):
        for (left, right), shots, scores in _each(bank, one, other, alike):
            patients = patients_of_items(bank, left.unit, scores[0].items)
            mine, theirs = _scored(one, left, scores[0]), _scored(other, right, scores[1])
            told = (one, other, finding, shots, (left.run, right.run), len(patients), len(np.unique(patients)))
            found += [Compared(*told, one_) for one_ in compare(metrics, scores[0].y, mine, theirs, patients, how.draws, how.seed)]
        progress.advance(note=finding)
    return found


def _kept(bank: Bank, found: Sequence[Compared], who: str) -> list[Compared]:
    """With Holm's correction, in the table `comparisons`."""
    corrected = holm([np.nan if each.difference.p is None else each.difference.p for each in found]).tolist()
    answer = [replace(each, p_holm=None if np.isnan(p) else p) for each, p in zip(found, corrected, strict=True)]
    compared = datetime.now(UTC)
    for commit in bank.commits(f"compare: {who}"):
        with commit:
            commit.append("comparisons", [each.row | {"compared": compared} for each in answer])
    bank.refresh()
    return answer


_Runs = tuple[MeasuredRun, MeasuredRun]
_Both = tuple[ItemScores, ItemScores]


def _pairs(first: Sequence[MeasuredRun], second: Sequence[MeasuredRun], *, ranking: bool) -> dict[str, list[_Runs]]:
    """By finding, the runs of the two on the same items and draws, the latest first; one run of both before two runs.

    Unless metrics are of `ranking` alone, thresholds of both are by the same rule, and probabilities of the same calibration.
    """
    found: dict[str, list[_Runs]] = {}
    for same in (True, False):
        for one in first:
            for other in second:
                alike = (one.finding, one.items) == (other.finding, other.items)
                drawn_alike = None in (one.seed, other.seed) or one.seed == other.seed
                fitted_alike = (one.threshold, one.calibration) == (other.threshold, other.calibration)
                if alike and drawn_alike and (ranking or fitted_alike) and (one.run == other.run) == same:
                    found.setdefault(one.finding, []).append((one, other))
    return found


def _each(bank: Bank, first: Method, second: Method, pairs: Sequence[_Runs]) -> list[tuple[_Runs, int | None, _Both]]:
    """Each number of shots once, from the first pair of runs that has it: few-shot and full-data runs are runs of their own."""
    found: dict[int | None, tuple[_Runs, int | None, _Both]] = {}
    for left, right in pairs:
        for shots, scores in _shared(item_scores(bank, left.run, first), item_scores(bank, right.run, second)).items():
            found.setdefault(shots, ((left, right), shots, scores))
    return sorted(found.values(), key=lambda one: (one[1] is None, one[1] or 0))


def _shared(first: dict[int | None, ItemScores], second: dict[int | None, ItemScores]) -> dict[int | None, tuple[ItemScores, ItemScores]]:
    """By number of shots, the scores of the draws that both have."""
    pairs = {shots: (first[shots], second[shots]) for shots in first if shots in second}
    if 0 in first:
        pairs |= {shots: (first[0], of) for shots, of in second.items() if shots != 0}
    if 0 in second:
        pairs |= {shots: (of, second[0]) for shots, of in first.items() if shots != 0}
    return {shots: _of_same_draws(*pair) for shots, pair in sorted(pairs.items(), key=lambda one: (one[0] is None, one[0] or 0))}


def _of_same_draws(one: ItemScores, other: ItemScores) -> tuple[ItemScores, ItemScores]:
    """A single scoring stands beside each draw of the other."""
    if len(one.repeats) == 1 or len(other.repeats) == 1:
        wanted = max(one.repeats, other.repeats, key=len)
        return _at(one, [one.repeats.index(r) if r in one.repeats else 0 for r in wanted]), _at(
            other, [other.repeats.index(r) if r in other.repeats else 0 for r in wanted]
        )
    both = [r for r in one.repeats if r in other.repeats]
    return _at(one, [one.repeats.index(r) for r in both]), _at(other, [other.repeats.index(r) for r in both])


def _at(scores: ItemScores, places: Sequence[int]) -> ItemScores:
    rows = np.array(places, dtype=np.int64)
    arrays = {name: getattr(scores, name)[rows] for name in ("scores", "thresholds", "chances")}
    return replace(scores, repeats=tuple(scores.repeats[p] for p in places), **arrays)


def _scored(method: Method, run: MeasuredRun, side: ItemScores) -> Scored:
    chance = side.chances
    if run.calibration == UNCALIBRATED and np.isnan(chance).any():  # kept before probabilities were, or as an array
        chance = probabilities_of(method.head)(side.scores)
    return Scored(side.scores, side.thresholds, chance)
