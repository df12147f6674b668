"""Temperatures and Platt's sigmoids of many fits at once, by Newton's method. A fit's numbers do not depend on the fits beside it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from .portions import portions

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_FARTHEST = float(np.exp(12.0))
"""Of 1 / temperature, and of its inverse, for scores of deviation 1: beyond, probabilities are 1/2, or 0 and 1, for all that anyone could
tell."""
_STEPS = 100


def scales(y: Ints, scores: Floats) -> Floats:
    """(F,): 1 / temperature of least log loss of sigmoid(score / temperature), on labels (V,) and scores (F, V).

    Where the scores of a fit separate the classes at 0 none is best, and it is 1; where their signs tell nothing of the labels, or the
    contrary, it is so small that all probabilities are 1/2.
    """
    sign = np.where(y == 1, 1.0, -1.0)
    return np.concatenate([np.empty(0), *(_scales(sign * scores[rows], scores[rows]) for rows in portions(*scores.shape))])


def _scales(margin: Floats, scores: Floats) -> Floats:
    deviation = scores.std(axis=1)
    spread = np.where(deviation > 0, deviation, 1.0)
    scale = np.where(margin.sum(axis=1) > 0, 1.0, 1 / _FARTHEST)
    apart = (margin >= 0).all(axis=1) & (margin > 0).any(axis=1)
    # the loss is convex: where some margin is negative and their sum is not, it falls at 0 and rises in the end
    open_ = np.flatnonzero((scale == 1.0) & ~apart)
    scale[open_] = _newton(margin[open_] / spread[open_, None])
    return np.where(apart, 1.0, scale / spread)


def _newton(margin: Floats) -> Floats:
    """(F,) roots of the derivative within the bounds; each step that would leave the bracket halves it instead, on the logarithm."""
    fits, items = margin.shape
    scale, low, high = np.ones(fits), np.full(fits, 1 / _FARTHEST), np.full(fits, _FARTHEST)
    left = np.arange(fits)
    for _ in range(_STEPS):
        wrong = expit(-scale[left, None] * margin)
        slope = -(margin * wrong).sum(axis=1)
        bend = (margin**2 * wrong * (1 - wrong)).sum(axis=1)
        high[left], low[left] = np.where(slope > 0, scale[left], high[left]), np.where(slope > 0, low[left], scale[left])
        with np.errstate(divide="ignore", invalid="ignore"):
            step = scale[left] - slope / bend
        inside = (step > low[left]) & (step < high[left])
        following = np.where(inside, step, np.sqrt(low[left] * high[left]))
        moving = (np.abs(slope) > 1e-13 * items) & (np.abs(following - scale[left]) > 1e-14 * scale[left])
        scale[left] = np.where(moving, following, scale[left])
        left, margin = left[moving], margin[moving]
        if not len(left):
            break
    return scale


def sigmoids(y: Ints, scores: Floats) -> tuple[Floats, Floats]:
    """(F,) slopes and (F,) intercepts of least log loss of sigmoid(slope score + intercept), on labels (V,) and scores (F, V).

    The targets are Platt's, (P + 1) / (P + 2) and 1 / (N + 2), so that numbers are finite even if scores separate the classes. Newton's
    method with step halving (Lin, Lin and Weng, Machine Learning 2007). Of equal scores the slope is 0.
    """
    positives = int(y.sum())
    target = np.where(y == 1, (positives + 1) / (positives + 2), 1 / (len(y) - positives + 2))
    found = [np.empty((2, 0)), *(_sigmoids(target, scores[rows]) for rows in portions(*scores.shape))]
    slopes, intercepts = np.concatenate(found, axis=1)
    return slopes, intercepts


def _sigmoids(target: Floats, scores: Floats) -> Floats:
    """(2, F)."""
    fits, items = scores.shape
    middle, deviation = scores.mean(axis=1), scores.std(axis=1)
    spread = np.where(deviation > 0, deviation, 1.0)
    slope, intercept = np.zeros(fits), np.full(fits, float(logit(target.mean())))
    left = np.flatnonzero(deviation > 0)
    X = (scores[left] - middle[left, None]) / spread[left, None]
    for _ in range(_STEPS):
        chance = expit(_line(X, slope[left], intercept[left]))
        residual = chance - target
        of_slope, of_intercept = (residual * X).sum(axis=1), residual.sum(axis=1)
        moving = np.maximum(np.abs(of_slope), np.abs(of_intercept)) >= 1e-10 * items
        left, X, chance, of_slope, of_intercept = left[moving], X[moving], chance[moving], of_slope[moving], of_intercept[moving]
        if not len(left):
            break
        bend = chance * (1 - chance)
        mixed, own, whole = (bend * X).sum(axis=1), (bend * X**2).sum(axis=1) + 1e-12, bend.sum(axis=1) + 1e-12
        area = own * whole - mixed**2
        steps = (whole * of_slope - mixed * of_intercept) / area, (own * of_intercept - mixed * of_slope) / area
        before = _loss(X, target, slope[left], intercept[left])
        part = np.ones(len(left))
        while (worse := _loss(X, target, slope[left] - part * steps[0], intercept[left] - part * steps[1]) > before + 1e-12).any():
            part[worse] /= 2
            if part.min() < 1e-10:
                break
        slope[left] -= part * steps[0]
        intercept[left] -= part * steps[1]
    slope /= spread
    return np.stack([slope, intercept - slope * middle])


def _line(X: Floats, slope: Floats, intercept: Floats) -> Floats:
    return slope[:, None] * X + intercept[:, None]


def _loss(X: Floats, target: Floats, slope: Floats, intercept: Floats) -> Floats:
    value = _line(X, slope, intercept)
    return (np.logaddexp(0, value) - target * value).sum(axis=1)
