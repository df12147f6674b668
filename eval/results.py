"""What a study found: every fit's metrics and scores, their mean and deviation, and one commit that keeps them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from ..store.commit import Commit
from ..store.digests import canonical_json, spec_digest
from ..store.erasure import tokens
from ..store.errors import UsageError
from .metrics import Measured, auroc, average_precision, f1_at, interval, youden_threshold
from .pooling import UnitFeatures
from .quoting import quoted
from .study import Study

if TYPE_CHECKING:
    from ..store.bank import Bank

METRICS = ("auroc", "ap", "f1")
"""On the test side; F1 at Youden's threshold on the validation side, which is kept as the metric `threshold`."""
BOOTSTRAP = 1000


@final
@dataclass(frozen=True)
class Fit:
    """One head that learned once, and what it scored."""

    features: UnitFeatures
    head: str
    shots: int | None
    """Of each class; 0 for zero-shot, None for the whole training side."""
    repeat: int
    scores: NDArray[np.float64]
    """(M,) decision values of the test side, in the order of the units."""
    metrics: Mapping[str, Measured]
    intervals: Mapping[str, tuple[float, float] | tuple[None, None]]
    """95%, by patient; only where a number of shots has one fit: of several, the deviation tells."""


@final
@dataclass(frozen=True)
class Summary:
    """A metric over the repeats of one head on one feature set."""

    features: str
    head: str
    shots: int | None
    metric: str
    mean: float | None
    sd: float | None
    """Of the sample (n - 1); None for a single value."""
    values: int
    """Repeats with a value."""
    lo: float | None
    hi: float | None
    reason: str
    """Why there is no value, where there is none."""


@final
@dataclass(frozen=True)
class Result:
    """A finished study."""

    command: str
    study: Study
    settings: Mapping[str, Any]
    started: datetime
    finished: datetime
    fits: tuple[Fit, ...]
    remarks: tuple[str, ...]

    @property
    def run(self) -> str:
        """The same question on the same data is the same run: asked again, it replaces its rows by equal ones."""
        return f"{self.command}-{spec_digest(dict(self.settings))[:12]}"

    def summary(self) -> list[Summary]:
        """In the order of the fits."""
        groups: dict[tuple[str, str, int | None], list[Fit]] = defaultdict(list)
        for fit in self.fits:
            groups[fit.features.name, fit.head, fit.shots].append(fit)
        return [_summed(key, metric, fits) for key, fits in groups.items() for metric in METRICS]


def evaluated(
    study: Study, features: UnitFeatures, head: str, shots: int | None, repeat: int, scores: NDArray[np.float64], *, alone: bool
) -> Fit:
    """The metrics of one fit.

    Args:
        study: what is evaluated.
        features: the set that was scored.
        head: its name.
        shots: as in `Fit`.
        repeat: from 0.
        scores: decision values of the validation side, then of the test side.
        alone: whether this is the only fit of its kind, so that it gets intervals.
    """
    val, test = study.split.side("val"), study.split.side("test")
    y, groups = study.units.y[test], study.units.patients[test]
    tuned, score = scores[: len(val)], scores[len(val) :]
    threshold = youden_threshold(study.units.y[val], tuned)
    measures = {"auroc": auroc, "ap": average_precision, "f1": lambda labels, values: f1_at(labels, values, threshold)}
    metrics = {name: measure(y, score) for name, measure in measures.items()} | {"threshold": threshold}
    intervals = {name: interval(y, score, groups, measure, BOOTSTRAP) for name, measure in measures.items()} if alone else {}
    return Fit(features, head, shots, repeat, score, metrics, intervals)


def keep(bank: Bank, result: Result, also: Callable[[Commit], None]) -> None:
    """Write the run, its metrics and predictions and the split it rests on in one commit, with what `also` adds to it.

    While `also` runs, `bank` shows what the commit builds on.

    Raises:
        UsageError: another process gave patients other sides meanwhile, or forgot one.
    """
    forgot = tokens(bank.snapshot.root)
    for commit in bank.commits(f"{result.command}: {result.study.units.finding}", run=result.run):
        with commit:
            bank.refresh()  # if anything changes between this look and the commit, there is no commit
            if tokens(commit.root) != forgot:
                raise UsageError("a patient was forgotten meanwhile, whom these results may rest on; run this again")
            _keep_split(bank, commit, result)
            also(commit)
            settings = canonical_json(dict(result.settings))
            row = {
                "run": result.run,
                "command": result.command,
                "settings": settings,
                "started": result.started,
                "finished": result.finished,
            }
            commit.append("runs", [row])
            commit.append("metrics", _metric_rows(result))
            commit.append("predictions", _prediction_rows(result))
    bank.refresh()


def _keep_split(bank: Bank, commit: Commit, result: Result) -> None:
    split = result.study.split
    answer = bank.sql(f"SELECT item, side FROM latest_splits WHERE split = {quoted(split.name)}").to_pylist()
    held = {row["item"]: row["side"] for row in answer}
    if any(held.get(row["item"], row["side"]) != row["side"] for row in split.rows):
        raise UsageError(f"another process gave patients other sides in split {split.name!r} meanwhile; run this again")
    commit.append("splits", (row for row in split.rows if row["item"] not in held))


def _told(result: Result, fit: Fit) -> dict[str, Any]:
    of = {"run": result.run, "finding": result.study.units.finding, "features": fit.features.name}
    return of | {"head": fit.head, "shots": fit.shots, "repeat": fit.repeat}


def _metric_rows(result: Result) -> Iterator[dict[str, Any]]:
    for fit in result.fits:
        key = fit.features.key
        told = _told(result, fit) | {"encoder": key.encoder.name, "window": key.view.window_label}
        for name, measured in fit.metrics.items():
            lo, hi = fit.intervals.get(name, (None, None))
            yield told | {"metric": name, "value": measured.value, "lo": lo, "hi": hi, "reason": measured.reason or None}


def _prediction_rows(result: Result) -> Iterator[dict[str, Any]]:
    units, test = result.study.units, result.study.split.side("test").tolist()
    for fit in result.fits:
        told = _told(result, fit)
        for row, score in zip(test, fit.scores.tolist(), strict=True):
            yield told | {"item": units.items[row], "y": float(units.y[row]), "score": score}


def _summed(key: tuple[str, str, int | None], metric: str, fits: list[Fit]) -> Summary:
    measured = [fit.metrics[metric] for fit in fits]
    values = [one.value for one in measured if one.value is not None]
    lo, hi = fits[0].intervals.get(metric, (None, None))
    reason = next((one.reason for one in measured if one.value is None), "")
    mean = float(np.mean(values)) if values else None
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return Summary(*key, metric, mean, sd, len(values), lo, hi, reason)
