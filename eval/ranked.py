"""Ranking metrics of many scorings of the same items at once: one sort for each scoring, then sums over its distinct scores.

The variance of an AUROC is DeLong's (DeLong, DeLong and Clarke-Pearson, Biometrics 1988), which is that of the placements: of a positive,
the share of negatives under it, and of a negative, the share of positives above it, ties counting one half. Items of equal label and
score have equal placements, so that sums over distinct scores are all it takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from ..store.errors import UsageError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Counts = Ints | Floats
"""Whole numbers of items, or sums of their weights."""


@final
@dataclass(frozen=True)
class Ranked:
    """The distinct scores of F scorings, one scoring after the other, each from its highest score down: G in all."""

    true: Counts
    """(G,) positives that score so high or higher, or their weight."""
    false: Counts
    """(G,) negatives that do."""
    threshold: Floats
    """(G,) the score."""
    first: Ints
    """(F,) where each scoring begins."""
    positives: int | float
    negatives: int | float

    @property
    def _new(self) -> tuple[Counts, Counts]:
        """Positives and negatives at each score itself."""
        return _steps(self.true, self.first), _steps(self.false, self.first)

    def aurocs(self) -> Floats:
        """(F,); from whole numbers where no weights are given: each is the float64 nearest to the true value."""
        new_true, new_false = self._new
        doubled = np.add.reduceat(new_false * (2 * self.true - new_true), self.first)
        return doubled / (2 * self.positives * self.negatives)

    def average_precisions(self) -> Floats:
        """(F,): precision at each score, weighted by the recall gained there."""
        new_true, _ = self._new
        return np.add.reduceat(new_true / self.positives * (self.true / (self.true + self.false)), self.first)

    def youden_thresholds(self) -> Floats:
        """(F,): the score that maximises sensitivity + specificity - 1, the highest of several."""
        value = self.true * self.negatives - self.false * self.positives
        best = np.repeat(np.maximum.reduceat(value, self.first), self._distinct())
        place = np.where(value == best, np.arange(len(value)), len(value))
        return self.threshold[np.minimum.reduceat(place, self.first)]

    def auroc_variances(self) -> Floats:
        """(F,) DeLong's; NaN where a class has one item, whose variance nobody can tell.

        Raises:
            UsageError: items have weights, for which there is no such variance.
        """
        if self.true.dtype.kind == "f":
            raise UsageError("DeLong's variance is of items that count alike; these have weights")
        new_true, new_false = self._new
        area = np.repeat(self.aurocs(), self._distinct())
        of_positives = 1 - (self.false - new_false / 2) / self.negatives - area
        of_negatives = (self.true - new_true / 2) / self.positives - area
        with np.errstate(divide="ignore", invalid="ignore"):
            return (
                np.add.reduceat(new_true * of_positives**2, self.first) / np.float64(self.positives - 1) / self.positives
                + np.add.reduceat(new_false * of_negatives**2, self.first) / np.float64(self.negatives - 1) / self.negatives
            )

    def _distinct(self) -> Ints:
        return np.diff(self.first, append=len(self.true))


def ranked(y: Ints, scores: Floats, weight: Floats | None = None) -> Ranked:
    """Rank the items (M,) of both labels, 0 and 1, by each of the scorings (F, M), which are finite. Memory is some 50 bytes a score.

    Items may have weights (M,), all positive.
    """
    fits, items = scores.shape
    order = np.argsort(-scores, axis=1)
    descending = np.take_along_axis(scores, order, axis=1)
    last = np.ones(scores.shape, np.bool_)
    np.not_equal(descending[:, 1:], descending[:, :-1], out=last[:, :-1])
    ends = np.flatnonzero(last)
    first = np.searchsorted(ends, np.arange(fits) * items)
    if weight is None:
        true = np.cumsum(y[order], axis=1).ravel()[ends]
        false = ends % items + 1 - true
        positives = int(y.sum())
        return Ranked(true, false, descending.ravel()[ends], first, positives, items - positives)
    true, false = (np.cumsum((weight * label)[order], axis=1).ravel()[ends] for label in (y, 1 - y))
    return Ranked(true, false, descending.ravel()[ends], first, float(weight[y == 1].sum()), float(weight[y == 0].sum()))


def _steps(cumulative: Counts, first: Ints) -> Counts:
    steps = np.diff(cumulative, prepend=0)
    steps[first] = cumulative[first]
    return steps
