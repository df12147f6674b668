"""Interpolation, with torch, on any device, in the voxels' own units: windows come after, so that they share one resampling."""

from __future__ import annotations

from typing import Any

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
_PLANE_MODES: dict[str, dict[str, Any]] = {
    "linear": {"mode": "bilinear", "antialias": True},
    "cubic": {"mode": "bicubic", "antialias": True},
    "nearest": {"mode": "nearest-exact"},
}


def interpolate(
    voxels: NDArray[np.number],
    axes: tuple[Axis, Axis, Axis],
    out: Tensor,
    shear: Shear | None = None,
    clip: tuple[float, float] | None = None,
) -> None:
    """Trilinear interpolation of (Z, Y, X) onto three resampled axes, without antialiasing, into `out` on its device, plane by plane.

    A leaning stack is put upright with it: `BELOW_ALL` stands where it does not reach. Values are cut to `clip` before.
    """
    if shear is not None:
        voxels, out = voxels.transpose(shear.order), out.permute(shear.order)
        axes = (axes[shear.order[0]], axes[shear.order[1]], axes[shear.order[2]])
    along, rows, columns = axes
    planes = max(1, _CHUNK_VOXELS // max(1, voxels.shape[1] * voxels.shape[2]))
    for start in range(0, len(out), planes):
        part = along[start : start + planes]
        below, above = (clipped(on_device(voxels[at], out.device), clip) for at in (part.lower, part.upper))
        chunk = below.lerp_(above, torch.from_numpy(part.weight).to(out.device)[:, None, None])
        if shear is None:
            out[start : start + planes] = _blend(_blend(chunk, 1, rows), 2, columns)
        else:
            at = shear.places(part.centres_mm, rows.centres_mm, columns.centres_mm)
            out[start : start + planes] = upright(chunk, *(torch.from_numpy(place).to(out.device) for place in at), fill=BELOW_ALL)


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
        given = _resized(given[:, None], inner, _PLANE_MODES[interpolation])[:, 0]
    if inner == size:
        return given
    out = torch.full((len(planes), *size), BELOW_ALL, device=given.device)
    top, left = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    out[:, top : top + inner[0], left : left + inner[1]] = given
    return out


def _resized(planes: Tensor, size: tuple[int, int], how: dict[str, Any]) -> Tensor:
    """(n, 1, Y, X) to `size`. Where a leaning stack left a part empty, only what is there counts, and less than half of it is nothing."""
    void = planes.isneginf()
    if not void.any():
        return functional.interpolate(planes, size=size, **how)
    there = functional.interpolate((~void).float(), size=size, **how)
    values = functional.interpolate(planes.masked_fill(void, 0), size=size, **how)
    return (values / there).masked_fill_(there < 0.5, BELOW_ALL)


def fitted_size(shape: tuple[int, int], spacing: tuple[float | None, float | None], size: tuple[int, int]) -> tuple[int, int]:
    """The (Y, X) pixels within `size` that planes of `shape` fill with their aspect in mm kept."""
    row, column = spacing
    height, width = shape[0] * (row if row and column else 1.0), shape[1] * (column if row and column else 1.0)
    scale = min(size[0] / height, size[1] / width)
    return min(size[0], max(1, round(height * scale))), min(size[1], max(1, round(width * scale)))


def clipped(values: Tensor, clip: tuple[float, float] | None) -> Tensor:
    """Values cut in place to a range, where there is one; what is below all stays so."""
    return values if clip is None else torch.where(values.isneginf(), values, values.clamp(*clip))


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
