"""The vector of a scan or slice of the bank, from a feature set of scans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..store.features import FeatureSet
from .best_slices import depth_set
from .cosines import unit
from .levels import slice_heights
from .like import BankItem

if TYPE_CHECKING:
    from ..store.bank import Bank


def item_vector(bank: Bank, features: FeatureSet, item: BankItem) -> NDArray[np.float32] | None:
    """(D,) of unit length; None where the set, or the one along depth beside it, holds nothing of the item.

    Of a scan in a set of kind `volume` its vector, of `slice` or `depth` the mean of its slices' or steps'. Of a slice its own, or along
    depth that of the nearest step.
    """
    if features.key.kind == "slice":
        first = item.slice_ordinal + (item.index or 0)
        run = np.arange(first, first + (item.slices if item.index is None else 1), dtype=np.int64)
        held = run[features.holds(run)]
        return _mean(features.of(held)) if len(held) else None
    ordinal = np.array([item.ordinal], dtype=np.int64)
    if features.key.kind == "volume" and item.index is None:
        return _mean(features.of(ordinal)) if features.holds(ordinal).all() else None
    depths = depth_set(bank, features)
    if depths is None or not depths.holds(ordinal).all():
        return None
    rows = depths.rows_of(ordinal)
    assert rows.mask is not None  # of a set of kind `depth`
    assert rows.z_mm is not None
    vectors, z_mm = rows.vector[0][rows.mask[0]], rows.z_mm[0][rows.mask[0]]
    if item.index is None:
        return _mean(vectors) if len(vectors) else None
    height = slice_heights(bank, [item.ordinal])[item.ordinal][item.index]
    away = np.abs(z_mm - height)
    return None if item.plane != "axial" or np.isnan(away).all() else _mean(vectors[[int(np.nanargmin(away))]])


def _mean(vectors: NDArray[Any]) -> NDArray[np.float32]:
    return unit(np.asarray(vectors, np.float64).mean(axis=0)[None])[0]
