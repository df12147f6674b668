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


def needs_z(policy: str) -> bool:
    """Whether a policy asks where the slices lie, and not for their number alone."""
    return policy.startswith("every:")


def chosen_slices(policy: str, count: int, z_mm: NDArray[np.float64] | None = None) -> NDArray[np.int64]:
    """The 0-based planes along the slice axis that a policy takes of a scan of `count`, in order, none twice.

    Args:
        policy: `source`: all. `trim`: all but the first and last 15% (rounded down) of more than 150. `even:N`: the middles of N equal
            parts (all of fewer than N). `middle:N`: the N in the middle, one after the other. `every:KMM`: those nearest to levels K mm
            apart, from the first on.
        count: At least 1.
        z_mm: (count,) of the planes, along the patient's superior axis, increasing; asked for by `every:` alone.

    Raises:
        UsageError: the policy is none, or needs to know where the slices lie, and that is unknown, or they do not lie above each other.
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
        if z_mm is None or not np.isfinite(z_mm).all() or not (np.diff(z_mm) > 0).all():
            raise UsageError(f"slice policy {policy!r} needs slices above each other at places in mm; this scan's are not: use even:N")
        if count == 1:
            return every
        step = float(match[1])
        targets = z_mm[0] + step * np.arange(int((z_mm[-1] - z_mm[0]) / step + 1e-6) + 1)
        above = np.clip(np.searchsorted(z_mm, targets), 1, count - 1)
        nearer = targets - z_mm[above - 1] <= z_mm[above] - targets
        return np.unique(np.where(nearer, above - 1, above)).astype(np.int64)
    return every
