"""Mean absolute error in mm, by snippet and by scan, and how many are within 5, 10 and 20 mm; intervals by patient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from ..edges import wilson_edge
from ..logit_intervals import logit_intervals, quantile
from ..outcomes import LEAST_PATIENTS
from ..replicates import drawn

Floats = NDArray[np.float64]

WITHIN_MM = (5, 10, 20)
DRAWS = 1000


@final
@dataclass(frozen=True)
class Measure:
    """A number over snippets or scans."""

    name: str
    """`mae_mm` (mean over snippets), `mae_scan_mm` (mean over scans of their snippets' mean), `hit_5mm` and so on (share of snippets)."""
    value: float
    lo: float | None
    """95%, over draws of patients with replacement; None of fewer than two patients."""
    hi: float | None


def measures(errors_mm: Floats, hits: Floats, scans: NDArray[np.int64], patients: NDArray[np.str_], seed: int = 0) -> list[Measure]:
    """All measures of N snippets.

    Args:
        errors_mm: (N,) distances, or expected ones.
        hits: (N, 3): 1 where a distance is within each of `WITHIN_MM`, or the chance that it is.
        scans: (N,) which scan each is of.
        patients: (N,).
        seed: of the draws.
    """
    _, first, of_scan = np.unique(scans, return_index=True, return_inverse=True)
    counts = np.bincount(of_scan)
    by_scan = np.bincount(of_scan, weights=errors_mm) / counts
    found = [_mean("mae_mm", errors_mm, patients, seed), _mean("mae_scan_mm", by_scan, patients[first], seed)]
    return [*found, *(_mean(f"hit_{mm}mm", hits[:, place], patients, seed, share=True) for place, mm in enumerate(WITHIN_MM))]


def hits_of(errors_mm: Floats) -> Floats:
    """(N, 3): whether each distance is within 5, 10 and 20 mm."""
    return (errors_mm[:, None] <= np.array(WITHIN_MM)).astype(np.float64)


def _mean(name: str, values: Floats, patients: NDArray[np.str_], seed: int, *, share: bool = False) -> Measure:
    """A mean with its interval: of shares on the logit scale, of distances on that of logarithms, where neither leaves its range."""
    _, patient = np.unique(patients, return_inverse=True)
    people, value = int(patient.max()) + 1, float(values.mean())
    if people < LEAST_PATIENTS:
        return Measure(name, value, None, None)
    times = drawn(people, DRAWS, seed)
    means = (times @ np.bincount(patient, weights=values)) / (times @ np.bincount(patient))
    error = float(np.std(means, ddof=1))
    if share and value in (0.0, 1.0):
        return Measure(name, value, *wilson_edge(value, people))
    if share:
        lo, hi = logit_intervals(np.array([value]), np.array([error]), people)[0].tolist()
        return Measure(name, value, lo, hi)
    if value == 0:
        return Measure(name, 0.0, 0.0, 0.0)
    reach = float(np.exp(quantile(people) * error / value))
    return Measure(name, value, value / reach, value * reach)
