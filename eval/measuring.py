"""From the decision values of fits to a measured block: thresholds on the validation side, everything else on the test side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, final, get_args

import numpy as np
from numpy.typing import NDArray

from ..store.errors import UnknownNameError
from .battery import DEFAULT, battery, bootstrap_intervals, delong_intervals, metrics_named, thresholds
from .blocks import Block, Interval, Part
from .calibration import CALIBRATORS
from .chances import UNCALIBRATED, Chances
from .inputs import Input
from .metrics import youden_threshold
from .study import Study
from .thresholding import YOUDEN, fit_thresholds, rule_named
from .validation import Validations

BOOTSTRAP = 1000
Intervals = Literal["auto", "bootstrap", "delong", "none"]
INTERVALS: tuple[str, ...] = get_args(Intervals)


@final
@dataclass(frozen=True)
class Measuring:
    """What is measured of each fit."""

    metrics: tuple[str, ...] = DEFAULT
    intervals: Intervals = "auto"
    """`auto`: of a fit that stands alone all metrics' by bootstrap, of one among repeats the AUROC's by DeLong, clustered where patients
    have several items. `bootstrap`, `delong` and `none`: of all fits."""
    subgroups: Mapping[str, Mapping[str, NDArray[np.bool_]]] = field(default_factory=dict)
    """By run, then by what a subgroup is called, such as `source=a`: a mask (M,) over the test side."""
    threshold: str = YOUDEN
    """The rule for the scores at which items are called, as `thresholding.rule_named` takes it."""
    calibration: str = UNCALIBRATED
    """What probabilities come from: `temperature`, `platt` or `isotonic` of each fit's validation scores, or `none`: the head itself."""

    @property
    def fitted(self) -> dict[str, str]:
        """What of it is fitted on the validation side: another of these is another run."""
        return {"threshold": self.threshold, "calibration": self.calibration}

    @property
    def unusual(self) -> dict[str, str]:
        """What of `fitted` is not as it is by default."""
        return {name: value for name, value in self.fitted.items() if value not in (YOUDEN, UNCALIBRATED)}

    def __post_init__(self) -> None:
        metrics_named(self.metrics)
        rule_named(self.threshold)
        if self.calibration not in (UNCALIBRATED, *CALIBRATORS):
            raise UnknownNameError("calibration", self.calibration, (UNCALIBRATED, *CALIBRATORS))
        if self.intervals not in INTERVALS:
            raise UnknownNameError("kind of intervals", self.intervals, INTERVALS)


@final
@dataclass(frozen=True)
class Fits:
    """What a head gave for F draws of one study."""

    run: str
    study: Study
    features: Input
    head: str
    shots: tuple[int | None, ...]
    repeats: tuple[int, ...]
    cells: tuple[str, ...]
    alone: tuple[bool, ...]
    """(F,) whether it is the only fit of its number of shots."""


def measured(
    fits: Fits,
    tuned: NDArray[np.float64],
    scores: NDArray[np.float64],
    probabilities: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    how: Measuring,
) -> Block:
    """Measure F fits. Thresholds and calibrators are fitted on `tuned`.

    Args:
        fits: whose they are.
        tuned: (F, V) decision values of the validation side.
        scores: (F, M) of the test side.
        probabilities: from decision values, those of class 1.
        how: what to measure.
    """
    study = fits.study
    test, val = study.split.side("test"), study.split.side("val")
    y, patients = study.units.y[test], study.units.patients[test]
    reason = youden_threshold(study.units.y[val], np.zeros(len(val))).reason
    side = None if reason else Validations(study.units, study.split, val, tuned)
    cut = _cut(how.threshold, side) if side is not None else np.full(len(scores), np.nan)
    chances = Chances.fitted(how.calibration, probabilities, side, reason)
    chance = chances.of_scores(scores)
    told_why = (reason, chances.reason or "the head gives none")
    masks = {"": np.ones(len(test), dtype=np.bool_), **how.subgroups.get(fits.run, {})}
    parts = tuple(
        _part(name, how, fits.alone, y[mask], patients[mask], scores[:, mask], chance[:, mask], cut, told_why)
        for name, mask in masks.items()
    )
    items = tuple(study.units.items[row] for row in test.tolist())
    told = (fits.run, study.units.finding, fits.features, fits.head, fits.shots, fits.repeats, fits.cells)
    return Block(*told, items, y.astype(np.float64), scores, cut, reason, parts, chances)


def _cut(rule: str, side: Validations) -> NDArray[np.float64]:
    return thresholds(side.y, side.scores) if rule == YOUDEN else fit_thresholds(rule_named(rule), side)


def _part(
    name: str,
    how: Measuring,
    alone: Sequence[bool],
    y: NDArray[np.int64],
    patients: NDArray[np.str_],
    scores: NDArray[np.float64],
    chance: NDArray[np.float64],
    cut: NDArray[np.float64],
    why: tuple[str, str],
) -> Part:
    whole = battery(how.metrics, y, scores, threshold=cut, threshold_reason=why[0], probability=chance, probability_reason=why[1])
    found: dict[str, Interval] = {}
    if len(np.unique(y)) == 2:
        drawn, placed = _who(how.intervals, np.array(alone))
        if placed.any() and "auroc" in how.metrics:
            found["auroc"] = Interval.none(len(scores)).where(placed, delong_intervals(y, scores[placed], patients), "delong")
        if drawn.any():
            ends = bootstrap_intervals(
                how.metrics, y, scores[drawn], patients, threshold=cut[drawn], probability=chance[drawn], draws=BOOTSTRAP
            )
            for metric, of in ends.items():
                found[metric] = found.get(metric, Interval.none(len(scores))).where(drawn, of, "bootstrap")
    return Part(name, whole, found)


def _who(intervals: Intervals, alone: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(F,) and (F,): which fits get intervals by bootstrap, and which by DeLong."""
    match intervals:
        case "bootstrap":
            drawn, placed = True, False
        case "delong":
            drawn, placed = False, True
        case "none":
            drawn, placed = False, False
        case _:
            return alone, ~alone
    return np.full(len(alone), drawn), np.full(len(alone), placed)
