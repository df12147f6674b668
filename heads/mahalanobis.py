"""Mahalanobis head: how far something is from the mean of normals, where their spread along each direction is the measure.

Rippel, Mertens, Merhof: Modeling the Distribution of Normal Data in Pre-Trained Deep Features for Anomaly Detection (arXiv:2005.14140). As
there, the covariance is shrunk as Ledoit and Wolf have it (`ledoit_wolf.py`). With the covariance a I + R'R of n rows R (n, D) and
n < D, Woodbury's identity gives

    v' (a I + R'R)^-1 v = (|v|^2 - |L^-1 R v|^2) / a,   L L' = a I + R R',

so that a matrix of n rows is enough, and products with the normals themselves, which many fits share.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from .ledoit_wolf import LEAST, ledoit_wolf
from .one_class import OneClassHead
from .products import decision_values
from .support import Support
from .threads import one_thread, processors
from .vectors import Floats, Ints

_BLOCK = 512
"""Queries at once: beside 20,000 normals 80 MB a thread. Always as many, so that products add in the same order."""


@final
class MahalanobisHead(OneClassHead):
    """Anomaly: the Mahalanobis distance from the normals' mean, by scikit-learn's `LedoitWolf` covariance; 0 or more.

    Features are taken as they are. Of no more rows than features the identity weighs 0.01 or more of the covariance, which may have no
    inverse otherwise. Normals that are all equal, or a single one, tell nothing of spread: the distance is Euclidean then. `offset_` takes
    the normals as they are seen by what was learned from them, which is nearer than others will be.

    Args:
        false_alarms: as in `OneClassHead`.
    """

    LEARNED: ClassVar[tuple[str, ...]] = ("mean_", "directions_", "outside_")

    def __init__(self, false_alarms: float = 0.1) -> None:
        self.false_alarms = false_alarms

    def _learn(self, X: Floats) -> Floats:
        with one_thread():
            spread = _Spread.of(X)
            self.mean_, self.outside_ = spread.mean, np.array([spread.outside])
            self.directions_ = spread.directions()
        return self._distances(X)

    def _distances(self, X: Floats) -> Floats:
        centred, outside = X - self.mean_, float(self.outside_[0])
        along = decision_values(self.directions_, np.zeros(len(self.directions_)), centred)
        return _distance((centred**2).sum(axis=1), (along**2).sum(axis=0), outside)


@final
@dataclass(frozen=True)
class _Spread:
    """The mean and covariance of n normals, as distances from the mean need them."""

    mean: Floats
    """(D,)."""
    rows: Floats
    """R (n, D): the normals less their mean, times `scale`."""
    scale: float
    factor: Floats
    """Lower triangular: L (n, n), or of n >= D that of the covariance (D, D)."""
    outside: float
    """1 / a; of n >= D, 0."""

    @classmethod
    def of(cls, X: Floats) -> _Spread:
        n, width = X.shape
        mean = X.mean(axis=0)
        weight, level = ledoit_wolf(X - mean)
        if n <= width:
            weight = max(weight, LEAST)
        scale = float(np.sqrt((1 - weight) / n))
        rows = scale * (X - mean)
        # of more rows than features the weight may be 0 and a feature without spread
        ridge = max(weight * level, float(np.finfo(np.float64).eps * (rows**2).sum())) or 1.0
        products = rows @ rows.T if n < width else rows.T @ rows
        factor = cholesky(products + ridge * np.eye(len(products)), lower=True)
        return cls(mean, rows, scale, factor, 1 / ridge if n < width else 0.0)

    def directions(self) -> Floats:
        """(n, D), or of n >= D (D, D): what `_distance` wants the squared products of, with rows less the mean."""
        if self.outside:
            return np.sqrt(self.outside) * solve_triangular(self.factor, self.rows, lower=True)
        return solve_triangular(self.factor, np.eye(len(self.mean)), lower=True)


def _distance(length: Floats, along: Floats, outside: float) -> Floats:
    """(...,) from squared lengths and squared products. In few directions they say how much less the distance is than it would be without
    them; where they are all of space they are the distance.
    """
    return np.sqrt(np.maximum(outside * length - along, 0.0) if outside else along)


def mahalanobis_scores(X: Floats, supports: Sequence[Support], queries: Ints, device: str) -> Floats:  # noqa: ARG001
    """(fits, queries) anomalies of `MahalanobisHead`; supports hold normals alone.

    Fits of few rows share one matrix of products of normals and queries: with the mean m of rows S and C = S - m, a query's C (q - m) and
    |q - m| follow from S q.
    """
    X = X - X[queries].mean(axis=0)  # moves nothing but the origin, and keeps the differences from cancelling
    few = [fit for fit, s in enumerate(supports) if len(s.rows) < X.shape[1]]
    scores = np.empty((len(supports), len(queries)))
    blocks = [slice(start, start + _BLOCK) for start in range(0, len(queries), _BLOCK)]
    with one_thread(), ThreadPoolExecutor(processors()) as workers:
        if few:
            used = np.unique(np.concatenate([supports[fit].rows for fit in few]))
            fitted = list(workers.map(lambda fit: _Few.of(X, used, supports[fit].rows), few))

            def score(block: slice) -> None:
                asked = X[queries[block]]
                products, own = decision_values(X[used], np.zeros(len(used)), asked), (asked**2).sum(axis=1)
                for fit, spread in zip(few, fitted, strict=True):
                    scores[fit, block] = spread.distances(products, own)

            list(workers.map(score, blocks))
        for fit in sorted(set(range(len(supports))) - set(few)):
            spread = _Spread.of(X[supports[fit].rows])
            directions = spread.directions()

            def score_one(block: slice, fit: int = fit, spread: _Spread = spread, directions: Floats = directions) -> None:
                along = decision_values(directions, np.zeros(len(directions)), X[queries[block]] - spread.mean)
                scores[fit, block] = np.sqrt((along**2).sum(axis=0))

            list(workers.map(score_one, blocks))
    return scores


@final
@dataclass(frozen=True)
class _Few:
    """A fit of fewer rows than features, by products of these rows."""

    places: Ints
    """(n,) of the rows, among all that any fit uses."""
    whitening: Floats
    """(n, n): what makes C (n, D) the directions of `_Spread`."""
    offset: Floats
    """(n,) C m."""
    squared: float
    """|m|^2."""
    outside: float

    @classmethod
    def of(cls, X: Floats, used: Ints, rows: Ints) -> _Few:
        spread = _Spread.of(X[rows])
        inverse = np.sqrt(spread.outside) * solve_triangular(spread.factor, np.eye(len(rows)), lower=True)
        places, mean = np.searchsorted(used, rows), spread.mean
        return cls(places, spread.scale * inverse, (X[rows] - mean) @ mean, float(mean @ mean), spread.outside)

    def distances(self, products: Floats, own: Floats) -> Floats:
        """(Q,) from products (used, Q) and squared lengths (Q,) of queries."""
        mine = products[self.places]
        with_mean = mine.mean(axis=0)
        length = own - 2 * with_mean + self.squared
        along = self.whitening @ (mine - with_mean - self.offset[:, None])
        return _distance(length, (along**2).sum(axis=0), self.outside)
