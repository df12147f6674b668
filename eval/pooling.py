"""Vectors of evaluation units from a feature set; those of slices become one of a volume by a pooling that the name tells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from ..store.errors import UnknownNameError
from ..store.features import FeatureSet
from ..store.specs import FeatureKey
from .units import Units

BLOCK_ROWS = 65_536
"""Vectors in memory at once while slices are pooled."""


@final
@dataclass(frozen=True)
class _Pool:
    reduce: Callable[[NDArray[np.float64], NDArray[np.int64]], NDArray[np.float64]]
    """Rows (n, D) in groups that begin at (g,), to (g, D)."""
    merge: np.ufunc
    """Of two parts of a volume."""
    start: float
    finish: Callable[[NDArray[np.float64], NDArray[np.int64]], NDArray[np.float64]]
    """What was merged (N, D), of so many slices (N,), to the volume's vector."""


def _whole(merged: NDArray[np.float64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    del counts
    return merged


POOLS: Mapping[str, _Pool] = {
    "mean": _Pool(np.add.reduceat, np.add, 0.0, lambda merged, counts: merged / np.maximum(counts, 1)[:, None]),
    "max": _Pool(np.maximum.reduceat, np.maximum, -np.inf, _whole),
}
"""By name: `mean` is what most of the field does; `max` keeps what a single slice shows."""


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
    """(N,): False where the set lacks the unit's vector, or that of one of its slices."""


def unit_features(features: FeatureSet, units: Units, pool: str = "mean", name: str = "") -> UnitFeatures:
    """The vectors of units: as they are, or where slices of volumes are held, pooled from all slices of each.

    Args:
        features: a set of kind `volume` or `slice`; the former has no vectors of slices.
        units: what is evaluated.
        pool: `mean` or `max`.
        name: what the set is called; by default its own name.

    Raises:
        UnknownNameError: there is no such pooling.
        BankDamagedError: a chunk is damaged.
    """
    if pool not in POOLS:
        raise UnknownNameError("pooling", pool, POOLS)
    pooled = features.key.kind == "slice" and units.unit == "volume"
    first, count = (units.slices[:, 0], units.slices[:, 1]) if pooled else (units.ordinals, np.ones(len(units), dtype=np.int64))
    how = POOLS[pool]
    gathered, seen = _gather(features, first, count, how)
    present = seen == count
    X = np.where(present[:, None], how.finish(np.where(present[:, None], gathered, 0.0), seen), 0.0).astype(np.float32)
    name = name or features.name
    return UnitFeatures(f"{name}/{pool}" if pooled else name, features.key, pool if pooled else "", X, present)


def _gather(features: FeatureSet, first: NDArray[np.int64], count: NDArray[np.int64], how: _Pool) -> tuple[Any, NDArray[np.int64]]:
    """Runs of ordinals [first, first + count) to (N, D) merged rows and the number of rows seen, in one pass over the set."""
    items = features.items()
    order = np.argsort(first, kind="stable")  # units are disjoint runs
    place = np.maximum(np.searchsorted(first[order], items, side="right") - 1, 0)
    unit = order[place]
    wanted = (items >= first[unit]) & (items < first[unit] + count[unit])
    merged = np.full((len(first), features.dim), how.start)
    seen = np.bincount(unit[wanted], minlength=len(first))
    for start in range(0, len(items), BLOCK_ROWS):
        chosen = np.flatnonzero(wanted[start : start + BLOCK_ROWS])
        if not len(chosen):
            continue
        vectors = features.vectors(start + int(chosen[0]), start + int(chosen[-1]) + 1)[chosen - chosen[0]].astype(np.float64)
        owner = unit[start + chosen]
        by_owner = np.argsort(owner, kind="stable")
        owners, begin = np.unique(owner[by_owner], return_index=True)
        merged[owners] = how.merge(merged[owners], how.reduce(vectors[by_owner], begin))
    return merged, seen
