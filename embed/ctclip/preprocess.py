"""CT-CLIP's published preprocessing on a raw array, in the published order: rescale, clip, resample, crop and pad."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from ...store.errors import ViewError
from ...store.windows import PRESETS

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
        ViewError: the array has no three axes, no voxels or values that are not finite, a spacing is not over 0, or less than a voxel
            of the outcome is there along an axis.
    """
    if raw.ndim != 3 or not raw.size:
        raise ViewError(f"CT-CLIP's preprocessing takes an array (x, y, z) with voxels in it; found shape {raw.shape}")
    if not all(np.isfinite(step) and step > 0 for step in spacing_mm):
        raise ViewError(f"CT-CLIP's preprocessing takes a spacing (x, y, z) over 0 mm; found {spacing_mm}")
    if not np.isfinite(raw).all():
        raise ViewError("CT-CLIP's preprocessing takes values that are finite; found NaN or infinite ones")
    # clipped before it is interpolated, where a view clips last: the edges of what lies outside the window differ
    values = np.clip(raw.astype(np.float64) * slope + intercept, WINDOW.lo, WINDOW.hi).transpose(2, 0, 1)
    x, y, z = map(float, spacing_mm)
    counts = [_count(*axis) for axis in zip("zxy", values.shape, (z, x, y), SPACING_MM, strict=True)]
    given = torch.from_numpy(np.ascontiguousarray(values))[None, None]
    resized = functional.interpolate(given, size=counts, mode="trilinear", align_corners=False)[0, 0].numpy()
    taken, put = zip(*map(_centred, counts, shape), strict=True)
    out = np.full((1, *shape), INPUT_RANGE[0], np.float32)
    out[0][put] = resized[taken] / WINDOW.hi
    return out


def _count(axis: str, voxels: int, step_mm: float, wanted_mm: float) -> int:
    """Voxels along an axis after resampling, in floating point and cut to a whole number as published: 55 of 0.3 mm are 21 of 0.75 mm."""
    count = int(voxels * (step_mm / wanted_mm))
    if not count:
        raise ViewError(
            f"CT-CLIP's preprocessing makes voxels of {wanted_mm} mm; along {axis} the array has {voxels} of {step_mm:g} mm, less than one"
        )
    return count


def _centred(have: int, want: int) -> tuple[slice, slice]:
    """What is taken of an axis of `have` voxels, and where it is put in one of `want`."""
    start, before, kept = max((have - want) // 2, 0), max((want - have) // 2, 0), min(have, want)
    return slice(start, start + kept), slice(before, before + kept)
