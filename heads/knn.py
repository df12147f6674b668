"""KNN head: the nearest of the support by cosine distance vote, the nearer the louder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, final

import numpy as np

from .base import Head
from .support import Support
from .vectors import Floats, Ints, unit

_DECIMALS = 12
"""Distances are rounded to this, so that equal vectors are equally far however the processor adds up."""
_BLOCK = 1 << 22
"""Distances held at once: 32 MiB."""


@final
class KNNHead(Head):
    """Score of a class: its share of the votes of the `n_neighbors` nearest, each weighing 1 / (1 - cosine); 0..1, so decisions are -1..1.

    All that are as near as the last of them vote too, so the order of the support does not matter. Where some are at distance 0, only they
    vote. A support of fewer than `n_neighbors` votes as a whole.
    """

    LEARNED: ClassVar[tuple[str, ...]] = ("vectors_", "codes_")

    def __init__(self, n_neighbors: int = 5) -> None:
        self.n_neighbors = n_neighbors

    def _learn(self, X: Floats, codes: Ints) -> None:
        if self.n_neighbors < 1:
            raise ValueError(f"n_neighbors is {self.n_neighbors}; give 1 or more")
        self.vectors_ = unit(X)
        self.codes_ = codes

    def _class_scores(self, X: Floats) -> Floats:
        member = np.eye(len(self.classes_))[self.codes_]
        blocks = _blocks(len(X), len(self.vectors_))
        return np.concatenate([_shares(_distances(unit(X[b]), self.vectors_), member, self.n_neighbors) for b in blocks])

    def _probabilities(self, scores: Floats) -> Floats:
        return scores


def knn_scores(X: Floats, supports: Sequence[Support], queries: Ints, device: str) -> Floats:  # noqa: ARG001
    """(fits, queries) decision values of `KNNHead()`: one matrix of distances serves all fits."""
    U = unit(X)
    used = np.unique(np.concatenate([s.rows for s in supports]))
    votes = [(np.searchsorted(used, s.rows), np.eye(2)[s.y]) for s in supports]
    k = KNNHead().n_neighbors
    scores = np.empty((len(supports), len(queries)))
    for block in _blocks(len(queries), len(used)):
        distances = _distances(U[queries[block]], U[used])
        for fit, (columns, member) in enumerate(votes):
            shares = _shares(distances[:, columns], member, k)
            scores[fit, block] = shares[:, 1] - shares[:, 0]
    return scores


def _blocks(rows: int, columns: int) -> list[slice]:
    step = max(1, _BLOCK // max(1, columns))
    return [slice(start, start + step) for start in range(0, rows, step)]


def _distances(Q: Floats, S: Floats) -> Floats:
    """(Q, S) cosine distances of unit vectors."""
    return np.round(1.0 - Q @ S.T, _DECIMALS)


def _shares(distances: Floats, member: Floats, k: int) -> Floats:
    """(Q, C) shares of the votes: `distances` (Q, S), `member` (S, C) one-hot."""
    k = min(k, distances.shape[1])
    last = np.partition(distances, k - 1, axis=1)[:, k - 1 : k]
    at = distances <= 0
    same = at.any(axis=1, keepdims=True)
    weights = np.where(same, at, (distances <= last) / np.where(at, 1.0, distances))
    votes = weights @ member
    return votes / votes.sum(axis=1, keepdims=True)
