"""What is missing: the volumes whose items have no vector yet in the feature sets asked for. Nothing is decoded for this."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..store.scan import DECLARED
from ..store.specs import FeatureKey

if TYPE_CHECKING:
    from ..store.bank import Bank


@dataclass(frozen=True)
class Work:
    """One volume to decode."""

    volume: str
    ordinal: int
    slices: int
    slice_ordinal: int

    def items(self, kind: str) -> NDArray[np.int64]:
        """The ordinals that hold this volume's vectors in a set of `kind`."""
        if kind == "slice":
            return np.arange(self.slice_ordinal, self.slice_ordinal + self.slices, dtype=np.int64)
        return np.array([self.ordinal], dtype=np.int64)


class Present:
    """The items that a feature set holds, sorted for look-up."""

    def __init__(self, items: NDArray[np.int64]) -> None:
        self.rows = len(items)
        self._sorted = np.sort(items)

    def mask(self, items: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of `items` are there."""
        if not self.rows:
            return np.zeros(len(items), dtype=bool)
        place = np.minimum(np.searchsorted(self._sorted, items), self.rows - 1)
        return self._sorted[place] == items


def present(bank: Bank, keys: Sequence[FeatureKey]) -> dict[str, Present]:
    """For each key, by digest, what is there already."""
    sets = {s.digest: s for s in bank.feature_sets}
    empty = np.empty(0, dtype=np.int64)
    return {key.digest: Present(sets[key.digest].items() if key.digest in sets else empty) for key in keys}


def missing(bank: Bank, keys: Sequence[FeatureKey], have: dict[str, Present]) -> tuple[list[Work], int]:
    """The volumes that lack a vector in any of the sets, and how many lack none."""
    scans = f"kind IS DISTINCT FROM '{DECLARED}'"  # those have nothing to decode
    answer = bank.sql(f"SELECT volume, ordinal, slices, slice_ordinal FROM volumes WHERE {scans} ORDER BY ordinal")
    columns = [answer.column(name).to_pylist() for name in ("volume", "ordinal", "slices", "slice_ordinal")]
    every = [Work(*row) for row in zip(*columns, strict=True)]
    todo = [work for work in every if any(not have[key.digest].mask(work.items(key.kind)).all() for key in keys)]
    return todo, len(every) - len(todo)
