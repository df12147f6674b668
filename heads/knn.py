"""KNN head: the nearest of the support vote."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from numbers import Integral
from typing import ClassVar, Literal, final

import numpy as np

from .base import Head
from .products import decision_values, query_blocks
from .support import Support
from .threads import one_thread, processors
from .vectors import Floats, Ints, unit

_STEPS = 1 << 40
"""Distances are whole multiples of a step of 2^-40, or 1e-12, so that equal vectors are equally far however the processor adds up."""
_MOST = 1 << 62
_NOTHING = 1e-200
"""Squared length up to which a query is at the origin, and steps are not of its length but of 1."""
_WEIGHTS = ("uniform", "distance", "temperature")
"""In the order of the numbers that `knn_votes` has for them."""


@final
class KNNHead(Head):
    """Score of a class: its share of the votes of the `n_neighbors` nearest; 0..1, so decisions are -1..1.

    All that are as near as the last of them vote too, so the order of the support does not matter. A support of fewer than `n_neighbors`
    votes as a whole.

    Args:
        n_neighbors: how many vote.
        metric: distance is `cosine`, 1 - cosine, or `l2`, Euclidean.
        weights: of a vote at distance d. `uniform`: 1. `distance`: 1 / d; where some are at distance 0, only they vote. `temperature`:
            exp(-d / temperature), as in DINO's evaluation (Caron et al. 2021, arXiv:2104.14294), whose temperature is the default.
        temperature: in units of the distance.
    """

    LEARNED: ClassVar[tuple[str, ...]] = ("vectors_", "codes_")

    def __init__(
        self,
        n_neighbors: int = 5,
        metric: Literal["cosine", "l2"] = "cosine",
        weights: Literal["uniform", "distance", "temperature"] = "distance",
        temperature: float = 0.07,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.metric = metric
        self.weights = weights
        self.temperature = temperature

    def _learn(self, X: Floats, codes: Ints) -> None:
        if not isinstance(self.n_neighbors, Integral) or isinstance(self.n_neighbors, bool) or self.n_neighbors < 1:
            raise ValueError(f"n_neighbors is {self.n_neighbors!r}; give a whole number, 1 or more")
        if self.metric not in ("cosine", "l2") or self.weights not in _WEIGHTS:
            raise ValueError(
                f"metric is {self.metric!r} and weights {self.weights!r}; choose cosine or l2, and one of {', '.join(_WEIGHTS)}"
            )
        if not self.temperature > 0:
            raise ValueError(f"temperature is {self.temperature}; give more than 0")
        self.vectors_ = self.prepared(X)
        self.codes_ = codes

    def _class_scores(self, X: Floats) -> Floats:
        asked, support = self.prepared(X), np.arange(len(self.vectors_))
        if self.codes_.shape != support.shape or not (0 <= self.codes_.min() <= self.codes_.max() < len(self.classes_)):
            # of a file: nothing else tells the compiled walk where to stop
            raise ValueError(
                f"codes of shape {self.codes_.shape} are not one of {len(self.classes_)} classes for each of {len(support)} rows"
            )
        return np.concatenate(
            [self.shares(asked[block], self.vectors_, [support], [self.codes_], len(self.classes_)) for block in query_blocks(len(asked))],
            axis=1,
        )[0]

    def _probabilities(self, scores: Floats) -> Floats:
        return scores

    def prepared(self, X: Floats) -> Floats:
        """(N, D) vectors as distances are taken of."""
        return unit(X) if self.metric == "cosine" else X

    def shares(self, Q: Floats, S: Floats, rows: Sequence[Ints], codes: Sequence[Ints], classes: int) -> Floats:
        """(F, Q, C) shares of the votes of F supports: `rows` (n,) of S, and their classes."""
        from .knn_votes import vote

        steps, step = self._steps_between(Q, S)
        shares = np.empty((len(rows), len(Q), classes))
        starts = np.cumsum([0, *map(len, rows)])
        most = min(int(self.n_neighbors), max(map(len, rows)))
        told = most, self.metric == "l2", _WEIGHTS.index(self.weights), float(self.temperature)
        vote(steps, step, np.concatenate(rows), starts, np.concatenate(codes), *told, shares)
        return shares

    def _steps_between(self, Q: Floats, S: Floats) -> tuple[Ints, Floats]:
        """(Q, S) distances, of Euclidean ones the squares, in whole steps, and how much a step is, (Q,)."""
        products = decision_values(S, np.zeros(len(S)), Q)
        if self.metric == "cosine":
            distances, step = np.subtract(1.0, products, out=products), np.full(len(Q), 1 / _STEPS)
        else:
            own = (Q**2).sum(axis=1)
            distances = (S**2).sum(axis=1)[:, None] + own - 2 * products
            step = np.where(own > _NOTHING, own, 1.0) / _STEPS
        distances /= step
        np.rint(distances, out=distances)
        return np.ascontiguousarray(np.clip(distances, 0, _MOST, out=distances).astype(np.int64).T), step


def knn_scores(X: Floats, supports: Sequence[Support], queries: Ints, device: str, head: KNNHead | None = None) -> Floats:  # noqa: ARG001
    """(fits, queries) decision values of `head`, by default `KNNHead()`: one matrix of distances serves all fits."""
    head = head or KNNHead()
    X = head.prepared(X)  # the others are let go of, if they are nobody else's
    used = np.unique(np.concatenate([s.rows for s in supports]))
    places, codes = [np.searchsorted(used, s.rows) for s in supports], [s.y for s in supports]
    scores = np.empty((len(supports), len(queries)))
    nearby = X[used]

    def score(block: slice) -> None:
        shares = head.shares(X[queries[block]], nearby, places, codes, 2)
        np.subtract(shares[:, :, 1], shares[:, :, 0], out=scores[:, block])

    with one_thread(), ThreadPoolExecutor(processors()) as workers:
        for done in [workers.submit(score, block) for block in query_blocks(len(queries))]:
            done.result()
    return scores


def l2_neighbours() -> KNNHead:
    """A head that measures by Euclidean distance."""
    return KNNHead(metric="l2")


def knn_l2_scores(X: Floats, supports: Sequence[Support], queries: Ints, device: str) -> Floats:
    """(fits, queries) decision values of `l2_neighbours()`."""
    return knn_scores(X, supports, queries, device, l2_neighbours())
