"""Where a series shows each finding: its lesions' regions together, on the series' grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .model import Acquired, Study


def masks_of(study: Study, acquired: Acquired) -> dict[str, NDArray[np.bool_]]:
    """Finding to mask (slices, rows, columns), in the order of the study's lesions; findings without a voxel are left out."""
    made: dict[str, NDArray[np.bool_]] = {}
    for lesion, region in zip(study.lesions, acquired.regions, strict=True):
        if region is None:
            continue
        mask = made.setdefault(lesion.finding, np.zeros(acquired.hu.shape, np.bool_))
        inner = tuple(slice(start, start + length) for start, length in zip(region.start, region.voxels.shape, strict=True))
        mask[inner] |= region.voxels
    return made
