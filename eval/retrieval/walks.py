"""Walks along rows of scores, compiled: the rank of what was looked for, and measures of a whole ranking with ties."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...heads.compiled import compiled

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.int64]

_LOW = np.int64(0xFFFFFFFF)


@compiled
def walk_ranks(scores: Singles, first: int, group: Ints, own: Ints, alike: Ints) -> None:
    """Pessimistic ranks, from 1: of wrong items with the score of the right one, all stand before it.

    Args:
        scores: (B, M) of the queries first..first + B with the pool; the right item of query q is item q.
        first: the number of the first query.
        group: (M,): items of the group of the right one are as right as it.
        own: (N,) to write to: ranks where the item itself is the only right one.
        alike: (N,) to write to: ranks of the best of its group.
    """
    for row in range(len(scores)):
        query = first + row
        mine = group[query]
        target = scores[row, query]
        best = target
        before = 0
        for item in range(scores.shape[1]):
            before += int(scores[row, item] >= target)
            if group[item] == mine and scores[row, item] > best:
                best = scores[row, item]
        own[query] = before
        before = 1
        for item in range(scores.shape[1]):
            if scores[row, item] >= best:
                before += int(group[item] != mine)
        alike[query] = before


@compiled
def keys_of(bits: NDArray[np.int32], shared: Singles, held: Ints, keys: Ints) -> None:
    """Whole numbers (B, M) that sort as scores do from the highest down, and say in their low 32 bits what an item is to its query.

    That is a code: how many findings the two share, times `held.max() + 1`, and how many the item has. With it the sorted keys are all that
    a walk reads; looking items up by their number would cost as much as sorting.

    Args:
        bits: (B, M) of float32 scores, none of which is -0.0.
        shared: (B, M) how many findings query and item share.
        held: (M,) how many each item has.
        keys: (B, M) to write to.
    """
    most = held.max() + 1
    for row in range(len(bits)):
        for item in range(bits.shape[1]):
            told = np.int64(bits[row, item])
            rising = told if told >= 0 else told ^ np.int64(0x7FFFFFFF)
            keys[row, item] = (~rising << np.int64(32)) | (np.int64(shared[row, item]) * most + held[item])


@compiled
def walk_graded(keys: Ints, most: int, asked: Ints, discount: Floats, ap: Floats, ndcg: Floats) -> None:
    """Average precision and nDCG of sorted rows; NaN where no item of the pool is relevant.

    Items of one score are taken together: precision is that after all of them, as scikit-learn has it, and their gain is spread evenly
    over their places, which is the mean over their orders (McSherry and Najork, ECIR 2008).

    Args:
        keys: (B, M) of `keys_of`, sorted.
        most: one more than the most findings that an item has.
        asked: (B,) how many findings the query has.
        discount: (M + 1,): the sum of 1 / log2(1 + place) over the first so many places.
        ap: (B,) to write to.
        ndcg: (B,) to write to.
    """
    pool = keys.shape[1]
    codes = (asked.max() + 1) * most
    counts, gains = np.zeros(codes, np.int64), np.zeros(codes)
    for row in range(len(keys)):
        counts[:] = 0
        for place in range(pool):
            counts[keys[row, place] & _LOW] += 1
        relevant = pool - counts[:most].sum()
        if not relevant:
            ap[row], ndcg[row] = np.nan, np.nan
            continue
        for code in range(most, codes):
            common, has = code // most, code % most
            gains[code] = common / (asked[row] + has - common) if counts[code] else 0.0
        precision, gained, seen, begin = 0.0, 0.0, 0, 0
        while seen < relevant:
            # nothing here asks whether an item is relevant: a processor guesses that wrong as often as not
            code = keys[row, begin] & _LOW
            found, gain, end = int(code >= most), gains[code], begin + 1
            score = keys[row, begin] >> np.int64(32)
            if end < pool and keys[row, end] >> np.int64(32) == score:
                while end < pool and keys[row, end] >> np.int64(32) == score:
                    code = keys[row, end] & _LOW
                    found += int(code >= most)
                    gain += gains[code]
                    end += 1
                gain /= end - begin
            seen += found
            precision += found * (seen / end)
            gained += gain * (discount[end] - discount[begin])
            begin = end
        ap[row] = precision / relevant
        ndcg[row] = gained / _ideal(counts, gains, discount)


@compiled
def _ideal(counts: Ints, gains: Floats, discount: Floats) -> float:
    """DCG of the best order, from how many items there are of each code and the gain of each."""
    kinds = np.flatnonzero((counts > 0) & (gains > 0))
    order = kinds[np.argsort(-gains[kinds])]
    total, place = 0.0, 0
    for kind in order:
        total += gains[kind] * (discount[place + counts[kind]] - discount[place])
        place += counts[kind]
    return total
