"""Weights of classes, as scikit-learn has them, as weights of rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.class_weight import compute_class_weight

from .vectors import Floats, Ints

ClassWeight = Mapping[Any, float] | Literal["balanced"] | None
"""None: 1 each. `balanced`: N / (classes * rows of the class), so that all classes weigh the same together. A mapping: by class, 1 where it
says nothing."""


def row_weights(class_weight: ClassWeight, classes: NDArray[Any], codes: Ints) -> Floats:
    """(N,): the weight of each row's class; `codes` (N,) are places in `classes`.

    Raises:
        ValueError: `class_weight` is none of the above, names no class that is there, or a weight is negative or not finite.
    """
    if class_weight is None:
        return np.ones(len(codes))
    if class_weight != "balanced" and not isinstance(class_weight, Mapping):
        raise ValueError(f"class_weight is {class_weight!r}; give None, 'balanced', or a mapping of classes to weights")
    given = class_weight if class_weight == "balanced" else dict(class_weight)
    weights = np.asarray(compute_class_weight(given, classes=classes, y=classes[codes]), dtype=np.float64)
    if not (np.isfinite(weights).all() and (weights >= 0).all() and (weights > 0).sum() > 1):
        raise ValueError(f"class_weight is {class_weight!r}; weights are finite and not negative, and of two classes at least positive")
    return weights[codes]
