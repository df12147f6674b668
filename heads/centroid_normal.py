"""Centroid head: how far something is from the mean direction of normals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, final

import numpy as np

from .one_class import OneClassHead
from .products import decision_values
from .support import Support
from .vectors import Floats, Ints, unit


@final
class CentroidNormalHead(OneClassHead):
    """Anomaly: 1 - the cosine between a vector and the mean of the normals' unit vectors; 0..2.

    Args:
        false_alarms: as in `OneClassHead`.
    """

    LEARNED: ClassVar[tuple[str, ...]] = ("centroid_",)

    def __init__(self, false_alarms: float = 0.1) -> None:
        self.false_alarms = false_alarms

    def _learn(self, X: Floats) -> Floats:
        self.centroid_ = _centroid(unit(X))
        return self._distances(X)

    def _distances(self, X: Floats) -> Floats:
        return _from(self.centroid_[None], unit(X))[0]


def _centroid(U: Floats) -> Floats:
    return unit(U.mean(axis=0))


def _from(centroids: Floats, U: Floats) -> Floats:
    """(F, M) distances of unit vectors U (M, D) from centroids (F, D)."""
    return np.maximum(decision_values(-centroids, np.ones(len(centroids)), U), 0.0)


def centroid_normal_scores(X: Floats, supports: Sequence[Support], queries: Ints, device: str) -> Floats:  # noqa: ARG001
    """(fits, queries) anomalies of `CentroidNormalHead`, all fits by one product; supports hold normals alone."""
    U = unit(X)
    return _from(np.stack([_centroid(U[s.rows]) for s in supports]), U[queries])
