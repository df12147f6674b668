"""Ridge head: least squares on targets -1 and 1 with an L2 penalty, in the rows' weights where these are fewer than the features."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import ClassVar, final

import numpy as np

from .base import Head
from .class_weights import ClassWeight, row_weights
from .products import decision_values
from .support import Support
from .threads import one_thread
from .vectors import Floats, Ints, softmax, unit

_ROOM = 1 << 22
"""Numbers in the largest array of a batch: 32 MiB."""


@final
class RidgeHead(Head):
    """scikit-learn's `RidgeClassifier` on unit vectors: minimises alpha * |w|² + (sum of squared errors), the intercept unpenalised.

    A target for each class against the others, of which two classes need one. Probabilities are a softmax over decision values, which are
    no log odds: calibrate them before they are read as chances.

    Args:
        alpha: the penalty. The default is for vectors of unit length.
        class_weight: what the errors of a class weigh, as in `class_weights`.
    """

    LEARNED: ClassVar[tuple[str, ...]] = ("coef_", "intercept_")

    def __init__(self, alpha: float = 0.1, class_weight: ClassWeight = None) -> None:
        self.alpha = alpha
        self.class_weight: ClassWeight = class_weight

    def _learn(self, X: Floats, codes: Ints) -> None:
        if not (np.isfinite(self.alpha) and self.alpha > 0):
            raise ValueError(f"alpha is {self.alpha!r}; give more than 0")
        targets = np.where(codes[:, None] == np.arange(len(self.classes_)), 1.0, -1.0)
        targets = targets[:, 1:] if len(self.classes_) == 2 else targets
        weights = row_weights(self.class_weight, self.classes_, codes)
        with one_thread():
            coefficients, intercepts = ridge_fits(unit(X)[None], targets[None], weights[None], self.alpha)
        self.coef_, self.intercept_ = coefficients[0], intercepts[0]

    def _class_scores(self, X: Floats) -> Floats:
        values = decision_values(self.coef_, self.intercept_, unit(X)).T
        return np.hstack([np.zeros_like(values), values]) if values.shape[1] == 1 else values

    def _probabilities(self, scores: Floats) -> Floats:
        return softmax(scores)


def ridge_fits(X: Floats, targets: Floats, weights: Floats, alpha: float) -> tuple[Floats, Floats]:
    """Coefficients (F, T, D) and intercepts (F, T) of F fits on rows `X` (F, n, D), `targets` (F, n, T) and `weights` (F, n) of errors."""
    share = weights / weights.sum(axis=1, keepdims=True)
    mean, middle = (share[:, None] @ X)[:, 0], (share[:, None] @ targets)[:, 0]
    root = np.sqrt(weights)[:, :, None]
    rows, wanted = root * (X - mean[:, None]), root * (targets - middle[:, None])
    turned = rows.transpose(0, 2, 1)
    n, width = X.shape[1:]
    if n <= width:
        coefficients = turned @ np.linalg.solve(rows @ turned + alpha * np.eye(n), wanted)
    else:
        coefficients = np.linalg.solve(turned @ rows + alpha * np.eye(width), turned @ wanted)
    return coefficients.transpose(0, 2, 1), middle - (mean[:, None] @ coefficients)[:, 0]


def ridge_scores(X: Floats, supports: Sequence[Support], queries: Ints, device: str) -> Floats:  # noqa: ARG001
    """(fits, queries) decision values of `RidgeHead()`; supports of one size are fitted together."""
    U, alpha = unit(X), RidgeHead().alpha
    sizes: dict[int, list[int]] = defaultdict(list)
    for number, support in enumerate(supports):
        sizes[len(support.rows)].append(number)
    coefficients, intercepts = np.empty((len(supports), X.shape[1])), np.empty(len(supports))
    with one_thread():
        for size, fits in sizes.items():
            step = max(1, _ROOM // (size * X.shape[1]))
            for start in range(0, len(fits), step):
                part = fits[start : start + step]
                targets = np.stack([2 * supports[fit].y - 1 for fit in part])[:, :, None].astype(np.float64)
                own = U[np.stack([supports[fit].rows for fit in part])]
                found = ridge_fits(own, targets, np.ones(own.shape[:2]), alpha)
                coefficients[part], intercepts[part] = found[0][:, 0], found[1][:, 0]
    return decision_values(coefficients, intercepts, U[queries])
