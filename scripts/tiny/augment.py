"""Small changes to training voxels: windows, noise, calibration, place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

WINDOWS = (((-1000, 1000), 0.7), ((-1350, 150), 0.15), ((-160, 240), 0.15))
"""HU that map onto -1..1, and how often: the default view mostly; a caller may ask for lung or mediastinum."""


def augmented(hu: NDArray[np.int16], rng: np.random.Generator) -> NDArray[np.float32]:
    """HU (Z, Y, X) of the default view to voxels in -1..1, moved a little, with some noise, through one of the windows.

    Planes that are padding stay so: all of them at the lower end.
    """
    padding = ~(hu > -1000).any(axis=(1, 2))
    values = hu.astype(np.float32)
    steps = (int(rng.integers(-2, 3)), int(rng.integers(-5, 6)), int(rng.integers(-5, 6)))
    values = _moved(values, (0, *steps[1:]))
    values *= np.float32(rng.normal(1, 0.01))
    values += np.float32(rng.normal(0, 6))
    values += np.float32(rng.uniform(0, 12)) * rng.standard_normal(values.shape, dtype=np.float32)
    (low, high) = WINDOWS[int(rng.choice(len(WINDOWS), p=[share for _, share in WINDOWS]))][0]
    values -= np.float32((low + high) / 2)
    values *= np.float32(2 / (high - low))
    np.clip(values, -1, 1, out=values)
    values[padding] = -1
    return values


def _moved(values: NDArray[np.float32], steps: tuple[int, int, int]) -> NDArray[np.float32]:
    """Moved by whole voxels; what comes in is air."""
    out = np.full_like(values, -1000)
    ends = [(slice(max(0, s), n + min(0, s)), slice(max(0, -s), n + min(0, -s))) for s, n in zip(steps, values.shape, strict=True)]
    out[tuple(to for to, _ in ends)] = values[tuple(of for _, of in ends)]
    return out
