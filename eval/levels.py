"""A scan as vectors along its depth: the steps of a 3D encoder, or the slices' own of a 2D one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from ..store.features import FeatureSet

if TYPE_CHECKING:
    from ..store.bank import Bank

KINDS = ("slice", "depth")
"""Of the feature sets that hold such vectors."""


@final
@dataclass(frozen=True)
class Levels:
    """L levels of a scan that have a vector."""

    z_mm: NDArray[np.floating[Any]]
    """(L,) millimetres along the superior axis, NaN where unknown."""
    vectors: NDArray[Any]
    """(L, D)."""
    index: NDArray[np.int64]
    """(L,) the source slice, from 0 along the slice axis, or the nearest one; -1 where slices do not lie across depth, or z is unknown."""
    slices_mm: NDArray[np.float64]
    """(S,) z_mm of the scan's source slices, NaN where unknown."""


def levels_of(bank: Bank, features: FeatureSet, volumes: Sequence[Mapping[str, Any]]) -> Iterator[Levels | None]:
    """Of each volume its levels; None where the set holds none of it.

    Args:
        bank: the bank.
        features: a set of kind `slice` or `depth`.
        volumes: rows of the table `volumes`: ordinal, slice_ordinal, slices, plane.
    """
    by_slice = features.key.kind == "slice"
    held = set[int]() if by_slice else set(features.items().tolist())
    heights = slice_heights(bank, [row["ordinal"] for row in volumes])
    for row in volumes:
        z_slices = heights[row["ordinal"]]
        if by_slice:
            run = np.arange(row["slice_ordinal"], row["slice_ordinal"] + row["slices"], dtype=np.int64)
            index = np.flatnonzero(features.holds(run))  # the view may take a part of them
            yield Levels(z_slices[index], features.of(run[index]), index, z_slices) if len(index) else None
        elif row["ordinal"] in held:
            rows = features.rows_of(np.array([row["ordinal"]], dtype=np.int64))
            assert rows.z_mm is not None  # of a set of kind `depth`
            assert rows.mask is not None
            z, vectors = rows.z_mm[0][rows.mask[0]], rows.vector[0][rows.mask[0]]
            yield Levels(z, vectors, _nearest(z, z_slices) if row["plane"] == "axial" else np.full(len(z), -1), z_slices)
        else:
            yield None


def slice_heights(bank: Bank, ordinals: Sequence[int]) -> dict[int, NDArray[np.float64]]:
    """Of each volume, (slices,) z_mm, NaN where unknown."""
    if not ordinals:
        return {}
    listed = ", ".join(map(str, ordinals))
    rows = bank.sql(f"""SELECT v.ordinal, list(coalesce(s.z_mm, 'nan') ORDER BY s.index) AS z
        FROM slices s JOIN volumes v USING (volume) WHERE v.ordinal IN ({listed}) GROUP BY v.ordinal""").to_pylist()
    return {row["ordinal"]: np.array(row["z"], dtype=np.float64) for row in rows}


def _nearest(z_mm: NDArray[np.floating[Any]], z_slices: NDArray[np.float64]) -> NDArray[np.int64]:
    """Of each step the nearest source slice; -1 where either's z is unknown."""
    if np.isnan(z_slices).any():
        return np.full(len(z_mm), -1)
    return np.where(np.isnan(z_mm), -1, np.abs(np.subtract.outer(z_mm, z_slices)).argmin(axis=1))
