"""Several rankings made one by reciprocal ranks (Cormack, Clarke and Büttcher, SIGIR 2009)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

CONSTANT = 60
"""What the paper adds to each rank."""


def fused(rankings: Sequence[NDArray[np.int64]]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """What any of the rankings has, best first, and its score: the sum over the rankings that have it of 1 / (60 + rank), rank from 1.

    Of equal scores, what the first ranking has first goes first, then by the next; what a ranking lacks is behind all that it has.

    Args:
        rankings: each without repeats, best first.
    """
    every = np.unique(np.concatenate([np.empty(0, np.int64), *rankings]))
    ranks = np.full((len(rankings), len(every)), np.iinfo(np.int64).max)
    scores = np.zeros(len(every))
    for row, ranking in zip(ranks, rankings, strict=True):
        place = np.searchsorted(every, ranking)
        row[place] = np.arange(1, len(ranking) + 1)
        scores[place] += 1.0 / (CONSTANT + row[place])
    order = np.lexsort((every, *ranks[::-1], -scores))
    return every[order], scores[order]
