"""From stored numbers to int16 or float32 voxels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_INT16 = np.iinfo(np.int16)


def rescaled(stored: NDArray[Any], slope: float = 1.0, inter: float = 0.0) -> NDArray[np.int16] | NDArray[np.float32]:
    """`stored * slope + inter`: int16 where whole numbers stay whole and fit, else float32.

    Computed in 64 bits plane by plane; the array itself is returned where nothing changes. Values that overflow float32
    become infinite, NaN stays.

    Args:
        stored: (Z, Y, X) of a real dtype, either byte order.
        slope: of the linear scaling.
        inter: of the linear scaling.
    """
    same = slope == 1 and inter == 0
    if stored.dtype.kind in "iu" and float(slope).is_integer() and float(inter).is_integer():
        ends = [int(stored.min()) * int(slope) + int(inter), int(stored.max()) * int(slope) + int(inter)]
        if min(ends) >= _INT16.min and max(ends) <= _INT16.max:
            if same:
                return stored.astype(np.int16, copy=False)
            whole = np.empty(stored.shape, np.int16)
            for k, plane in enumerate(stored):
                whole[k] = plane.astype(np.int64) * int(slope) + int(inter)
            return whole
    if same and stored.dtype == np.float32:
        return stored.astype(np.float32, copy=False)
    scaled = np.empty(stored.shape, np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        for k, plane in enumerate(stored):
            scaled[k] = plane.astype(np.float64) * slope + inter
    return scaled
