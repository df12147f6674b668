"""The contract of heads on bags: a scan is as many vectors as it has slices, and one label."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import Tags
from sklearn.utils.validation import check_array, check_consistent_length, column_or_1d, validate_data

from ..store.errors import UsageError
from .bags import Bags
from .base import AnyHead
from .vectors import Ints


class BagHead(AnyHead[Bags], ABC):
    """A head on bags. It also takes an array (N, T, D), bags of T vectors each, and a matrix (N, D), bags of one vector each."""

    @abstractmethod
    def _learn(self, bags: Bags, codes: Ints) -> None:
        """Learn from N bags, none empty, all finite, and the place of each one's class in `classes_` (N,)."""

    def fit(self, X: Bags | ArrayLike, y: ArrayLike) -> Self:
        """Learn from N bags and labels y (N,) of at least two classes.

        Raises:
            ValueError: X is neither bags nor a finite array, lengths differ, or a parameter is out of range.
            UsageError: a bag is empty or not finite, or y holds one class only.
        """
        bags, labels = checked_bags(self, X, y)
        self._learn(bags, self._coded(labels))
        return self

    def _checked(self, X: Any) -> Bags:
        return bags_like(self, X)

    def __sklearn_tags__(self) -> Tags:
        return tagged(super().__sklearn_tags__())


def checked_bags(head: AnyHead[Bags], X: Bags | ArrayLike, y: ArrayLike) -> tuple[Bags, NDArray[Any]]:
    """What `fit` is given, as bags and labels (N,); the head takes its width from it. Raises as `BagHead.fit`."""
    if not _many(X):
        vectors, labels = cast("tuple[Any, Any]", validate_data(head, cast("Any", X), cast("Any", y), dtype=np.float64))
        return Bags.of_rows(vectors), labels
    bags = _bags(X)
    labels = column_or_1d(y, warn=True)
    check_consistent_length(np.empty(len(bags)), labels)
    _check(head, bags, reset=True)
    return bags, cast("NDArray[Any]", labels)


def bags_like(head: AnyHead[Bags], X: Any) -> Bags:
    """What a fitted head is asked about, as bags of the width that it learned from. Raises as `BagHead.fit`."""
    if not _many(X):
        return Bags.of_rows(cast("Any", validate_data(head, X, reset=False, dtype=np.float64)))
    bags = _bags(X)
    _check(head, bags, reset=False)
    return bags


def tagged(tags: Tags) -> Tags:
    """What scikit-learn should know of a head on bags: that it takes arrays of three axes."""
    tags.input_tags.three_d_array = True
    return tags


def _many(X: Any) -> bool:
    return isinstance(X, Bags) or (isinstance(X, np.ndarray) and X.ndim == 3)


def _bags(X: Any) -> Bags:
    return X if isinstance(X, Bags) else Bags.of_equal(check_array(X, allow_nd=True, dtype=cast("Any", np.float64)))


def _check(head: AnyHead[Bags], bags: Bags, *, reset: bool) -> None:
    if empty := np.flatnonzero(bags.sizes == 0).tolist():
        raise UsageError(f"{len(empty)} of {len(bags)} bags are empty, such as bag {empty[0]}; leave them out")
    validate_data(head, cast("Any", bags.X[:1]), reset=reset)
    if bad := bags.bad():
        raise UsageError(f"{bad} of {len(bags.X)} vectors of bags hold NaN or infinity; embed those items again")
