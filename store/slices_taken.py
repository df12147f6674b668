"""How many slices a view takes of each of many scans: what a scan must have in a feature set to count as embedded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .errors import UsageError
from .slice_policy import ALL, chosen_slices, needs_z

if TYPE_CHECKING:
    from .bank import Bank


def slices_taken(bank: Bank, policy: str, first: NDArray[np.int64], count: NDArray[np.int64]) -> NDArray[np.int64]:
    """(N,) of scans whose slices are `count` ordinals from `first` on. All of them where the policy cannot be applied to a scan."""
    if policy == ALL:
        return count
    heights = _heights(bank) if needs_z(policy) else None

    def taken(start: int, slices: int) -> int:
        try:
            return len(chosen_slices(policy, slices, None if heights is None else heights[start : start + slices]))
        except UsageError:  # of vectors that were made elsewhere, or a scan that the policy is not for
            return slices

    return np.array([taken(int(start), int(slices)) for start, slices in zip(first, count, strict=True)], np.int64)


def _heights(bank: Bank) -> NDArray[np.float64]:
    """By the ordinal of slices; NaN where unknown."""
    answer = bank.sql("SELECT ordinal, z_mm FROM slices")
    ordinals = answer.column("ordinal").to_numpy()
    heights = np.full(int(ordinals.max(initial=-1)) + 1, np.nan)
    heights[ordinals] = np.array(answer.column("z_mm").to_pylist(), np.float64)
    return heights
