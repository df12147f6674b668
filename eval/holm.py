"""Holm's correction of the p-values of a table (Scandinavian Journal of Statistics 6, 1979)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..store.errors import UsageError


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """Adjusted p-values, in the order given: the chance of any false rejection among all with adjusted p <= alpha is at most alpha.

    The smallest of K is multiplied by K, the next by K - 1, and so on; none is smaller than one before it, and none above 1. NaN stays NaN
    and does not count.

    Raises:
        UsageError: a value is outside [0, 1], or they are not one row.
    """
    values = np.asarray(p, dtype=np.float64)
    known = np.isfinite(values)
    if values.ndim != 1 or not ((values[known] >= 0) & (values[known] <= 1)).all() or np.isinf(values).any():
        raise UsageError("p-values must be one row of numbers in [0, 1], or NaN where there is none")
    order = np.flatnonzero(known)[np.argsort(values[known], kind="stable")]
    adjusted = np.full(len(values), np.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * np.arange(len(order), 0, -1)), 1)
    return adjusted
