"""Bags for tests: scans of differing numbers of slices, of which one may hold what is looked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanbank.heads import Bags


@dataclass(frozen=True)
class Planted:
    bags: Bags
    y: NDArray[np.int64]
    """(N,)."""
    hits: NDArray[np.int64]
    """(N,): the row of the slice that differs, in scans with y = 1; any other slice's in those without."""


def planted(scans: int, width: int = 8, slices: int = 20, gap: float = 6.0, seed: int = 0) -> Planted:
    """Scans of `slices` - 5 to + 5 slices of noise; in every second one slice is moved by `gap` along the first axis. Exact in float16."""
    random = np.random.default_rng(seed)
    y = np.arange(scans) % 2
    sizes = random.integers(slices - 5, slices + 6, scans)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    X = random.normal(size=(starts[-1], width))
    hits = starts[:-1] + random.integers(0, sizes)
    X[hits[y == 1], 0] += gap
    return Planted(Bags(X.astype(np.float16).astype(np.float64), starts), y, hits)


def shifted(scans: int, width: int = 8, gap: float = 1.5, seed: int = 0, classes: int = 2) -> Planted:
    """Scans all of whose slices, 3 to 9, lean along the axis of the scan's class."""
    random = np.random.default_rng(seed)
    y = np.arange(scans) % classes
    sizes = random.integers(3, 10, scans)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    X = random.normal(size=(starts[-1], width)) + gap * np.eye(classes, width)[np.repeat(y, sizes)]
    return Planted(Bags(X.astype(np.float16).astype(np.float64), starts), y, starts[:-1])


def reordered(bags: Bags, seed: int = 5) -> Bags:
    """The same bags, the slices of each in another order."""
    random = np.random.default_rng(seed)
    rows = np.concatenate([start + random.permutation(size) for start, size in zip(bags.starts, bags.sizes, strict=False)])
    return Bags(bags.X[rows], bags.starts)
