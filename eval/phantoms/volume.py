"""A series as a decoded volume, without the way over DICOM files: what reading the written series gives."""

from __future__ import annotations

import numpy as np

from ...store.scan import Volume
from .acquire import corner_mm, normal, row_direction, travel
from .model import Acquired


def volume_of(acquired: Acquired) -> Volume:
    """Voxels (Z, Y, X) from feet to head, with the scanner's geometry in LPS millimetres."""
    series = acquired.series
    order = np.argsort(series.positions_mm, kind="stable")
    axis = normal(series)
    positions = np.array([corner_mm(series, int(i)) @ axis for i in order])
    step = float(np.median(np.diff(positions)))
    affine = np.eye(4)
    affine[:3, 0] = [series.pixel_mm, 0.0, 0.0]
    affine[:3, 1] = row_direction(series) * series.pixel_mm
    affine[:3, 2] = travel(series) * step
    affine[:3, 3] = corner_mm(series, int(order[0]))
    voxels = np.ascontiguousarray(acquired.hu[order])
    return Volume(voxels, affine, (step, series.pixel_mm, series.pixel_mm), 0, acquired.z_mm[order], positions, has_hu=True)
