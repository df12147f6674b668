"""Interpolation, with torch. Everything is in the voxels' own units: windows come after, so that they share one resampling."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from .grid import Axis
from .shear import Shear, upright
from .windowing import BELOW_ALL

_CHUNK_VOXELS = 1 << 24
"""Voxels interpolated at once: 64 MB as float32."""


def interpolate(
    voxels: NDArray[np.int16] | NDArray[np.float32], axes: tuple[Axis, Axis, Axis], out: NDArray[np.float32], shear: Shear | None = None
) -> None:
    """Trilinear interpolation of (Z, Y, X) onto three resampled axes, without antialiasing, into `out`; a few planes at a time.

    A leaning stack is put upright with it: `BELOW_ALL` stands where it does not reach.
    """
    if shear is not None:
        voxels, out = voxels.transpose(shear.order), out.transpose(shear.order)
        axes = (axes[shear.order[0]], axes[shear.order[1]], axes[shear.order[2]])
    along, rows, columns = axes
    planes = max(1, _CHUNK_VOXELS // max(1, voxels.shape[1] * voxels.shape[2]))
    for start in range(0, len(out), planes):
        part = along[start : start + planes]
        below, above = _tensor(voxels[part.lower]), _tensor(voxels[part.upper])
        chunk = below.lerp_(above, torch.from_numpy(part.weight)[:, None, None])
        if shear is None:
            out[start : start + planes] = _blend(_blend(chunk, 1, rows), 2, columns).numpy()
        else:
            places = (torch.from_numpy(at) for at in shear.places(part.centres_mm, rows.centres_mm, columns.centres_mm))
            out[start : start + planes] = upright(chunk, *places, fill=BELOW_ALL).numpy()


def fit_planes(planes: NDArray[np.number], spacing: tuple[float | None, float | None], size: tuple[int, int]) -> NDArray[np.float32]:
    """Resize planes (n, Y, X) into (n, *size), their aspect in mm kept (square pixels where `spacing` is unknown).

    Bilinear with antialiasing (area-weighted when it shrinks); centred, what is left over holds `BELOW_ALL`.
    """
    inner = fitted_size((planes.shape[1], planes.shape[2]), spacing, size)
    given = _tensor(planes)[:, None]
    resized = given if inner == given.shape[2:] else _resized(given, inner)
    out = np.full((len(planes), *size), BELOW_ALL, np.float32)
    top, left = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    out[:, top : top + inner[0], left : left + inner[1]] = resized[:, 0].numpy()
    return out


def _resized(planes: Tensor, size: tuple[int, int]) -> Tensor:
    """(n, 1, Y, X) to `size`. Where a leaning stack left a part empty, only what is there counts, and less than half of it is nothing."""
    void = planes.isneginf()
    if not void.any():
        return functional.interpolate(planes, size=size, mode="bilinear", antialias=True)
    there = functional.interpolate((~void).float(), size=size, mode="bilinear", antialias=True)
    values = functional.interpolate(planes.masked_fill(void, 0), size=size, mode="bilinear", antialias=True)
    return (values / there).masked_fill_(there < 0.5, BELOW_ALL)


def fitted_size(shape: tuple[int, int], spacing: tuple[float | None, float | None], size: tuple[int, int]) -> tuple[int, int]:
    """The (Y, X) pixels within `size` that planes of `shape` fill with their aspect in mm kept."""
    row, column = spacing
    height, width = shape[0] * (row if row and column else 1.0), shape[1] * (column if row and column else 1.0)
    scale = min(size[0] / height, size[1] / width)
    return min(size[0], max(1, round(height * scale))), min(size[1], max(1, round(width * scale)))


def _tensor(values: NDArray[np.number]) -> Tensor:
    """A copy in any case: a part of the volume may be read-only or run backwards, which torch does not take."""
    return torch.from_numpy(np.array(values, np.float32, order="C"))


def _blend(values: Tensor, dim: int, axis: Axis) -> Tensor:
    along, shape = [1, 1, 1], list(values.shape)
    along[dim], shape[dim] = -1, len(axis.lower)
    # gather and not index_select, which is several times slower along the last axis
    below, above = (values.gather(dim, torch.from_numpy(at).view(along).expand(shape)) for at in (axis.lower, axis.upper))
    return below.lerp_(above, torch.from_numpy(axis.weight).view(along))
