"""The contract of all heads: a scikit-learn classifier whose subclasses say how to learn, to score and to make probabilities."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Generic, Self, TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from ..store.errors import UsageError
from .vectors import Floats, Ints

Checked = TypeVar("Checked")
"""What X is once it was checked: a matrix, or bags of vectors."""


class AnyHead(ClassifierMixin, BaseEstimator, ABC, Generic[Checked]):
    """A classifier of two classes or more, whatever an item is: a vector (`Head`) or a bag of them. Subclasses say how it is fitted.

    Features may be float16 or float32; everything is computed in float64. Parameters are checked in `fit`. What is learned ends in `_`;
    `LEARNED` names the arrays that, with the parameters and `classes_`, make the head what it is.
    """

    LEARNED: ClassVar[tuple[str, ...]] = ()

    classes_: NDArray[Any]
    n_features_in_: int

    @abstractmethod
    def fit(self, X: Any, y: Any) -> Self:
        """Learn from N items and their labels y (N,)."""

    @abstractmethod
    def _checked(self, X: Any) -> Checked:
        """X as what it was fitted on; raises ValueError where it is not finite or of another width."""

    @abstractmethod
    def _class_scores(self, X: Checked) -> Floats:
        """(N, C): the larger, the more likely. Of two classes, the difference is the decision value."""

    @abstractmethod
    def _probabilities(self, scores: Floats) -> Floats:
        """(N, C) that sum to 1, from `_class_scores`."""

    def decision_function(self, X: Any) -> Floats:
        """(N,) of two classes: positive for `classes_[1]`; otherwise (N, C).

        Raises:
            NotFittedError: `fit` was not called.
            ValueError: X is not finite, or not of the width that was learned from.
        """
        scores = self._checked_scores(X)
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores

    def predict_proba(self, X: Any) -> Floats:
        """(N, C), in the order of `classes_`. Raises as `decision_function`."""
        return self._probabilities(self._checked_scores(X))

    def predict(self, X: Any) -> NDArray[Any]:
        """(N,): the class with the highest score, the first of equals. Raises as `decision_function`."""
        best = np.argmax(self._checked_scores(X), axis=1)
        return self.classes_[best]

    def _coded(self, labels: NDArray[Any]) -> Ints:
        """Take the classes from labels (N,); the place of each label's class among them."""
        check_classification_targets(labels)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            only = self.classes_.tolist()[0]
            raise UsageError(f"{type(self).__name__} needs two classes to learn from; all {len(labels)} labels are of one class, {only!r}")
        return codes

    def _checked_scores(self, X: Any) -> Floats:
        check_is_fitted(self)
        return self._class_scores(self._checked(X))


class Head(AnyHead[Floats], ABC):
    """A head on vectors (N, D). Unknown labels are left out by the caller."""

    @abstractmethod
    def _learn(self, X: Floats, codes: Ints) -> None:
        """Learn from finite X (N, D) and the place of each row's class in `classes_` (N,)."""

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learn from X (N, D) and labels y (N,) of at least two classes.

        Raises:
            ValueError: X is not a finite matrix, lengths differ, or a parameter is out of range.
            UsageError: y holds one class only.
        """
        vectors, labels = cast("tuple[Floats, NDArray[Any]]", validate_data(self, cast("Any", X), cast("Any", y), dtype=np.float64))
        codes = self._coded(labels)
        self._learn(vectors, codes)
        return self

    def _checked(self, X: Any) -> Floats:
        return cast("Floats", validate_data(self, X, reset=False, dtype=np.float64))
