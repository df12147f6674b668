"""From what a scan's levels score to one height, and how far that is from where it should be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Spans = Sequence[tuple[float, float]]
"""(lowest, highest) z_mm of each place that is right."""


def fused(scores: Floats, z_mm: Floats, sigma_mm: float) -> Floats:
    """(L,): each level's score as the mean of all, weighted by a Gaussian of how far they are in millimetres.

    What neighbours say counts too, whatever their distance: slices 1 mm apart are many, steps 8 mm apart few.
    """
    weights = np.exp(-(np.subtract.outer(z_mm, z_mm) ** 2) / (2 * sigma_mm**2))
    return weights @ scores / weights.sum(axis=1)


def peak_mm(scores: Floats, z_mm: Floats) -> float:
    """The height of the highest of scores (L,); of equal ones that nearest to the middle of the scan."""
    best = np.flatnonzero(scores == scores.max())
    return float(z_mm[best[np.argmin(np.abs(z_mm[best] - (z_mm.min() + z_mm.max()) / 2))]])


def median_mm(probabilities: Floats, z_mm: Floats) -> float:
    """The lowest height under which half of the probability (L,) lies: of all points the one with the least expected distance."""
    order = np.argsort(z_mm, kind="stable")
    below = np.cumsum(probabilities[order])
    return float(z_mm[order][np.searchsorted(below, below[-1] / 2)])


def apart_mm(z_mm: Floats, spans: Spans) -> Floats:
    """(M,): how far each height (M,) is from the nearest of the right places, 0 inside one."""
    low, high = np.array(spans).T
    return np.maximum(np.maximum(low - z_mm[:, None], z_mm[:, None] - high), 0.0).min(axis=1)


def middle_mm(slices_mm: Floats) -> float:
    """The height of the slice nearest to the middle of a scan, from those (S,) of all its slices."""
    return float(slices_mm[np.argmin(np.abs(slices_mm - (slices_mm.min() + slices_mm.max()) / 2))])
