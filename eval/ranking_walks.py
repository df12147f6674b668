"""Walks over items from the highest score down, compiled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..heads.compiled import compiled

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@compiled
def walk_draws(positive: Floats, last: NDArray[np.bool_], patient: Ints, times: Floats, auroc: Floats, ap: Floats) -> None:
    """AUROC and AP in each draw, items standing as often as their patient was drawn; NaN where a draw holds one class only.

    Args:
        positive: (N,) labels, 0 and 1, from the highest score down.
        last: (N,) whether an item is the last of its score: items of equal score are called together.
        patient: (N,) columns of `times`.
        times: (draws, patients) whole numbers.
        auroc: (draws,) to write to.
        ap: (draws,) to write to.
    """
    for draw in range(len(times)):
        often = times[draw]
        true, false, above, gained = 0.0, 0.0, 0.0, 0.0
        new_true, new_false = 0.0, 0.0
        for place in range(len(positive)):
            # without branches on labels and counts, which no processor foresees
            count = often[patient[place]]
            new_true += count * positive[place]
            new_false += count * (1 - positive[place])
            if last[place]:
                above += new_false * (true + new_true / 2)
                true, false = true + new_true, false + new_false
                gained += new_true * (true / max(true + false, 1.0))
                new_true, new_false = 0.0, 0.0
        one_class = not (true > 0 and false > 0)
        auroc[draw] = np.nan if one_class else above / (true * false)
        ap[draw] = np.nan if one_class else gained / true


@compiled
def walk_fits(y: Ints, scores: Floats, order: Ints, auroc: Floats, ap: Floats) -> None:
    """AUROC and AP of F scorings; an AUROC comes from whole numbers and is the float64 nearest to the true value.

    Args:
        y: (M,) labels of both classes, 0 and 1.
        scores: (F, M).
        order: (F, M) of the items of each scoring, from the highest score down.
        auroc: (F,) to write to.
        ap: (F,) to write to.
    """
    for fit in range(len(scores)):
        true, false, doubled, gained, begin = 0, 0, 0, 0.0, 0
        while begin < len(y):
            end, positive = _group(y, scores[fit], order[fit], begin)
            doubled += (end - begin - positive) * (2 * true + positive)
            true, false = true + positive, false + end - begin - positive
            if positive:
                gained += positive * (true / (true + false))
            begin = end
        auroc[fit] = doubled / (2 * true * false)
        ap[fit] = gained / true


@compiled
def walk_placements(y: Ints, scores: Floats, order: Ints, placed: Floats) -> None:
    """Placements of the items (M,) of each scoring, to `placed` (F, M); arguments as `walk_fits`."""
    positives = y.sum()
    negatives = len(y) - positives
    for fit in range(len(scores)):
        true, false, begin = 0, 0, 0
        while begin < len(y):
            end, positive = _group(y, scores[fit], order[fit], begin)
            under = 1 - (false + (end - begin - positive) / 2) / negatives
            above = (true + positive / 2) / positives
            for place in range(begin, end):
                item = order[fit, place]
                placed[fit, item] = under if y[item] else above
            true, false = true + positive, false + end - begin - positive
            begin = end


@compiled
def _group(y: Ints, score: Floats, order: Ints, begin: int) -> tuple[int, int]:
    """Where items of the same score as that at `begin` end, and how many of them are positive."""
    end, positive, value = begin, 0, score[order[begin]]
    while True:  # at least once: NaN is equal to nothing, and the walk would never end
        positive += int(y[order[end]])
        end += 1
        if end == len(order) or score[order[end]] != value:
            break
    return end, positive


@compiled
def walk_variances(y: Ints, scores: Floats, order: Ints, patient: Ints, auroc: Floats, variance: Floats) -> None:
    """AUROCs and their variances, as `clustered_variances` gives them of placements; arguments as `walk_fits`.

    Patients (M,) are whole numbers from 0, each of them there. NaN where a class has items of one patient only.
    """
    people, positives = patient.max() + 1, y.sum()
    items = np.array([len(y) - positives, positives])
    held = np.zeros((2, people), np.bool_)
    for item in range(len(y)):
        held[y[item], patient[item]] = True
    patients = (held[0].sum(), held[1].sum())
    deviation = np.empty((2, people))
    for fit in range(len(scores)):
        true, false, doubled, begin = 0, 0, 0, 0
        while begin < len(y):
            end, positive = _group(y, scores[fit], order[fit], begin)
            doubled += (end - begin - positive) * (2 * true + positive)
            true, false, begin = true + positive, false + end - begin - positive, end
        area = doubled / (2 * true * false)
        deviation[:] = 0.0
        true, false, begin = 0, 0, 0
        while begin < len(y):
            end, positive = _group(y, scores[fit], order[fit], begin)
            under = 1 - (false + (end - begin - positive) / 2) / items[0] - area
            above = (true + positive / 2) / items[1] - area
            for place in range(begin, end):
                item = order[fit, place]
                deviation[y[item], patient[item]] += under if y[item] else above
            true, false, begin = true + positive, false + end - begin - positive, end
        auroc[fit], variance[fit] = area, 0.0
        own, across = np.zeros(2), 0.0
        for one in range(people):
            own += deviation[:, one] ** 2 / items**2
            across += deviation[0, one] * deviation[1, one] / (items[0] * items[1])
        for label in range(2):
            variance[fit] += patients[label] / (patients[label] - 1) * own[label] if patients[label] > 1 else np.nan
        variance[fit] += 2 * people / (people - 1) * across
        if variance[fit] < 0:
            variance[fit] = 0.0
