"""Which image shows a lesion best."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .model import Acquired, Pointer, Rendered, Study


def point(study: Study, body: Rendered, acquired: Sequence[Acquired]) -> tuple[Pointer, ...]:
    """For each lesion the image of the first series on which most of it is seen; without voxels, the one nearest to its depth."""
    series = acquired[0]
    pointers = []
    for index in range(len(study.lesions)):
        region = series.regions[index]
        if region is None:
            image = int(np.abs(series.z_mm - body.depth_mm[index]).argmin())
        else:
            image = region.start[0] + int(region.voxels.sum(axis=(1, 2)).argmax())
        pointers.append(Pointer(index, series.series.uid, series.series.number, image + 1, float(series.z_mm[image])))
    return tuple(pointers)
