"""Leaning stacks (a tilted gantry, or a sheared grid of a NIfTI file) put upright: where an orthogonal grid lies on a leaning one.

The orthogonal grid has the stack's own planes: its axes are the normal of the planes, the columns' direction and what is perpendicular to
both. So every point of the patient keeps its value, and distances and angles are true. Nothing is interpolated here twice: the places
serve a trilinear interpolation on the scan's own grid, as SciPy's or MONAI's affine resampling does it. Numpy, and methods of tensors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..store.scan import Volume

if TYPE_CHECKING:
    from torch import Tensor

_PART_OF_A_VOXEL = 0.25
"""A displacement, at the far end of the stack, up to which a grid counts as orthogonal: rounded positions are no tilt."""


@dataclass(frozen=True)
class Shear:
    """How a stack leans. Rows and columns are those of a plane, also of coronal and sagittal stacks."""

    order: tuple[int, int, int]
    """The axes of the canonical (Z, Y, X) array as (slices, rows, columns)."""
    step_mm: tuple[float, float]
    """(between rows, at right angles to the columns; between columns)."""
    lean: tuple[float, float]
    """mm that a plane is displaced along (rows, columns), per mm along the normal of the planes."""
    skew_mm: float
    """mm that a row is displaced along its columns from the one before: 0 in what scanners make."""
    middle_mm: float
    """The place along the normal where nothing is displaced: the middle of the stack, so that its centre stays the centre."""
    middle_row: float

    def beside_mm(self, extent_mm: float, rows: int) -> tuple[float, float]:
        """By how much at most voxels of a stack of this extent lie beside their place in an upright one, along rows and columns."""
        along_rows, along_columns = (abs(part) * extent_mm / 2 for part in self.lean)
        return along_rows, along_columns + abs(self.skew_mm) * rows / 2

    def places(
        self, slices_mm: NDArray[np.float64], rows_mm: NDArray[np.float64], columns_mm: NDArray[np.float64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Where voxels of the upright grid lie on the rows and columns of the leaning planes.

        Args:
            slices_mm: (n,) along the normal.
            rows_mm: (r,) from the first row of an undisplaced plane.
            columns_mm: (c,) from its first column.

        Returns:
            Row indices (n, r, 1) and column indices (n, r, c), or (n, 1, c) without skew; fractions, and beyond the plane where it ends.
        """
        along = (slices_mm - self.middle_mm)[:, None, None]
        rows = (rows_mm[:, None] - self.lean[0] * along) / self.step_mm[0]
        skewed = (rows - self.middle_row) * self.skew_mm if self.skew_mm else 0.0
        columns = (columns_mm - self.lean[1] * along - skewed) / self.step_mm[1]
        return rows.astype(np.float32), columns.astype(np.float32)


def shear_of(volume: Volume) -> Shear | None:
    """How a scan leans; None where it does not, or where its spacing is unknown."""
    order: tuple[int, int, int] = ((0, 1, 2), (1, 0, 2), (2, 0, 1))[volume.slice_axis]
    if None in volume.spacing_mm:
        return None
    slices, rows, columns = (volume.affine[:3, 2 - axis] for axis in order)
    # Gram and Schmidt, from the columns on
    column_mm = float(np.linalg.norm(columns))
    across = columns / column_mm
    count = volume.voxels.shape[order[1]]
    skew = float(rows @ across)
    if abs(skew) * count / 2 <= _PART_OF_A_VOXEL * column_mm:  # rounded cosines: columns of all rows have the same places then
        skew = 0.0
    upright = rows - skew * across
    row_mm = float(np.linalg.norm(upright))
    down = upright / row_mm
    within = (float(slices @ down), float(slices @ across))
    step = float(np.linalg.norm(slices - within[0] * down - within[1] * across))
    positions = volume.positions_mm
    shear = Shear(
        order,
        (row_mm, column_mm),
        (within[0] / step, within[1] / step),
        skew,
        float(positions[0] + positions[-1]) / 2,
        (count - 1) / 2,
    )
    beside = shear.beside_mm(float(positions[-1] - positions[0]), count)
    return shear if max(beside[0] / row_mm, beside[1] / column_mm) > _PART_OF_A_VOXEL else None


def sampled(values: Tensor, dim: int, at: Tensor) -> Tensor:
    """Linear interpolation along one axis at places of each plane's own; beyond the outer voxels the outer value holds.

    Args:
        values: (n, Y, X), floating-point, on any device.
        dim: 1 or 2, the axis.
        at: indices along it, broadcast against the other axes: (n, r, 1) or (n, 1 or Y, c).

    Returns:
        (n, r, X) or (n, Y, c).
    """
    last = values.shape[dim] - 1
    shape = list(values.shape)
    shape[dim] = at.shape[dim]
    at = at.clamp(0, last)
    lower = at.floor()
    weight = at - lower
    lower = lower.long()
    upper = (lower + 1).clamp_(max=last)
    return values.gather(dim, lower.expand(shape)).lerp_(values.gather(dim, upper.expand(shape)), weight.expand(shape))


def beyond(at: Tensor, count: int) -> Tensor:
    """Which indices lie outside `count` voxels, each half a voxel wide to either side of its centre."""
    return (at < -0.5 - 1e-4) | (at > count - 0.5 + 1e-4)


def upright(values: Tensor, rows: Tensor, columns: Tensor, fill: float) -> Tensor:
    """Leaning planes (n, Y, X) on the upright grid (n, r, c), from `Shear.places`; `fill` where no plane reaches."""
    void = beyond(rows, values.shape[1]) | beyond(columns, values.shape[2])
    return sampled(sampled(values, 1, rows), 2, columns).masked_fill_(void, fill)
