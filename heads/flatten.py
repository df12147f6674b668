"""Flatten head: a fixed number of slices of each scan, one after the other, as one long vector for a linear head."""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from .bag_head import BagHead
from .bags import BLOCK, Bags
from .linear import LinearHead
from .linear_parts import again
from .vectors import Floats, Ints, softmax, unit


@final
class FlattenHead(BagHead):
    """A linear head on `slices` slices of a scan side by side: where in the scan something lies matters.

    Slice j is that of a scan of n at place floor((j + 1/2) n / slices): the nearest to the middle of the j-th of equal parts. Vectors are
    brought to unit length one by one and divided by the root of `slices`, so that C is what it is in `LinearHead`; of one slice it is that.

    Args:
        slices: slices of each scan; of scans with fewer, some come more than once.
        C: as in `LinearHead`.
    """

    LEARNED: ClassVar[tuple[str, ...]] = LinearHead.LEARNED

    def __init__(self, slices: int = 16, C: float = 100.0) -> None:
        self.slices = slices
        self.C = C

    def _learn(self, bags: Bags, codes: Ints) -> None:
        if self.slices < 1:
            raise ValueError(f"slices is {self.slices}; 1 or more are wanted")
        fitted = self._blank().fit(flattened(bags, self.slices), codes)
        for name in self.LEARNED:
            setattr(self, name, getattr(fitted, name))

    def _class_scores(self, X: Bags) -> Floats:
        head = again(self._blank(), {name: getattr(self, name) for name in self.LEARNED}, len(self.classes_))
        step = max(1, BLOCK // self.slices)
        parts = [
            head.decision_function(flattened(X.of(np.arange(at, min(at + step, len(X)))), self.slices)) for at in range(0, len(X), step)
        ]
        scores = np.concatenate(parts)
        return np.stack([np.zeros_like(scores), scores], axis=1) if scores.ndim == 1 else scores

    def _probabilities(self, scores: Floats) -> Floats:
        return softmax(scores)

    def _blank(self) -> LinearHead:
        return LinearHead(self.C, normalize=None)  # the parts are of unit length already


def nearest_places(sizes: Ints, slices: int) -> Ints:
    """(N, slices): which of the vectors of bags of `sizes` (N,) stand for the middles of so many equal parts, from 0."""
    return (2 * np.arange(slices) + 1) * sizes[:, None] // (2 * slices)


def flattened(bags: Bags, slices: int) -> Floats:
    """(N, slices * D)."""
    chosen = bags.starts[:-1, None] + nearest_places(bags.sizes, slices)
    return (unit(bags.X[chosen].astype(np.float64)) / np.sqrt(slices)).reshape(len(bags), -1)
