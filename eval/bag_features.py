"""All vectors of each evaluation unit, as bags: the slices of a scan, or its steps along depth, for heads that learn how to pool them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from ..heads import Bags
from ..store.errors import UsageError
from ..store.features import FeatureSet
from ..store.slices_taken import slices_taken
from ..store.specs import FeatureKey
from .units import Units

if TYPE_CHECKING:
    from ..store.bank import Bank

KINDS = ("slice", "depth")
BLOCK_ROWS = 65_536
"""Vectors that are read together."""


@final
@dataclass(frozen=True)
class UnitBags:
    """A bag of vectors for each of N units."""

    name: str
    """`encoder/view/kind[/layer]`; with the beginning of the digest where another set has the same name."""
    key: FeatureKey
    bags: Bags
    """In the set's dtype; slices in the order of the scan. Of units that are not present, empty."""
    present: NDArray[np.bool_]
    """(N,): False where the set lacks one of the vectors that its view takes of the unit."""


def unit_bags(bank: Bank, features: FeatureSet, units: Units, name: str = "") -> UnitBags:
    """The vectors of each unit: of a scan all slices or steps along depth that the set holds, of a slice its own.

    Beside the answer, memory holds no more than a block of vectors, and as many numbers as the set has rows.

    Args:
        bank: where the scans are.
        features: a set of kind `slice` or, for units that are scans, `depth`.
        units: what is evaluated.
        name: what the set is called; by default its own name.

    Raises:
        UsageError: the set is of another kind.
        BankDamagedError: a chunk is damaged.
    """
    kind = features.key.kind
    wanted = KINDS if units.unit == "volume" else KINDS[:1]
    if kind not in wanted:
        what = " or ".join(wanted)
        raise UsageError(f"feature set {name or features.name!r} is of kind {kind!r}; heads on bags for {units.unit}s need kind {what}")
    items = features.items()
    runs = kind == "slice"
    first, count = (units.slices[:, 0], units.slices[:, 1]) if runs else (units.ordinals, np.ones(len(units), dtype=np.int64))
    owner = _owners(items, first, count)
    rows = np.flatnonzero(owner >= 0)
    seen = np.bincount(owner[rows], minlength=len(units))
    present = seen >= slices_taken(bank, features.key.view.slices, first, count) if runs else seen == 1
    rows = rows[present[owner[rows]]]
    mask = features.mask()[rows] if kind == "depth" else None
    held = np.ones(len(rows), dtype=np.int64) if mask is None else mask.sum(axis=1)
    # by unit, then along the scan: where each row's vectors go
    order = np.lexsort((items[rows], owner[rows]))
    ends = np.cumsum(held[order])
    place = np.empty(len(rows), dtype=np.int64)
    place[order] = ends - held[order]
    sizes = np.zeros(len(units), dtype=np.int64)
    np.add.at(sizes, owner[rows], held)
    X = np.empty((int(sizes.sum()), features.dim), dtype=features.dtype)
    inner = features.vector_shape
    step = max(1, BLOCK_ROWS // inner[0]) if len(inner) > 1 else BLOCK_ROWS
    for start in range(0, len(items), step):
        chosen = slice(*np.searchsorted(rows, [start, start + step]).tolist())
        if chosen.start == chosen.stop:
            continue
        wanted_rows = rows[chosen]
        begin = int(wanted_rows[0])
        vectors = features.vectors(begin, int(wanted_rows[-1]) + 1)[wanted_rows - begin]
        if mask is not None:
            vectors = vectors[mask[chosen]]
        within = np.arange(len(vectors)) - np.repeat(np.cumsum(held[chosen]) - held[chosen], held[chosen])
        X[np.repeat(place[chosen], held[chosen]) + within] = vectors
    present &= sizes > 0
    return UnitBags(name or features.name, features.key, Bags(X, np.concatenate([[0], np.cumsum(sizes)])), present)


def _owners(items: NDArray[np.int64], first: NDArray[np.int64], count: NDArray[np.int64]) -> NDArray[np.int64]:
    """(rows,) the unit that each item is of, -1 where of none; units are disjoint runs of `count` ordinals from `first` on."""
    order = np.argsort(first, kind="stable")
    unit = order[np.maximum(np.searchsorted(first[order], items, side="right") - 1, 0)]
    return np.where((items >= first[unit]) & (items < first[unit] + count[unit]), unit, -1)
