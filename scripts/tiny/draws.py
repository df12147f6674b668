"""Intervals by patient: drawn with replacement, all that belongs to one together."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

DRAWS = 1000


def patient_draws(*whose: NDArray[np.str_]) -> list[tuple[NDArray[np.int64], ...]]:
    """Rows of each of some tables in `DRAWS` draws of the patients of the first, the same for all; `whose` says whose each row is."""
    rng = np.random.default_rng(0)
    names = np.unique(whose[0])
    rows = [{name: np.flatnonzero(of == name) for name in names} for of in whose]
    drawn = (rng.choice(names, len(names)) for _ in range(DRAWS))
    return [tuple(np.concatenate([of[name] for name in some]) for of in rows) for some in drawn]


def with_interval(value: float, drawn: Iterable[float], digits: int = 2) -> str:
    """A number, and 95% of those of draws; a draw that has none (NaN: a class is missing) does not count."""
    low, high = np.nanpercentile(list(drawn), [2.5, 97.5])
    return f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"
