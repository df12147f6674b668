"""What the heads share: unit vectors, class means, softmax and the check of what is scored."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


_ROWS = 4096
"""Brought to unit length at once: squares of a whole matrix would take as much memory again."""


def unit(X: Floats) -> Floats:
    """(..., D) divided by its Euclidean length along the last axis; a vector of zeros stays as it is."""
    if X.ndim > 1 and len(X) > _ROWS:
        found = np.empty(X.shape)
        for start in range(0, len(X), _ROWS):
            found[start : start + _ROWS] = unit(X[start : start + _ROWS])
        return found
    length = np.linalg.norm(X, axis=-1, keepdims=True)
    return X / np.where(length > 0, length, 1.0)


def class_means(X: Floats, codes: Ints, classes: int) -> Floats:
    """(classes, D): the mean of the rows of each class; `codes` (N,) are 0..classes-1 and each occurs."""
    return np.stack([X[codes == c].mean(axis=0) for c in range(classes)])


def softmax(scores: Floats) -> Floats:
    """(N, C) to probabilities along the last axis, without overflow."""
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


def sigmoid(scores: Floats) -> Floats:
    """1 / (1 + exp(-scores)), without overflow."""
    small = np.exp(-np.abs(scores))
    return np.where(scores >= 0, 1.0, small) / (1.0 + small)
