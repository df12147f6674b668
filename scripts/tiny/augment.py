"""Small changes to training voxels: noise, calibration, place. Other windows are not among them.

Scans under other windows, mixed in, differ so much from the rest that normalization spends itself on them: seen, of the vectors' spread a
hundredth was left for what is in the scan.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanbank.embed.tiny.image import PATCH


def augmented(hu: NDArray[np.int16], cells: NDArray[np.uint16], rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.uint16]]:
    """HU (Z, Y, X) of the default view to voxels in -1..1, moved a little, with some noise.

    Planes that are padding stay so: all of them at the lower end. The cells of findings (Z', Y', X') move along.
    """
    padding = ~(hu > -1000).any(axis=(1, 2))
    values = hu.astype(np.float32)
    down, across = (int(step) for step in rng.integers(-1, 2, size=2))
    values = _moved(values, (0, down * PATCH[1], across * PATCH[2]), -1000)
    values *= np.float32(rng.normal(1, 0.01))
    values += np.float32(rng.normal(0, 6))
    values += np.float32(rng.uniform(0, 8)) * rng.standard_normal(values.shape, dtype=np.float32)
    values *= np.float32(1 / 1000)
    np.clip(values, -1, 1, out=values)
    values[padding] = -1
    return values, _moved(cells, (0, down, across), 0)


def _moved(values: NDArray[Any], steps: tuple[int, int, int], fill: int) -> NDArray[Any]:
    """Moved by whole places; what comes in holds `fill`."""
    out = np.full_like(values, fill)
    ends = [(slice(max(0, s), n + min(0, s)), slice(max(0, -s), n + min(0, -s))) for s, n in zip(steps, values.shape, strict=True)]
    out[tuple(to for to, _ in ends)] = values[tuple(of for _, of in ends)]
    return out
