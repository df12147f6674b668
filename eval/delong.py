"""DeLong's interval of an AUROC."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from .outcomes import checked_labels, checked_scores, missing_class
from .ranked import ranked

Floats = NDArray[np.float64]

COVERAGE = 0.95
"""Of the intervals."""


def delong_intervals(y: ArrayLike, score: ArrayLike) -> Floats:
    """(F, 2): lower and upper end of the 95% interval of each AUROC; NaN where a class has fewer than two items.

    Args:
        y: (M,) labels, 0 or 1.
        score: (F, M) finite.
    """
    labels = checked_labels(y)
    scores = checked_scores(labels, score)
    if missing_class(labels) or min(labels.sum(), len(labels) - labels.sum()) < 2:
        return np.full((len(scores), 2), np.nan)
    found = ranked(labels, scores)
    area, error = found.aurocs(), np.sqrt(found.auroc_variances())
    reach = norm.ppf((1 + COVERAGE) / 2) * error
    return np.clip(np.stack([area - reach, area + reach], axis=1), 0, 1)
