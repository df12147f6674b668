"""Views: a decoded scan as an encoder takes it. Interpolation happens in HU, windows come last, so that all windows share one resampling.

Conventions:
- Planes of axial scans are shown as they lie in the LPS frame: rows run front to back, columns from the patient's right to the left.
  Planes of coronal and sagittal scans have their rows turned, so that the head is up.
- `orientation` says where the axes of the result run to; spacing, shape and size are along these.
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

import numpy as np
from numpy.typing import NDArray

from ..store.errors import UsageError, ViewError
from ..store.scan import ScanHeader, Volume
from ..store.slice_policy import ALL, check_policy, chosen_slices
from ..store.specs import VIEW_CODE_VERSION, ViewSpec
from .aided import NO_AIDS, Aids, Planes, whole
from .grid import spacing_unknown
from .mask_rule import check_mask
from .orientation import check_orientation
from .windowing import apply_windows, check_windows, require_finite, value_windows

INTERPOLATIONS = ("linear", "nearest", "cubic")


def check_view(view: ViewSpec, scan: Volume | ScanHeader, *, windows: bool = True) -> None:
    """Say whether a scan can give a view, from its header alone or decoded. Without `windows`, whether it can give the view's geometry.

    Raises:
        ViewError: as in `check_spec`, or the scan lacks the HU or the spacing that the view needs.
    """
    check_spec(view)
    if view.spacing_mm is not None and spacing_unknown(scan):
        raise ViewError(
            f"view resamples to a spacing in mm; the scan's spacing is unknown in part {scan.spacing_mm}: "
            "leave the spacing out (`embed --fit`)"
        )
    if windows:
        check_windows(view, scan)


def check_spec(view: ViewSpec) -> None:
    """Say of a view alone whether any scan could give it.

    Raises:
        ViewError: the view is malformed or of another version.
    """
    if view.code != VIEW_CODE_VERSION:
        raise ViewError(f"view has code {view.code!r}; this version of scanbank makes {VIEW_CODE_VERSION!r} only")
    check_orientation(view.orientation)
    check_mask(view.mask, view.align)
    try:
        check_policy(view.slices)
    except UsageError as error:
        raise ViewError(str(error)) from error
    if view.interpolation not in INTERPOLATIONS:
        raise ViewError(f"view has interpolation {view.interpolation!r}; choose one of {', '.join(INTERPOLATIONS)}")
    if view.slices != ALL and (view.spacing_mm or view.shape or view.align):
        raise ViewError(
            f"view takes a part of the scan's slices ({view.slices}) and has a spacing, a shape or a reference to align to: "
            "leave one of them out"
        )
    if view.spacing_mm is not None:
        # to mm it is linear then, and cubic from there to the size
        if view.interpolation == "cubic" and view.size is None:
            raise ViewError(
                "view has interpolation 'cubic', which is for resizing planes, and a spacing in mm without a size: "
                "use linear or nearest (--interpolation)"
            )
        if not all(math.isfinite(step) and step > 0 for step in view.spacing_mm):
            raise ViewError(f"view has spacing {view.spacing_mm} mm; expected three lengths over 0")
    for name, counts in (("shape", view.shape), ("size", view.size)):
        if counts is not None and min(counts) < 1:
            raise ViewError(f"view has {name} {counts}; expected counts of at least 1")
    if view.shape is not None and view.size is not None:
        raise ViewError("view has a shape and a size; both say how large planes become: give one of them")


def wanted_slices(view: ViewSpec, volume: Volume) -> NDArray[np.int64]:
    """The 0-based planes along the slice axis that a view takes of a scan.

    Raises:
        ViewError: the view's slice policy needs to know where the slices lie, and the scan does not tell.
    """
    try:
        return chosen_slices(view.slices, volume.voxels.shape[volume.slice_axis], volume.z_mm)
    except UsageError as error:
        raise ViewError(str(error)) from error


def slice_batches(
    volume: Volume,
    views: Sequence[ViewSpec],
    input_range: tuple[float, float],
    batch: int,
    indices: NDArray[np.int64] | None = None,
    aids: Aids = NO_AIDS,
) -> Iterator[tuple[NDArray[np.int64], list[NDArray[np.float32]]]]:
    """The scan's own planes in batches, under several views at once; views that differ in windows only share the resizing.

    Args:
        volume: The scan.
        views: Without spacing or shape: planes are the scan's own. Their slice policy does not matter here (see `wanted_slices`).
        input_range: The encoder's.
        batch: Planes at a time, at least 1; memory grows with it and not with the scan.
        indices: (n,) 0-based planes along the slice axis, in the order wanted; all of them when None.
        aids: Masks of the user's, where a view asks for one.

    Yields:
        The indices of a batch (b,), and for each view its pixels (b, C, Y, X), float32.

    Raises:
        ViewError: the scan cannot give a view, or holds values that are not finite.
    """
    for view in views:
        check_view(view, volume)
        if view.spacing_mm or view.shape or view.align:
            raise ViewError(
                "view has a spacing or a shape, or is aligned, but slices are the scan's own planes: leave these out, or give a size"
            )
    windows = [value_windows(view, volume) for view in views]
    made = {geometry: Planes(volume, geometry, aids=aids) for geometry in {view.geometry for view in views}}
    wanted = np.arange(volume.voxels.shape[volume.slice_axis], dtype=np.int64) if indices is None else indices
    for start in range(0, len(wanted), batch):
        part = wanted[start : start + batch]
        if volume.voxels.dtype.kind == "f":
            require_finite(volume.voxels.take(part, volume.slice_axis))
        fitted = {geometry: planes.at(part) for geometry, planes in made.items()}
        yield part, [apply_windows(fitted[view.geometry], own, input_range) for view, own in zip(views, windows, strict=True)]


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
    volume: Volume, views: Sequence[ViewSpec], input_range: tuple[float, float], aids: Aids = NO_AIDS
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
        geometries.setdefault(view.geometry, []).append(place)
    for geometry, places in geometries.items():
        found = whole(volume, geometry, aids=aids)
        for place in places:
            pixels = apply_windows(found.values, value_windows(views[place], volume), input_range)
            yield place, np.ascontiguousarray(pixels.transpose(1, 0, 2, 3)), found.z_mm


def volume_voxels(volume: Volume, view: ViewSpec, input_range: tuple[float, float]) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """The whole scan under one view: voxels (C, Z, Y, X) float32 and z_mm (Z,), as in `volume_batches`.

    Raises:
        ViewError: as there.
    """
    _, voxels, z_mm = next(volume_batches(volume, [view], input_range))
    return voxels, z_mm
