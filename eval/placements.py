"""Placements of items, and the variance of their mean when items of a patient depend on each other.

Of a positive: the share of negatives that score lower; of a negative: the share of positives that score higher; ties count one half. The
mean over positives, as over negatives, is the AUROC. With one item a patient its variance is DeLong's (Biometrics 1988); with several it is
Obuchowski's (Biometrics 1997), which sums the deviations of each patient first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .ranked import ordered

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def placements(y: Ints, scores: Floats) -> Floats:
    """(F, M), in the order of the items (M,), which are of both classes."""
    order, _, last = ordered(scores)
    fits, items = scores.shape
    ends = np.flatnonzero(last)
    label = y[order]
    true = np.cumsum(label, axis=1).ravel()
    false = np.tile(np.arange(1, items + 1), fits) - true
    begins = np.concatenate([[0], ends[:-1] + 1])
    new_true = true[ends] - true[begins] + label.ravel()[begins]
    new_false = false[ends] - false[begins] + 1 - label.ravel()[begins]
    positives = int(y.sum())
    of_positive = 1 - (false[ends] - new_false / 2) / (items - positives)
    of_negative = (true[ends] - new_true / 2) / positives
    group = np.cumsum(last.ravel()) - last.ravel()
    placed = np.where(label, of_positive[group].reshape(label.shape), of_negative[group].reshape(label.shape))
    answer = np.empty_like(placed)
    np.put_along_axis(answer, order, placed, axis=1)
    return answer


def clustered_variances(y: Ints, placed: Floats, patient: Ints) -> Floats:
    """(F,) of the means over positives of placements (F, M), or of differences of placements.

    Args:
        y: (M,) labels.
        placed: (F, M).
        patient: (M,) whole numbers from 0, two or more with items of each class.
    """
    order = np.argsort(patient, kind="stable")
    starts = np.flatnonzero(np.diff(patient[order], prepend=-1))
    total = len(starts)
    sums: list[Floats] = []
    variance = np.zeros(len(placed))
    for label in (1, 0):
        of_class = y == label
        items, patients = int(of_class.sum()), len(np.unique(patient[of_class]))
        deviation = np.where(of_class, placed - np.compress(of_class, placed, axis=1).mean(axis=1, keepdims=True), 0)
        sums.append(np.add.reduceat(np.take(deviation, order, axis=1), starts, axis=1) / items)
        variance += patients / (patients - 1) * (sums[-1] ** 2).sum(axis=1)
    variance += 2 * total / (total - 1) * (sums[0] * sums[1]).sum(axis=1)
    return np.maximum(variance, 0)
