"""Intervals of AUROCs from DeLong's variance, or Obuchowski's where patients have several items."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .edges import newcombe_edge
from .logit_intervals import logit_intervals
from .outcomes import Ints, checked_labels, checked_scores, missing_patients, patient_codes, patients_of
from .portions import portions
from .ranked import descending

Floats = NDArray[np.float64]


def delong_intervals(y: ArrayLike, score: ArrayLike, patients: ArrayLike | None = None) -> Floats:
    """(F, 2): lower and upper end of the 95% interval of each AUROC, made on the logit scale.

    An AUROC of 0 or 1 has Newcombe's interval, since no variance is seen. Scores that are all equal have an AUROC of 0.5 in any sample:
    both ends are 0.5.

    Args:
        y: (M,) labels, 0 or 1.
        score: (F, M) finite.
        patients: (M,) numbers or texts; where one has several items the variance is clustered. None: each item is a patient.

    Returns:
        NaN where fewer than two patients have items of a class.

    Raises:
        UsageError: as `battery`.
    """
    labels = checked_labels(y)
    scores = checked_scores(labels, score)
    patient = patient_codes(labels, np.arange(len(labels)) if patients is None else patients)
    if missing_patients(labels, patient):
        return np.full((len(scores), 2), np.nan)
    found = [auroc_variances(labels, scores[rows], patient) for rows in portions(len(scores), len(labels))]
    area, variance = (np.concatenate([np.empty(0), *parts]) for parts in (zip(*found, strict=True) if found else ((), ())))
    positive, negative = patients_of(labels, patient)
    ends = logit_intervals(area, np.sqrt(variance), min(positive, negative))
    for edge in (0.0, 1.0):
        ends[area == edge] = newcombe_edge(edge, positive, negative)
    return ends


def auroc_variances(y: Ints, scores: Floats, patient: Ints) -> tuple[Floats, Floats]:
    """(F,) AUROCs and (F,) their variances, clustered where patients (M,), whole numbers from 0, have several items.

    NaN where a class has items of one patient only, whose variance nobody can tell.
    """
    from .ranking_walks import walk_variances

    area, variance = np.empty(len(scores)), np.empty(len(scores))
    walk_variances(y, scores, descending(scores), patient, area, variance)
    return area, variance
