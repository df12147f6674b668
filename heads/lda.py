"""LDA head: linear discriminant analysis, the classes' common covariance shrunk towards a multiple of the identity.

The shrinkage is Ledoit and Wolf's (`ledoit_wolf.py`). With the covariance a I + b R'R of n rows, means and rows are in the span of the
rows, so that n unknowns are enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar, Literal, final

import numpy as np

from .base import Head
from .ledoit_wolf import LEAST, ledoit_wolf
from .products import decision_values
from .support import Support
from .threads import one_thread, processors
from .vectors import Floats, Ints, class_means, softmax, unit

_ROUNDING = 1e-13
"""Up to which an entry of a unit vector is that of the mean: the mean of equal rows is not always theirs to the last bit."""


@final
class LDAHead(Head):
    """scikit-learn's `LinearDiscriminantAnalysis(solver="lsqr")` on unit vectors: classes with one covariance, as often as in the support.

    With `auto` the covariance of a class is taken of standardized features, as scikit-learn does; classes are averaged by their shares.
    Where no class has two rows that differ, nothing is known of covariance and it is the identity: the nearest mean. Of a class with no
    more rows than features the identity weighs 0.01 or more, where scikit-learn would go on without an inverse.

    Args:
        shrinkage: 0 to 1, the weight of the identity; `auto`: Ledoit and Wolf's estimate, for each class.
    """

    LEARNED: ClassVar[tuple[str, ...]] = ("coef_", "intercept_")

    def __init__(self, shrinkage: float | Literal["auto"] = "auto") -> None:
        self.shrinkage: float | Literal["auto"] = shrinkage

    def _learn(self, X: Floats, codes: Ints) -> None:
        if self.shrinkage != "auto" and not 0 < float(self.shrinkage) <= 1:
            raise ValueError(f"shrinkage is {self.shrinkage!r}; give 'auto', or more than 0 and up to 1")
        with one_thread():
            self.coef_, self.intercept_ = lda_fit(unit(X), codes, len(self.classes_), self.shrinkage)

    def _class_scores(self, X: Floats) -> Floats:
        return decision_values(self.coef_, self.intercept_, unit(X)).T

    def _probabilities(self, scores: Floats) -> Floats:
        return softmax(scores)


def lda_fit(X: Floats, codes: Ints, classes: int, shrinkage: float | Literal["auto"]) -> tuple[Floats, Floats]:
    """Coefficients (C, D) and intercepts (C,), from rows X (n, D) and their classes (n,)."""
    means, shares = class_means(X, codes, classes), np.bincount(codes, minlength=classes) / len(codes)
    # covariance: diag(ridge) + rows' rows
    ridge, rows = np.zeros(X.shape[1]), np.empty_like(X)
    for c in range(classes):
        own = codes == c
        centred = X[own] - means[c]
        centred[np.abs(centred) <= _ROUNDING] = 0.0
        if shrinkage == "auto":
            spread = centred.std(axis=0)
            spread[spread == 0] = 1.0
            standard = centred / spread
            weight, level = ledoit_wolf(standard)
            if own.sum() <= X.shape[1]:
                weight = max(weight, LEAST)
            ridge += shares[c] * weight * level * spread**2
        else:
            weight = float(shrinkage)
            ridge += shares[c] * weight * (centred**2).mean(axis=0).mean()
        rows[own] = np.sqrt(shares[c] * (1 - weight) / own.sum()) * centred
    largest = max(float(ridge.max()), float((rows**2).sum(axis=0).max()))
    ridge = np.maximum(ridge, np.finfo(np.float64).eps * largest) if largest > 0 else np.ones_like(ridge)
    scaled = rows / ridge
    if len(X) < X.shape[1]:
        inner = np.linalg.solve(np.eye(len(X)) + scaled @ rows.T, scaled @ means.T)
        coefficients = means / ridge - inner.T @ scaled
    else:
        coefficients = np.linalg.solve(np.diag(ridge) + rows.T @ rows, means.T).T
    return np.asarray(coefficients, dtype=np.float64), np.log(shares) - (means * coefficients).sum(axis=1) / 2


def lda_scores(X: Floats, supports: Sequence[Support], queries: Ints, device: str) -> Floats:  # noqa: ARG001
    """(fits, queries) decision values of `LDAHead()`."""
    U, shrinkage = unit(X), LDAHead().shrinkage
    coefficients, intercepts = np.empty((len(supports), X.shape[1])), np.empty(len(supports))

    def solve(fit: int) -> None:
        weights, biases = lda_fit(U[supports[fit].rows], supports[fit].y, 2, shrinkage)
        coefficients[fit], intercepts[fit] = weights[1] - weights[0], biases[1] - biases[0]

    with one_thread(), ThreadPoolExecutor(processors()) as workers:
        list(workers.map(solve, range(len(supports))))
    return decision_values(coefficients, intercepts, U[queries])
