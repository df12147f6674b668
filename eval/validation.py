"""What thresholds and calibrations may be fitted on: decision values of the validation side, and of nothing else."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from ..store.errors import UsageError
from .outcomes import missing_class
from .splits import Split
from .units import Units

SIDE = "val"


@final
@dataclass(frozen=True)
class Validation:
    """Decision values of V units of the validation side.

    Whatever is fitted takes this and no plain arrays. On which side a unit is, the split says and not the caller, so that scores of
    other sides cannot get in by mistake.

    Raises:
        UsageError: a unit is on another side or on none, a score is missing or not finite, or there are no units of a class.
    """

    units: Units
    split: Split
    rows: NDArray[np.int64]
    """(V,) rows of the units, each once."""
    score: NDArray[np.float64]
    """(V,) the larger, the more likely."""

    def __post_init__(self) -> None:
        if len(self.split.sides) != len(self.units):
            raise UsageError(f"split {self.split.name!r} tells the sides of {len(self.split.sides)} units; there are {len(self.units)}")
        if self.score.shape != self.rows.shape or self.rows.ndim != 1 or len(np.unique(self.rows)) != len(self.rows):
            raise UsageError(f"rows of shape {self.rows.shape}, each once, and as many scores are wanted; scores are {self.score.shape}")
        sides = Counter(self.split.sides[self.rows].tolist())
        if others := {side: count for side, count in sides.items() if side != SIDE}:
            found = ", ".join(f"{count} on {f'side {side!r}' if side else 'no side'}" for side, count in sorted(others.items()))
            raise UsageError(
                f"thresholds and calibrations are fitted on the validation side only; of these {len(self.rows)} {self.units.unit}s split "
                f"{self.split.name!r} has {found}; give the rows of split.side({SIDE!r})"
            )
        if not np.isfinite(self.score).all():
            raise UsageError(f"{int((~np.isfinite(self.score)).sum())} of {len(self.score)} scores are NaN or infinite")
        if why := missing_class(self.y):
            raise UsageError(f"the validation side of split {self.split.name!r} tells nothing of {self.units.finding!r}: {why}")

    @property
    def y(self) -> NDArray[np.int64]:
        """(V,) labels, 0 or 1."""
        return self.units.y[self.rows]
