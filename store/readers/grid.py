"""Files that hold a whole volume (NIfTI, HDF5): from their grid and affine to a header and a volume in the canonical frame.

The planes of such a file are the canonical axial ones: slice k is index k along Z, feet to head, however it was stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import ReadError
from ..geometry import canonical, plane_of
from ..scan import ScanHeader, SliceHeader, Volume
from .content import content_of
from .sources import file_digest, source_of

_FLAT = 1e-3
"""Volume of the cell of unit steps below which the three axes of a grid are taken to lie in one plane."""


@dataclass(frozen=True)
class Grid:
    """A canonical (Z, Y, X) grid in LPS millimetres."""

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]
    spacing_mm: tuple[float, float, float]
    """(z, y, x); z is the distance between planes, also where a tilted gantry shears the grid."""
    positions_mm: NDArray[np.float64]
    """(Z,) of each plane along their common normal, from the frame's origin."""
    z_mm: NDArray[np.float64]
    """(Z,) of each plane's centre along the superior axis."""


def grid_of(shape: tuple[int, int, int], affine: NDArray[np.float64]) -> Grid:
    """The canonical grid of a native one.

    Args:
        shape: native (k, j, i).
        affine: native voxel indices (i, j, k, 1) to LPS mm.

    Raises:
        ReadError: the affine is not finite or degenerate.
    """
    turned, affine, _, _ = canonical(np.broadcast_to(np.int8(0), shape), affine)
    planes, rows, columns = turned.shape
    steps = affine[:3, :3]
    x_mm, y_mm, _ = np.linalg.norm(steps, axis=0)
    if abs(np.linalg.det(steps / np.linalg.norm(steps, axis=0))) < _FLAT:
        raise ReadError("geometry is degenerate: the three axes of the voxel grid lie in one plane")
    normal = np.cross(steps[:, 0], steps[:, 1])
    normal *= np.sign(normal @ steps[:, 2]) / np.linalg.norm(normal)
    k = np.arange(planes)
    centres = affine[:3] @ np.stack([np.full(planes, (columns - 1) / 2), np.full(planes, (rows - 1) / 2), k, np.ones(planes)])
    # From one plane and the step, not from each centre: equal distances stay equal to the last digit.
    positions = normal @ centres[:, 0] + k * (normal @ steps[:, 2])
    return Grid((planes, rows, columns), affine, (float(normal @ steps[:, 2]), float(y_mm), float(x_mm)), positions, centres[2])


def header_of(
    path: Path,
    kind: Literal["nifti", "hdf5"],
    shape: tuple[int, int, int],
    affine: NDArray[np.float64],
    has_hu: bool,
    flags: tuple[str, ...],
) -> ScanHeader:
    """The header of a volume in one file; its name is the sha256 of the file's bytes. Arguments as for `grid_of`."""
    grid = grid_of(shape, affine)
    planes, rows, columns = grid.shape
    if planes == 1:
        flags += ("single_slice",)
    if plane_of(np.cross(grid.affine[:3, 0], grid.affine[:3, 1])) == "oblique":
        flags += ("oblique",)
    return ScanHeader(
        kind=kind,
        names=(file_digest(path),),
        sources=(source_of(path),),
        slices=tuple(SliceHeader(str(k), float(z)) for k, z in enumerate(grid.z_mm)),
        rows=rows,
        columns=columns,
        plane="axial",
        spacing_mm=grid.spacing_mm,
        extent_mm=float(grid.positions_mm[-1] - grid.positions_mm[0]),
        has_hu=has_hu,
        flags=flags,
    )


def volume_of(
    voxels: NDArray[np.int16] | NDArray[np.float32],
    affine: NDArray[np.float64],
    has_hu: bool,
    value_range: tuple[float, float] | None = None,
) -> Volume:
    """The volume of native voxels (k, j, i), turned without a copy. `affine` as for `grid_of`."""
    shape = (voxels.shape[0], voxels.shape[1], voxels.shape[2])
    grid = grid_of(shape, affine)
    turned = canonical(voxels, affine)[0]
    return Volume(
        voxels=turned,
        affine=grid.affine,
        spacing_mm=grid.spacing_mm,
        slice_axis=0,
        z_mm=grid.z_mm,
        positions_mm=grid.positions_mm,
        has_hu=has_hu,
        value_range=value_range,
        content=content_of(turned, grid.affine, grid.positions_mm, grid.spacing_mm),
    )
