"""Intervals of values between 0 and 1 from their standard errors, made on the logit scale.

There the ends stay inside (0, 1), and the interval leans as the distribution does; plain ones and percentiles cover too seldom when values
are near 1 or patients few (docs/statistics.md, measured).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, stdtrit

from .edges import COVERAGE

Floats = NDArray[np.float64]


def quantile(patients: float) -> float:
    """Student's, with a degree of freedom for each patient (of the rarer class, where both classes matter).

    Chosen by coverage: the normal quantile covers too seldom with ten or twenty positives (docs/statistics.md).
    """
    return float(stdtrit(patients, (1 + COVERAGE) / 2))


def logit_intervals(value: Floats, error: Floats, patients: float) -> Floats:
    """(F, 2): 95% intervals of values (F,) inside (0, 1) with standard errors (F,), by the delta method; NaN for values outside."""
    inside = (value > 0) & (value < 1)
    middle = np.where(inside, value, 0.5)
    reach = quantile(patients) * error / (middle * (1 - middle))
    ends = expit(logit(middle)[:, None] + reach[:, None] * np.array([-1.0, 1.0]))
    ends[~inside] = np.nan
    return ends


def mean_interval(values: Floats, ends: Floats) -> Floats:
    """(2,): interval of the mean of K independent values (K,) from their own intervals (K, 2).

    The method of variance estimates recovery: each side's distances are added as squares (Zou and Donner, Statistics in Medicine 2008).
    """
    below, above = np.sqrt(((ends - values[:, None]) ** 2).sum(axis=0)) / len(values)
    middle = values.mean()
    return np.array([middle - below, middle + above])
