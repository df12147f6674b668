"""Values from one grid to another: sparse weights, applied axis by axis. No threads: the same bits on any number of cores."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

_FWHM_TO_SD = 1 / 2.354820045


def weights(source_mm: NDArray[np.float64], target_mm: NDArray[np.float64], fwhm_mm: float = 0.0, width_mm: float = 0.0) -> csr_array:
    """Weights (targets, sources) whose rows add up to one.

    Args:
        source_mm: centres of the source's voxels, increasing and evenly spaced. Beyond its ends the last values go on.
        target_mm: where values are wanted, in any order.
        fwhm_mm: blur by a Gaussian of this full width at half maximum.
        width_mm: mean over a slab of this width (a slice's thickness).

    With neither, linear interpolation.
    """
    step = float(source_mm[1] - source_mm[0])
    sd = fwhm_mm * _FWHM_TO_SD
    reach = max(step, 2.5 * sd, width_mm / 2 + step / 2)
    taps = np.arange(-int(np.ceil(reach / step)) - 1, int(np.ceil(reach / step)) + 2)
    nearest = np.rint((target_mm - source_mm[0]) / step).astype(np.int64)
    index = nearest[:, None] + taps[None, :]
    distance = source_mm[0] + index * step - target_mm[:, None]
    if width_mm > 0:
        low, high = np.maximum(distance - step / 2, -width_mm / 2), np.minimum(distance + step / 2, width_mm / 2)
        value = np.maximum(high - low, 0.0)
    elif sd > step / 4:
        value = np.exp(-0.5 * (distance / sd) ** 2) * (np.abs(distance) <= reach)
    else:
        value = np.maximum(1 - np.abs(distance) / step, 0.0)
    value /= value.sum(axis=1, keepdims=True)
    columns = np.clip(index, 0, len(source_mm) - 1)
    rows = np.broadcast_to(np.arange(len(target_mm))[:, None], columns.shape)
    shape = (len(target_mm), len(source_mm))
    return csr_array((value.ravel().astype(np.float32), (rows.ravel(), columns.ravel())), shape=shape)  # equal places add up


def along(values: NDArray[np.float32], matrix: csr_array, axis: int) -> NDArray[np.float32]:
    """`matrix` (m, n) applied to an axis of length n of a 3-D array."""
    if axis == 0:
        flat = values.reshape(values.shape[0], -1)
        return np.asarray(matrix @ flat, np.float32).reshape(-1, *values.shape[1:])
    moved: NDArray[Any] = np.moveaxis(values, axis, 0)
    done = np.asarray(matrix @ np.ascontiguousarray(moved).reshape(moved.shape[0], -1), np.float32)
    return np.ascontiguousarray(np.moveaxis(done.reshape(-1, *moved.shape[1:]), 0, axis))


def smooth_noise(rng: np.random.Generator, shape: tuple[int, ...], spacing_mm: tuple[float, ...], scale_mm: float) -> NDArray[np.float32]:
    """A smooth random field (Z, Y, X) with mean 0, standard deviation about 1 and bumps of about `scale_mm`."""
    centres = [(np.arange(n, dtype=np.float64) - (n - 1) / 2) * s for n, s in zip(shape, spacing_mm, strict=True)]
    knots = [np.arange(int(np.ceil(n * s / scale_mm)) + 4, dtype=np.float64) for n, s in zip(shape, spacing_mm, strict=True)]
    field = rng.standard_normal(tuple(len(k) for k in knots), dtype=np.float32)
    for axis in sorted(range(3), key=lambda a: shape[a] / len(knots[a])):  # the axis that grows least goes first
        places = (knots[axis] - (len(knots[axis]) - 1) / 2) * scale_mm
        field = along(field, weights(places, centres[axis], fwhm_mm=1.2 * scale_mm), axis)
    return field / np.float32(max(float(field.std()), 1e-6))
