"""Averages over findings: of the metrics (macro), or of all items put together (micro)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .battery import Battery, battery
from .metric_kinds import metrics_named
from .outcomes import checked_labels, checked_probabilities, checked_scores, checked_thresholds

Floats = NDArray[np.float64]


@final
@dataclass(frozen=True)
class Macro:
    """The mean over those findings that have a value."""

    value: Floats
    """(...,); NaN where none has."""
    findings: NDArray[np.int64]
    """(...,) how many have."""


def macro(values: ArrayLike) -> Macro:
    """The mean over the first axis of values (K, ...), one for each finding, NaN left out."""
    given = np.asarray(values, dtype=np.float64)
    known = ~np.isnan(given)
    count = known.sum(axis=0)
    total = np.where(known, given, 0).sum(axis=0)
    return Macro(np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0), count)


@final
@dataclass(frozen=True)
class Part:
    """What F fits gave for one finding, as `battery` takes it."""

    y: ArrayLike
    """(M,)."""
    score: ArrayLike
    """(F, M)."""
    threshold: ArrayLike | None = None
    """(F,)."""
    probability: ArrayLike | None = None
    """(F, M)."""
    called: ArrayLike | None = None
    """(F, M) whether each item is called; None: where its score reaches the threshold."""


def micro(names: Iterable[str], parts: Sequence[Part]) -> Battery:
    """The metrics of the items of all findings as if they were of one, each called at its own finding's threshold.

    Ranking metrics take scores as they are; where heads of different findings score on different scales, give probabilities as scores.
    A metric has a value only where all findings have what it needs. Arguments and raises as `battery`; all parts have F fits.
    """
    kinds = metrics_named(names)
    labels = [checked_labels(part.y) for part in parts]
    scores = [checked_scores(y, part.score) for y, part in zip(labels, parts, strict=True)]
    cuts = [checked_thresholds(len(score), part.threshold) for score, part in zip(scores, parts, strict=True)]
    chances = [checked_probabilities(score.shape, part.probability) for score, part in zip(scores, parts, strict=True)]
    lacks = np.isnan(np.stack(cuts)).any(axis=0)
    y, score = np.concatenate(labels), np.concatenate(scores, axis=1)
    calls = [
        row >= cut[:, None] if part.called is None else np.asarray(part.called) for part, row, cut in zip(parts, scores, cuts, strict=True)
    ]
    called = np.concatenate(calls, axis=1).astype(np.float64)
    whole = [chance for chance in chances if chance is not None]
    probability = np.concatenate(whole, axis=1) if len(whole) == len(parts) else None
    if probability is not None:
        probability[np.isnan(probability).any(axis=1)] = np.nan
    why = "a finding has none"
    told = {"threshold": np.where(lacks, np.nan, 0.5), "threshold_reason": why, "probability": probability, "probability_reason": why}
    found = [
        battery([kind.name for kind in kinds if (kind.needs == "threshold") == by_call], y, called if by_call else score, **told)
        for by_call in (False, True)
    ]
    values = {name: of for one in found for name, of in one.values.items()}
    reasons = {name: of for one in found for name, of in one.reasons.items()}
    return Battery({kind.name: values[kind.name] for kind in kinds}, {kind.name: reasons[kind.name] for kind in kinds})
