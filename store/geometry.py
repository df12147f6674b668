"""From a scan's own grid to the canonical one: axes along left, posterior and superior (LPS), as DICOM's patient frame.

An affine here maps voxel indices (i, j, k, 1), i along a row's columns, j along rows, k along slices, to LPS millimetres.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation
from numpy.typing import NDArray

from .errors import ReadError
from .scan import Plane

RAS_TO_LPS: NDArray[np.float64] = np.diag([-1.0, -1.0, 1.0, 1.0])
"""NIfTI's world frame is RAS; multiply its affine by this from the left."""

OBLIQUE_BELOW = 0.8
"""|cosine| of the slice normal with the nearest axis under which a plane counts as oblique (37 degrees: gantry tilt is not)."""


def affine_of(
    origin: NDArray[np.float64], columns: NDArray[np.float64], rows: NDArray[np.float64], slices: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The affine whose first voxel is at `origin` and whose steps along i, j, k are the three vectors (mm)."""
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1], affine[:3, 2], affine[:3, 3] = columns, rows, slices, origin
    return affine


def orientation(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3, 2): for i, j, k the nearest of the axes L, P, S (0, 1, 2) and the direction along it (1 or -1).

    Raises:
        ReadError: two axes fall together or the affine holds non-finite numbers.
    """
    if not np.isfinite(affine).all():
        raise ReadError("geometry holds a number that is not finite")
    with np.errstate(over="ignore", invalid="ignore"):  # of lengths beyond all measure
        ornt = np.asarray(io_orientation(affine), dtype=np.float64)
    if np.isnan(ornt).any():
        raise ReadError("geometry is degenerate: two axes of the voxel grid fall together or one has no length")
    return ornt


def canonical(voxels: NDArray[Any], affine: NDArray[np.float64]) -> tuple[NDArray[Any], NDArray[np.float64], int, bool]:
    """Permute and flip a native array (k, j, i) to (Z, Y, X) in LPS; no value is interpolated.

    Returns:
        The array (a view where possible), its affine for (x, y, z) indices, which of its axes the native slices (k) lie
        along (0 for axial), and whether their order was reversed.
    """
    ornt = orientation(affine)
    ijk = voxels.transpose(2, 1, 0)
    xyz: NDArray[Any] = apply_orientation(ijk, ornt)
    turned: NDArray[np.float64] = affine @ inv_ornt_aff(ornt, ijk.shape)
    return xyz.transpose(2, 1, 0), turned, 2 - int(ornt[2, 0]), ornt[2, 1] < 0


def plane_of(normal: NDArray[np.float64]) -> Plane:
    """The anatomical plane of slices with this normal (LPS, any length)."""
    length = float(np.linalg.norm(normal))
    if not math.isfinite(length) or length == 0:
        raise ReadError("slice normal has no direction")
    axis = int(np.argmax(np.abs(normal)))
    if abs(normal[axis]) / length < OBLIQUE_BELOW:
        return "oblique"
    planes: tuple[Plane, Plane, Plane] = ("sagittal", "coronal", "axial")
    return planes[axis]
