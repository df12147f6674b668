"""Choosing a setting on the validation side: the one of the highest AUROC, the first of equals."""

from __future__ import annotations

import numpy as np

from ..store.errors import UsageError
from .support import Support
from .vectors import Floats, Ints


def aurocs(scores: Floats, y: Ints) -> Floats:
    """(K,): AUROC of each row of scores (K, V) against labels y (V,), equal scores counting half (Mann and Whitney 1947).

    The ranks add up to whole and half numbers, so that equal orders give equal values to the bit.
    """
    from scipy.stats import rankdata  # which takes a second to import

    positives = int((y == 1).sum())
    ranks = rankdata(scores, axis=-1)[..., y == 1].sum(axis=-1)
    return (ranks - positives * (positives + 1) / 2) / (positives * (len(y) - positives))


def best_setting(scores: Floats, tuning: Support) -> int:
    """Which row of scores (K, V) orders the tuning rows best; settings go from the most careful to the boldest.

    Raises:
        UsageError: all tuning rows are of one class.
    """
    if len(np.unique(tuning.y)) < 2:
        raise UsageError(
            f"settings cannot be chosen by AUROC on {len(tuning.y)} validation rows of one class; give both classes, or no tuning rows"
        )
    return int(np.argmax(aurocs(scores, tuning.y)))
