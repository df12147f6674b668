"""The best of each group, kept while scores stream by: of a study its best slice, of a patient the best report."""

from __future__ import annotations

from typing import Any, final

import numpy as np
from numpy.typing import NDArray


@final
class BestOfGroups:
    """Exact, in memory of a number a group. Of equal scores the lower item counts, in whatever order they come."""

    def __init__(self, groups: int) -> None:
        self._scores = np.full(groups, -np.inf, np.float32)
        self._items = np.full(groups, -1, np.int64)

    def add(self, groups: NDArray[np.int64], scores: NDArray[np.floating[Any]], items: NDArray[np.int64]) -> None:
        """(B,) each: groups from 0, finite scores, items from 0."""
        values = scores.astype(np.float32)
        order = np.lexsort((items, -values, groups))
        first = order[np.flatnonzero(np.diff(groups[order], prepend=-1))]
        group, value, item = groups[first], values[first], items[first]
        held = self._scores[group]
        better = (value > held) | ((value == held) & (item < self._items[group]))
        self._scores[group[better]], self._items[group[better]] = value[better], item[better]

    def ranked(self, most: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
        """Groups, their items and scores, best first; of equal scores the lower item first. `most` of them."""
        there = np.flatnonzero(self._items >= 0)
        order = there[np.lexsort((self._items[there], -self._scores[there]))][:most]
        return order, self._items[order], self._scores[order]
