"""Metrics of a single fit, each with its value or the reason why there is none: `battery` for one row.

Labels are 0 or 1 and scores finite, the larger the more likely; unknown labels are left out before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import ArrayLike

from .battery import battery, thresholds
from .outcomes import checked_labels, missing_class


@final
@dataclass(frozen=True)
class Measured:
    """A metric's value, or why there is none."""

    value: float | None
    reason: str = ""


def auroc(y: ArrayLike, score: ArrayLike) -> Measured:
    """Area under the ROC curve: the chance that a positive scores higher than a negative, ties counting one half.

    Counted in whole numbers, so it is the nearest float64 to the true value.

    Raises:
        UsageError: lengths differ, a label is not 0 or 1, or a score is not finite.
    """
    return _measured("auroc", y, score)


def average_precision(y: ArrayLike, score: ArrayLike) -> Measured:
    """AP: precision at each distinct score, weighted by the recall gained there (scikit-learn's, not interpolated). Raises as `auroc`."""
    return _measured("ap", y, score)


def youden_threshold(y: ArrayLike, score: ArrayLike) -> Measured:
    """The score t that maximises sensitivity + specificity - 1 of `score >= t`; of several, the highest (Youden 1950).

    Always one of the scores, never infinite. Raises as `auroc`.
    """
    value = float(thresholds(y, np.asarray(score, dtype=np.float64)[None])[0])
    return Measured(None, missing_class(checked_labels(y))) if np.isnan(value) else Measured(value)


def f1_at(y: ArrayLike, score: ArrayLike, threshold: float | Measured) -> Measured:
    """F1 of `score >= threshold`: 2 tp / (2 tp + fp + fn), 0 where nothing reaches the threshold.

    A threshold that could not be measured gives no value, for its reason. Raises as `auroc`.
    """
    at = threshold if isinstance(threshold, Measured) else Measured(float(threshold))
    return _measured("f1", y, score, np.nan if at.value is None else at.value, at.reason)


def _measured(name: str, y: ArrayLike, score: ArrayLike, threshold: float = np.nan, reason: str = "") -> Measured:
    scores = np.asarray(score, dtype=np.float64)[None]
    found = battery([name], y, scores, threshold=[threshold], threshold_reason=reason)
    value = float(found.values[name][0])
    return Measured(None, found.reasons[name][0]) if np.isnan(value) else Measured(value)
