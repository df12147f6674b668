"""Whether the vectors of a study can be learned from: all there, all finite. What is wrong is told with the items that it is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..store.errors import UsageError

if TYPE_CHECKING:
    from .pooling import UnitFeatures
    from .units import Units

_SHOWN = 3


def check_finite(units: Units, features: Sequence[UnitFeatures], rows: NDArray[np.int64] | None = None) -> None:
    """Raises UsageError, with the ids of the items, where a vector of a unit holds NaN or infinity.

    `rows` (N,) are those of the units in each of the sets; by default they are in the order of the units.
    """
    rows = np.arange(len(units)) if rows is None else rows
    for one in features:
        bad = np.flatnonzero(one.present[rows] & ~np.isfinite(one.X[rows]).all(axis=1))
        if len(bad):
            more = f" and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
            listed = ", ".join(units.items[row] for row in bad[:_SHOWN])
            raise UsageError(
                f"{len(bad)} of {len(units)} {units.unit}s have NaN or infinity in {one.name}: {listed}{more}; embed them again, or leave "
                "this feature set out"
            )


def lacking_vectors(
    units: Units, sides: NDArray[np.str_], features: Sequence[UnitFeatures], rows: NDArray[np.int64] | None = None
) -> list[str]:
    """A remark for each set that lacks vectors of units with a side, with the counts by side.

    Raises:
        UsageError: a set has no vector of any unit of a side.
    """
    rows = np.arange(len(units)) if rows is None else rows
    remarks: list[str] = []
    for one in features:
        lacks = (sides != "") & ~one.present[rows]
        counts = [(side, int((lacks & (sides == side)).sum()), int((sides == side).sum())) for side in ("train", "val", "test")]
        if empty := [f"{every} {side}" for side, n, every in counts if n and n == every]:
            raise UsageError(
                f"{one.name} has no vector of any of the {' and '.join(empty)} {units.unit}s; embed them, or leave this feature set out"
            )
        if lacks.any():
            told = ", ".join(f"{n} of {every} {side}" for side, n, every in counts if n)
            remarks.append(f"{int(lacks.sum())} of {len(units)} {units.unit}s have no vector in {one.name} ({told}): left out of all sets")
    return remarks
