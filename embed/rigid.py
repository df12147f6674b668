"""One trilinear resampling of a scan through a rigid transform, with torch on any device: by the true places of the scan's slices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ..store.errors import ViewError
from ..store.scan import Volume
from .grid import centre_span, plane_places, resampled_axis, unevenness
from .resample import on_device
from .windowing import BELOW_ALL

_CHUNK_VOXELS = 1 << 22
_EDGE = 0.5
"""Voxels beyond the outer centres that the outer value still holds for."""
_ROUNDING = 1e-6
_SQUARE = 1e-3
"""Cosine between two axes of a frame at most."""


@dataclass(frozen=True)
class TargetGrid:
    """Where voxels are wanted: a frame of right angles."""

    shape: tuple[int, int, int]
    """(Z, Y, X)."""
    affine: NDArray[np.float64]
    """(4, 4), (x, y, z, 1) voxel indices to LPS mm."""

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """(z, y, x)."""
        x, y, z = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(z), float(y), float(x)

    @property
    def plane_centres(self) -> NDArray[np.float64]:
        """(Z, 3) LPS mm of the middle of each plane."""
        planes, rows, columns = self.shape
        k = np.arange(planes)
        indices = np.stack([np.full(planes, (columns - 1) / 2), np.full(planes, (rows - 1) / 2), k, np.ones(planes)])
        return (self.affine @ indices)[:3].T


def target_grid(
    frame: Volume, spacing_mm: tuple[float, float, float] | None = None, shape: tuple[int, int, int] | None = None
) -> TargetGrid:
    """The grid of a volume, resampled to a spacing (z, y, x) and cropped or padded around its centre to a shape, as views do.

    Raises:
        ViewError: the volume's axes are not at right angles, or its planes not evenly spaced.
    """
    directions = frame.affine[:3, :3] / np.linalg.norm(frame.affine[:3, :3], axis=0)
    skew = np.abs(directions.T @ directions - np.eye(3)).max()
    uneven = unevenness(frame)
    if skew > _SQUARE or uneven > _SQUARE:
        raise ViewError(
            f"a frame to align to has even steps at right angles; this volume's axes are off by a cosine of {skew:.3f}, its steps by "
            f"{uneven:.3f} of their length: resample it first"
        )
    steps = np.linalg.norm(frame.affine[:3, :3], axis=0)[::-1]
    firsts, lengths, strides = [], [], []
    for axis, (step, count) in enumerate(zip(steps, frame.voxels.shape, strict=True)):
        centres = np.arange(count) * float(step)
        if spacing_mm is not None:
            made = resampled_axis(centres, float(step), spacing_mm[axis])
            centres, step = made.centres_mm, made.step_mm
        span = centre_span(len(centres), shape[axis] if shape else None)
        firsts.append(float(centres[0]) + (span.taken.start - span.filled.start) * float(step))
        lengths.append(span.length)
        strides.append(float(step))
    affine = np.eye(4)
    affine[:3, :3] = directions * strides[::-1]
    affine[:3, 3] = frame.affine[:3, 3] + directions @ np.array(firsts[::-1])
    return TargetGrid((lengths[0], lengths[1], lengths[2]), affine)


def resample_rigid(
    volume: Volume, transform: NDArray[np.float64], grid: TargetGrid, device: torch.device | str = "cpu", *, nearest: bool = False
) -> Tensor:
    """A scan on a grid that lies elsewhere: (Z, Y, X) float32 on `device`.

    Equal to scipy.ndimage.map_coordinates of order 1 (0 with `nearest`) at the same places. Beyond half a voxel from the scan's
    outer voxels there is `BELOW_ALL`.

    Args:
        volume: The scan; its shear and uneven steps are taken as they are.
        transform: (4, 4), LPS mm of the grid to LPS mm of the scan.
        grid: Where voxels are wanted.
        device: To compute on.
        nearest: Take the nearest voxel instead: for masks.

    Raises:
        ViewError: the scan's spacing is unknown.
    """
    if None in volume.spacing_mm:
        raise ViewError(f"an aligned view needs the scan's spacing in mm, which is unknown in part {volume.spacing_mm}: leave --align out")
    values = on_device(volume.voxels, device)[None, None]
    mode = "nearest" if nearest else "bilinear"
    out = torch.empty(grid.shape, device=values.device)
    at = 0
    for coordinates in source_indices(volume, transform, grid, values.device):
        outside = torch.zeros(coordinates.shape[:3], dtype=torch.bool, device=values.device)
        for axis, count in enumerate(reversed(volume.voxels.shape)):
            index = coordinates[..., axis]
            outside |= (index < -_EDGE - _ROUNDING) | (index > count - 1 + _EDGE + _ROUNDING)
            # grid_sample counts from -1 at the first voxel to 1 at the last
            index.mul_(2 / (count - 1)).sub_(1) if count > 1 else index.zero_()
        part = functional.grid_sample(values, coordinates[None].float(), mode=mode, padding_mode="border", align_corners=True)[0, 0]
        out[at : at + len(part)] = part.masked_fill_(outside, BELOW_ALL)
        at += len(part)
    return out


def source_indices(volume: Volume, transform: NDArray[np.float64], grid: TargetGrid, device: torch.device | str) -> Iterator[Tensor]:
    """For some planes of a grid at a time, the indices (x, y, z) in `volume.voxels` of each voxel: (planes, Y, X, 3).

    Planes that are not evenly spaced are met by their true places.
    """
    matrix = np.linalg.inv(volume.affine) @ transform @ grid.affine
    # single precision is all that some accelerators have
    exact = torch.float32 if torch.device(device).type == "mps" else torch.float64
    depth, height, width = (torch.arange(n, dtype=exact, device=device) for n in grid.shape)
    places = torch.from_numpy(plane_places(volume)).to(device, exact) if unevenness(volume) > 0 else None
    planes = max(1, _CHUNK_VOXELS // (grid.shape[1] * grid.shape[2]))
    for start in range(0, grid.shape[0], planes):
        z = depth[start : start + planes]
        indices = torch.stack(
            [z[:, None, None] * c + height[None, :, None] * b + (width * a + d)[None, None, :] for a, b, c, d in matrix[:3].tolist()], -1
        )
        if places is not None:
            along = indices[..., 2 - volume.slice_axis]
            left = torch.bucketize(along.contiguous(), places).sub_(1).clamp_(0, len(places) - 2)
            along.copy_(left + (along - places[left]) / (places[left + 1] - places[left]))
        yield indices
