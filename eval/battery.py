"""All metrics of many fits on the same items at once: one sort for each fit, everything else by sums.

A fit's values do not depend on the fits beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .bootstrap import bootstrap_intervals
from .confusion import confusion
from .delong import delong_intervals
from .metric_kinds import DEFAULT, METRICS, MetricKind, metrics_named
from .outcomes import checked_labels, checked_probabilities, checked_scores, checked_thresholds, checked_weights, missing_class
from .portions import portions
from .ranked import areas, ranked
from .reliability import reliability

__all__ = [
    "DEFAULT",
    "METRICS",
    "Battery",
    "MetricKind",
    "battery",
    "bootstrap_intervals",
    "delong_intervals",
    "metrics_named",
    "thresholds",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@final
@dataclass(frozen=True)
class Battery:
    """Metrics of F fits."""

    values: Mapping[str, Floats]
    """Of each metric (F,); NaN where there is no value."""
    reasons: Mapping[str, tuple[str, ...]]
    """Of each metric, F texts: why there is no value; empty where there is one."""


def battery(
    names: Iterable[str],
    y: ArrayLike,
    score: ArrayLike,
    *,
    threshold: ArrayLike | None = None,
    threshold_reason: str = "no validation items",
    probability: ArrayLike | None = None,
    probability_reason: str = "the head gives none",
    weight: ArrayLike | None = None,
) -> Battery:
    """Measure F scorings of the same M items.

    Args:
        names: of metrics, as in `METRICS`.
        y: (M,) labels, 0 or 1. Of one class only, no metric has a value.
        score: (F, M) finite; the larger, the more likely.
        threshold: (F,) from the validation side, as `thresholds` gives them: `score >= threshold` is called positive. NaN, or None for
            all: there is none.
        threshold_reason: why, where there is none.
        probability: (F, M) of the positive class; a row of NaN, or None for all: there is none.
        probability_reason: why, where there is none.
        weight: (M,) of the items, positive or 0; None counts each once.

    Raises:
        UnknownNameError: a metric is unknown.
        UsageError: lengths differ, a label is not 0 or 1, a score or weight is not finite, or a probability is outside [0, 1].
    """
    kinds = metrics_named(names)
    labels = checked_labels(y)
    scores = checked_scores(labels, score)
    fits = len(scores)
    at = checked_thresholds(fits, threshold)
    probable = checked_probabilities(scores.shape, probability)
    weights = None if weight is None else checked_weights(labels, weight)
    if weights is not None and not weights.all():
        held = weights > 0
        labels, scores, weights = labels[held], np.compress(held, scores, axis=1), weights[held]
        probable = None if probable is None else np.compress(held, probable, axis=1)
    without = {
        "score": np.zeros(fits, np.bool_),
        "threshold": np.isnan(at),
        "probability": np.ones(fits, np.bool_) if probable is None else np.isnan(probable).all(axis=1),
    }
    why = {"score": "", "threshold": f"no threshold: {threshold_reason}", "probability": f"no probabilities: {probability_reason}"}
    nothing = missing_class(labels)
    reasons = {kind.name: tuple(why[kind.needs] if lacks else nothing for lacks in without[kind.needs].tolist()) for kind in kinds}
    values = {kind.name: np.full(fits, np.nan) for kind in kinds}
    for rows in () if nothing else portions(fits, len(labels)):
        statistic: dict[str, Callable[[], Any]] = {
            "score": lambda rows=rows: areas(labels, scores[rows]) if weights is None else ranked(labels, scores[rows], weights),
            "threshold": lambda rows=rows: confusion(labels, scores[rows], at[rows], weights),
            "probability": lambda rows=rows: None if probable is None else reliability(labels, np.nan_to_num(probable[rows]), weights),
        }
        for needs, make in statistic.items():
            wanted = [kind for kind in kinds if kind.needs == needs]
            made = make() if wanted else None
            for kind in wanted if made is not None else ():
                values[kind.name][rows] = np.where(without[needs][rows], np.nan, kind.of(made))
    return Battery(values, reasons)


def thresholds(y: ArrayLike, score: ArrayLike) -> Floats:
    """(F,): of each fit, the score that maximises sensitivity + specificity - 1 of `score >= t`, the highest of several (Youden 1950).

    Args:
        y: (V,) labels of the validation side, 0 or 1.
        score: (F, V) finite.

    Returns:
        One of the scores each; all NaN where the items are of one class or there are none.

    Raises:
        UsageError: as `battery`.
    """
    labels = checked_labels(y)
    scores = checked_scores(labels, score)
    if missing_class(labels):
        return np.full(len(scores), np.nan)
    return np.concatenate([np.empty(0), *(ranked(labels, scores[rows]).youden_thresholds() for rows in portions(len(scores), len(labels)))])
