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
from .levels import levels_of

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
    of = features if features.key.kind == "slice" else depth_set(bank, features)
    if of is None:
        return [() for _ in volumes]
    found: list[tuple[Place, ...]] = []
    for levels in levels_of(bank, of, volumes):
        if levels is None:
            found.append(())
            continue
        scores = cosines(levels.vectors, query)
        found.append(tuple(_place(levels.z_mm[i], levels.index[i], scores[i]) for i in peaks(scores, levels.z_mm, count)))
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


def _place(z_mm: float, index: int, score: float) -> Place:
    return Place(None if np.isnan(z_mm) else round(float(z_mm), 2), None if index < 0 else int(index), float(score))
