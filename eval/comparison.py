"""The difference of two heads or backbones that scored the same items, pair by pair, with its interval and p-value.

The AUROC's variance is that of the differences of placements: paired DeLong, or Obuchowski's where patients have several items. Any other
metric's is the variance of its difference over draws of patients, the same for both. With several support draws the two must have learned
from the same ones; their mean difference is told, and the variance in its parts (`variance.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr, stdtrit

from ..store.errors import UsageError
from .battery import battery
from .bootstrap import of_both_classes, replicates
from .edges import COVERAGE
from .metric_kinds import MetricKind, metrics_named
from .outcomes import (
    checked_labels,
    checked_probabilities,
    checked_scores,
    checked_thresholds,
    missing_patients,
    patient_codes,
    patients_of,
)
from .placements import clustered_variances, placements
from .replicates import drawn
from .variance import Components, components, replicated

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_ROUNDING = 1e-12
"""A standard error below it is none: values that are equal but for the order of summation."""


@final
@dataclass(frozen=True)
class Scored:
    """What one head gave on the items (M,), once for each of R support draws."""

    score: Floats
    """(R, M)."""
    threshold: Floats | None = None
    """(R,), as in `battery`."""
    probability: Floats | None = None
    """(R, M), as in `battery`."""


@final
@dataclass(frozen=True)
class Difference:
    """First minus second, by one metric."""

    metric: str
    method: str
    """`DeLong`, `Obuchowski` or `bootstrap`; empty where there is no value."""
    draws: int
    """Support draws in which both have a value."""
    first: float | None = None
    """Mean over the draws, as all numbers here."""
    second: float | None = None
    value: float | None = None
    lo: float | None = None
    hi: float | None = None
    """95%, from Student's quantile; clipped to [-1, 1]."""
    p: float | None = None
    """Two-sided, of no difference; uncorrected (see `holm`)."""
    support_variance: float | None = None
    """Of the difference in one draw; None for a single draw."""
    test_variance: float | None = None
    """Of the mean difference, by the patients of the test side."""
    reason: str = ""
    """Why something is missing."""


def compare(
    names: Iterable[str], y: ArrayLike, first: Scored, second: Scored, patients: ArrayLike, draws: int = 1000, seed: int = 0
) -> tuple[Difference, ...]:
    """The differences by these metrics: AUROC as `placement_difference`, others as `bootstrap_differences`, which see."""
    kinds = metrics_named(names)
    others = [kind.name for kind in kinds if kind.name != "auroc"]
    found = {one.metric: one for one in bootstrap_differences(others, y, first, second, patients, draws, seed)}
    return tuple(found[kind.name] if kind.name in found else placement_difference(y, first, second, patients) for kind in kinds)


def placement_difference(y: ArrayLike, first: Scored, second: Scored, patients: ArrayLike) -> Difference:
    """The difference of two AUROCs: DeLong's, or Obuchowski's where a patient has several items.

    Args:
        y: (M,) labels, 0 or 1.
        first: scores of one head.
        second: of the other, draw by draw from the same supports.
        patients: (M,) numbers or texts.

    Raises:
        UsageError: as `battery`, or the two have different numbers of draws.
    """
    labels, (one, other), patient = _paired(y, first, second, patients)
    measured = [battery(["auroc"], labels, scores) for scores in (one, other)]
    method = "DeLong" if int(patient.max(initial=-1)) + 1 == len(labels) else "Obuchowski"
    reason = missing_patients(labels, patient)
    if measured[0].reasons["auroc"][0] or reason:
        return _without(measured[0].values["auroc"], measured[1].values["auroc"], "auroc", reason)
    between = placements(labels, one) - placements(labels, other)
    mean = between.mean(axis=0)
    varied = clustered_variances(labels, np.concatenate([mean[None], between - mean]), patient)
    values = between[:, labels == 1].mean(axis=1)
    parts = components(values, float(varied[0]), varied[1:])
    means = [float(one.values["auroc"].mean()) for one in measured]
    return _told("auroc", method, means, parts, min(patients_of(labels, patient)))


