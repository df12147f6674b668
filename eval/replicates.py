"""Bootstrap replicates of metrics, patients drawn with replacement and all items of one together: one sort serves all of them.

How often each patient was drawn is a matrix (draws, patients): an item counts as often as its patient.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .ranked import Areas

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def drawn(patients: int, draws: int, seed: int) -> NDArray[np.float64]:
    """(draws, patients): how often each patient is in each draw of as many as there are."""
    return next(drawn_in_blocks(patients, draws, seed, max(draws, 1)), np.empty((0, patients)))


def drawn_in_blocks(patients: int, draws: int, seed: int, block: int) -> Iterator[NDArray[np.float64]]:
    """The rows of `drawn`, at most `block` at a time."""
    random = np.random.Generator(np.random.PCG64(seed))
    for start in range(0, draws, block):
        times = np.empty((min(block, draws - start), patients))
        for row in times:
            row[:] = np.bincount(random.integers(patients, size=patients), minlength=patients)
        yield times


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
