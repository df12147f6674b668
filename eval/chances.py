"""Probabilities of the fits of a study: as the head gives them, or from a calibrator of each fit's own validation scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Self, final

import numpy as np
from numpy.typing import NDArray

from .calibration import Calibrator, fit_calibrators
from .validation import Validations

Floats = NDArray[np.float64]
UNCALIBRATED = "none"


@final
@dataclass(frozen=True)
class Chances:
    """How decision values of F fits become probabilities of class 1."""

    usual: Callable[[Floats], Floats]
    """The head's own."""
    calibrators: tuple[Calibrator, ...] | None = None
    """(F,) instead of the head's own."""
    reason: str = ""
    """Why there are no probabilities; empty where there are."""

    @classmethod
    def fitted(cls, name: str, usual: Callable[[Floats], Floats], side: Validations | None, reason: str) -> Self:
        """Those of a kind of calibration, or `UNCALIBRATED`; `reason` says why there is no validation side, where there is none."""
        if name == UNCALIBRATED:
            return cls(usual)
        return cls(usual, fit_calibrators(name, side)) if side is not None else cls(usual, reason=f"no calibration: {reason}")

    def of_scores(self, scores: Floats) -> Floats:
        """(F, M), from decision values of that shape; NaN where there are none."""
        if self.reason:
            return np.full(scores.shape, np.nan)
        if self.calibrators is None:
            return self.usual(scores)
        chance = np.empty(scores.shape)
        for calibrator, row, score in zip(self.calibrators, chance, scores, strict=True):
            row[:] = calibrator.probabilities(score)
        return chance

    @property
    def remarks(self) -> list[str]:
        """What the calibrators say of themselves, one after the other."""
        return [remark for calibrator in self.calibrators or () for remark in calibrator.remarks]

    def of(self, fits: Sequence[int]) -> Self:
        """Only of these fits."""
        return self if self.calibrators is None else replace(self, calibrators=tuple(self.calibrators[fit] for fit in fits))
