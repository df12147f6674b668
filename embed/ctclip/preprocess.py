"""CT-CLIP's published preprocessing on a raw array, in the published order: rescale, clip, resample, crop and pad."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...store.errors import ViewError
from ...store.scan import Volume
from ...store.specs import ViewSpec
from ...store.windows import PRESETS
from ..views import volume_voxels

WINDOW = PRESETS["ctclip"]
"""-1000..1000 HU."""
SPACING_MM = (1.5, 0.75, 0.75)
"""(z, y, x)."""
INPUT_RANGE = (-1.0, 1.0)


def preprocess(
    raw: NDArray[np.number],
    spacing_mm: tuple[float, float, float],
    *,
    slope: float = 1.0,
    intercept: float = 0.0,
    shape: tuple[int, int, int] = (240, 480, 480),
) -> NDArray[np.float32]:
    """(1, D, H, W) float32 in -1..1, D towards the head, as the published scripts make it of a NIfTI file of CT-RATE.

    Planes are not turned: H runs along x and W along y of the array as stored. CT-RATE stores x towards the patient's left, y towards the
    back and z towards the head; turn an array of another kind first.

    Args:
        raw: (x, y, z) stored values; HU = slope * value + intercept.
        spacing_mm: (x, y, z).
        slope: RescaleSlope; 1 where values are HU already, as in the second release of CT-RATE's volumes (its tables still list others).
        intercept: RescaleIntercept; 0 where they are HU already.
        shape: (D, H, W) in voxels of 1.5 x 0.75 x 0.75 mm: the centre is taken, what is lacking is -1.

    Raises:
        ViewError: the array has no three axes, no voxels or values that are not finite, or a spacing is not over 0.
    """
    if raw.ndim != 3 or not raw.size:
        raise ViewError(f"CT-CLIP's preprocessing takes an array (x, y, z) with voxels in it; found shape {raw.shape}")
    if not all(np.isfinite(step) and step > 0 for step in spacing_mm):
        raise ViewError(f"CT-CLIP's preprocessing takes a spacing (x, y, z) over 0 mm; found {spacing_mm}")
    # clipped before it is interpolated, where a view clips last: the edges of what lies outside the window differ
    values = np.clip(raw.astype(np.float64) * slope + intercept, WINDOW.lo, WINDOW.hi).astype(np.float32).transpose(2, 0, 1)
    x, y, z = (float(step) for step in spacing_mm)
    places = np.arange(len(values), dtype=np.float64) * z
    volume = Volume(values, np.diag([y, x, z, 1.0]), (z, x, y), 0, places, places, has_hu=True)
    return volume_voxels(volume, ViewSpec(windows=(WINDOW,), spacing_mm=SPACING_MM, shape=shape), INPUT_RANGE)[0]
