"""Slice policies: which of a scan's own planes a view takes. By number alone, so that it is known before anything is decoded."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from .errors import UsageError

ALL = "source"
TRIM = "trim"
"""Without the first and last 15%, where a scan has more than 150 slices: what is beside the organ in long series."""
_TRIM_ABOVE, _TRIM_SHARE = 150, 0.15
_FORMS = f"{ALL}, {TRIM}, even:N, middle:N or every:KMM, such as even:32, middle:16 or every:5mm"
_COUNTED = re.compile(r"(even|middle):([1-9]\d{0,5})")
_SPACED = re.compile(r"every:(\d+(?:\.\d+)?)mm")


def check_policy(policy: str) -> str:
    """The policy, if it is one.

    Raises:
        UsageError: it is none of `source`, `trim`, `even:N`, `middle:N`, `every:KMM`.
    """
    spaced = _SPACED.fullmatch(policy)
    if policy in (ALL, TRIM) or _COUNTED.fullmatch(policy) or (spaced and float(spaced[1]) > 0):
        return policy
    raise UsageError(f"slice policy {policy!r} is unknown; write {_FORMS}")


def needs_positions(policy: str) -> bool:
    """Whether a policy asks where the slices lie, and not for their number alone."""
    return policy.startswith("every:")


def chosen_slices(policy: str, count: int, positions_mm: NDArray[np.float64] | None = None) -> NDArray[np.int64]:
    """The 0-based planes along the slice axis that a policy takes of a scan of `count`, in order, none twice.

    Args:
        policy: `source`: all. `trim`: all but the first and last 15% (rounded down) of more than 150. `even:N`: the middles of N equal
            parts (all of fewer than N). `middle:N`: the N in the middle, one after the other. `every:KMM`: those nearest to positions K mm
            apart, from the first on.
        count: At least 1.
        positions_mm: (count,) increasing, of the planes along the slice axis; asked for by `every:` alone.

    Raises:
        UsageError: the policy is none, or needs positions that are not known.
    """
    check_policy(policy)
    every = np.arange(count, dtype=np.int64)
    if policy == TRIM:
        cut = int(count * _TRIM_SHARE) if count > _TRIM_ABOVE else 0
        return every[cut : count - cut]
    if match := _COUNTED.fullmatch(policy):
        wanted = min(count, int(match[2]))
        if match[1] == "middle":
            start = (count - wanted) // 2
            return every[start : start + wanted]
        return every[((2 * np.arange(wanted) + 1) * count) // (2 * wanted)]
    if match := _SPACED.fullmatch(policy):
        if positions_mm is None or not np.isfinite(positions_mm).all():
            raise UsageError(f"slice policy {policy!r} needs the places of the slices in mm, which this scan does not tell; use even:N")
        step = float(match[1])
        targets = positions_mm[0] + step * np.arange(int((positions_mm[-1] - positions_mm[0]) / step + 1e-6) + 1)
        above = np.clip(np.searchsorted(positions_mm, targets), 1, max(1, count - 1))
        if count == 1:
            return every
        nearer = targets - positions_mm[above - 1] <= positions_mm[above] - targets
        return np.unique(np.where(nearer, above - 1, above)).astype(np.int64)
    return every
