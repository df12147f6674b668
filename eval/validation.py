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
        _check(self.units, self.split, self.rows, self.score[None])

    @property
    def y(self) -> NDArray[np.int64]:
        """(V,) labels, 0 or 1."""
        return self.units.y[self.rows]

    @property
    def alone(self) -> Validations:
        """As the validation side of one fit among several."""
        return Validations(self.units, self.split, self.rows, self.score[None])


@final
@dataclass(frozen=True)
class Validations:
    """Decision values that F fits give the same V units of the validation side. Raises as `Validation`."""

    units: Units
    split: Split
    rows: NDArray[np.int64]
    """(V,) rows of the units, each once."""
    scores: NDArray[np.float64]
    """(F, V) the larger, the more likely."""

    def __post_init__(self) -> None:
        _check(self.units, self.split, self.rows, self.scores)

    @property
    def y(self) -> NDArray[np.int64]:
        """(V,) labels, 0 or 1."""
        return self.units.y[self.rows]


def _check(units: Units, split: Split, rows: NDArray[np.int64], scores: NDArray[np.float64]) -> None:
    if len(split.sides) != len(units):
        raise UsageError(f"split {split.name!r} tells the sides of {len(split.sides)} units; there are {len(units)}")
    if scores.shape[1:] != rows.shape or rows.ndim != 1 or len(np.unique(rows)) != len(rows):
        raise UsageError(f"rows of shape {rows.shape}, each once, and as many scores are wanted; scores are {scores.shape[1:]}")
    sides = Counter(split.sides[rows].tolist())
    if others := {side: count for side, count in sides.items() if side != SIDE}:
        found = ", ".join(f"{count} on {f'side {side!r}' if side else 'no side'}" for side, count in sorted(others.items()))
        raise UsageError(
            f"thresholds and calibrations are fitted on the validation side only; of these {len(rows)} {units.unit}s split "
            f"{split.name!r} has {found}; give the rows of split.side({SIDE!r})"
        )
    if not np.isfinite(scores).all():
        raise UsageError(f"{int((~np.isfinite(scores)).sum())} of {scores.size} scores are NaN or infinite")
    if why := missing_class(units.y[rows]):
        raise UsageError(f"the validation side of split {split.name!r} tells nothing of {units.finding!r}: {why}")
