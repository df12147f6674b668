"""Interpolation, with torch, on any device, in the voxels' own units: windows come after, so that they share one resampling."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from .grid import Axis
from .windowing import BELOW_ALL

_CHUNK_VOXELS = 1 << 24
"""Voxels interpolated at once: 64 MB as float32."""
_PLANE_MODES: dict[str, dict[str, Any]] = {
    "linear": {"mode": "bilinear", "antialias": True},
    "cubic": {"mode": "bicubic", "antialias": True},
    "nearest": {"mode": "nearest-exact"},
}


def interpolate(voxels: NDArray[np.number], axes: tuple[Axis, Axis, Axis], out: Tensor) -> None:
    """Trilinear interpolation of (Z, Y, X) onto three resampled axes, without antialiasing, into `out` on its device, plane by plane."""
    along_z, along_y, along_x = axes
    planes = max(1, _CHUNK_VOXELS // max(1, voxels.shape[1] * voxels.shape[2]))
    for start in range(0, len(out), planes):
        part = along_z[start : start + planes]
        below, above = (on_device(voxels[at], out.device) for at in (part.lower, part.upper))
        chunk = below.lerp_(above, torch.from_numpy(part.weight).to(out.device)[:, None, None])
        out[start : start + planes] = _blend(_blend(chunk, 1, along_y), 2, along_x)


def fit_planes(
    planes: NDArray[np.number] | Tensor,
    spacing: tuple[float | None, float | None],
    size: tuple[int, int],
    interpolation: str = "linear",
    device: torch.device | str = "cpu",
) -> Tensor:
    """Resize planes (n, Y, X) into (n, *size) float32 on `device`, their aspect in mm kept (square pixels where `spacing` is unknown).

    `linear` and `cubic` are with antialiasing (area-weighted when it shrinks), as in Pillow; centred, what is left over holds `BELOW_ALL`.
    """
    inner = fitted_size((planes.shape[1], planes.shape[2]), spacing, size)
    given = planes if isinstance(planes, Tensor) else on_device(planes, device)
    if inner != tuple(given.shape[1:]):
        given = functional.interpolate(given[:, None], size=inner, **_PLANE_MODES[interpolation])[:, 0]
    if inner == size:
        return given
    out = torch.full((len(planes), *size), BELOW_ALL, device=given.device)
    top, left = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    out[:, top : top + inner[0], left : left + inner[1]] = given
    return out


def fitted_size(shape: tuple[int, int], spacing: tuple[float | None, float | None], size: tuple[int, int]) -> tuple[int, int]:
    """The (Y, X) pixels within `size` that planes of `shape` fill with their aspect in mm kept."""
    row, column = spacing
    height, width = shape[0] * (row if row and column else 1.0), shape[1] * (column if row and column else 1.0)
    scale = min(size[0] / height, size[1] / width)
    return min(size[0], max(1, round(height * scale))), min(size[1], max(1, round(width * scale)))


def on_device(values: NDArray[np.number], device: torch.device | str) -> Tensor:
    """Values as float32 on a device: a copy in any case, sent over as they are and converted there.

    A part of a volume may be read-only or run backwards, which torch does not take.
    """
    if torch.device(device).type == "cpu":
        return torch.from_numpy(np.array(values, np.float32, order="C"))
    sent = torch.from_numpy(np.array(values, order="C")).pin_memory() if torch.cuda.is_available() else torch.from_numpy(np.array(values))
    return sent.to(device, non_blocking=True).float()


def _blend(values: Tensor, dim: int, axis: Axis) -> Tensor:
    along, shape = [1, 1, 1], list(values.shape)
    along[dim], shape[dim] = -1, len(axis.lower)
    # gather and not index_select, which is several times slower along the last axis
    at = (torch.from_numpy(places).to(values.device).view(along).expand(shape) for places in (axis.lower, axis.upper))
    below, above = (values.gather(dim, places) for places in at)
    return below.lerp_(above, torch.from_numpy(axis.weight).to(values.device).view(along))
