"""A scan on a coarse grid of about 2 mm, where noise is small and labelling quick, and plane-by-plane morphology on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..store.errors import ViewError

Mask = NDArray[np.bool_]
Spacing = tuple[float | None, float | None, float | None]

_WORK_MM = 2.0
IN_PLANE: Mask = np.zeros((3, 3, 3), np.bool_)
"""Neighbours of a voxel within its plane: labels with it are of one plane each."""
IN_PLANE[1] = ndimage.generate_binary_structure(2, 1)


@dataclass(frozen=True)
class WorkingGrid:
    """Means of blocks of voxels."""

    hu: NDArray[np.float32]
    factors: tuple[int, int, int]
    """Voxels of the scan in a block, (z, y, x)."""
    spacing: tuple[float, float, float]
    """(z, y, x) in mm; z is 2 where it is not known."""

    def steps(self, mm: float) -> int:
        """Voxels in the plane, at least one."""
        return max(1, round(mm / min(self.spacing[1:])))

    @property
    def pixel_cm2(self) -> float:
        return self.spacing[1] * self.spacing[2] / 100


def working_grid(hu: NDArray[np.number], spacing: Spacing) -> WorkingGrid:
    """(Z, Y, X) on the coarse grid; `spacing` as of a `Volume`.

    Raises:
        ViewError: the spacing in the plane is unknown, or values are not finite.
    """
    depth, height, width = spacing
    if height is None or width is None:
        raise ViewError(f"a mask found by HU needs the spacing of pixels in mm; the scan's is unknown {spacing}: leave the mask out")
    own = (depth or _WORK_MM, height, width)
    factors = tuple(max(1, int(_WORK_MM / step + 0.25)) for step in own)
    coarse = hu
    for axis, factor in enumerate(factors):
        coarse = _block_means(coarse, axis, factor)
    coarse = np.ascontiguousarray(coarse, np.float32)
    if not np.isfinite(coarse).all():
        raise ViewError("a mask found by HU needs finite voxels; the scan holds values that are NaN or infinite")
    z, y, x = (step * factor for step, factor in zip(own, factors, strict=True))
    return WorkingGrid(coarse, (factors[0], factors[1], factors[2]), (z, y, x))


def _block_means(values: NDArray[np.number], axis: int, factor: int) -> NDArray[np.number]:
    """Of `factor` neighbours along an axis; the last block may be of fewer."""
    if factor == 1:
        return values
    along = np.moveaxis(values, axis, 0)
    sums = along[::factor].astype(np.float32)
    for offset in range(1, factor):
        part = along[offset::factor]
        sums[: len(part)] += part
    counts = np.minimum(factor, len(along) - np.arange(0, len(along), factor)).astype(np.float32)
    sums /= counts[:, None, None]
    return np.moveaxis(sums, 0, axis)


def refined(coarse: Mask, grid: WorkingGrid, fine: Mask) -> Mask:
    """A mask on the scan's own grid: within a coarse voxel of the border `fine` decides, elsewhere `coarse`."""
    if grid.factors == (1, 1, 1):
        return coarse
    whole = ndimage.generate_binary_structure(3, 1)
    near = _spread(cast("Mask", ndimage.binary_dilation(coarse, whole)), grid, fine.shape)
    sure = _spread(cast("Mask", ndimage.binary_erosion(coarse, whole, border_value=1)), grid, fine.shape)
    return (fine & near) | sure


def _spread(coarse: Mask, grid: WorkingGrid, shape: tuple[int, ...]) -> Mask:
    for axis, (factor, count) in enumerate(zip(grid.factors, shape, strict=True)):
        if factor > 1:
            coarse = np.repeat(coarse, factor, axis)
            if coarse.shape[axis] > count:  # the last block was of fewer
                coarse = coarse.take(np.arange(count), axis)
    return coarse


def eroded(mask: Mask, steps: int) -> Mask:
    """By a diamond in the plane; beyond the edges the mask goes on."""
    return cast("Mask", ndimage.binary_erosion(mask, IN_PLANE, steps, border_value=1))


def dilated(mask: Mask, steps: int, within: Mask | None = None) -> Mask:
    """By a diamond in the plane; with `within`, along ways that lie in it."""
    return cast("Mask", ndimage.binary_dilation(mask, IN_PLANE, steps, mask=within))


def closed(mask: Mask, steps: int) -> Mask:
    """Gaps in the plane of up to twice `steps` closed. The erosion stops at the edges, so that nothing new touches them."""
    return eroded(dilated(mask, steps), steps) | mask


def at_edges(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """The labels that reach the edge of a plane."""
    edges = (labels[:, 0], labels[:, -1], labels[:, :, 0], labels[:, :, -1])
    return np.unique(np.concatenate([edge.ravel() for edge in edges]))


def labelled(mask: Mask, neighbours: Mask | None = None) -> tuple[NDArray[np.int32], int]:
    """The connected parts of a mask, numbered from 1, and how many there are; 0 is what is not in it."""
    labels, count = cast("tuple[NDArray[np.int32], int]", ndimage.label(mask, neighbours))
    return labels, count
