"""Linear heads as parts of larger ones: kept as arrays, made heads again to score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .bags import Bags
from .linear import LinearHead
from .vectors import Floats


def stacked(heads: Sequence[LinearHead]) -> dict[str, NDArray[Any]]:
    """What E heads of one width and as many classes learned, by name, each array with a first axis of E."""
    return {name: np.stack([getattr(head, name) for head in heads]) for name in LinearHead.LEARNED}


def again(blank: LinearHead, learned: Mapping[str, NDArray[Any]], classes: int) -> LinearHead:
    """`blank` with what a head like it learned, of classes 0..classes-1."""
    for name in LinearHead.LEARNED:
        setattr(blank, name, learned[name])
    blank.classes_ = np.arange(classes)
    blank.n_features_in_ = learned["coef_"].shape[-1]
    return blank


def log_softmax(scores: Floats) -> Floats:
    """Of (N,) decision values of two classes or (N, C) scores: (N, C) logarithms of probabilities."""
    if scores.ndim == 1:
        return -np.logaddexp(0.0, np.stack([scores, -scores], axis=1))
    raised = scores - scores.max(axis=1, keepdims=True)
    return raised - np.log(np.exp(raised).sum(axis=1, keepdims=True))


def log_probabilities(head: LinearHead, bags: Bags) -> Floats:
    """(S, C) of all vectors in bags, a block at a time."""
    logs = np.empty((len(bags.X), len(head.classes_)))
    for place, block in bags.blocks():
        logs[place] = log_softmax(head.decision_function(block))
    return logs


def class_scores(head: LinearHead, X: Floats) -> Floats:
    """(N, C): of two classes, 0 beside the decision value."""
    scores = head.decision_function(X)
    return np.stack([np.zeros_like(scores), scores], axis=1) if scores.ndim == 1 else scores
