"""Indexes that stay open from one search to the next, as a service needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from ...store.features import FeatureSet
from .opening import open_index
from .searcher import Searcher

if TYPE_CHECKING:
    from ...store.bank import Bank


@final
class Searchers:
    """Of one bank, as it is at one snapshot at a time. Not for several threads at once."""

    def __init__(self) -> None:
        self._snapshot = ""
        self._open: dict[tuple[str, str], Searcher] = {}

    def of(self, bank: Bank, features: FeatureSet, pooling: str = "") -> Searcher:
        """The index of a set at the bank's snapshot, opened when it is asked for first. Raises as `open_index` does."""
        if self._snapshot != bank.snapshot.id:
            self._open.clear()
            self._snapshot = bank.snapshot.id
        key = features.digest, pooling
        if key not in self._open:
            self._open[key] = Searcher(open_index(bank, features, pooling))
        return self._open[key]
