"""How often 95% intervals hold the truth: scores of two heads from normal distributions, whose metrics are known, again and again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from scipy.stats import norm

from scanbank.eval.battery import METRICS, bootstrap_intervals, delong_intervals
from scanbank.eval.comparison import Scored, bootstrap_differences, placement_difference

Floats = NDArray[np.float64]

_SHARED = 0.5
"""Of the variance of a score, what both heads and all items of a patient share."""


@final
@dataclass(frozen=True)
class Cell:
    """Patients with so many items each; the share of positives, drawn patient by patient or item by item; the two heads' AUROCs."""

    patients: int
    prevalence: float
    auroc: float
    other: float
    items: int = 1
    by_patient: bool = True

    def truth(self) -> dict[str, float]:
        """Of the first head, with items without end, calls at the middle between the means and the true probabilities."""
        mean, share = shift(self.auroc), self.prevalence
        x = np.linspace(-9, 9 + mean, 100_001)
        true, false = norm.sf(x - mean), norm.sf(x)
        precision = share * true / (share * true + (1 - share) * false)
        right = float(norm.cdf(mean / 2))
        chance = probability(self.auroc, share, x)
        wrong = share * norm.pdf(x - mean) * (1 - chance) ** 2 + (1 - share) * norm.pdf(x) * chance**2
        f1 = share * right / (share * right + ((1 - share) * (1 - right) + share * (1 - right)) / 2)
        f0 = (1 - share) * right / ((1 - share) * right + (share * (1 - right) + (1 - share) * (1 - right)) / 2)
        calls = dict.fromkeys(("sensitivity", "specificity", "balanced_accuracy", "accuracy"), right)
        return calls | {
            "auroc": self.auroc,
            "ap": -float(np.trapezoid(precision, true)),
            "f1": f1,
            "macro_f1": (f1 + f0) / 2,
            "brier": float(np.trapezoid(wrong, x)),
        }

    def samples(self, count: int, seed: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], Floats, Floats]]:
        """Labels (M,), patients (M,), and a scoring (1, M) of each head."""
        rng = np.random.default_rng(seed)
        patient = np.repeat(np.arange(self.patients), self.items)
        for _ in range(count):
            y = self._labels(rng, patient)
            both = rng.normal(size=(1, self.patients))[:, patient]
            one, other = (
                np.sqrt(_SHARED) * both + np.sqrt(1 - _SHARED) * rng.normal(size=both.shape) + y * shift(auroc)
                for auroc in (self.auroc, self.other)
            )
            yield y, patient, one, other

    def _labels(self, rng: np.random.Generator, patient: NDArray[np.int64]) -> NDArray[np.int64]:
        """Of at least two patients of each class."""
        while True:
            y = (rng.random(self.patients) < self.prevalence).astype(np.int64)[patient]
            if not self.by_patient:
                y = (rng.random(len(patient)) < self.prevalence).astype(np.int64)
            if all(len(np.unique(patient[y == label])) >= 2 for label in (0, 1)):
                return y


def shift(auroc: float) -> float:
    """Distance of the means of positives and negatives, both of variance 1."""
    return float(np.sqrt(2) * norm.ppf(auroc))


def probability(auroc: float, share: float, score: Floats) -> Floats:
    """Of a positive, given the score."""
    mean = shift(auroc)
    return expit(mean * score - mean**2 / 2 + logit(share))


def covered(cell: Cell, count: int, draws: int, seed: int = 0, names: tuple[str, ...] = ("auroc", "ap")) -> dict[str, float]:
    """The share of intervals that hold the truth, by method: DeLong's, the bootstrap of each metric, and both of the paired difference."""
    truth = cell.truth()
    held: dict[str, list[bool]] = {}
    for number, (y, patient, one, other) in enumerate(cell.samples(count, seed)):
        lo, hi = delong_intervals(y, one, patient)[0]
        held.setdefault("DeLong", []).append(bool(lo <= cell.auroc <= hi))
        threshold = np.array([shift(cell.auroc) / 2])
        chance = probability(cell.auroc, cell.prevalence, one)
        found = bootstrap_intervals(names, y, one, patient, threshold, chance, draws=draws, seed=number)
        for name in names:
            lo, hi = found[name][0]
            held.setdefault(name, []).append(bool(lo <= truth[name] <= hi))
        pair = Scored(one), Scored(other)
        for name, difference in (
            ("DeLong difference", placement_difference(y, *pair, patient)),
            ("bootstrap difference", bootstrap_differences(["auroc"], y, *pair, patient, draws, number)[0]),
        ):
            lo, hi = difference.lo, difference.hi
            held.setdefault(name, []).append(lo is not None and hi is not None and lo <= cell.auroc - cell.other <= hi)
    return {name: float(np.mean(all_held)) for name, all_held in held.items()}


assert set(METRICS) - {"ece"} == set(Cell(2, 0.5, 0.8, 0.7).truth())
