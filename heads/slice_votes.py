"""Slice heads: a linear head on slices, whose probabilities become those of a scan by their mean or by the highest.

Each slice learns its scan's label, the usual baseline of multiple-instance learning.
"""

from __future__ import annotations

from typing import ClassVar, Literal, final

import numpy as np

from .bag_head import BagHead
from .bags import Bags, check_sub_bag, log_means, sub_bags
from .linear import LinearHead
from .linear_parts import again, log_probabilities
from .vectors import Floats, Ints, softmax

_POOLS = ("mean", "max")


@final
class SliceHead(BagHead):
    """A linear head on slices that inherit the scan's label.

    Scores are log probabilities, so that of bags of one vector decision values are those of the linear head itself.

    Args:
        pool: how slices become a scan. `mean`: the mean of their probabilities. `max`: the highest decision value, as one slice is enough
            to show a finding (of two classes; of more, the highest log probability of each class).
        C: as in `LinearHead`.
        normalize: as in `LinearHead`.
        sub_bag: each scan teaches a run of so many neighbouring slices at a random place; None: all its slices.
        random_state: seed of those places.
    """

    LEARNED: ClassVar[tuple[str, ...]] = LinearHead.LEARNED

    coef_: Floats

    def __init__(
        self,
        pool: Literal["mean", "max"] = "mean",
        C: float = 100.0,
        normalize: Literal["l2", "standard"] | None = "l2",
        sub_bag: int | None = None,
        random_state: int = 0,
    ) -> None:
        self.pool = pool
        self.C = C
        self.normalize: Literal["l2", "standard"] | None = normalize
        self.sub_bag = sub_bag
        self.random_state = random_state

    def _learn(self, bags: Bags, codes: Ints) -> None:
        if self.pool not in _POOLS:
            raise ValueError(f"pool is {self.pool!r}; choose one of {', '.join(map(repr, _POOLS))}")
        if self.sub_bag is not None:
            check_sub_bag(self.sub_bag)
            bags = sub_bags(bags, self.sub_bag, np.random.default_rng(self.random_state))
        fitted = self._blank().fit(bags.X, codes[bags.owner])
        for name in self.LEARNED:
            setattr(self, name, getattr(fitted, name))

    def _class_scores(self, X: Bags) -> Floats:
        logs = log_probabilities(again(self._blank(), {name: getattr(self, name) for name in self.LEARNED}, len(self.classes_)), X)
        if self.pool == "mean":
            return log_means(logs, X.starts)
        if logs.shape[1] == 2:  # one number: the highest decision value, and nothing of the slice that is surest of absence
            logs = np.stack([np.zeros(len(logs)), logs[:, 1] - logs[:, 0]], axis=1)
        return np.maximum.reduceat(logs, X.starts[:-1], axis=0)

    def _probabilities(self, scores: Floats) -> Floats:
        return softmax(scores)

    def _blank(self) -> LinearHead:
        return LinearHead(self.C, self.normalize)
