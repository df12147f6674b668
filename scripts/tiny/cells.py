"""Where a view of a phantom shows each finding, coarsely: what the network is told to light up at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from scanbank.embed.grid import Axis, centre_span, resampled_axes
from scanbank.embed.shear import shear_of
from scanbank.embed.tiny.image import PATCH
from scanbank.eval.phantoms.model import Acquired
from scanbank.store.scan import Volume
from scanbank.store.specs import ViewSpec


def finding_cells(
    masks: Mapping[str, NDArray[np.bool_]], names: Sequence[str], acquired: Acquired, volume: Volume, view: ViewSpec
) -> NDArray[np.uint16]:
    """(Z', Y', X') cells of `PATCH` voxels of the view; bit k of a cell tells that a voxel in it belongs to finding k.

    Args:
        masks: by finding, (slices, rows, columns) in the order of InstanceNumber.
        names: of the findings, at most 16.
        acquired: the series that the masks are of.
        volume: the same as `volume_of` gives it.
        view: with a spacing and a shape.
    """
    assert view.spacing_mm is not None
    assert view.shape is not None
    order = np.argsort(acquired.series.positions_mm, kind="stable")
    shear = shear_of(volume)
    axes = resampled_axes(volume, view.spacing_mm, shear)
    cells = np.zeros([length // patch for length, patch in zip(view.shape, PATCH, strict=True)], np.uint16)
    for name, mask in masks.items():
        at = np.nonzero(mask[order])
        places = [axis.source_mm[of] for axis, of in zip(axes, at, strict=True)]
        if shear is not None:  # phantoms are axial, and their rows and columns stand at right angles
            along = places[0] - shear.middle_mm
            places = [places[0], places[1] + shear.lean[0] * along, places[2] + shear.lean[1] * along]
        z, y, x = (_cell(*each) for each in zip(axes, places, view.shape, PATCH, strict=True))
        inside = (z >= 0) & (y >= 0) & (x >= 0)
        shown = np.zeros(cells.shape, np.bool_)
        shown[z[inside], y[inside], x[inside]] = True
        cells[shown] |= np.uint16(1 << list(names).index(name))
    return cells


def _cell(axis: Axis, places_mm: NDArray[np.float64], length: int, patch: int) -> NDArray[np.int64]:
    """The cell along an axis of the view that each place lies in; -1 outside."""
    span = centre_span(len(axis.centres_mm), length)
    voxel = np.floor((places_mm - (axis.centres_mm[0] - axis.step_mm / 2)) / axis.step_mm).astype(np.int64)
    voxel += span.filled.start - span.taken.start
    return np.where((voxel >= 0) & (voxel < length), voxel // patch, -1)


def place_targets(cells: NDArray[np.uint16], findings: int) -> tuple[Tensor, Tensor]:
    """Cells (B, Z', Y', X') to 1 and 0, float32 (B, findings, Z', ...), at half and a quarter of their resolution in the plane."""
    bits = (cells[:, None] >> np.arange(findings, dtype=np.uint16)[:, None, None, None]) & 1
    half = functional.max_pool3d(torch.from_numpy(bits.astype(np.float32)), (1, 2, 2))
    return half, functional.max_pool3d(half, (1, 2, 2))
