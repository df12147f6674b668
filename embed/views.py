"""Views: a decoded scan as an encoder takes it. Interpolation happens in HU, windows come last, so that all windows share one resampling.

Conventions:
- Planes of axial scans are shown as they lie in the LPS frame: rows run front to back, columns from the patient's right to the left.
  Planes of coronal and sagittal scans have their rows turned, so that the head is up.
- `spacing_mm` resamples along the scan's own axes, each the one nearest to the patient's, by the true positions of the slices; a stack
  that leans, as a tilted gantry's does, is put upright, in a box around the whole of it. Without it the grid stays the scan's own.
- A plane's height (z_mm) is that of the source plane that lies in it, at the source's centre line, so that equal heights are equal planes.
- `shape` crops to, or pads around, the centre: of an odd surplus or lack, the greater half is at the end.
- `size` fits each plane into the given pixels with its aspect in mm kept, centred.
- Padding holds the lower end of the window.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..store.errors import ViewError
from ..store.scan import ScanHeader, Volume
from ..store.specs import VIEW_CODE_VERSION, ViewSpec
from .grid import Span, centre_span, resampled_axes, source_z, spacing_unknown
from .shear import shear_of
from .windowing import BELOW_ALL, apply_windows, check_windows, require_finite, value_windows

_SUPPORTED = {"slices": "source", "interpolation": "linear", "orientation": "LPS", "code": VIEW_CODE_VERSION}


def check_view(view: ViewSpec, scan: Volume | ScanHeader) -> None:
    """Say whether a scan can give a view, from its header alone or decoded.

    Raises:
        ViewError: the view is malformed or of another version, or the scan lacks the HU or the spacing that it needs.
    """
    for name, expected in _SUPPORTED.items():
        if (found := getattr(view, name)) != expected:
            raise ViewError(f"view has {name} {found!r}; this version of scanbank makes {expected!r} only")
    if view.spacing_mm is not None:
        if not all(math.isfinite(step) and step > 0 for step in view.spacing_mm):
            raise ViewError(f"view has spacing {view.spacing_mm} mm; expected three lengths over 0")
        if spacing_unknown(scan):
            raise ViewError(
                f"view resamples to a spacing in mm; the scan's spacing is unknown in part {scan.spacing_mm}: "
                "leave the spacing out (`embed --fit`)"
            )
    for name, counts in (("shape", view.shape), ("size", view.size)):
        if counts is not None and min(counts) < 1:
            raise ViewError(f"view has {name} {counts}; expected counts of at least 1")
    if view.shape is not None and view.size is not None:
        raise ViewError("view has a shape and a size; both say how large planes become: give one of them")
    check_windows(view, scan)


def slice_batches(
    volume: Volume,
    views: Sequence[ViewSpec],
    input_range: tuple[float, float],
    batch: int,
    indices: NDArray[np.int64] | None = None,
) -> Iterator[tuple[NDArray[np.int64], list[NDArray[np.float32]]]]:
    """The scan's own planes in batches, under several views at once; views that differ in windows only share the resizing.

    Args:
        volume: The scan.
        views: Without spacing or shape: planes are the scan's own.
        input_range: The encoder's.
        batch: Planes at a time, at least 1; memory grows with it and not with the scan.
        indices: (n,) 0-based planes along the slice axis, in the order wanted; all of them when None.

    Yields:
        The indices of a batch (b,), and for each view its pixels (b, C, Y, X), float32.

    Raises:
        ViewError: the scan cannot give a view, or holds values that are not finite.
    """
    for view in views:
        check_view(view, volume)
        if view.spacing_mm or view.shape:
            raise ViewError("view has a spacing or a shape, but slices are the scan's own planes: leave both out, or give a size")
    windows = [value_windows(view, volume) for view in views]
    wanted = np.arange(volume.voxels.shape[volume.slice_axis], dtype=np.int64) if indices is None else indices
    for start in range(0, len(wanted), batch):
        part = wanted[start : start + batch]
        planes = _source_planes(volume, part)
        require_finite(planes)
        fitted = {size: _fitted(planes, volume, size) for size in {view.size for view in views}}
        yield part, [apply_windows(fitted[view.size], own, input_range) for view, own in zip(views, windows, strict=True)]


def slice_pixels(
    volume: Volume, view: ViewSpec, input_range: tuple[float, float], indices: NDArray[np.int64] | None = None
) -> NDArray[np.float32]:
    """The scan's own planes under one view: (n, C, Y, X) float32, a channel per window (one for as-is).

    Raises:
        ViewError: as in `slice_batches`, which is the way to take them a few at a time.
    """
    count = volume.voxels.shape[volume.slice_axis] if indices is None else len(indices)
    for _, (pixels,) in slice_batches(volume, [view], input_range, max(1, count), indices):
        return pixels
    raise ViewError("no slice of the scan was asked for")


def volume_batches(
    volume: Volume, views: Sequence[ViewSpec], input_range: tuple[float, float]
) -> Iterator[tuple[int, NDArray[np.float32], NDArray[np.float64]]]:
    """The whole scan under several views, one after the other; views that differ in windows only share the resampling.

    Yields:
        The view's place in `views` (those that share a resampling follow each other), voxels (C, Z, Y, X) float32 and
        z_mm (Z,): millimetres along the superior axis of each plane's centre, NaN where unknown and in padding.

    Raises:
        ViewError: the scan cannot give a view, or holds values that are not finite.
    """
    for view in views:
        check_view(view, volume)
    require_finite(volume.voxels)
    geometries: dict[ViewSpec, list[int]] = {}
    for place, view in enumerate(views):
        geometries.setdefault(replace(view, windows=()), []).append(place)
    for geometry, places in geometries.items():
        values, z_mm = _gridded(volume, geometry)
        for place in places:
            pixels = apply_windows(values, value_windows(views[place], volume), input_range)
            yield place, np.ascontiguousarray(pixels.transpose(1, 0, 2, 3)), z_mm


def volume_voxels(volume: Volume, view: ViewSpec, input_range: tuple[float, float]) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """The whole scan under one view: voxels (C, Z, Y, X) float32 and z_mm (Z,), as in `volume_batches`.

    Raises:
        ViewError: as there.
    """
    _, voxels, z_mm = next(volume_batches(volume, [view], input_range))
    return voxels, z_mm


def _source_planes(volume: Volume, indices: NDArray[np.int64]) -> NDArray[np.int16] | NDArray[np.float32]:
    """(n, Y', X') in the voxels' own dtype, turned for display."""
    steps = np.diff(indices)
    # a run of planes is a view of the volume, anything else a copy
    run = len(indices) > 0 and indices[0] >= 0 and bool((steps == 1).all())
    wanted = slice(int(indices[0]), int(indices[-1]) + 1) if run else indices
    planes = np.moveaxis(volume.voxels, volume.slice_axis, 0)[wanted]
    return planes if volume.slice_axis == 0 else planes[:, ::-1]


