"""Late fusion head: a linear head on each feature set; their probabilities are averaged, evenly or by weights that validation teaches."""

from __future__ import annotations

from typing import Any, ClassVar, Self, cast, final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted, validate_data

from ..store.errors import UsageError
from .base import Head
from .blocks import checked_widths, split_blocks
from .linear import LinearHead
from .linear_parts import again, log_softmax
from .vectors import Floats, Ints, softmax

_GAP = 1e-6
"""Of the mean log likelihood, to its maximum."""
_STEPS = 100_000


@final
class LateFusionHead(Head):
    """The weighted mean of the probabilities that linear heads give, one on each block of features. Scores are its logarithms.

    `fit` teaches the heads and weighs them evenly; `tune` learns the weights. Of one block it is `LinearHead(C)`.

    Args:
        widths: of the blocks, in the order of the columns; None: all columns are one block.
        C: as in `LinearHead`.
    """

    LEARNED: ClassVar[tuple[str, ...]] = ("weights_", "coef_", "intercept_")

    def __init__(self, widths: ArrayLike | None = None, C: float = 100.0) -> None:
        self.widths = widths
        self.C = C

    def tune(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Weigh the heads so that the likelihood of validation rows X (N, D), y (N,) is highest; `weights_` are not negative and sum to 1.

        Raises:
            NotFittedError: `fit` was not called.
            UsageError: a label is none of those that were learned from.
        """
        check_is_fitted(self)
        rows, labels = cast(
            "tuple[Floats, NDArray[np.int64]]", validate_data(self, cast("Any", X), cast("Any", y), reset=False, dtype=np.float64)
        )
        if strange := set(np.unique(labels).tolist()) - set(self.classes_.tolist()):
            raise UsageError(f"validation rows have labels {sorted(strange)}; the heads learned {self.classes_.tolist()} and no others")
        own = np.searchsorted(self.classes_, labels)
        self.weights_ = mixture_weights(self._logs(rows)[:, np.arange(len(rows)), own].T)
        return self

    def _learn(self, X: Floats, codes: Ints) -> None:
        widths = checked_widths(self.widths, X.shape[1])
        heads = [LinearHead(self.C).fit(block, codes) for block in split_blocks(X, widths)]
        self.coef_ = np.concatenate([head.coef_ for head in heads], axis=1)
        self.intercept_ = np.stack([head.intercept_ for head in heads])
        self.weights_ = np.full(len(heads), 1 / len(heads))

    def _class_scores(self, X: Floats) -> Floats:
        used = np.flatnonzero(self.weights_ > 0)
        return np.logaddexp.reduce(np.log(self.weights_[used])[:, None, None] + self._logs(X)[used], axis=0)

    def _probabilities(self, scores: Floats) -> Floats:
        return softmax(scores)

    def _logs(self, X: Floats) -> Floats:
        """(blocks, N, C) logarithms of each head's probabilities."""
        widths = checked_widths(self.widths, X.shape[1])
        logs: list[Floats] = []
        for block, coef, intercept in zip(split_blocks(X, widths), split_blocks(self.coef_, widths), self.intercept_, strict=True):
            learned = {"coef_": coef, "intercept_": intercept, "mean_": np.zeros(coef.shape[1]), "scale_": np.ones(coef.shape[1])}
            logs.append(log_softmax(again(LinearHead(self.C), learned, len(self.classes_)).decision_function(block)))
        return np.stack(logs)


def mixture_weights(logs: Floats) -> Floats:
    """(B,) not negative, of sum 1: those for which mean(log(sum of w_b exp(logs_b))) over rows is highest, logs (N, B).

    By expectation maximisation (Dempster, Laird, Rubin 1977): each step multiplies a weight by the mean of its member's share. As the
    objective is concave, the largest of these factors less 1 bounds how far it is from its maximum.
    """
    likelihood = np.exp(logs - logs.max(axis=1, keepdims=True))
    weights = np.full(logs.shape[1], 1 / logs.shape[1])
    for _ in range(_STEPS):
        factors = (likelihood / (likelihood @ weights)[:, None]).mean(axis=0)
        if factors.max() - 1 <= _GAP:
            break
        weights = weights * factors
    return weights / weights.sum()
