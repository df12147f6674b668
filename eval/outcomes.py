"""What every metric asks of its input: labels 0 or 1, finite scores beside them, and items of both classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..store.errors import UsageError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def checked_labels(y: ArrayLike) -> Ints:
    """(M,) labels as whole numbers.

    Raises:
        UsageError: they are not one row, or one is neither 0 nor 1.
    """
    labels = np.asarray(y)
    if labels.ndim != 1:
        raise UsageError(f"labels are of shape {labels.shape}; one row of 0 and 1 is wanted")
    if not np.isin(labels, (0, 1)).all():
        raise UsageError(f"labels must be 0 or 1; found {labels[~np.isin(labels, (0, 1))][0].item()!r}; leave unknown ones out")
    return labels.astype(np.int64)


def checked_scores(y: Ints, score: ArrayLike) -> Floats:
    """(F, M) scores, one row for each fit.

    Raises:
        UsageError: a row has not one score for each of the labels (M,), or a score is not finite.
    """
    scores = np.asarray(score, dtype=np.float64)
    if scores.ndim != 2 or scores.shape[1] != len(y):
        raise UsageError(f"labels are of shape {y.shape} and scores of {scores.shape}; one score for each label is wanted")
    finite = np.isfinite(scores)
    if not finite.all():
        raise UsageError(f"{int((~finite).sum())} of {scores.size} scores are NaN or infinite")
    return scores


def missing_class(y: Ints) -> str:
    """Why nothing can be measured on these labels; empty where both classes are there."""
    items, positive = len(y), int(y.sum())
    if not items:
        return "no items"
    return f"one class only: {positive} of {items} are positive" if positive in (0, items) else ""


def missing_patients(y: Ints, patient: NDArray[np.generic]) -> str:
    """Why no interval can be had from drawing patients; empty where two patients or more have items of each class."""
    for label, name in ((0, "negative"), (1, "positive")):
        patients = len(np.unique(patient[y == label]))
        if patients < 2:
            return f"{patients} patient(s) with {name} items; 2 or more say how much they differ"
    return ""
