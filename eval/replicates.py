"""Bootstrap replicates of metrics, patients drawn with replacement and all items of one together: one sort serves all of them.

How often each patient was drawn is a matrix (draws, patients): an item counts as often as its patient.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .ranked import Areas

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def drawn(patients: int, draws: int, seed: int) -> NDArray[np.float64]:
    """(draws, patients): how often each patient is in each draw of as many as there are."""
    random = np.random.Generator(np.random.PCG64(seed))
    times = np.empty((draws, patients))
    for draw in range(draws):
        times[draw] = np.bincount(random.integers(patients, size=patients), minlength=patients)
    return times


def ranking_replicates(y: Ints, score: Floats, patient: Ints, times: Floats) -> Areas:
    """AUROC and AP in each draw.

    Args:
        y: (N,) labels, 0 and 1.
        score: (N,) finite.
        patient: (N,) columns of `times`.
        times: (draws, patients), of `drawn`.
    """
    from .ranking_walks import walk_draws

    order = np.argsort(-score)
    descending = score[order]
    last = np.append(descending[1:] != descending[:-1], True)
    auroc, ap = np.empty(len(times)), np.empty(len(times))
    walk_draws(y[order].astype(np.float64), last, patient[order], np.ascontiguousarray(times), auroc, ap)
    return Areas(auroc, ap)
