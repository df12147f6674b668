"""Small changes to training voxels: windows, noise, calibration, place."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanbank.embed.tiny.image import PATCH

WINDOWS = (((-1000, 1000), 0.8), ((-1350, 150), 0.1), ((-160, 240), 0.1))
"""HU that map onto -1..1, and how often: the default view mostly; a caller may ask for lung or mediastinum."""


def augmented(hu: NDArray[np.int16], cells: NDArray[np.uint16], rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.uint16]]:
    """HU (Z, Y, X) of the default view to voxels in -1..1, moved a little, with some noise, through one of the windows.

    Planes that are padding stay so: all of them at the lower end. The cells of findings (Z', Y', X') move along.
    """
    padding = ~(hu > -1000).any(axis=(1, 2))
    values = hu.astype(np.float32)
    down, across = (int(step) for step in rng.integers(-1, 2, size=2))
    values = _moved(values, (0, down * PATCH[1], across * PATCH[2]), -1000)
    values *= np.float32(rng.normal(1, 0.01))
    values += np.float32(rng.normal(0, 6))
    values += np.float32(rng.uniform(0, 12)) * rng.standard_normal(values.shape, dtype=np.float32)
    (low, high) = WINDOWS[int(rng.choice(len(WINDOWS), p=[share for _, share in WINDOWS]))][0]
    values -= np.float32((low + high) / 2)
    values *= np.float32(2 / (high - low))
    np.clip(values, -1, 1, out=values)
    values[padding] = -1
    return values, _moved(cells, (0, down, across), 0)


def _moved(values: NDArray[Any], steps: tuple[int, int, int], fill: int) -> NDArray[Any]:
    """Moved by whole places; what comes in holds `fill`."""
    out = np.full_like(values, fill)
    ends = [(slice(max(0, s), n + min(0, s)), slice(max(0, -s), n + min(0, -s))) for s, n in zip(steps, values.shape, strict=True)]
    out[tuple(to for to, _ in ends)] = values[tuple(of for _, of in ends)]
    return out
