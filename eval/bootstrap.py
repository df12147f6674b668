"""Intervals of metrics from drawing patients with replacement, all items of a patient together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from ..store.errors import UsageError
from .confusion import Confusion, cell_of
from .metric_kinds import metrics_named
from .outcomes import checked_labels, checked_scores, missing_patients
from .reliability import BINS, Reliability, bin_of
from .replicates import drawn, ranking_replicates

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

COVERAGE = 0.95
"""Of the intervals."""


def bootstrap_intervals(
    names: Iterable[str],
    y: ArrayLike,
    score: ArrayLike,
    patients: ArrayLike,
    threshold: ArrayLike | None = None,
    probability: ArrayLike | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> Mapping[str, Floats]:
    """95% intervals (F, 2) of each metric, lower end and upper end, patients drawn with replacement, the same for all fits.

    Args:
        names: of metrics.
        y: (M,) labels, 0 or 1.
        score: (F, M) finite.
        patients: (M,) numbers or texts.
        threshold: (F,), as in `battery`.
        probability: (F, M), as in `battery`.
        draws: how often patients are drawn. Draws with items of one class only are left out.
        seed: of the draws.

    Returns:
        NaN where a metric has no value, or where fewer than two patients have items of a class.
    """
    kinds = metrics_named(names)
    labels = checked_labels(y)
    scores = checked_scores(labels, score)
    _, patient = np.unique(np.asarray(patients), return_inverse=True)
    if patient.shape != labels.shape or draws < 1:
        raise UsageError(f"{len(labels)} items have groups of shape {patient.shape} and {draws} draws; one group an item, 1 draw or more")
    ends = {kind.name: np.full((len(scores), 2), np.nan) for kind in kinds}
    if missing_patients(labels, patient):
        return ends
    at = np.full(len(scores), np.nan) if threshold is None else np.asarray(threshold, dtype=np.float64)
    probable = np.full((1, 1), np.nan) if probability is None else np.asarray(probability, dtype=np.float64)
    times = _of_both_classes(labels, patient, drawn(int(patient.max()) + 1, draws, seed))
    for fit, row in enumerate(scores):
        chance = probable[min(fit, len(probable) - 1)]
        statistics: dict[str, Callable[[], Any]] = {"score": lambda row=row: ranking_replicates(labels, row, patient, times)}
        if not np.isnan(at[fit]):
            statistics["threshold"] = lambda row=row, t=at[fit]: _confusions(labels, row, float(t), patient, times)
        if not np.isnan(chance).any():
            statistics["probability"] = lambda chance=chance: _reliabilities(labels, chance, patient, times)
        for needs, make in statistics.items():
            wanted = [kind for kind in kinds if kind.needs == needs]
            made = make() if wanted else None
            for kind in wanted:
                ends[kind.name][fit] = np.quantile(kind.of(made), [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return ends


def _of_both_classes(y: Ints, patient: Ints, times: Floats) -> Floats:
    held = [np.bincount(patient, weights=y == label, minlength=len(times)) @ times > 0 for label in (0, 1)]
    return np.ascontiguousarray(times[:, held[0] & held[1]])


def _confusions(y: Ints, score: Floats, threshold: float, patient: Ints, times: Floats) -> Confusion:
    cell = cell_of(y, score[None], np.array([threshold]))[0]
    return Confusion(*(csr_array((np.ones(len(y)), (cell, patient)), shape=(4, len(times))) @ times))


def _reliabilities(y: Ints, probability: Floats, patient: Ints, times: Floats) -> Reliability:
    gap, rows = probability - y, np.ones(len(y), np.int64)
    value = np.concatenate([gap, gap**2, np.ones(len(y))])
    place = np.concatenate([bin_of(probability), BINS * rows, (BINS + 1) * rows])
    sums = csr_array((value, (place, np.tile(patient, 3))), shape=(BINS + 2, len(times))) @ times
    return Reliability(sums[BINS], sums[:BINS], sums[BINS + 1])
