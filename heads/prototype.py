"""Prototype head: SimpleShot's CL2N, a nearest class mean after centring and L2 normalisation.

Wang, Chao, Weinberger, van der Maaten: SimpleShot: Revisiting Nearest-Neighbor Classification for Few-Shot Learning (arXiv:1911.04623).
The paper centres on the mean of its base classes; here there are none, so the mean of the support takes its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, final

import numpy as np

from .base import Head
from .products import decision_values
from .support import Support
from .vectors import Floats, Ints, class_means, softmax, unit

_FITS = 256
"""Scored at once: what is held besides the answer stays small."""


@final
class PrototypeHead(Head):
    """Score of a class: minus the squared Euclidean distance to its mean, of vectors centred on the support's mean and of unit length."""

    LEARNED: ClassVar[tuple[str, ...]] = ("mean_", "prototypes_")

    def _learn(self, X: Floats, codes: Ints) -> None:
        self.mean_ = X.mean(axis=0)
        self.prototypes_ = class_means(unit(X - self.mean_), codes, len(self.classes_))

    def _class_scores(self, X: Floats) -> Floats:
        U = unit(X - self.mean_)
        squared = (self.prototypes_**2).sum(axis=1)
        return 2 * U @ self.prototypes_.T - squared - (U**2).sum(axis=1, keepdims=True)

    def _probabilities(self, scores: Floats) -> Floats:
        return softmax(scores)


def prototype_scores(X: Floats, supports: Sequence[Support], queries: Ints, device: str) -> Floats:  # noqa: ARG001
    """(fits, queries) decision values of `PrototypeHead`, by two products for many fits.

    A query's length after centring comes from |q - m|² = |q|² - 2 q·m + |m|².
    """
    Q = X[queries]
    origin = Q.mean(axis=0)  # moves nothing else, and keeps the difference above from cancelling
    Q -= origin
    own, zeros = (Q**2).sum(axis=1), np.zeros(_FITS)
    scores = np.empty((len(supports), len(Q)))
    for start in range(0, len(supports), _FITS):
        part = supports[start : start + _FITS]
        means = np.stack([(X[s.rows] - origin).mean(axis=0) for s in part])
        prototypes = np.stack([class_means(unit(X[s.rows] - origin - m), s.y, 2) for s, m in zip(part, means, strict=True)])
        direction = prototypes[:, 1] - prototypes[:, 0]
        length = decision_values(means, zeros[: len(part)], Q)
        length *= -2
        length += own
        length += (means**2).sum(axis=1)[:, None]
        np.sqrt(np.maximum(length, 0.0, out=length), out=length)
        length[length == 0] = 1.0
        along = decision_values(direction, -(direction * means).sum(axis=1), Q)
        along *= 2
        squared = (prototypes**2).sum(axis=2)
        np.subtract(np.divide(along, length, out=along), (squared[:, 1] - squared[:, 0])[:, None], out=scores[start : start + len(part)])
    return scores
