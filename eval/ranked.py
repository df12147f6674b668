"""Ranking metrics of many scorings of the same items at once: one sort for each scoring, then sums over its distinct scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

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

    def _distinct(self) -> Ints:
        return np.diff(self.first, append=len(self.true))


def ordered(scores: Floats) -> tuple[Ints, Floats, NDArray[np.bool_]]:
    """(F, M) each: which item comes where, from the highest score down; its score; whether it is the last of its score."""
    order = descending(scores)
    falling = np.take_along_axis(scores, order, axis=1)
    last = np.ones(scores.shape, np.bool_)
    np.not_equal(falling[:, 1:], falling[:, :-1], out=last[:, :-1])
    return order, falling, last


def descending(scores: Floats) -> Ints:
    """(F, M): which item comes where, from the highest score down."""
    return np.argsort(-scores, axis=1)


def ranked(y: Ints, scores: Floats, weight: Floats | None = None) -> Ranked:
    """Rank the items (M,) of both labels, 0 and 1, by each of the scorings (F, M), which are finite. Memory is some 50 bytes a score.

    Items may have weights (M,), all positive.
    """
    order, falling, last = ordered(scores)
    fits, items = scores.shape
    ends = np.flatnonzero(last)
    first = np.searchsorted(ends, np.arange(fits) * items)
    if weight is None:
        true = np.cumsum(y[order], axis=1).ravel()[ends]
        false = ends % items + 1 - true
        positives = int(y.sum())
        return Ranked(true, false, falling.ravel()[ends], first, positives, items - positives)
    true, false = (np.cumsum((weight * label)[order], axis=1).ravel()[ends] for label in (y, 1 - y))
    return Ranked(true, false, falling.ravel()[ends], first, float(weight[y == 1].sum()), float(weight[y == 0].sum()))


@final
@dataclass(frozen=True)
class Areas:
    """What ranking metrics are, of many fits or of many draws; NaN where there is one class only."""

    auroc: Floats
    ap: Floats

    def aurocs(self) -> Floats:
        return self.auroc

    def average_precisions(self) -> Floats:
        return self.ap


def areas(y: Ints, scores: Floats) -> Areas:
    """The AUROC (F,) and average precision (F,) of each of the scorings, as `ranked` takes them without weights."""
    from .ranking_walks import walk_fits

    found = Areas(np.empty(len(scores)), np.empty(len(scores)))
    walk_fits(y, scores, descending(scores), found.auroc, found.ap)
    return found


def _steps(cumulative: Counts, first: Ints) -> Counts:
    steps = np.diff(cumulative, prepend=0)
    steps[first] = cumulative[first]
    return steps
