"""Masks on a scan: which voxels a view keeps, and the box around them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..store.errors import ViewError
from ..store.scan import Volume
from .foreground import foreground
from .grid import plane_places
from .mask_rule import MaskRule
from .windowing import BELOW_ALL

Mask = NDArray[np.bool_]
_SAME_MM = 1e-3


def mask_of(rule: MaskRule, volume: Volume, ingested: Callable[[str], Volume]) -> Mask:
    """The voxels (Z, Y, X) of a scan that a rule keeps.

    Args:
        rule: Which.
        volume: The scan.
        ingested: Gives a finding's mask as ingested, on a grid of its own: voxels over 0 are in it. May raise ScanbankError.

    Raises:
        ViewError: there is no such thing in the scan.
    """
    return on_grid(ingested(rule.finding), volume) if rule.finding else foreground(rule.name, volume)


def on_grid(mask: Volume, scan: Volume) -> Mask:
    """A mask on the grid of a scan, by the nearest of its voxels through both affines, by the true places of their planes.

    Raises:
        ViewError: none of the scan's voxels is in it.
    """
    inside = np.asarray(mask.voxels > 0)
    alike = mask.voxels.shape == scan.voxels.shape and _same_place(mask, scan)
    found = inside if alike else _nearest(inside, mask, scan)
    if not found.any():
        raise ViewError(
            f"no voxel of the scan is in its mask, which has {int(inside.sum())} voxels on a grid of {_times(mask.voxels.shape)} where the "
            f"scan has {_times(scan.voxels.shape)}: the mask is empty, or of another scan"
        )
    return found


def _same_place(mask: Volume, scan: Volume) -> bool:
    corner = np.array([*reversed(scan.voxels.shape), 1.0])
    ends = np.abs((mask.affine - scan.affine) @ corner).max(), np.abs(mask.affine[:, 3] - scan.affine[:, 3]).max()
    same_planes = mask.slice_axis == scan.slice_axis and np.allclose(plane_places(mask), plane_places(scan), atol=_SAME_MM)
    return max(ends) < _SAME_MM and same_planes


def _nearest(inside: Mask, mask: Volume, scan: Volume) -> Mask:
    matrix = np.linalg.inv(mask.affine) @ scan.affine
    x, y, z = (
        plane_places(scan) if 2 - axis == scan.slice_axis else np.arange(count, dtype=np.float64)
        for axis, count in enumerate(reversed(scan.voxels.shape))
    )
    found = np.zeros(scan.voxels.shape, np.bool_)
    for plane, place in zip(found, z, strict=True):
        at: list[NDArray[np.int64]] = []
        there = np.ones(plane.shape, np.bool_)
        for axis, (a, b, c, d) in enumerate(matrix[:3]):
            index = _index(a * x[None, :] + b * y[:, None] + (c * place + d), mask, 2 - axis)
            there &= (index >= 0) & (index < inside.shape[2 - axis])
            at.append(index)
        plane[there] = inside[at[2][there], at[1][there], at[0][there]]
    return found


def _index(places: NDArray[np.float64], mask: Volume, axis: int) -> NDArray[np.int64]:
    """The voxel that holds a place along an axis; one that there is not, beyond the outer ones."""
    if axis != mask.slice_axis:
        return np.floor(places + 0.5).astype(np.int64)
    own = plane_places(mask)
    gaps = np.diff(own) if len(own) > 1 else np.ones(1)
    edges = np.concatenate([[own[0] - gaps[0] / 2], own[:-1] + np.diff(own) / 2, [own[-1] + gaps[-1] / 2]])
    return np.searchsorted(edges, places, side="right") - 1


def mask_out(values: Any, mask: Any) -> Any:
    """`BELOW_ALL` outside of the mask, so that every window maps it onto its lower end: float32, an array or a tensor as given."""
    if isinstance(values, np.ndarray):
        return np.where(mask, values, np.float32(BELOW_ALL)).astype(np.float32, copy=False)
    return values.float().masked_fill(~mask, BELOW_ALL)


def bounding_box(
    mask: Mask, margin_mm: float = 0.0, spacing_mm: tuple[float | None, ...] = (None, None, None)
) -> tuple[slice, slice, slice]:
    """The smallest box (z, y, x) that holds a mask that is not empty, and `margin_mm` more on each side where the spacing is known."""
    sides: list[slice] = []
    for axis in range(3):
        places = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
        step = spacing_mm[axis]
        more = round(margin_mm / step) if step else 0
        sides.append(slice(max(0, int(places[0]) - more), min(mask.shape[axis], int(places[-1]) + 1 + more)))
    return sides[0], sides[1], sides[2]


def cropped(volume: Volume, box: tuple[slice, slice, slice]) -> Volume:
    """The part of a scan within a box (z, y, x), in its place."""
    affine = volume.affine.copy()
    first = np.array([side.start for side in reversed(box)], np.float64)
    own = box[volume.slice_axis]
    first_place = plane_places(volume)[own.start] if len(volume.positions_mm) > own.start else own.start
    first[2 - volume.slice_axis] = first_place
    affine[:3, 3] += affine[:3, :3] @ first
    # z_mm is of the planes' centres, which move with the crop
    z_mm = volume.z_mm[own].copy()
    for axis in range(3):
        if axis != volume.slice_axis:
            z_mm += volume.affine[2, 2 - axis] * ((box[axis].start + box[axis].stop) / 2 - volume.voxels.shape[axis] / 2)
    return replace(volume, voxels=volume.voxels[box], affine=affine, z_mm=z_mm, positions_mm=volume.positions_mm[own])


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
