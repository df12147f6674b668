"""Bootstrap replicates of metrics, patients drawn with replacement and all items of one together: many replicates by one sparse product.

How often each patient was drawn is a matrix (patients, draws). Ranking metrics ask how many negatives lie above, and beside, each positive:
counts of patients' items between the scores of positives, which one product turns into counts of every draw.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_BLOCK = 1 << 21
"""Numbers of an array at once: they stay in the processor's cache."""


def drawn(patients: int, draws: int, seed: int) -> NDArray[np.float64]:
    """(patients, draws): how often each patient is in each draw of as many as there are."""
    random = np.random.Generator(np.random.PCG64(seed))
    times = np.empty((patients, draws))
    for draw in range(draws):
        times[:, draw] = np.bincount(random.integers(patients, size=patients), minlength=patients)
    return times


@final
@dataclass(frozen=True)
class RankingReplicates:
    """A metric in each draw; NaN where a draw holds one class only."""

    auroc: Floats
    """(draws,)."""
    ap: Floats
    """(draws,)."""

    def aurocs(self) -> Floats:
        return self.auroc

    def average_precisions(self) -> Floats:
        return self.ap


def ranking_replicates(y: Ints, score: Floats, patient: Ints, times: Floats) -> RankingReplicates:
    """AUROC and AP in each draw.

    Args:
        y: (N,) labels, 0 and 1.
        score: (N,) finite.
        patient: (N,) rows of `times`.
        times: (patients, draws), of `drawn`.
    """
    positive = y == 1
    values, group = np.unique(-score[positive], return_inverse=True)  # from the highest down
    groups = len(values)
    if not groups:
        nothing = np.full(times.shape[1], np.nan)
        return RankingReplicates(nothing, nothing)
    # of a negative: 2 g between the positives' scores g - 1 and g, 2 g + 1 at score g itself
    beside = np.searchsorted(values, -score[~positive], side="left")
    tied = values[np.minimum(beside, groups - 1)] == -score[~positive]
    negatives = _counts(2 * beside + (tied & (beside < groups)), patient[~positive], 2 * groups + 1, len(times))
    positives = _counts(group, patient[positive], groups, len(times))
    step = max(1, _BLOCK // (2 * groups + 1))
    parts = [_measured(positives, negatives, times[:, start : start + step]) for start in range(0, times.shape[1], step)]
    return RankingReplicates(np.concatenate([auroc for auroc, _ in parts]), np.concatenate([ap for _, ap in parts]))


def _counts(place: Ints, patient: Ints, places: int, patients: int) -> csr_array:
    return csr_array((np.ones(len(place)), (place, patient)), shape=(places, patients))


def _measured(positives: csr_array, negatives: csr_array, times: Floats) -> tuple[Floats, Floats]:
    block = np.ascontiguousarray(times)
    at = positives @ block
    between = negatives @ block
    upto = np.cumsum(between, axis=0)
    total, all_positives = upto[-1], at.sum(axis=0)
    above, tied = upto[0:-1:2], between[1::2]
    under = total - above - tied / 2
    true = np.cumsum(at, axis=0)
    called = true + upto[1::2]
    with np.errstate(divide="ignore", invalid="ignore"):
        auroc = (at * under).sum(axis=0) / (all_positives * total)
        ap = (at * np.divide(true, called, out=np.zeros_like(true), where=called > 0)).sum(axis=0) / all_positives
    ap[total == 0] = np.nan
    return auroc, ap
