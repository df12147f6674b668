"""What every metric asks of its input: labels 0 or 1, finite scores beside them, and items of both classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..store.errors import UsageError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST_PATIENTS = 2
"""With items of each class, for an interval."""


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
    scores = np.asarray(score, dtype=np.float64, order="C")  # sums by row do not depend on the layout then
    if scores.ndim != 2 or scores.shape[1] != len(y):
        raise UsageError(f"labels are of shape {y.shape} and scores of {scores.shape}; one score for each label is wanted")
    finite = np.isfinite(scores)
    if not finite.all():
        raise UsageError(f"{int((~finite).sum())} of {scores.size} scores are NaN or infinite")
    return scores


def checked_thresholds(fits: int, threshold: ArrayLike | None) -> Floats:
    """(F,), NaN where there is none.

    Raises:
        UsageError: there is not one for each fit.
    """
    at = np.full(fits, np.nan) if threshold is None else np.asarray(threshold, dtype=np.float64)
    if at.shape != (fits,):
        raise UsageError(f"{fits} fits have thresholds of shape {at.shape}; one for each is wanted")
    return at


def checked_probabilities(shape: tuple[int, ...], probability: ArrayLike | None) -> Floats | None:
    """(F, M), rows of NaN where a fit has none.

    Raises:
        UsageError: there is not one for each of the scores of this shape, or one is outside [0, 1].
    """
    if probability is None:
        return None
    probable = np.asarray(probability, dtype=np.float64, order="C")
    if probable.shape != shape:
        raise UsageError(f"scores are of shape {shape} and probabilities of {probable.shape}; one for each score is wanted")
    whole = probable[~np.isnan(probable).all(axis=1)]
    if not ((whole >= 0) & (whole <= 1)).all():
        raise UsageError("probabilities must lie in [0, 1], or be NaN for all items of a fit that has none")
    return probable


def checked_weights(y: Ints, weight: ArrayLike) -> Floats:
    """(M,) of the items.

    Raises:
        UsageError: there is not one for each label, or one is negative or not finite.
    """
    weights = np.asarray(weight, dtype=np.float64)
    if weights.shape != y.shape or not (np.isfinite(weights) & (weights >= 0)).all():
        raise UsageError(f"weights of {len(y)} items must be as many finite numbers, none negative; found shape {weights.shape}")
    return weights


def missing_class(y: Ints) -> str:
    """Why nothing can be measured on these labels; empty where both classes are there."""
    items, positive = len(y), int(y.sum())
    if not items:
        return "no items"
    return f"one class only: {positive} of {items} are positive" if positive in (0, items) else ""


def patient_codes(y: Ints, patients: ArrayLike) -> Ints:
    """(M,) whole numbers from 0, in the order of the patients' names, so that the order of the items does not matter.

    Raises:
        UsageError: there is not one patient for each label.
    """
    _, codes = np.unique(np.asarray(patients), return_inverse=True)
    if codes.shape != y.shape:
        raise UsageError(f"{len(y)} items have patients of shape {codes.shape}; one for each item is wanted")
    return codes.astype(np.int64)


def patients_of(y: Ints, patient: Ints) -> tuple[int, int]:
    """How many patients have positive items, and how many have negative ones."""
    return len(np.unique(patient[y == 1])), len(np.unique(patient[y == 0]))


def missing_patients(y: Ints, patient: Ints) -> str:
    """Why there is no interval; empty where two patients or more have items of each class."""
    if missing_class(y):
        return missing_class(y)
    positive, negative = patients_of(y, patient)
    if min(positive, negative) >= LEAST_PATIENTS:
        return ""
    return f"{positive} patients have positive items and {negative} negative ones; from fewer than two nothing says how much they differ"
