"""What one fit of a few-shot study learns from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Support:
    """Rows of a feature matrix and their labels."""

    rows: NDArray[np.int64]
    """(n,) row numbers."""
    y: NDArray[np.int64]
    """(n,) labels, 0 or 1."""
