"""Where in a scan a text fits best: by the vectors along depth of a 3D encoder, or by the slices' own of a 2D one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from ..store.features import FeatureSet
from ..store.specs import FeatureKey
from .cosines import cosines

if TYPE_CHECKING:
    from ..store.bank import Bank

APART_MM = 15.0
"""Best slices of one scan lie at least so far apart: its neighbours show what the best one shows."""


@final
@dataclass(frozen=True)
class Place:
    """A level of a scan."""

    z_mm: float | None
    """Millimetres along the superior axis; None where the scan does not tell."""
    index: int | None
    """The source slice, counted from 0 along the slice axis; None where source slices do not lie across depth, or z is unknown."""
    score: float
    """Cosine similarity of the text and this level."""


def depth_set(bank: Bank, features: FeatureSet) -> FeatureSet | None:
    """The vectors along depth that belong to the vectors of volumes, of the same encoder and view."""
    key = features.key
    wanted = FeatureKey("depth", key.encoder, key.view, key.layer).digest
    return next((s for s in bank.feature_sets if s.digest == wanted), None)


def best_slices(
    bank: Bank, features: FeatureSet, query: NDArray[np.float32], volumes: Sequence[Mapping[str, Any]], count: int
) -> list[tuple[Place, ...]]:
    """For each volume its best places, best first; none where it has no vectors along depth.

    Args:
        bank: the bank.
        features: the set that was searched, of kind `slice` or `volume`.
        query: (D,) of unit length.
        volumes: rows of the table `volumes`: ordinal, slice_ordinal, slices, plane.
        count: places a volume, at most.
    """
    by_slice = features.key.kind == "slice"
    depths = None if by_slice else depth_set(bank, features)
    if not volumes or (depths is None and not by_slice):
        return [() for _ in volumes]
    held = set(depths.items().tolist()) if depths is not None else set[int]()
    heights = slice_heights(bank, [row["ordinal"] for row in volumes])
    found: list[tuple[Place, ...]] = []
    for row in volumes:
        z_slices = heights[row["ordinal"]]
        if depths is None:
            run = np.arange(row["slice_ordinal"], row["slice_ordinal"] + row["slices"], dtype=np.int64)
            indices = np.flatnonzero(features.holds(run))  # the view may take a part of them
            z, vectors = z_slices[indices], features.of(run[indices])
        elif row["ordinal"] in held:
            rows = depths.rows_of(np.array([row["ordinal"]], dtype=np.int64))
            assert rows.z_mm is not None  # of a set of kind `depth`
            assert rows.mask is not None
            z, vectors = rows.z_mm[0][rows.mask[0]], rows.vector[0][rows.mask[0]]
            indices = _nearest(z, z_slices) if row["plane"] == "axial" else np.full(len(z), -1)
        else:
            found.append(())
            continue
        scores = cosines(vectors, query)
        found.append(tuple(_place(z[i], indices[i], scores[i]) for i in peaks(scores, z, count)))
    return found


def peaks(scores: NDArray[np.float32], z_mm: NDArray[np.floating[Any]], count: int) -> list[int]:
    """The highest scores (N,), best first, leaving out what is within `APART_MM` of a higher one; where z is unknown, its neighbours."""
    apart = np.abs(np.subtract.outer(z_mm, z_mm)) >= APART_MM
    steps = np.arange(len(scores))
    far = np.where(np.isnan(np.subtract.outer(z_mm, z_mm)), np.abs(np.subtract.outer(steps, steps)) > 1, apart)
    chosen: list[int] = []
    for place in np.argsort(-scores, kind="stable"):
        if len(chosen) == count:
            break
        if far[place, chosen].all():
            chosen.append(int(place))
    return chosen


def slice_heights(bank: Bank, ordinals: Sequence[int]) -> dict[int, NDArray[np.float64]]:
    """Of each volume, (slices,) z_mm, NaN where unknown."""
    listed = ", ".join(map(str, ordinals))
    rows = bank.sql(f"""SELECT v.ordinal, list(coalesce(s.z_mm, 'nan') ORDER BY s.index) AS z
        FROM slices s JOIN volumes v USING (volume) WHERE v.ordinal IN ({listed}) GROUP BY v.ordinal""").to_pylist()
    return {row["ordinal"]: np.array(row["z"], dtype=np.float64) for row in rows}


def _nearest(z_mm: NDArray[np.floating[Any]], z_slices: NDArray[np.float64]) -> NDArray[np.int64]:
    """Of each step the nearest source slice; -1 where either's z is unknown."""
    if np.isnan(z_slices).any():
        return np.full(len(z_mm), -1)
    return np.where(np.isnan(z_mm), -1, np.abs(np.subtract.outer(z_mm, z_slices)).argmin(axis=1))


def _place(z_mm: float, index: int, score: float) -> Place:
    return Place(None if np.isnan(z_mm) else round(float(z_mm), 2), None if index < 0 else int(index), float(score))
