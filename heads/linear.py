"""Linear head: L2-regularised logistic regression, the linear probe of the field."""

from __future__ import annotations

import warnings
from typing import ClassVar, Literal, final

import numpy as np
from scipy.linalg import LinAlgWarning
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from ..store.errors import UsageError
from .base import Head
from .class_weights import ClassWeight, row_weights
from .vectors import Floats, Ints, softmax, unit

_TOL = 1e-10
"""Tolerance on the gradient of the mean loss. scikit-learn's usual 1e-4 leaves probabilities off by up to 0.03."""
_GRADIENT = 1e-6
"""The largest gradient of the mean loss at which a fit counts as converged."""
_LEAST_C = 1e-12
"""At which a solver that works in float64 still feels the losses, whatever the vectors' length within reason."""
_NORMALIZE = ("l2", "standard", None)


@final
class LinearHead(Head):
    """Multinomial logistic regression: minimises |W|² / 2 + C * (sum of log losses), the intercept unpenalised, to convergence.

    Args:
        C: weight of the losses against the penalty. The default is for vectors of unit length, where 10 to 1000 hardly differ and 1 is
            held back by the penalty; CLIP's linear probes use 0.316 at lengths of about 10, which is 32 at unit length.
        normalize: what happens to vectors first. `l2`: to unit length, each by itself, as few vectors cannot teach a scale. `standard`:
            mean 0 and standard deviation 1 by feature over the support, for large supports. None: as they are.
        max_iter: Newton steps at most; about ten are enough.
        class_weight: what the losses of a class weigh, as in `class_weights`.
    """

    LEARNED: ClassVar[tuple[str, ...]] = ("coef_", "intercept_", "mean_", "scale_")

    def __init__(
        self,
        C: float = 100.0,
        normalize: Literal["l2", "standard"] | None = "l2",
        max_iter: int = 1000,
        class_weight: ClassWeight = None,
    ) -> None:
        self.C = C
        self.normalize = normalize
        self.max_iter = max_iter
        self.class_weight: ClassWeight = class_weight

    def _learn(self, X: Floats, codes: Ints) -> None:
        if self.normalize not in _NORMALIZE:
            raise ValueError(f"normalize is {self.normalize!r}; choose one of {', '.join(map(repr, _NORMALIZE))}")
        self.mean_, self.scale_ = np.zeros(X.shape[1]), np.ones(X.shape[1])
        if self.normalize == "standard":
            spread = X.std(axis=0)
            self.mean_, self.scale_ = X.mean(axis=0), np.where(spread > 0, spread, 1.0)
        X, weights = self._prepared(X), row_weights(self.class_weight, self.classes_, codes)
        # The weights lie in the span of the rows; where those are few, turning the axes into it leaves a small problem, exactly the same.
        few = X.shape[0] < X.shape[1]
        axes, turned = np.linalg.qr(X.T) if few else (None, X.T)
        model = LogisticRegression(C=self.C, tol=_TOL, max_iter=self.max_iter, solver="newton-cholesky")
        with warnings.catch_warnings():
            # raised too where rounding ends the last step, or where L-BFGS takes over and arrives; the gradient tells
            warnings.simplefilter("ignore", ConvergenceWarning)
            warnings.simplefilter("ignore", LinAlgWarning)
            model.fit(turned.T, codes, sample_weight=weights)
        self.coef_ = model.coef_ if axes is None else model.coef_ @ axes.T
        self.intercept_ = model.intercept_
        self.n_iter_ = int(model.n_iter_.max())
        gradient = self._gradient(X, codes, weights)
        if not gradient <= _GRADIENT:
            way = f"raise max_iter ({self.max_iter}), lower C ({self.C:g}) or choose another normalize ({self.normalize!r})"
            if self.C < _LEAST_C:
                way = f"C is {self.C:g}, under which losses are lost in rounding beside the penalty: choose {_LEAST_C:g} or more"
            raise UsageError(
                f"LinearHead did not converge: its gradient is {gradient:.1e} after {self.n_iter_} iterations, "
                f"more than {_GRADIENT:g}; {way}"
            )

    def _class_scores(self, X: Floats) -> Floats:
        return self._logits(self._prepared(X))

    def _probabilities(self, scores: Floats) -> Floats:
        return softmax(scores)

    def _prepared(self, X: Floats) -> Floats:
        return unit(X) if self.normalize == "l2" else (X - self.mean_) / self.scale_

    def _logits(self, X: Floats) -> Floats:
        logits = X @ self.coef_.T + self.intercept_
        return np.hstack([np.zeros_like(logits), logits]) if logits.shape[1] == 1 else logits

    def _gradient(self, X: Floats, codes: Ints, weights: Floats) -> float:
        """The largest partial derivative of the objective divided by C and the rows' weights, over coefficients and intercepts."""
        classes = len(self.classes_)
        share = weights / weights.sum()
        residual = share[:, None] * (softmax(self._logits(X)) - np.eye(classes)[codes])[:, -len(self.coef_) :]
        of_coefficients = residual.T @ X + self.coef_ / (self.C * weights.sum())
        return float(max(np.abs(of_coefficients).max(), np.abs(residual.sum(axis=0)).max()))
