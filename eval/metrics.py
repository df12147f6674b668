"""Metrics of binary findings: AUROC, AP, F1 at Youden's threshold, and bootstrap intervals by patient.

Labels are 0 or 1 and scores finite, the larger the more likely; unknown labels are left out before. Where a metric is not defined there
is no number, but a reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..store.errors import UsageError

COVERAGE = 0.95
"""Of the intervals."""
_LEAST_PATIENTS = 2
"""With items of each class; from fewer, no draw of patients says how much they differ."""


@dataclass(frozen=True)
class Measured:
    """A metric's value, or why there is none."""

    value: float | None
    reason: str = ""


Metric = Callable[[ArrayLike, ArrayLike], Measured]


def auroc(y: ArrayLike, score: ArrayLike) -> Measured:
    """Area under the ROC curve: the chance that a positive scores higher than a negative, ties counting one half.

    Counted in whole numbers, so it is the nearest float64 to the true value.

    Raises:
        UsageError: lengths differ, a label is not 0 or 1, or a score is not finite.
    """
    return _of_both(y, score, _auroc)


def average_precision(y: ArrayLike, score: ArrayLike) -> Measured:
    """AP: precision at each distinct score, weighted by the recall gained there (scikit-learn's, not interpolated). Raises as `auroc`."""
    return _of_both(y, score, _average_precision)


def youden_threshold(y: ArrayLike, score: ArrayLike) -> Measured:
    """The score t that maximises sensitivity + specificity - 1 of `score >= t`; of several, the highest (Youden 1950).

    Always one of the scores, never infinite. Raises as `auroc`.
    """
    return _of_both(y, score, _youden)


def f1_at(y: ArrayLike, score: ArrayLike, threshold: float | Measured) -> Measured:
    """F1 of `score >= threshold`: 2 tp / (2 tp + fp + fn), 0 where nothing reaches the threshold.

    A threshold that could not be measured gives no value, for its reason. Raises as `auroc`.
    """
    if not isinstance(threshold, Measured):
        return _of_both(y, score, lambda labels, scores: _f1(labels, scores, float(threshold)))
    if threshold.value is None:
        return Measured(None, f"no threshold: {threshold.reason}")
    return f1_at(y, score, threshold.value)


def interval(
    y: ArrayLike, score: ArrayLike, groups: ArrayLike, metric: Metric, draws: int = 1000, seed: int = 0
) -> tuple[float, float] | tuple[None, None]:
    """A 95% percentile interval of `metric` from drawing patients with replacement, all items of a patient together.

    Draws in which the metric has no value are left out. The order of the items does not matter. Perfect separation gives (1, 1): a
    percentile interval cannot leave what was seen.

    Args:
        y: (N,) labels.
        score: (N,) scores.
        groups: (N,) patients, as numbers or texts.
        metric: such as `auroc`.
        draws: how often patients are drawn.
        seed: of the draws.

    Returns:
        Lower and upper end; (None, None) where the metric has no value or fewer than two patients have items of a class.

    Raises:
        UsageError: as `auroc`; or there is not one group for each item, or no draw is asked for.
    """
    labels, scores = _checked(y, score)
    names, patient = np.unique(np.asarray(groups), return_inverse=True)
    if patient.shape != labels.shape or draws < 1:
        raise UsageError(f"{len(labels)} items have groups of shape {patient.shape} and {draws} draws; one group an item, 1 draw or more")
    if metric(labels, scores).value is None or any(len(np.unique(patient[labels == c])) < _LEAST_PATIENTS for c in (0, 1)):
        return None, None
    order = np.lexsort((labels, scores))  # what each draw has to sort is then sorted already
    labels, scores, patient = labels[order], scores[order], patient[order]
    random = np.random.Generator(np.random.PCG64(seed))
    values: list[float] = []
    for _ in range(draws):
        times = np.bincount(random.integers(len(names), size=len(names)), minlength=len(names))[patient]
        value = metric(np.repeat(labels, times), np.repeat(scores, times)).value
        if value is not None:
            values.append(value)
    low, high = np.quantile(values, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return float(low), float(high)


def _of_both(y: ArrayLike, score: ArrayLike, measure: Callable[[NDArray[np.int64], NDArray[np.float64]], float]) -> Measured:
    """`measure` where both classes are there; otherwise the reason why not."""
    labels, scores = _checked(y, score)
    items, positive = len(labels), int(labels.sum())
    if not items:
        return Measured(None, "no items")
    if positive in (0, items):
        return Measured(None, f"one class only: {positive} of {items} are positive")
    return Measured(measure(labels, scores))


def _checked(y: ArrayLike, score: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    labels, scores = np.asarray(y), np.asarray(score, dtype=np.float64)
    if labels.ndim != 1 or labels.shape != scores.shape:
        raise UsageError(f"labels are of shape {labels.shape} and scores of {scores.shape}; one score for each label is wanted")
    if not np.isin(labels, (0, 1)).all():
        raise UsageError(f"labels must be 0 or 1; found {_first(labels[~np.isin(labels, (0, 1))])}; leave unknown ones out")
    if not np.isfinite(scores).all():
        raise UsageError(f"{int((~np.isfinite(scores)).sum())} of {len(scores)} scores are NaN or infinite")
    return labels.astype(np.int64), scores


def _first(values: NDArray[np.generic]) -> str:
    return repr(values[0].item())


def _counts(labels: NDArray[np.int64], scores: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """(true positives, false positives, threshold) of `score >= threshold` at each distinct score, the highest first."""
    order = np.argsort(scores, kind="stable")[::-1]
    labels, scores = labels[order], scores[order]
    last = np.flatnonzero(np.append(np.diff(scores) != 0, True))
    true = np.cumsum(labels)[last]
    return true, last + 1 - true, scores[last]


def _auroc(labels: NDArray[np.int64], scores: NDArray[np.float64]) -> float:
    true, false, _ = _counts(labels, scores)
    twice = np.sum(np.diff(false, prepend=0) * (true + np.append(0, true[:-1])))  # trapezoids, in units of half a pair
    return int(twice) / (2 * int(true[-1]) * int(false[-1]))


def _average_precision(labels: NDArray[np.int64], scores: NDArray[np.float64]) -> float:
    true, false, _ = _counts(labels, scores)
    return float(np.sum(np.diff(true, prepend=0) / true[-1] * (true / (true + false))))


def _youden(labels: NDArray[np.int64], scores: NDArray[np.float64]) -> float:
    true, false, threshold = _counts(labels, scores)
    # sensitivity minus the false positive rate, times both counts: whole numbers, so that equal ones are equal
    return float(threshold[np.argmax(true * false[-1] - false * true[-1])])


def _f1(labels: NDArray[np.int64], scores: NDArray[np.float64], threshold: float) -> float:
    called = scores >= threshold
    true = int(labels[called].sum())
    return 2 * true / (int(called.sum()) + int(labels.sum()))
