"""The contract of all heads: a scikit-learn classifier whose subclasses say how to learn, to score and to make probabilities."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Generic, Self, TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils import Tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from ..store.errors import UsageError
from .multilabel import is_multilabel, known_labels, known_rows, side_by_side
from .vectors import Floats, Ints

Checked = TypeVar("Checked")
"""What X is once it was checked: a matrix, or bags of vectors."""


class AnyHead(ClassifierMixin, BaseEstimator, ABC, Generic[Checked]):
    """A classifier, whatever an item is: a vector (`Head`) or a bag of them. Subclasses say how it is fitted.

    Labels y (N,) are of two classes or more, all known. Labels y (N, F), F > 1, are of F findings, each 0 (absent), 1 (present), or NaN or
    -1 (unknown): each finding is learned as if it were alone, from the rows where it is known. `columns_` then holds the F binary heads
    and `classes_` is 0..F-1; for labels (N,) `columns_` is empty.

    Features may be float16 or float32; everything is computed in float64. Parameters are checked in `fit`. What is learned ends in `_`;
    `LEARNED` names the arrays that, with the parameters and `classes_`, make the head what it is (`columns_` has heads with their own).
    """

    LEARNED: ClassVar[tuple[str, ...]] = ()
    NOTED: ClassVar[tuple[str, ...]] = ()
    """Plain values found in `fit` that scoring does not need, such as the penalty that was chosen; saved too."""

    classes_: NDArray[Any]
    n_features_in_: int
    columns_: tuple[Self, ...] = ()

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

    def for_column(self, column: int, columns: int) -> Self:  # noqa: ARG002
        """A head with the same parameters, not fitted, for one of several findings; for those whose parameters are of a finding each."""
        return cast("Self", clone(self))

    def decision_function(self, X: Any) -> Floats:
        """(N,) of two classes: positive for `classes_[1]`; (N, C) of more; (N, F) of F findings: positive for present.

        Raises:
            NotFittedError: `fit` was not called.
            ValueError: X is not finite, or not of the width that was learned from.
        """
        check_is_fitted(self)
        checked = self._checked(X)
        if self.columns_:
            return side_by_side([head.decision_function(checked) for head in self.columns_])
        scores = self._class_scores(checked)
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores

    def predict_proba(self, X: Any) -> Floats:
        """(N, C), in the order of `classes_`; (N, F) of F findings: that each is present. Raises as `decision_function`."""
        check_is_fitted(self)
        checked = self._checked(X)
        if self.columns_:
            return side_by_side([head.predict_proba(checked)[:, 1] for head in self.columns_])
        return self._probabilities(self._class_scores(checked))

    def predict(self, X: Any) -> NDArray[Any]:
        """(N,): the class with the highest score, the first of equals; (N, F) of 0 and 1 of F findings. Raises as `decision_function`."""
        check_is_fitted(self)
        checked = self._checked(X)
        if self.columns_:
            return side_by_side([head.predict(checked) for head in self.columns_])
        return self.classes_[np.argmax(self._class_scores(checked), axis=1)]

    def _coded(self, labels: NDArray[Any]) -> Ints:
        """Take the classes from labels (N,); the place of each label's class among them."""
        check_classification_targets(labels)
        self.columns_ = ()
        self.classes_, codes = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            only = self.classes_.tolist()[0]
            raise UsageError(f"{type(self).__name__} needs two classes to learn from; all {len(labels)} labels are of one class, {only!r}")
        return codes


class Head(AnyHead[Floats], ABC):
    """A head on vectors (N, D)."""

    @abstractmethod
    def _learn(self, X: Floats, codes: Ints) -> None:
        """Learn from finite X (N, D) and the place of each row's class in `classes_` (N,)."""

    def _learn_columns(self, heads: Sequence[Head], X: Floats, labels: Floats) -> None:
        """Fit each head on its column of `labels` (N, F), as `known_labels` gives them; for those that can do it at once."""
        for column, head in enumerate(heads):
            rows, y = known_rows(labels, column, type(self).__name__)
            head.fit(X[rows], y)

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learn from X (N, D) and labels y (N,) of at least two classes, or (N, F) of F findings.

        Raises:
            ValueError: X is not a finite matrix, lengths differ, a label of several findings is not 0, 1 or unknown, or a parameter is out
                of range.
            UsageError: y, or what is known of a finding, holds one class only.
        """
        if is_multilabel(y):
            return self._fit_columns(X, y, self._learn_columns)
        vectors, codes = self._with_labels(X, y)
        self._learn(vectors, codes)
        return self

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        if tags.classifier_tags is not None:
            tags.classifier_tags.multi_label = True
        return tags

    def _with_labels(self, X: ArrayLike, y: ArrayLike) -> tuple[Floats, Ints]:
        """X and the place of each label in `classes_`, as `fit` wants them of one finding."""
        vectors, labels = cast("tuple[Floats, NDArray[Any]]", validate_data(self, cast("Any", X), cast("Any", y), dtype=np.float64))
        return vectors, self._coded(labels)

    def _fit_columns(self, X: ArrayLike, y: ArrayLike, fit: Callable[[Sequence[Self], Floats, Floats], None]) -> Self:
        """Fit a head for each column of y."""
        vectors = cast("Floats", validate_data(self, cast("Any", X), dtype=np.float64))
        labels = known_labels(y, len(vectors))
        count = labels.shape[1]
        heads = tuple(self.for_column(column, count) for column in range(count))
        fit(heads, vectors, labels)
        self.columns_ = heads
        self.classes_ = np.arange(count)
        return self

    def _checked(self, X: Any) -> Floats:
        return cast("Floats", validate_data(self, X, reset=False, dtype=np.float64))
