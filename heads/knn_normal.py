"""KNN on normals: how far something is from the normals that are nearest to it.

Bergman, Cohen, Hoshen: Deep Nearest Neighbor Anomaly Detection (arXiv:2002.10445), with cosine distances in place of Euclidean ones.
PatchCore (Roth et al., CVPR 2022) takes the same distance of patches, from a thinned set of normals.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar, final

import numpy as np

from .one_class import OneClassHead
from .products import decision_values, query_blocks
from .support import Support
from .threads import one_thread, processors
from .vectors import Floats, Ints, unit

_STEPS = 1 << 40
"""Distances are whole multiples of 2^-40, so that equal vectors are equally far however the processor adds up."""


@final
class KNNNormalHead(OneClassHead):
    """Anomaly: the mean of 1 - cosine over the `n_neighbors` nearest normals; 0..2. Of fewer normals, over all.

    `offset_` takes each of the normals as the others see it, as none is a neighbour of its own; of a single one, 0.

    Args:
        n_neighbors: how many normals.
        false_alarms: as in `OneClassHead`.
    """

    LEARNED: ClassVar[tuple[str, ...]] = ("vectors_",)

    def __init__(self, n_neighbors: int = 2, false_alarms: float = 0.1) -> None:
        self.n_neighbors = n_neighbors
        self.false_alarms = false_alarms

    def _learn(self, X: Floats) -> Floats:
        if self.n_neighbors < 1:
            raise ValueError(f"n_neighbors is {self.n_neighbors}; give 1 or more")
        self.vectors_ = unit(X)
        if len(X) == 1:
            return np.zeros(1)
        own = np.empty(len(X))
        for block in query_blocks(len(X)):
            distances = _distances(self.vectors_, self.vectors_[block])
            rows = np.arange(len(X))[block]
            distances[rows, rows - block.start] = np.inf
            own[block] = _mean_of_nearest(distances, min(self.n_neighbors, len(X) - 1))
        return own

    def _distances(self, X: Floats) -> Floats:
        asked = unit(X)
        return np.concatenate(
            [_mean_of_nearest(_distances(self.vectors_, asked[block]), self.n_neighbors) for block in query_blocks(len(asked))]
        )


def _distances(S: Floats, Q: Floats) -> Floats:
    """(S, Q) 1 - cosine of unit vectors, in whole steps."""
    cosines = decision_values(S, np.zeros(len(S)), Q)
    return np.maximum(np.rint((1.0 - cosines) * _STEPS), 0.0) / _STEPS


def _mean_of_nearest(distances: Floats, most: int) -> Floats:
    """(Q,) from distances (S, Q): the mean of the `most` least of each column, added up in their order."""
    if len(distances) > most:  # columns made rows first: along numbers that lie apart this costs several times as much
        distances = np.partition(np.ascontiguousarray(distances.T), most - 1, axis=1)[:, :most].T
    return np.sort(distances, axis=0).mean(axis=0)


def knn_normal_scores(X: Floats, supports: Sequence[Support], queries: Ints, device: str) -> Floats:  # noqa: ARG001
    """(fits, queries) anomalies of `KNNNormalHead()`: one matrix of distances serves all fits; supports hold normals alone."""
    U, most = unit(X), KNNNormalHead().n_neighbors
    used = np.unique(np.concatenate([s.rows for s in supports]))
    places = [np.searchsorted(used, s.rows) for s in supports]
    scores, normals = np.empty((len(supports), len(queries))), U[used]

    def score(block: slice) -> None:
        distances = _distances(normals, U[queries[block]])
        for fit, rows in enumerate(places):
            scores[fit, block] = _mean_of_nearest(distances[rows], most)

    with one_thread(), ThreadPoolExecutor(processors()) as workers:
        list(workers.map(score, query_blocks(len(queries))))
    return scores