def _fitted(planes: NDArray[np.number], volume: Volume, size: tuple[int, int] | None) -> NDArray[np.number]:
    if size is None:
        return planes
    from .resample import fit_planes  # torch, only where a view resizes

    row, column = (axis for axis in range(3) if axis != volume.slice_axis)
    return fit_planes(planes, (volume.spacing_mm[row], volume.spacing_mm[column]), size)


def _gridded(volume: Volume, view: ViewSpec) -> tuple[NDArray[np.number], NDArray[np.float64]]:
    """The voxels (Z, Y, X) on the view's grid, before windows, and z_mm (Z,)."""
    z_mm, spacing, axes, shear = source_z(volume), volume.spacing_mm, None, None
    counts: Sequence[int] = volume.voxels.shape
    if view.spacing_mm is not None:
        shear = shear_of(volume)
        axes = resampled_axes(volume, view.spacing_mm, shear)
        z_mm, spacing = axes[0].carried(z_mm), tuple(axis.step_mm for axis in axes)
        counts = [len(axis.centres_mm) for axis in axes]
    spans = [centre_span(count, wanted) for count, wanted in zip(counts, view.shape or (None, None, None), strict=True)]
    depth, height, width = (span.taken for span in spans)
    if axes is not None:
        from .resample import interpolate  # torch, only where a view resamples

        values = _canvas(spans)
        # what the crop leaves out is never made
        inner = values[tuple(span.filled for span in spans)]
        interpolate(volume.voxels, (axes[0][depth], axes[1][height], axes[2][width]), inner, shear)
    elif any(span.padded for span in spans):
        values = _canvas(spans)
        values[tuple(span.filled for span in spans)] = volume.voxels[depth, height, width]
    else:
        values = volume.voxels[depth, height, width]
    z_out = np.full(len(values), np.nan)
    z_out[spans[0].filled] = z_mm[depth]
    if view.size is not None:
        from .resample import fit_planes

        values = fit_planes(values, (spacing[1], spacing[2]), view.size)
    return values, z_out


def _canvas(spans: Sequence[Span]) -> NDArray[np.float32]:
    shape = [span.length for span in spans]
    return np.full(shape, BELOW_ALL, np.float32) if any(span.padded for span in spans) else np.empty(shape, np.float32)
