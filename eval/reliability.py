"""How far probabilities are from what happened: the Brier score and the expected calibration error.

Both follow from sums over items, so that bootstrap draws of patients need only the sums of each patient.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BINS = 15
"""Of equal width over [0, 1], as Guo et al. (ICML 2017) and torchmetrics have them."""


@final
@dataclass(frozen=True)
class Reliability:
    """Sums over items, or over their weights."""

    squares: Floats
    """(...,) of (probability - label)^2."""
    gaps: Floats
    """(BINS, ...) of probability - label, bin by bin."""
    items: Floats
    """(...,)."""

    def brier(self) -> Floats:
        """Mean squared distance of probability and label (Brier 1950)."""
        return self.squares / self.items

    def ece(self) -> Floats:
        """Expected calibration error: |mean probability - share of positives| of each bin, weighted by its items.

        That of the probability of the positive class (Naeini et al., AAAI 2015). It is biased upward where bins hold few items.
        """
        return np.abs(self.gaps).sum(axis=0) / self.items


def bin_of(probability: Floats) -> Ints:
    """In which of the bins [k / BINS, (k + 1) / BINS) each probability lies; 1 is in the last."""
    return np.minimum((probability * BINS).astype(np.int64), BINS - 1)


def reliability(y: Ints, probability: Floats, weight: Floats | None = None) -> Reliability:
    """Sums over the items (M,) for each of the fits (F, M)."""
    each = np.ones(len(y)) if weight is None else weight
    gap = probability - y
    place = bin_of(probability) + BINS * np.arange(len(probability))[:, None]
    sums: Floats = np.bincount(place.ravel(), weights=(gap * each).ravel(), minlength=BINS * len(probability)).astype(np.float64)
    return Reliability((gap**2 * each).sum(axis=1), sums.reshape(-1, BINS).T, np.full(len(probability), each.sum()))
