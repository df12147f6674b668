"""What goes into a feature set: vectors, and for vectors along depth, where they lie."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from .errors import UsageError


@final
@dataclass(frozen=True)
class FeatureRows:
    """Rows of a feature set, one for each item."""

    vector: NDArray[Any]
    """(N, D); of kind `depth` (N, Z', D), of kind `tokens` (N, T, D)."""
    z_mm: NDArray[np.float32] | None = None
    """(N, Z'), of kind `depth`: millimetres along the superior axis; NaN where unknown and in padding."""
    mask: NDArray[np.bool_] | None = None
    """(N, Z'), of kind `depth`: False where a step is padding."""
    grid: tuple[int, ...] | None = None
    """Of kind `tokens`: how the T tokens lie, such as (Y', X'), the last axis running fastest."""

    def __len__(self) -> int:
        return len(self.vector)

    def __getitem__(self, chosen: slice | NDArray[Any]) -> FeatureRows:
        """Rows by slice, index or mask."""
        z_mm = None if self.z_mm is None else self.z_mm[chosen]
        return FeatureRows(self.vector[chosen], z_mm, None if self.mask is None else self.mask[chosen], self.grid)

    @property
    def nbytes(self) -> int:
        return sum(part.nbytes for part in (self.vector, self.z_mm, self.mask) if part is not None)

    def padded(self, steps: int) -> FeatureRows:
        """The same with at least `steps` steps of depth: vectors of zero, z_mm of NaN, mask of False."""
        if self.z_mm is None or self.mask is None or self.mask.shape[1] >= steps:
            return self
        lacking = ((0, 0), (0, steps - self.mask.shape[1]))
        return FeatureRows(
            np.pad(self.vector, (*lacking, (0, 0))), np.pad(self.z_mm, lacking, constant_values=np.nan), np.pad(self.mask, lacking)
        )


def joined(parts: Sequence[FeatureRows]) -> FeatureRows:
    """Rows one after the other; those of fewer steps of depth are padded."""
    steps = max((part.mask.shape[1] for part in parts if part.mask is not None), default=0)
    even = [part.padded(steps) for part in parts]
    if not steps:
        return FeatureRows(np.concatenate([part.vector for part in even]), grid=parts[0].grid if parts else None)
    z_mm, mask = [part.z_mm for part in even if part.z_mm is not None], [part.mask for part in even if part.mask is not None]
    return FeatureRows(np.concatenate([part.vector for part in even]), np.concatenate(z_mm), np.concatenate(mask))


def check_rows(rows: FeatureRows, items: NDArray[np.int64], name: str, dim: int, kind: str) -> None:
    """Raises UsageError where rows do not fit their items or their feature set, or are not finite."""
    expected: tuple[int, ...] = (len(items), dim)
    if kind == "tokens":
        if rows.grid is None or rows.vector.ndim != 3:
            raise UsageError(f"vectors for {name!r} are tokens; expected (N, T, D) and the grid of the T; found shape {rows.vector.shape}")
        expected = (len(items), math.prod(rows.grid), rows.vector.shape[2])  # a block's width is not that of the encoder's vector
    if kind == "depth":
        if rows.z_mm is None or rows.mask is None:
            raise UsageError(f"vectors for {name!r} lie along depth; expected z_mm and mask beside them")
        expected = (len(items), rows.mask.shape[1], dim)
        if rows.mask.shape != rows.z_mm.shape or rows.mask.dtype != np.bool_:
            raise UsageError(f"z_mm for {name!r} has shape {rows.z_mm.shape}; expected that of the mask (bool), {rows.mask.shape}")
    if rows.vector.shape != expected:
        raise UsageError(f"vectors for {name!r} have shape {rows.vector.shape}; expected {expected}")
    bad = ~np.isfinite(rows.vector).reshape(len(items), -1).all(axis=1)
    if bad.any():
        raise UsageError(f"{int(bad.sum())} of {len(items)} vectors for {name!r} hold values that are not finite")
    if len(np.unique(items)) != len(items):
        raise UsageError(f"vectors for {name!r} name {len(items) - len(np.unique(items))} items twice")
