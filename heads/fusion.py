"""Fusion head: several feature sets of the same items, brought to one scale, as one vector for a linear head."""

from __future__ import annotations

from typing import ClassVar, Literal, final

import numpy as np
from numpy.typing import ArrayLike

from .base import Head
from .blocks import block_scale, checked_widths, unit_blocks
from .linear import LinearHead
from .linear_parts import again, class_scores
from .vectors import Floats, Ints, softmax

_NORMALIZE = ("standard", "l2")


@final
class FusionHead(Head):
    """A linear head on several blocks of features side by side.

    Args:
        widths: of the blocks, in the order of the columns; None: all columns are one block.
        normalize: what happens to each block first. `standard`: mean 0 and standard deviation 1 by feature over the rows that are learned
            from, then divided by the root of (width of the block * number of blocks), so that rows have a length of about 1 and no block
            counts more for being wider; of one block of D it is `LinearHead(C / D, "standard")`. `l2`: unit length, row by row, divided by
            the root of the number of blocks; of one block it is `LinearHead(C)`.
        C: as in `LinearHead`.
    """

    LEARNED: ClassVar[tuple[str, ...]] = ("shift_", "spread_", *LinearHead.LEARNED)

    def __init__(self, widths: ArrayLike | None = None, normalize: Literal["standard", "l2"] = "standard", C: float = 100.0) -> None:
        self.widths = widths
        self.normalize = normalize
        self.C = C

    def _learn(self, X: Floats, codes: Ints) -> None:
        if self.normalize not in _NORMALIZE:
            raise ValueError(f"normalize is {self.normalize!r}; choose one of {', '.join(map(repr, _NORMALIZE))}")
        widths = checked_widths(self.widths, X.shape[1])
        self.shift_ = np.zeros(X.shape[1])
        self.spread_ = np.full(X.shape[1], np.sqrt(len(widths)))
        if self.normalize == "standard":
            deviation = X.std(axis=0)
            self.shift_, self.spread_ = X.mean(axis=0), np.where(deviation > 0, deviation, 1.0) * block_scale(widths)
        fitted = self._blank().fit(self._prepared(X), codes)
        for name in LinearHead.LEARNED:
            setattr(self, name, getattr(fitted, name))

    def _class_scores(self, X: Floats) -> Floats:
        head = again(self._blank(), {name: getattr(self, name) for name in LinearHead.LEARNED}, len(self.classes_))
        return class_scores(head, self._prepared(X))

    def _probabilities(self, scores: Floats) -> Floats:
        return softmax(scores)

    def _prepared(self, X: Floats) -> Floats:
        if self.normalize == "l2":
            X = unit_blocks(X, checked_widths(self.widths, X.shape[1]))
        return (X - self.shift_) / self.spread_

    def _blank(self) -> LinearHead:
        return LinearHead(self.C, normalize=None)
