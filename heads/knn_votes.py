"""The votes of the nearest, compiled: one walk over a support finds them, however many queries and supports there are."""

from __future__ import annotations

import numpy as np

from .compiled import compiled
from .vectors import Floats, Ints

UNIFORM, DISTANCE, TEMPERATURE = 0, 1, 2
_MOST = 1 << 62


@compiled
def vote(
    steps: Ints,
    step: Floats,
    columns: Ints,
    starts: Ints,
    codes: Ints,
    k: int,
    root: bool,
    weights: int,
    temperature: float,
    shares: Floats,
) -> None:
    """Each class's share of the votes of the k nearest, and of all that are as near as the last of them.

    Weights are added from the nearest on, of equal distances those of the lowest class first, so that the order of a support does not
    matter, to the bit.

    Args:
        steps: (Q, S) distances of Q queries from S rows, in whole steps; beyond 2^62 / 2C all are as far.
        step: (Q,) what a step is.
        columns: of the rows of one support after the other, (n,).
        starts: (F + 1,) where each support begins among them, and the end.
        codes: (n,) classes, 0 to C - 1.
        k: how many vote.
        root: whether a distance is the square root of the steps.
        weights: of a vote: `UNIFORM`, `DISTANCE` or `TEMPERATURE`.
        temperature: of the latter.
        shares: (F, Q, C) to write to.
    """
    classes = shares.shape[2]
    bits = _bits(classes)
    near, extra, votes = np.empty(k, np.int64), np.zeros(classes, np.int64), np.empty(classes)
    for query in range(len(steps)):
        own = steps[query]
        for fit in range(len(starts) - 1):
            count = _nearest(own, columns[starts[fit] : starts[fit + 1]], codes[starts[fit] : starts[fit + 1]], near, extra)
            votes[:] = 0.0
            weight, exact = 0.0, near[0] >> bits == 0
            closest = _distance(near[0] >> bits, step[query], root)
            for place in range(count):
                whole = near[place] >> bits
                if weights == UNIFORM:
                    weight = 1.0
                elif weights == TEMPERATURE:
                    weight = np.exp((closest - _distance(whole, step[query], root)) / temperature)
                elif exact:  # where some are at no distance, only they vote
                    weight = 1.0 if whole == 0 else 0.0
                else:
                    weight = 1 / _distance(whole, step[query], root)
                votes[near[place] & ((1 << bits) - 1)] += weight
            total = 0.0
            for c in range(classes):
                votes[c] += weight * extra[c]
                total += votes[c]
            for c in range(classes):
                shares[fit, query, c] = votes[c] / total


@compiled
def _nearest(own: Ints, columns: Ints, codes: Ints, near: Ints, extra: Ints) -> int:
    """With keys, whose lowest bits are the class and the others the distance: fill `near` with the smallest, ascending.

    `extra` (C,): how many more of each class are as far as the last. Returns how many are in `near`.
    """
    count, k, bits = 0, len(near), _bits(len(extra))
    extra[:] = 0
    for place in range(len(columns)):
        key = (min(own[columns[place]], _MOST >> bits) << bits) | codes[place]
        if count == k:
            out = max(key, near[k - 1])
            if out >> bits > near[k - 1] >> bits:
                continue
            if key < out:
                _insert(near, k - 1, key)
                if near[k - 1] >> bits < out >> bits:
                    extra[:] = 0
                    continue
            extra[out & ((1 << bits) - 1)] += 1
        else:
            _insert(near, count, key)
            count += 1
    return count


@compiled
def _insert(near: Ints, end: int, key: int) -> None:
    """Among the first `end`, which ascend; what is at `end` goes."""
    while end > 0 and near[end - 1] > key:
        near[end] = near[end - 1]
        end -= 1
    near[end] = key


@compiled
def _distance(whole: int, step: float, root: bool) -> float:
    return np.sqrt(whole * step) if root else whole * step


@compiled
def _bits(classes: int) -> int:
    """That hold a class."""
    bits = 0
    while 1 << bits < classes:
        bits += 1
    return bits
