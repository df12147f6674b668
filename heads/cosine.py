"""Cosine head: the class whose mean direction is nearest. Nothing is trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, final

import numpy as np

from .base import Head
from .products import decision_values
from .support import Support
from .vectors import Floats, Ints, class_means, softmax, unit


@final
class CosineHead(Head):
    """Score of a class: the cosine between a vector and the mean of the class's unit vectors.

    Args:
        scale: what cosines are multiplied by before the softmax of `predict_proba`; decision values are plain differences of cosines.
    """

    LEARNED: ClassVar[tuple[str, ...]] = ("prototypes_",)

    def __init__(self, scale: float = 10.0) -> None:
        self.scale = scale

    def _learn(self, X: Floats, codes: Ints) -> None:
        self.prototypes_ = unit(class_means(unit(X), codes, len(self.classes_)))

    def _class_scores(self, X: Floats) -> Floats:
        return unit(X) @ self.prototypes_.T

    def _probabilities(self, scores: Floats) -> Floats:
        return softmax(self.scale * scores)


def cosine_scores(X: Floats, supports: Sequence[Support], queries: Ints, device: str) -> Floats:  # noqa: ARG001
    """(fits, queries) decision values of `CosineHead`, all fits by one product."""
    U = unit(X)
    prototypes = [unit(class_means(U[s.rows], s.y, 2)) for s in supports]
    return decision_values(np.stack([p[1] - p[0] for p in prototypes]), np.zeros(len(supports)), U[queries])
