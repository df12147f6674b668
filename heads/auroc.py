"""AUROC of many scorings at once, for choosing among them. Reporting has its own in `eval`; this one is fast and a little coarse."""

from __future__ import annotations

import numpy as np

from .vectors import Floats, Ints

_ROOM = 1 << 18
"""Scores at once, whose arrays a processor's cache holds about."""


def aurocs(y: Ints, scores: Floats) -> Floats:
    """(F,): of scorings `scores` (F, M), finite, of items whose labels `y` (F, M) are 0 and 1, both in each row.

    Scores are compared as float32 after their mean is taken off, so that values which differ by rounding alone are ties, and ties count
    one half (Hanley and McNeil, Radiology 1982).
    """
    step = max(1, _ROOM // max(1, scores.shape[1]))
    parts = [slice(start, start + step) for start in range(0, len(scores), step)]
    return np.concatenate([np.empty(0), *(_aurocs(y[part], scores[part]) for part in parts)])


def _aurocs(y: Ints, scores: Floats) -> Floats:
    centred = (scores - scores.mean(axis=1, keepdims=True)).astype(np.float32) + np.float32(0)  # -0 becomes 0
    bits = centred.view(np.int32)
    # integers in the order of the numbers, with the label in the lowest bit: sorting them is many times as fast as argsort
    keys = np.where(bits < 0, bits ^ np.int32(0x7FFFFFFF), bits).astype(np.int64) * 2 + y
    keys.sort(axis=1)
    label = keys & 1
    ones = label.sum(axis=1)
    zeros = y.shape[1] - ones
    # a one at place j with i ones before it has j - i zeros under it; zeros of an equal score come first and count as under it
    under = (label * np.arange(y.shape[1])).sum(axis=1) - ones * (ones - 1) // 2
    doubled = 2 * under - _tied_pairs(keys >> 1, label)
    return doubled / (2 * ones * zeros)


def _tied_pairs(values: Ints, label: Ints) -> Ints:
    """(F,): pairs of a one and a zero with equal scores; `values` (F, M) ascend."""
    equal = values[:, 1:] == values[:, :-1]
    pairs = np.zeros(len(values), dtype=np.int64)
    rows = np.flatnonzero(equal.any(axis=1))
    if len(rows):
        new = np.ones((len(rows), values.shape[1]), dtype=np.bool_)
        new[:, 1:] = ~equal[rows]
        first = np.flatnonzero(new)
        ones = np.add.reduceat(label[rows].ravel(), first)
        counts = np.diff(first, append=new.size)
        np.add.at(pairs, rows[first // values.shape[1]], ones * (counts - ones))
    return pairs
