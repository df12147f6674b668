"""Placements of items, and the variance of their mean when items of a patient depend on each other.

Of a positive: the share of negatives that score lower; of a negative: the share of positives that score higher; ties count one half. The
mean over positives, as over negatives, is the AUROC. With one item a patient its variance is DeLong's (Biometrics 1988); with several it is
Obuchowski's (Biometrics 1997), which sums the deviations of each patient first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .ranked import descending

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def placements(y: Ints, scores: Floats) -> Floats:
    """(F, M), in the order of the items (M,), which are of both classes."""
    from .ranking_walks import walk_placements

    placed = np.empty(scores.shape)
    walk_placements(y, scores, descending(scores), placed)
    return placed


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
