"""What follows from the four counts at a threshold: of one fit, of many, or of many bootstrap draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@final
@dataclass(frozen=True)
class Confusion:
    """Items by truth and call, or their weights; arrays of one shape. Metrics assume that there are items of both classes."""

    true_positive: Floats
    false_positive: Floats
    false_negative: Floats
    true_negative: Floats

    def sensitivity(self) -> Floats:
        return self.true_positive / (self.true_positive + self.false_negative)

    def specificity(self) -> Floats:
        return self.true_negative / (self.true_negative + self.false_positive)

    def balanced_accuracy(self) -> Floats:
        return (self.sensitivity() + self.specificity()) / 2

    def accuracy(self) -> Floats:
        right = self.true_positive + self.true_negative
        return right / (right + self.false_positive + self.false_negative)

    def f1(self) -> Floats:
        """2 tp / (2 tp + fp + fn), 0 where nothing positive is called positive."""
        return 2 * self.true_positive / (2 * self.true_positive + self.false_positive + self.false_negative)

    def kappa(self) -> Floats:
        """Cohen's (1960): agreement beyond chance, from -1 to 1. NaN where both truth and calls are of the same one class."""
        tp, fp, fn, tn = self.true_positive, self.false_positive, self.false_negative, self.true_negative
        return 2 * (tp * tn - fn * fp) / ((tp + fp) * (fp + tn) + (tp + fn) * (fn + tn))

    def macro_f1(self) -> Floats:
        """Mean of the F1 of both classes."""
        return (self.f1() + Confusion(self.true_negative, self.false_negative, self.false_positive, self.true_positive).f1()) / 2


def cell_of(y: Ints, scores: Floats, threshold: Floats) -> Ints:
    """(F, M): 0 true positive, 1 false positive, 2 false negative, 3 true negative of `score >= threshold`, as in `Confusion`."""
    return 2 * (scores < threshold[:, None]) + (1 - y)


def confusion(y: Ints, scores: Floats, threshold: Floats, weight: Floats | None = None) -> Confusion:
    """Count the items (M,), or sum their weights, at each fit's threshold (F,); each array is (F,). A threshold of NaN calls nothing."""
    called = scores >= threshold[:, None]
    each = np.ones(len(y)) if weight is None else weight
    of_positive, of_negative = each * y, each * (1 - y)
    true, false = np.where(called, of_positive, 0).sum(axis=1), np.where(called, of_negative, 0).sum(axis=1)
    missed, right = np.where(called, 0, of_positive).sum(axis=1), np.where(called, 0, of_negative).sum(axis=1)
    return Confusion(true, false, missed, right)
