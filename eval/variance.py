"""Where a mean over support draws gets its uncertainty from: the draws, or the patients it was tested on.

The value of draw r on test sample t is taken as mu + a_r + b_t + c_rt, with independent parts. By the law of total variance the mean over
R draws has

    Var(mean) = Var_a / R + (Var_b + Var_c / R)

The bracket is what patients drawn again (or DeLong's formula) give for the mean, all draws being scored on the same patients: `test`. The
variance of the values over draws is that of a_r + c_rt, since they share t; what patients drawn again give for the values' deviations from
their mean, (sum over r) / (R - 1), is that of c_rt alone. The difference of the two, or 0 if it is negative, is Var_a: `support`.

Draws are taken from one pool of training patients: their variance is that of drawing from this pool.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@final
@dataclass(frozen=True)
class Components:
    """The variance of a mean over draws, in its parts."""

    draws: int
    support: float
    """Of one draw, had the test sample no end; NaN for a single draw, of which nobody can tell."""
    test: float
    """Of the mean, were the draws the same and the patients of the test side others."""

    @property
    def total(self) -> float:
        """Of the mean; of a single draw, given that draw."""
        return self.test if self.draws == 1 else self.support / self.draws + self.test

    def degrees(self, patients: int) -> float:
        """Of freedom, by Satterthwaite: draws - 1 for what draws bring, one for each patient for what these bring (see `quantile`)."""
        shares = [(self.test, patients)]
        if self.draws > 1:
            shares.append((self.support / self.draws, self.draws - 1))
        return self.total**2 / sum(variance**2 / degrees for variance, degrees in shares)

    @property
    def error(self) -> float:
        return math.sqrt(self.total)


def components(values: Floats, test: float, deviations: Floats) -> Components:
    """The parts of the variance of the mean of values (R,).

    Args:
        values: (R,) of each draw on the same items.
        test: variance of their mean when patients of the test side are drawn again.
        deviations: (R,) variances of each value's deviation from the mean when they are.
    """
    draws = len(values)
    if draws == 1:
        return Components(1, math.nan, test)
    seen = float(np.var(values, ddof=1))
    return Components(draws, max(seen - float(deviations.sum()) / (draws - 1), 0.0), test)


def replicated(values: Floats, replicates: Floats) -> Components:
    """`components` from the values (R,) and their bootstrap replicates (R, draws of patients), the same patients for all."""
    mean = replicates.mean(axis=0)
    return components(values, float(np.var(mean, ddof=1)), np.var(replicates - mean, axis=1, ddof=1))
