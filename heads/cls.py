"""`linear_cls` and `cosine_cls`: Baseline and Baseline++ of Chen et al. 2019 (arXiv:1904.04232), trained by SGD on the support."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ClassVar, final

import numpy as np

from .base import Head
from .class_weights import ClassWeight, row_weights
from .folds import row_keys
from .products import decision_values
from .sgd_fits import sgd_fit
from .support import Support
from .threads import one_thread, processors
from .vectors import Floats, Ints, softmax, unit


class SGDHead(Head):
    """What the two have in common: what they do to vectors first, and the loop.

    Rows are taken in an order that depends on them and on the seed, not on the order in which they are given.

    Args:
        random_state: seed of the weights at first and of the order of the batches.
        class_weight: what the losses of a class weigh, as in `class_weights`.
    """

    LEARNED: ClassVar[tuple[str, ...]] = ("coef_", "intercept_")
    COSINE: ClassVar[bool]

    def __init__(self, random_state: int = 0, class_weight: ClassWeight = None) -> None:
        self.random_state = random_state
        self.class_weight: ClassWeight = class_weight

    @abstractmethod
    def prepared(self, X: Floats) -> Floats:
        """(N, D) vectors as they are learned from and scored."""

    def _learn(self, X: Floats, codes: Ints) -> None:
        V, weights = self.prepared(X), row_weights(self.class_weight, self.classes_, codes)
        order = _in_order(row_keys(unit(X)), codes)
        self.coef_, self.intercept_ = _fits(
            V, [order], [codes[order]], [weights[order]], [int(self.random_state)], len(self.classes_), cosine=self.COSINE
        )[0]

    def _class_scores(self, X: Floats) -> Floats:
        return decision_values(self.coef_, self.intercept_, self.prepared(X)).T

    def _probabilities(self, scores: Floats) -> Floats:
        return softmax(scores)


@final
class LinearClsHead(SGDHead):
    """A linear layer with softmax. Vectors are brought to length sqrt(D), about that of the features for which its step length was chosen.

    At unit length, a hundred such steps would leave what is learned under the random weights at first.
    """

    COSINE: ClassVar[bool] = False

    def prepared(self, X: Floats) -> Floats:
        V = unit(X)
        V *= X.shape[1] ** 0.5
        return V


@final
class CosineClsHead(SGDHead):
    """Cosines to a direction for each class, times a learned scale for each class, with softmax."""

    COSINE: ClassVar[bool] = True

    def prepared(self, X: Floats) -> Floats:
        return unit(X)


def _scores(head: SGDHead, X: Floats, supports: Sequence[Support], queries: Ints, device: str) -> Floats:  # noqa: ARG001
    """(fits, queries) decision values of a head with the seed of each support as its `random_state`."""
    used = np.unique(np.concatenate([s.rows for s in supports]))
    keys = row_keys(unit(X[used]))
    X = head.prepared(X)  # the others are let go of, if they are nobody else's
    orders = [_in_order(keys[np.searchsorted(used, s.rows)], s.y) for s in supports]
    rows, codes = (
        [one[order] for one, order in zip(many, orders, strict=True)] for many in ([s.rows for s in supports], [s.y for s in supports])
    )
    found = _fits(X, rows, codes, [np.ones(len(s.y)) for s in supports], [s.seed for s in supports], 2, cosine=head.COSINE)
    coefficients, intercepts = np.stack([w[1] - w[0] for w, _ in found]), np.array([b[1] - b[0] for _, b in found])
    return decision_values(coefficients, intercepts, X[queries])


linear_cls_scores = partial(_scores, LinearClsHead())
cosine_cls_scores = partial(_scores, CosineClsHead())


def _in_order(keys: Ints, codes: Ints) -> Ints:
    """(n,): an order of the rows that does not depend on the order in which they are given."""
    return np.lexsort((codes, keys))


def _fits(
    V: Floats, rows: Sequence[Ints], codes: Sequence[Ints], weights: Sequence[Floats], seeds: Sequence[int], classes: int, *, cosine: bool
) -> list[tuple[Floats, Floats]]:
    """Weights (C, D) and biases (C,) of each fit."""

    def fit(number: int) -> tuple[Floats, Floats]:
        return sgd_fit(V[rows[number]], codes[number], weights[number], seeds[number], classes, cosine=cosine)

    with one_thread(), ThreadPoolExecutor(processors()) as workers:
        return list(workers.map(fit, range(len(rows))))
