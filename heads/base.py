"""The contract of all heads: a scikit-learn classifier whose subclasses say how to learn, to score and to make probabilities."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from ..store.errors import UsageError
from .vectors import Floats, Ints


class Head(ClassifierMixin, BaseEstimator, ABC):
    """A classifier on cached features (N, D), of two classes or more. Unknown labels are left out by the caller.

    Features may be float16 or float32; everything is computed in float64. Parameters are checked in `fit`. What is learned ends in `_`;
    `LEARNED` names the arrays that, with the parameters and `classes_`, make the head what it is.
    """

    LEARNED: ClassVar[tuple[str, ...]] = ()

    classes_: NDArray[Any]
    n_features_in_: int

    @abstractmethod
    def _learn(self, X: Floats, codes: Ints) -> None:
        """Learn from finite X (N, D) and the place of each row's class in `classes_` (N,)."""

    @abstractmethod
    def _class_scores(self, X: Floats) -> Floats:
        """(N, C): the larger, the more likely. Of two classes, the difference is the decision value."""

    @abstractmethod
    def _probabilities(self, scores: Floats) -> Floats:
        """(N, C) that sum to 1, from `_class_scores`."""

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learn from X (N, D) and labels y (N,) of at least two classes.

        Raises:
            ValueError: X is not a finite matrix, lengths differ, or a parameter is out of range.
            UsageError: y holds one class only.
        """
        vectors, labels = cast("tuple[Floats, NDArray[Any]]", validate_data(self, cast("Any", X), cast("Any", y), dtype=np.float64))
        check_classification_targets(labels)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            only = self.classes_.tolist()[0]
            raise UsageError(f"{type(self).__name__} needs two classes to learn from; all {len(labels)} labels are of one class, {only!r}")
        self._learn(vectors, codes)
        return self

    def decision_function(self, X: ArrayLike) -> Floats:
        """(N,) of two classes: positive for `classes_[1]`; otherwise (N, C).

        Raises:
            NotFittedError: `fit` was not called.
            ValueError: X is not a finite matrix of the width that was learned from.
        """
        scores = self._checked_scores(X)
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores

    def predict_proba(self, X: ArrayLike) -> Floats:
        """(N, C), in the order of `classes_`. Raises as `decision_function`."""
        return self._probabilities(self._checked_scores(X))

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """(N,): the class with the highest score, the first of equals. Raises as `decision_function`."""
        best = np.argmax(self._checked_scores(X), axis=1)
        return self.classes_[best]

    def _checked_scores(self, X: ArrayLike) -> Floats:
        check_is_fitted(self)
        return self._class_scores(cast("Floats", validate_data(self, cast("Any", X), reset=False, dtype=np.float64)))
