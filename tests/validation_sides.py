"""Units and splits without a bank, for what is fitted on the validation side."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from scanbank.eval.splits import Split
from scanbank.eval.units import Units
from scanbank.eval.validation import Validation


def units_of(y: ArrayLike) -> Units:
    labels = np.asarray(y, dtype=np.int64)
    names = np.array([f"v{row}" for row in range(len(labels))])
    ordinals = np.arange(len(labels))
    slices = np.stack([ordinals, np.ones_like(ordinals)], axis=1)
    return Units("nodule", "volume", "table", tuple(names.tolist()), ordinals, names, names, slices, labels, 0)


def validation_of(y: ArrayLike, score: ArrayLike) -> Validation:
    """All units on the validation side."""
    units = units_of(y)
    return Validation(units, Split("mine", np.full(len(units), "val")), np.arange(len(units)), np.asarray(score, dtype=np.float64))
