"""An index that is asked again and again: filters are remembered, with the way that each is best searched."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

import numpy as np
from numpy.typing import NDArray

from .card import Plan
from .index import Found, Subset, VectorIndex
from .planning import MANY, plan_for, raised


@final
class Searcher:
    """Answers queries over one index.

    A filter that is named is answered by comparing all of its rows the first time, where they are no more than MANY, and planned
    for from the second time on.
    """

    def __init__(self, index: VectorIndex, keep: int = 32) -> None:
        """`keep`: filters that are remembered, those that were used last."""
        self.index = index
        self._keep = keep
        self._known: dict[str, tuple[Subset, Plan | None]] = {}

    def search(self, query: NDArray[np.float32], k: int, among: Callable[[], NDArray[np.int64]] | None = None, *, name: str = "") -> Found:
        """The `k` items nearest to a query, all of them where there are fewer.

        Args:
            query: (D,), of any length but zero.
            k: how many, at least 1.
            among: gives the ordinals that may be found, in any order; all of the index by default. Asked only where `name` is not known.
            name: of the filter, as long as the bank's snapshot is the same; without one nothing is remembered.

        Raises:
            UsageError: the query is of another dimension or not finite, or `k` is below 1.
        """
        if among is None:
            return self.index.search(query, k, self.index.everything, self.index.card.plan)
        if not name:
            subset = self.index.subset(among())
            return self.index.search(query, k, subset, self._first(subset))
        subset, plan = self._remembered(name, among)
        return self.index.search(query, k, subset, plan)

    def _remembered(self, name: str, among: Callable[[], NDArray[np.int64]]) -> tuple[Subset, Plan]:
        known = self._known.pop(name, None)
        if known is None:
            subset, plan = self.index.subset(among()), None
            first = self._first(subset)
        else:
            subset, plan = known
            first = plan = plan or self._planned(subset)
        self._known[name] = subset, plan  # behind all others: the first is the one that was not used for longest
        while len(self._known) > self._keep:
            del self._known[next(iter(self._known))]
        return subset, first

    def _first(self, subset: Subset) -> Plan:
        if subset.is_all:
            return self.index.card.plan
        return raised(self.index, subset) if len(subset) > MANY else Plan("exact", cost=float(len(subset)))

    def _planned(self, subset: Subset) -> Plan:
        return self.index.card.plan if subset.is_all else plan_for(self.index, subset, self.index.card.recall_asked)
