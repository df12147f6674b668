"""What an index is made of: unit vectors of a feature set by ordinal, or of volumes whose slices are pooled. Read in blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from ...store.features import CHUNK_ROWS, FeatureSet
from ...store.slices_taken import slices_taken
from .vectors import unit

if TYPE_CHECKING:
    from ...store.bank import Bank

MEAN = "mean"
BLOCK_ROWS = 8 * CHUNK_ROWS
"""Rows read at a time: of slice vectors only their sums are held."""
_PRESENT = {"volume": "volumes", "slice": "slices"}
"""Views of what is there; a set may hold rows of what once was."""


@final
@dataclass(frozen=True)
class Source:
    """The items that have a vector at a snapshot, and these vectors."""

    features: FeatureSet
    pooling: str
    items: NDArray[np.int64]
    """(M,) ordinals, each once, in the order in which `read` gives them."""
    _starts: NDArray[np.int64]
    """(M,) of an item's vector the row; where vectors are pooled, the first ordinal of its slices, increasing."""
    _counts: NDArray[np.int64]
    """(M,) of slices."""

    @property
    def name(self) -> str:
        return f"{self.features.name}/{self.pooling}" if self.pooling else self.features.name

    def read(self, chosen: NDArray[np.bool_]) -> Iterator[NDArray[np.float32]]:
        """Unit vectors of the items where `chosen` (M,) is true, in their order, in blocks (n, D)."""
        if self.pooling:
            if chosen.any():
                yield self._pooled(chosen)
            return
        rows = self._starts[chosen]
        for at in range(0, self.features.rows, BLOCK_ROWS):
            first, last = np.searchsorted(rows, (at, at + BLOCK_ROWS))
            if first < last:
                low, high = int(rows[first]), int(rows[last - 1]) + 1
                yield unit(self.features.vectors(low, high)[rows[first:last] - low])

    def _pooled(self, chosen: NDArray[np.bool_]) -> NDArray[np.float32]:
        starts, counts = self._starts[chosen], self._counts[chosen]
        sums, seen = np.zeros((len(starts), self.features.dim)), np.zeros(len(starts), np.int64)
        items = self.features.items()
        for at in range(0, len(items), BLOCK_ROWS):
            owner, rows = _owners(items[at : at + BLOCK_ROWS], starts, counts)
            if len(rows):
                low, high = int(rows[0]), int(rows[-1]) + 1
                np.add.at(sums, owner, self.features.vectors(at + low, at + high)[rows - low])
                np.add.at(seen, owner, 1)
        return unit(sums / seen[:, None])


def poolings(features: FeatureSet) -> tuple[str, ...]:
    """How a set can be indexed: slices as themselves, or pooled into their volumes."""
    return ("", MEAN) if features.key.kind == "slice" else ("",)


def source_of(bank: Bank, features: FeatureSet, pooling: str) -> Source:
    """What is to be in an index of a set at the bank's snapshot. No vector is read."""
    if pooling:
        return _volumes(bank, features)
    items, first = np.unique(features.items(), return_index=True)
    if view := _PRESENT.get(features.key.kind):
        present = bank.sql(f"SELECT ordinal FROM {view}").column("ordinal").to_numpy()
        first = first[np.isin(items, present)]
    rows = np.sort(first).astype(np.int64)
    return Source(features, pooling, features.items()[rows], rows, np.ones(len(rows), np.int64))


def _volumes(bank: Bank, features: FeatureSet) -> Source:
    """Volumes of which all slices that the view takes have vectors."""
    answer = bank.sql("SELECT ordinal, slice_ordinal, slices FROM volumes ORDER BY slice_ordinal")
    ordinals, starts, counts = (answer.column(name).to_numpy() for name in ("ordinal", "slice_ordinal", "slices"))
    seen = np.zeros(len(starts), np.int64)
    items = features.items()
    for at in range(0, len(items), BLOCK_ROWS):
        owner, _ = _owners(items[at : at + BLOCK_ROWS], starts, counts)
        np.add.at(seen, owner, 1)
    whole = (seen >= slices_taken(bank, features.key.view.slices, starts, counts)) & (seen > 0)
    return Source(features, MEAN, ordinals[whole], starts[whole], counts[whole])


def _owners(items: NDArray[np.int64], starts: NDArray[np.int64], counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of the slices among `items` that are in one of the runs: which run, and their places in `items`."""
    if not len(starts):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    owner = np.searchsorted(starts, items, side="right") - 1
    places = np.flatnonzero((owner >= 0) & (items < starts[owner] + counts[owner]))
    return owner[places], places