def bootstrap_differences(
    names: Iterable[str], y: ArrayLike, first: Scored, second: Scored, patients: ArrayLike, draws: int = 1000, seed: int = 0
) -> tuple[Difference, ...]:
    """The differences by these metrics, from patients drawn with replacement, the same for both and for all support draws.

    Args:
        names: of metrics.
        y: (M,) labels, 0 or 1.
        first: scores of one head.
        second: of the other, draw by draw from the same supports.
        patients: (M,) numbers or texts.
        draws: how often patients are drawn.
        seed: of the drawing of patients.

    Raises:
        UnknownNameError: a metric is unknown.
        UsageError: as `battery`, or the two have different numbers of draws.
    """
    kinds = metrics_named(names)
    labels, pair, patient = _paired(y, first, second, patients)
    if draws < 2:
        raise UsageError(f"{draws} draws of patients say nothing of spread; ask for 2 or more, such as 1000")
    at = [checked_thresholds(len(scores), head.threshold) for scores, head in zip(pair, (first, second), strict=True)]
    probable = [checked_probabilities(scores.shape, head.probability) for scores, head in zip(pair, (first, second), strict=True)]
    measured = [
        battery([kind.name for kind in kinds], labels, scores, threshold=t, probability=p)
        for scores, t, p in zip(pair, at, probable, strict=True)
    ]
    reason = missing_patients(labels, patient)
    times = np.empty((0, 0)) if reason else of_both_classes(labels, patient, drawn(int(patient.max()) + 1, draws, seed))
    found: dict[str, list[Floats]] = {kind.name: [] for kind in kinds}
    for draw in range(0 if reason else len(pair[0])):
        sides = [
            dict(replicates(kinds, labels, scores[draw], patient, times, float(t[draw]), None if p is None else p[draw]))
            for scores, t, p in zip(pair, at, probable, strict=True)
        ]
        one, other = sides
        for name in one.keys() & other.keys():
            found[name].append(one[name] - other[name])
    answers: list[Difference] = []
    for kind in kinds:
        one, other = (side.values[kind.name] for side in measured)
        why = reason or next((text for side in measured for text in side.reasons[kind.name] if text), "")
        if not found[kind.name]:
            answers.append(_without(one, other, kind.name, why))
            continue
        both = ~np.isnan(one) & ~np.isnan(other)
        parts = replicated(one[both] - other[both], np.stack(found[kind.name]))
        means = [float(one[both].mean()), float(other[both].mean())]
        answers.append(_told(kind.name, "bootstrap", means, parts, _rests_on(kind, labels, patient)))
    return tuple(answers)


def _paired(y: ArrayLike, first: Scored, second: Scored, patients: ArrayLike) -> tuple[Ints, tuple[Floats, Floats], Ints]:
    labels = checked_labels(y)
    one, other = checked_scores(labels, first.score), checked_scores(labels, second.score)
    if len(one) != len(other) or not len(one):
        raise UsageError(f"the two have scores of {len(one)} and {len(other)} draws; pairs of the same draws are wanted")
    return labels, (one, other), patient_codes(labels, patients)


def _rests_on(kind: MetricKind, y: Ints, patient: Ints) -> int:
    return kind.patients(*patients_of(y, patient), int(patient.max()) + 1)


def _without(one: Floats, other: Floats, metric: str, reason: str) -> Difference:
    """What is left where there is no interval."""
    both = ~np.isnan(one) & ~np.isnan(other)
    if not both.any():
        return Difference(metric, "", 0, reason=reason)
    first, second = float(one[both].mean()), float(other[both].mean())
    return Difference(metric, "", int(both.sum()), first, second, first - second, reason=reason)


def _told(metric: str, method: str, means: list[float], parts: Components, patients: int) -> Difference:
    value, error = means[0] - means[1], parts.error
    told = Difference(metric, method, parts.draws, means[0], means[1], value, test_variance=parts.test)
    told = told if np.isnan(parts.support) else replace(told, support_variance=parts.support)
    if error < _ROUNDING:
        return replace(told, reason="the two differ by as much in every draw of patients, so that nothing says how much chance is in it")
    degrees = parts.degrees(patients)
    reach = float(stdtrit(degrees, (1 + COVERAGE) / 2)) * error
    p = float(2 * stdtr(degrees, -abs(value) / error))
    return replace(told, lo=max(value - reach, -1.0), hi=min(value + reach, 1.0), p=p)
