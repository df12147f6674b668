"""How well two raters agree on findings: accuracy, Cohen's kappa, sensitivity, specificity and F1, with intervals by patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from ..store.errors import UsageError
from .confusion import Confusion
from .edges import wilson_edge
from .logit_intervals import logit_intervals, mean_interval
from .metric_kinds import MetricKind, metrics_named
from .outcomes import LEAST_PATIENTS
from .replicates import drawn_in_blocks

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

KAPPA = MetricKind("kappa", "Kappa", "threshold", True, Confusion.kappa, "rarer")
KINDS = {kind.name: kind for kind in (*metrics_named(["accuracy"]), KAPPA, *metrics_named(["sensitivity", "specificity", "f1"]))}
"""In the order of the table."""
_BLOCK_VALUES = 1 << 23
"""Of draws that are held at the same time."""
_UNDEFINED = {
    "kappa": "both call all of them the same",
    "sensitivity": "the reference calls none of them present",
    "specificity": "the reference calls all of them present",
    "f1": "neither calls any of them present",
}


@final
@dataclass(frozen=True)
class Rated:
    """What the reference and another rater call N items of a finding."""

    finding: str
    reference: Ints
    """(N,) 0 or 1."""
    other: Ints
    """(N,) 0 or 1."""
    patients: NDArray[np.str_]
    """(N,)."""


@final
@dataclass(frozen=True)
class Estimate:
    """A value with its 95% interval, or why there is none."""

    value: float | None
    lo: float | None = None
    hi: float | None = None
    reason: str = ""
    """Why there is no value, or no interval."""


@final
@dataclass(frozen=True)
class Agreement:
    """A line of the table."""

    finding: str
    items: int
    patients: int
    tp: int
    fp: int
    fn: int
    tn: int
    estimates: Mapping[str, Estimate]
    """By metric."""
    over: int = 1
    """Findings that it is of; of an average, those that have items."""


@final
@dataclass(frozen=True)
class Agreements:
    """The table: findings, then all of their items put together (micro), then the mean over those with a value (macro)."""

    findings: tuple[Agreement, ...]
    micro: Agreement
    macro: Agreement


def agreements(rated: Sequence[Rated], draws: int = 1000, seed: int = 0) -> Agreements:
    """Agreement on each finding, and on all.

    Intervals are made as by `bootstrap_intervals`: patients drawn with replacement, the same for all findings, on the logit scale;
    values of 0 or 1 have Wilson's. That of kappa (Cohen, Educational and Psychological Measurement 1960) is made of (1 + kappa) / 2;
    where raters agree in all, or in none, it is Wilson's of the accuracy, at the raters' margins. Of a macro mean, degrees of freedom
    are Satterthwaite's; where a finding's value is at its edge, the interval is made of the findings' own (Zou and Donner 2008).

    Args:
        rated: of each finding.
        draws: of patients, two or more.
        seed: of these draws.

    Raises:
        UsageError: there are fewer than two draws, no findings, or calls other than 0 and 1.
    """
    if draws < 2:
        raise UsageError(f"{draws} draws say nothing of spread; ask for 2 or more, such as 1000")
    if not rated:
        raise UsageError("no finding is to be compared; name one or more")
    names, codes = np.unique(np.concatenate([one.patients for one in rated]), return_inverse=True)
    starts = np.cumsum([len(one.patients) for one in rated])[:-1]
    counts = np.stack([_counts(one, patient, len(names)) for one, patient in zip(rated, np.split(codes, starts), strict=True)])
    cells = _drawn_cells(counts, draws, seed)
    found = [_Drawn(one.finding, *of) for one, *of in zip(rated, counts, cells, strict=True)]
    micro = _Drawn("micro", counts.sum(axis=0), cells.sum(axis=0))
    over = sum(one.items > 0 for one in found)
    of_findings = tuple(one.agreement() for one in found)
    return Agreements(of_findings, micro.agreement(over), _macro(found, of_findings, micro, over))


def _counts(rated: Rated, patient: Ints, patients: int) -> Floats:
    """(4, patients): items of each patient in the cells of `Confusion`."""
    for calls in (rated.reference, rated.other):
        if not np.isin(calls, (0, 1)).all():
            raise UsageError(f"finding {rated.finding!r}: calls must be 0 or 1; leave unknown ones out")
    cell = 2 * (1 - rated.other) + (1 - rated.reference)
    return np.bincount(cell * patients + patient, minlength=4 * patients).reshape(4, patients).astype(np.float64)


def _drawn_cells(counts: Floats, draws: int, seed: int) -> Floats:
    """(K, 4, draws + 1): the cells (K, 4, patients) of K findings summed over each draw's patients, and last over each patient once."""
    findings, _, patients = counts.shape
    flat = counts.reshape(4 * findings, patients)
    block = max(1, _BLOCK_VALUES // max(patients, 1))
    parts = [flat @ times.T for times in drawn_in_blocks(patients, draws, seed, block)] if patients else [np.zeros((4 * findings, draws))]
    return np.concatenate([*parts, flat.sum(axis=1, keepdims=True)], axis=1).reshape(findings, 4, draws + 1)


class _Drawn:
    """A finding's metrics in all draws, the last of which is what was found."""

    def __init__(self, finding: str, counts: Floats, cells: Floats) -> None:
        """`counts` (4, patients), `cells` (4, draws + 1)."""
        self.finding = finding
        self.tp, self.fp, self.fn, self.tn = (int(cell[-1]) for cell in cells)
        self.items = int(counts.sum())
        positive, negative = counts[0] + counts[2], counts[1] + counts[3]
        self.people = (int((positive > 0).sum()), int((negative > 0).sum()), int((positive + negative > 0).sum()))
        with np.errstate(divide="ignore", invalid="ignore"):
            self.values = {name: kind.of(Confusion(*cells)) for name, kind in KINDS.items()}

    def agreement(self, over: int = 1) -> Agreement:
        estimates = {name: self._estimate(kind) for name, kind in KINDS.items()}
        return Agreement(self.finding, self.items, self.people[2], self.tp, self.fp, self.fn, self.tn, estimates, over)

    def spread(self, name: str) -> float:
        """The deviation over draws that have a value; NaN where fewer than two have."""
        values = self.values[name][:-1]
        known = values[np.isfinite(values)]
        return float(np.std(known, ddof=1)) if len(known) > 1 else float("nan")

    def _estimate(self, kind: MetricKind) -> Estimate:
        value = float(self.values[kind.name][-1])
        if not self.items:
            return Estimate(None, reason="no items")
        if np.isnan(value):
            return Estimate(None, reason=_UNDEFINED[kind.name])
        if kind.patients(*self.people) < LEAST_PATIENTS:
            positive, negative, total = self.people
            return Estimate(
                value, reason=f"{positive} of {total} patients have items that the reference calls present, {negative} absent ones"
            )
        if at_edge(kind.name, value):
            ends = self._kappa_edge(value) if kind is KAPPA else wilson_edge(value, kind.patients(*self.people))
            return Estimate(value, *ends)
        return _interval(kind.name, value, self.spread(kind.name), kind.patients(*self.people))

    def _kappa_edge(self, value: float) -> tuple[float, float]:
        total = self.tp + self.fp + self.fn + self.tn
        chance = ((self.tp + self.fn) * (self.tp + self.fp) + (self.tn + self.fp) * (self.tn + self.fn)) / total**2
        lo, hi = wilson_edge(float(value > 0), self.people[2])
        return max((lo - chance) / (1 - chance), -1.0), min((hi - chance) / (1 - chance), 1.0)


def at_edge(name: str, value: float) -> bool:
    """Whether a value is at an end of its range, where draws show no variance."""
    return value in ((-1.0, 1.0) if name == KAPPA.name else (0.0, 1.0))


def _interval(name: str, value: float, error: float, freedom: float) -> Estimate:
    if not error > 1e-12:
        return Estimate(value, reason="it is the same whichever patients are drawn")
    if name == KAPPA.name:
        lo, hi = (2 * logit_intervals(np.array([(1 + value) / 2]), np.array([error / 2]), freedom)[0] - 1).tolist()
    else:
        lo, hi = logit_intervals(np.array([value]), np.array([error]), freedom)[0].tolist()
    return Estimate(value, lo, hi)


def _macro(found: Sequence[_Drawn], told: Sequence[Agreement], micro: _Drawn, over: int) -> Agreement:
    estimates = {}
    for name in KINDS:
        mine = [(one, line.estimates[name]) for one, line in zip(found, told, strict=True) if line.estimates[name].value is not None]
        estimates[name] = _mean(name, [one for one, _ in mine], [estimate for _, estimate in mine])
    return Agreement("macro", micro.items, micro.people[2], micro.tp, micro.fp, micro.fn, micro.tn, estimates, over)


def _mean(name: str, found: Sequence[_Drawn], told: Sequence[Estimate]) -> Estimate:
    if not found:
        return Estimate(None, reason="no finding has a value")
    values = np.array([float(one.values[name][-1]) for one in found])
    mean = float(values.mean())
    if any(at_edge(name, value) for value in values.tolist()):
        if lacking := [one.finding for one, estimate in zip(found, told, strict=True) if estimate.lo is None]:
            return Estimate(mean, reason=f"{', '.join(lacking[:3])}{' and others' * (len(lacking) > 3)} has no interval")
        lo, hi = mean_interval(values, np.array([[estimate.lo, estimate.hi] for estimate in told], np.float64)).tolist()
        return Estimate(mean, lo, hi)
    with np.errstate(invalid="ignore"):
        drawn_values = np.array([one.values[name][:-1] for one in found])
    known = np.isfinite(drawn_values)
    count = known.sum(axis=0)
    means = (np.where(known, drawn_values, 0).sum(axis=0)[count > 0]) / count[count > 0]
    variances = np.array([one.spread(name) for one in found]) ** 2
    if len(means) < 2 or not np.nansum(variances) > 0:
        return Estimate(mean, reason="it is the same whichever patients are drawn")
    patients = np.array([max(KINDS[name].patients(*one.people), 1) for one in found])
    freedom = np.nansum(variances) ** 2 / np.nansum(variances**2 / patients)
    return _interval(name, mean, float(np.std(means, ddof=1)), float(freedom))
