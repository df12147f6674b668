"""Intervals of metrics from drawing patients with replacement, all items of a patient together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..store.errors import UsageError
from .confusion import Confusion, cell_of
from .edges import wilson_edge
from .logit_intervals import logit_intervals, mean_interval
from .metric_kinds import METRICS, MetricKind, metrics_named
from .outcomes import (
    checked_labels,
    checked_probabilities,
    checked_scores,
    checked_thresholds,
    missing_patients,
    patient_codes,
    patients_of,
)
from .reliability import BINS, Reliability, bin_of
from .replicates import drawn, ranking_replicates

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


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

    The standard deviation over draws is the standard error; the interval is made from it on the logit scale, which covers where percentiles
    do not (docs/statistics.md). A value of 0 or 1 has Wilson's interval, with patients counted, and an AUROC Newcombe's. The order of
    the items does not matter.

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

    Raises:
        UnknownNameError: a metric is unknown.
        UsageError: as `battery`; or there are fewer than two draws.
    """
    kinds = metrics_named(names)
    labels = checked_labels(y)
    scores = checked_scores(labels, score)
    patient = patient_codes(labels, patients)
    at = checked_thresholds(len(scores), threshold)
    probable = checked_probabilities(scores.shape, probability)
    if draws < 2:
        raise UsageError(f"{draws} draws say nothing of spread; ask for 2 or more, such as 1000")
    ends = {kind.name: np.full((len(scores), 2), np.nan) for kind in kinds}
    if missing_patients(labels, patient):
        return ends
    total = int(patient.max()) + 1
    # the last draw holds every patient once: what was found
    times = with_all(of_both_classes(labels, patient, drawn(total, draws, seed)))
    people = (*patients_of(labels, patient), total)
    parts = metrics_named(part for kind in kinds for part in kind.mean_of)
    asked = tuple(dict.fromkeys((*kinds, *parts)))
    for fit, row in enumerate(scores):
        chance = None if probable is None else probable[fit]
        found = dict(replicates(asked, labels, row, patient, times, float(at[fit]), chance))
        for kind in kinds:
            if kind.name in found:
                ends[kind.name][fit] = _interval(kind, found, people)
    return ends


def replicates(
    kinds: Iterable[MetricKind], y: Ints, score: Floats, patient: Ints, times: Floats, threshold: float, probability: Floats | None
) -> Iterator[tuple[str, Floats]]:
    """Each metric's name and its values for one fit in each draw (draws,); those without a threshold or probabilities (NaN) are left out.

    Args:
        kinds: the metrics.
        y: (M,) labels.
        score: (M,).
        patient: (M,) columns of `times`.
        times: (draws, patients), each with items of both classes.
        threshold: NaN: there is none.
        probability: (M,); None or NaN: there are none.
    """
    statistics: dict[str, Callable[[], Any]] = {"score": lambda: ranking_replicates(y, score, patient, times)}
    if not np.isnan(threshold):
        statistics["threshold"] = lambda: _confusions(y, score, threshold, patient, times)
    if probability is not None and not np.isnan(probability).any():
        statistics["probability"] = lambda: _reliabilities(y, probability, patient, times)
    for needs, make in statistics.items():
        wanted = [kind for kind in kinds if kind.needs == needs]
        made = make() if wanted else None
        for kind in wanted:
            yield kind.name, kind.of(made)


def with_all(times: Floats) -> Floats:
    """One draw more, of every patient once."""
    return np.concatenate([times, np.ones((1, times.shape[1]))])


def _interval(kind: MetricKind, found: Mapping[str, Floats], people: tuple[int, int, int]) -> Floats:
    """(2,) from the draws of all metrics, the last of each being its value."""
    draws = found[kind.name]
    value = float(draws[-1])
    means = np.array([found[part][-1] for part in kind.mean_of])
    if ((means == 0) | (means == 1)).any():
        return mean_interval(means, np.array([_interval(METRICS[part], found, people) for part in kind.mean_of]))
    if 0 < value < 1:
        return logit_intervals(draws[-1:], np.std(draws[:-1], ddof=1, keepdims=True), kind.patients(*people))[0]
    return np.array(wilson_edge(value, kind.patients(*people)) if kind.edge is None else kind.edge(value, *people[:2]))


def of_both_classes(y: Ints, patient: Ints, times: Floats) -> Floats:
    """The draws that hold items of both classes."""
    held = [times @ np.bincount(patient, weights=y == label, minlength=times.shape[1]) > 0 for label in (0, 1)]
    return times[held[0] & held[1]]


def _confusions(y: Ints, score: Floats, threshold: float, patient: Ints, times: Floats) -> Confusion:
    cell = cell_of(y, score[None], np.array([threshold]))[0]
    return Confusion(*_summed(np.ones(len(y)), cell, 4, patient, times))


def _reliabilities(y: Ints, probability: Floats, patient: Ints, times: Floats) -> Reliability:
    gap, rows = probability - y, np.ones(len(y), np.int64)
    value = np.concatenate([gap, gap**2, np.ones(len(y))])
    place = np.concatenate([bin_of(probability), BINS * rows, (BINS + 1) * rows])
    sums = _summed(value, place, BINS + 2, np.tile(patient, 3), times)
    return Reliability(sums[BINS], sums[:BINS], sums[BINS + 1])


def _summed(value: Floats, place: Ints, places: int, patient: Ints, times: Floats) -> Floats:
    """(places, draws): the values of each place in each draw, added up."""
    people = times.shape[1]
    of_people = np.bincount(place * people + patient, weights=value, minlength=places * people).reshape(places, people)
    return of_people @ times.T
