"""Vectors of evaluation units from a feature set; those of slices, depths or patches become one by a pooling that the name tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from ..store.features import FeatureSet
from ..store.slices_taken import slices_taken
from ..store.specs import FeatureKey
from .pools import pool_of
from .units import Units

if TYPE_CHECKING:
    from ..store.bank import Bank

BLOCK_ROWS = 65_536
"""Vectors in memory at once while they are pooled."""


@final
@dataclass(frozen=True)
class UnitFeatures:
    """One vector for each of N units."""

    name: str
    """`encoder/view/kind[/layer][/pool]`; with the beginning of the digest where another set has the same name."""
    key: FeatureKey
    pool: str
    """Empty where nothing was pooled."""
    X: NDArray[np.float32]
    """(N, D); zeros where `present` is False."""
    present: NDArray[np.bool_]
    """(N,): False where the set lacks the unit's vector, or that of one of the slices that its view takes."""


def unit_features(bank: Bank, features: FeatureSet, units: Units, pool: str = "mean", name: str = "") -> UnitFeatures:
    """The vectors of units: as they are, or pooled from all that the set holds of each: slices, steps along depth, tokens.

    Args:
        bank: where the scans are.
        features: a set of scans; one of kind `volume` or `depth` has no vectors of slices.
        units: what is evaluated.
        pool: `mean`, `max` or `topK` (see `pools`).
        name: what the set is called; by default its own name.

    Raises:
        UnknownNameError: there is no such pooling.
        BankDamagedError: a chunk is damaged.
    """
    how = pool_of(pool)
    kind, items = features.key.kind, features.items()
    # tokens are of slices or of volumes: ordinals, which are given once, tell
    by_slice = kind == "slice" or (kind == "tokens" and not np.isin(items, units.ordinals).any())
    runs = by_slice and units.unit == "volume"
    first, count = (units.slices[:, 0], units.slices[:, 1]) if runs else (units.ordinals, np.ones(len(units), dtype=np.int64))
    pooled = runs or kind in ("depth", "tokens")
    held = how(len(units), features.dim)
    seen = np.zeros(len(units), np.int64)
    order = np.argsort(first, kind="stable")  # units are disjoint runs
    place = np.maximum(np.searchsorted(first[order], items, side="right") - 1, 0)
    unit = order[place]
    wanted = (items >= first[unit]) & (items < first[unit] + count[unit])
    inner = features.vector_shape
    mask = features.mask() if kind == "depth" else None
    step = max(1, BLOCK_ROWS // inner[0]) if len(inner) > 1 else BLOCK_ROWS
    for start in range(0, len(items), step):
        chosen = np.flatnonzero(wanted[start : start + step])
        if not len(chosen):
            continue
        rows = start + chosen
        vectors = features.vectors(int(rows[0]), int(rows[-1]) + 1)[rows - rows[0]].astype(np.float64)
        owner = unit[rows]
        seen += np.bincount(owner, minlength=len(units))
        if len(inner) > 1:
            kept = np.ones(vectors.shape[:2], bool) if mask is None else mask[rows]
            vectors, owner = vectors[kept], np.repeat(owner, kept.sum(axis=1))
        by_owner = np.argsort(owner, kind="stable")
        held.add(owner[by_owner], vectors[by_owner])
    present = seen >= slices_taken(bank, features.key.view.slices, first, count) if runs else seen == 1
    X = np.where(present[:, None], held.result(), 0.0).astype(np.float32)
    name = name or features.name
    return UnitFeatures(f"{name}/{pool}" if pooled else name, features.key, pool if pooled else "", X, present)
