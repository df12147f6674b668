"""What one fit of a study learns from, and what it may tune itself on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray


@final
@dataclass(frozen=True)
class Support:
    """Rows of a feature matrix and their labels, and what else a head may want to know."""

    rows: NDArray[np.int64]
    """(n,) row numbers."""
    y: NDArray[np.int64]
    """(n,) labels, 0 or 1."""
    tuning: Support | None = None
    """Rows of the validation side, on which a head may choose its settings, never its weights; None where there is none."""
    patients: NDArray[np.int64] | None = None
    """(n,) whose each row is, so that folds of a cross-validation keep patients apart; None: each row is a patient of its own."""
    texts: NDArray[np.float64] | None = None
    """(2, D) vectors of the class texts, absence before presence; None where the encoder has no text side."""
    words: tuple[str, ...] = ()
    """(2,) what `texts` are the vectors of, absence before presence; empty where one is of several texts."""
    seed: int = 0
    """Of whatever is left to chance in the fit."""
    logit_scale: float = 100.0
    """What cosines with `texts` are multiplied by; CLIP's where the encoder tells none."""
