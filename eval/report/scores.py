"""Scores of items, and the curves that follow from them; over repeats, their mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

from ..chances import UNCALIBRATED
from ..dense_scores import KeptScores, dense_scores
from ..kinds import probabilities_of
from ..quoting import quoted
from ..reliability import BINS, bin_of
from .rows import ALL, Method
from .studies import FoundStudy

if TYPE_CHECKING:
    from ...store.bank import Bank

Floats = NDArray[np.float64]
RATES = np.linspace(0, 1, 201)
"""Where curves of several repeats are averaged."""


@final
@dataclass(frozen=True)
class Scores:
    """A method's at its largest number of shots."""

    method: Method
    shots: float
    items: tuple[str, ...]
    y: NDArray[np.int64]
    """(M,)."""
    scores: Floats
    """(R, M), of R repeats."""
    chance: Floats
    """(R, M) probabilities of class 1, as they were kept, or else as the head gives them; NaN where there are none."""

    @property
    def probable(self) -> bool:
        """Whether there are probabilities."""
        return not np.isnan(self.chance).any()


def last_scores(bank: Bank, study: FoundStudy) -> list[Scores]:
    """Of each method whose scores were kept and that has an AUROC, the best first."""
    found = [_scores(bank, study, method) for method in study.ranked()]
    return [one for one in found if one is not None]


def _scores(bank: Bank, study: FoundStudy, method: Method) -> Scores | None:
    at = study.last(method, "auroc")
    if at is None:
        return None
    shots, cell = at
    of = {"run": cell.run, "head": method.head, "features": method.features}
    which = " AND ".join(f"{name} = {quoted(value)}" for name, value in of.items())
    wanted = "shots IS NULL" if shots == ALL else f"shots = {int(shots)}"
    answer = bank.sql(f"SELECT repeat, item, y, score, probability FROM predictions WHERE {which} AND {wanted} ORDER BY repeat, item")
    kept = dense_scores(bank, cell.run, method.head, method.features).get(None if shots == ALL else int(shots))
    if answer.num_rows:
        repeats = tuple(np.unique(answer.column("repeat").to_numpy()).tolist())
        items = tuple(answer.column("item").slice(0, answer.num_rows // len(repeats)).to_pylist())
        y = answer.column("y").to_numpy()[: len(items)].astype(np.int64)
        told = (answer.column(name).to_numpy().astype(np.float64).reshape(len(repeats), -1) for name in ("score", "probability"))
        kept = KeptScores(items, y, repeats, *told).with_draws(kept)
    if kept is None:
        return None
    chance = kept.chance
    if np.isnan(chance).any() and study.measuring.calibration == UNCALIBRATED:  # kept without, as arrays are: as the head gives them
        chance = probabilities_of(method.head)(kept.scores)
    return Scores(method, shots, kept.items, kept.y, kept.scores, chance)


def roc(of: Scores) -> tuple[Floats, Floats]:
    """False and true positive rates; over repeats the mean of the true positive rates at equal false positive rates (vertical averaging;
    Fawcett, "An introduction to ROC analysis", 2006).
    """
    rates = [roc_curve(of.y, row, drop_intermediate=False)[:2] for row in of.scores]
    if len(rates) == 1:
        return rates[0]
    return np.append(0, RATES), np.append(0, np.mean([np.interp(RATES, false, true) for false, true in rates], axis=0))


def precision_recall(of: Scores) -> tuple[Floats, Floats]:
    """Recall and precision; over repeats the mean precision at equal recalls, each the precision of the highest threshold that reaches the
    recall, as average precision takes it: nothing is interpolated (Davis and Goadrich, ICML 2006).
    """
    curves = []
    for row in of.scores:
        precision, recall, _ = precision_recall_curve(of.y, row)
        curves.append((recall[::-1][1:], precision[::-1][1:]))  # increasing; without the point (0, 1), which no threshold has
    if len(curves) == 1:
        return curves[0]
    at = RATES[1:]
    return at, np.mean([precision[np.searchsorted(recall, at - 1e-12)] for recall, precision in curves], axis=0)


def reliability(of: Scores) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Mean probability, share of positive items and number of items of each bin that has some, in the bins of ECE; repeats together."""
    chance, y = of.chance.ravel(), np.tile(of.y, len(of.chance))
    place = bin_of(chance)
    items = np.bincount(place, minlength=BINS)
    some = items > 0
    said, happened = (np.bincount(place, weights=values, minlength=BINS)[some] / items[some] for values in (chance, y))
    return said, happened, items[some].astype(np.int64)
