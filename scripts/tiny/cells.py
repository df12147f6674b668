"""Where a view of a phantom shows each finding, coarsely: what the network is told to light up at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from scanbank.embed.grid import centre_span, resampled_axes
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
    to_cell = []
    for axis, length, patch in zip(resampled_axes(volume, view.spacing_mm), view.shape, PATCH, strict=True):
        span = centre_span(len(axis.centres_mm), length)
        place = np.floor((axis.source_mm - (axis.centres_mm[0] - axis.step_mm / 2)) / axis.step_mm).astype(np.int64)
        place += span.filled.start - span.taken.start
        to_cell.append(np.where((place >= 0) & (place < length), place // patch, -1))
    cells = np.zeros([length // patch for length, patch in zip(view.shape, PATCH, strict=True)], np.uint16)
    for name, mask in masks.items():
        z, y, x = (of[at] for of, at in zip(to_cell, np.nonzero(mask[order]), strict=True))
        inside = (z >= 0) & (y >= 0) & (x >= 0)
        shown = np.zeros(cells.shape, np.bool_)
        shown[z[inside], y[inside], x[inside]] = True
        cells[shown] |= np.uint16(1 << list(names).index(name))
    return cells


def place_targets(cells: NDArray[np.uint16], findings: int) -> tuple[Tensor, Tensor]:
    """Cells (B, Z', Y', X') to 1 and 0, float32 (B, findings, Z', ...), at half and a quarter of their resolution in the plane."""
    bits = (cells[:, None] >> np.arange(findings, dtype=np.uint16)[:, None, None, None]) & 1
    half = functional.max_pool3d(torch.from_numpy(bits.astype(np.float32)), (1, 2, 2))
    return half, functional.max_pool3d(half, (1, 2, 2))
