"""What ranks amount to: recall at K, median rank, mean reciprocal rank, mAP and nDCG, with intervals by patient."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

import numpy as np
from numpy.typing import NDArray

from ..edges import COVERAGE, wilson_edge
from ..logit_intervals import logit_intervals
from ..outcomes import LEAST_PATIENTS
from ..replicates import drawn
from .ranking import Ranks

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CUTS = (1, 5, 10, 50, 100)
DRAWS = 1000
NO_FINDING = "no query has a finding in common with the pool"
_ROWS = 2**20
"""Weights of queries in draws that are held at once."""


@final
@dataclass(frozen=True)
class Measure:
    """A number over queries."""

    name: str
    value: float | None
    lo: float | None = None
    """95%, over draws of patients with replacement; the pool stays as it is."""
    hi: float | None = None
    reason: str = ""
    """Why there is no value."""


@final
class Patients:
    """Whose N queries are, and how often each patient is in each of some draws with replacement.

    Args:
        patients: (N,).
        draws: how many.
        seed: of the draws.
    """

    def __init__(self, patients: NDArray[np.str_], draws: int = DRAWS, seed: int = 0) -> None:
        _, self.of = np.unique(patients, return_inverse=True)
        self.times = drawn(int(self.of.max()) + 1, draws, seed)


def measures(ranks: Ranks, patients: Patients) -> list[Measure]:
    """All measures of one direction; names of those by which near-identical reports are right end in `_duplicates`."""
    patient, times = patients.of, patients.times
    found = list[Measure]()
    same = np.array_equal(ranks.own, ranks.alike)
    for of, ending in ((ranks.own, ""), (ranks.alike, "_duplicates")):
        if ending and same:
            found += [replace(one, name=f"{one.name}{ending}") for one in found]
            break
        for cut in CUTS:
            name = f"recall_at_{cut}{ending}"
            if cut >= len(of):
                found.append(Measure(name, None, reason=f"the pool of {len(of)} is no larger than {cut}"))
            else:
                found.append(_share(name, (of <= cut).astype(np.float64), patient, times))
        found.append(_median(f"median_rank{ending}", of, patient, times))
        found.append(_share(f"mrr{ending}", 1 / of, patient, times))
    return [*found, _share("map", ranks.ap, patient, times), _share("ndcg", ranks.ndcg, patient, times)]


def chance(pool: int) -> dict[str, float]:
    """What a random order of a pool of M gives on average, where one item is right."""
    found = {f"recall_at_{cut}": cut / pool for cut in CUTS if cut < pool}
    return found | {"median_rank": (pool + 1) / 2, "mrr": float((1 / np.arange(1, pool + 1)).sum()) / pool}


def _share(name: str, of: Floats, patient: Ints, times: Floats) -> Measure:
    """The mean of values (N,) in 0..1, NaN left out."""
    known = ~np.isnan(of)
    if not known.any():
        return Measure(name, None, reason=NO_FINDING)
    people, value = times.shape[1], float(of[known].mean())
    sums = np.bincount(patient[known], weights=of[known], minlength=people)
    counts = np.bincount(patient[known], minlength=people).astype(np.float64)
    told = int((counts > 0).sum())
    if told < LEAST_PATIENTS:
        return Measure(name, value)
    if value in (0.0, 1.0):
        return Measure(name, value, *wilson_edge(value, told))
    many = times @ counts
    means = (times @ sums)[many > 0] / many[many > 0]
    ends = logit_intervals(np.array([value]), np.std(means, ddof=1, keepdims=True), told)[0]
    return Measure(name, value, float(ends[0]), float(ends[1]))


def _median(name: str, of: Ints, patient: Ints, times: Floats) -> Measure:
    """Between the two middle ranks where their number is even; the interval from percentiles of draws, as ranks have no upper end."""
    value = float(np.median(of))
    if times.shape[1] < LEAST_PATIENTS:
        return Measure(name, value)
    order = np.argsort(of, kind="stable")
    ranks, owner = of[order], patient[order]
    medians = np.empty(len(times))
    step = max(1, _ROWS // len(of))
    for start in range(0, len(times), step):
        seen = np.cumsum(times[start : start + step][:, owner], axis=1)
        half = seen[:, -1:] / 2
        low = ranks[np.argmax(seen >= half, axis=1)]
        high = ranks[np.argmax(seen > half, axis=1)]
        medians[start : start + step] = (low + high) / 2
    lo, hi = np.quantile(medians, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2], method="inverted_cdf")
    return Measure(name, value, float(lo), float(hi))
