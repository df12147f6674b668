"""The contract of heads that learn from normals alone: scikit-learn outlier detectors that say how far something is from normal."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from .vectors import Floats

NORMAL, ANOMALOUS = 1, -1
"""What `predict` says, as scikit-learn's outlier detectors do."""


class OneClassHead(OutlierMixin, BaseEstimator, ABC):
    """Learns from normals X (N, D) what normal is. Subclasses say how, and how far from it a vector is.

    Signs are those of scikit-learn's outlier detectors: `score_samples` and `decision_function` are larger for what is more normal. Studies
    and `FittedHead.scores` take `anomaly`, which is the other way round: larger where a finding is likelier.

    Features may be float16 or float32; everything is computed in float64. `LEARNED` and `NOTED` are as those of `AnyHead`. `false_alarms`,
    a parameter of all, is the share of the normals learned from that lie beyond `offset_`; no score depends on it.
    """

    LEARNED: ClassVar[tuple[str, ...]] = ()
    NOTED: ClassVar[tuple[str, ...]] = ("offset_",)

    false_alarms: float
    classes_: NDArray[Any]
    """What `predict` says: anomalous, normal."""
    n_features_in_: int
    offset_: float
    """The score under which `predict` says anomalous."""
    columns_: tuple[()] = ()

    @abstractmethod
    def _learn(self, X: Floats) -> Floats:
        """Learn from finite X (N, D); how far each of these rows is from normal, as seen by the others where it matters (N,)."""

    @abstractmethod
    def _distances(self, X: Floats) -> Floats:
        """(N,): how far rows are from normal, 0 or more."""

    def fit(self, X: ArrayLike, y: object = None) -> Self:  # noqa: ARG002
        """Learn from normals X (N, D); `y` is for scikit-learn's pipelines and not looked at.

        Raises:
            ValueError: X is not a finite matrix, or a parameter is out of range.
        """
        if not 0 <= self.false_alarms < 1:
            raise ValueError(f"false_alarms is {self.false_alarms}; give a share from 0 to less than 1")
        own = self._learn(cast("Floats", validate_data(self, cast("Any", X), dtype=np.float64)))
        self.classes_ = np.array([ANOMALOUS, NORMAL])
        self.offset_ = -float(np.quantile(own, 1 - self.false_alarms))
        return self

    def anomaly(self, X: Any) -> Floats:
        """(N,): how far rows are from normal; the larger, the farther.

        Raises:
            NotFittedError: `fit` was not called.
            ValueError: X is not finite, or not of the width that was learned from.
        """
        check_is_fitted(self)
        return self._distances(cast("Floats", validate_data(self, X, reset=False, dtype=np.float64)))

    def score_samples(self, X: Any) -> Floats:
        """(N,) minus `anomaly`: the larger, the more normal. Raises as it."""
        return -self.anomaly(X)

    def decision_function(self, X: Any) -> Floats:
        """(N,) `score_samples` less `offset_`: negative for what is called anomalous. Raises as `anomaly`."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> NDArray[np.int64]:
        """(N,) 1 for normal, -1 for anomalous. Raises as `anomaly`."""
        return np.where(self.decision_function(X) >= 0, NORMAL, ANOMALOUS)
