"""A view's geometry applied to a scan: its voxels on the view's grid, in their own units, before windows. On the CPU or an accelerator."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from ..store.errors import ViewError
from ..store.scan import Volume
from ..store.specs import ViewSpec
from .grid import centre_span, resampled_axes, source_z
from .orientation import CANONICAL, oriented
from .shear import shear_of
from .windowing import BELOW_ALL

MOST_VOXELS = 1 << 30
"""Of a scan on a view's grid: 4 GiB."""


@final
@dataclass(frozen=True)
class Gridded:
    """Voxels (Z, Y, X) on a view's grid: a numpy array, or a torch tensor on an accelerator."""

    values: Any
    """int16 or float32; padding holds `BELOW_ALL`."""
    z_mm: NDArray[np.float64]
    """(Z,) mm along the superior axis of each plane's centre; NaN where unknown and in padding."""


def gridded(volume: Volume, geometry: ViewSpec, device: str = "") -> Gridded:
    """The whole scan on the grid of a view; its windows do not matter here.

    Args:
        volume: The scan.
        geometry: The view.
        device: Empty for numpy on the CPU, else the torch device to compute on and to leave the values on.

    Raises:
        ViewError: that would be more voxels than there is room for.
    """
    volume, geometry = oriented(volume, geometry.orientation), _clipped_in_hu(geometry, volume)
    z_mm, spacing, axes, shear = source_z(volume), volume.spacing_mm, None, None
    counts: Sequence[int] = volume.voxels.shape
    if geometry.spacing_mm is not None:
        shear = shear_of(volume)
        axes = resampled_axes(volume, geometry.spacing_mm, shear)
        if geometry.interpolation == "nearest":
            axes = (axes[0].nearest, axes[1].nearest, axes[2].nearest)
        z_mm, spacing = axes[0].carried(z_mm), tuple(axis.step_mm for axis in axes)
        counts = [len(axis.centres_mm) for axis in axes]
    spans = [centre_span(count, wanted) for count, wanted in zip(counts, geometry.shape or (None, None, None), strict=True)]
    _check_room([span.length for span in spans], geometry)
    depth, height, width = (span.taken for span in spans)
    filled = tuple(span.filled for span in spans)
    if axes is not None:
        import torch

        from .resample import interpolate  # torch, only where a view resamples

        out = torch.full([span.length for span in spans], BELOW_ALL, device=device or "cpu")
        # what the crop leaves out is never made
        interpolate(volume.voxels, (axes[0][depth], axes[1][height], axes[2][width]), out[filled], shear, geometry.clip)
        values: Any = out if device else out.numpy()
    else:
        values = volume.voxels[depth, height, width]
        if any(span.padded for span in spans):
            canvas = np.full([span.length for span in spans], BELOW_ALL, np.float32)
            canvas[filled] = values
            values = canvas
    z_out = np.full(len(values), np.nan)
    z_out[spans[0].filled] = z_mm[depth]
    if geometry.size is not None:
        values = fitted(values, (spacing[1], spacing[2]), geometry, device)
    return Gridded(placed(values, device), z_out)


def _check_room(counts: Sequence[int], geometry: ViewSpec) -> None:
    if math.prod(counts) <= MOST_VOXELS:
        return
    asked = f" of {' x '.join(f'{step:g}' for step in geometry.spacing_mm)} mm" if geometry.spacing_mm else ""
    raise ViewError(
        f"the scan under the view would have {' x '.join(map(str, counts))} voxels (z, y, x){asked}, and {MOST_VOXELS} at most are made: "
        "the spacing that the scan says it has is wrong, or the view needs a coarser one, or a shape"
    )


def source_planes(volume: Volume, geometry: ViewSpec, indices: NDArray[np.int64], device: str = "") -> Any:
    """The scan's own planes (n, Y, X) of these 0-based places along the slice axis, shown upright, resized to the view's size.

    Raises:
        ViewError: the view turns the planes of a scan that is not axial.
    """
    check_plane_order(geometry, axial=volume.slice_axis == 0)
    volume, geometry = oriented(volume, geometry.orientation), _clipped_in_hu(geometry, volume)
    steps = np.diff(indices)
    # a run of planes is a view of the volume, anything else a copy
    run = len(indices) > 0 and indices[0] >= 0 and bool((steps == 1).all())
    wanted = slice(int(indices[0]), int(indices[-1]) + 1) if run else indices
    planes = np.moveaxis(volume.voxels, volume.slice_axis, 0)[wanted]
    if volume.slice_axis != 0:
        planes = planes[:, ::-1]
    if geometry.size is None:
        return placed(planes, device)
    row, column = (axis for axis in range(3) if axis != volume.slice_axis)
    return placed(fitted(planes, (volume.spacing_mm[row], volume.spacing_mm[column]), geometry, device), device)


def _clipped_in_hu(geometry: ViewSpec, volume: Volume) -> ViewSpec:
    """Of grey values that are no HU, nothing lies beyond what a model has seen."""
    return geometry if volume.has_hu else replace(geometry, clip=None)


def check_plane_order(geometry: ViewSpec, *, axial: bool = True) -> None:
    """Say whether a scan's own planes can be shown as a view wants them. Axial ones may be turned and mirrored, others not.

    Raises:
        ViewError: the view turns the planes of a scan that is not axial, or their order.
    """
    if geometry.orientation != CANONICAL and not (axial and geometry.orientation[2] == "S"):
        raise ViewError(
            f"view has orientation {geometry.orientation}; slices are shown in the order they have in axial scans alone: "
            "use LPS, or another that ends in S"
        )


def fitted(planes: Any, spacing: tuple[float | None, float | None], geometry: ViewSpec, device: str) -> Any:
    """Planes (n, Y, X) resized to the view's size, where it has one; their spacing is (y, x) in mm."""
    from .resample import clipped, fit_planes, on_device  # torch, only where a view resizes

    if geometry.size is None:
        return planes
    given = clipped(planes if not isinstance(planes, np.ndarray) else on_device(planes, device or "cpu"), geometry.clip)
    return fit_planes(given, spacing, geometry.size, geometry.interpolation)


def placed(values: Any, device: str) -> Any:
    """A numpy array without a device, a tensor on it with one."""
    if isinstance(values, np.ndarray):
        if not device:
            return values
        from .resample import on_device

        return on_device(values, device)
    return values if device else values.numpy()
