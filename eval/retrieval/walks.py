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
def keys_of(bits: NDArray[np.int32], keys: Ints) -> None:
    """Whole numbers (B, M) that sort as scores do from the highest down, and of equal scores by item, which their low 32 bits hold.

    Args:
        bits: (B, M) of float32 scores, none of which is -0.0.
        keys: (B, M) to write to.
    """
    for row in range(len(bits)):
        for item in range(bits.shape[1]):
            told = np.int64(bits[row, item])
            rising = told if told >= 0 else told ^ np.int64(0x7FFFFFFF)
            keys[row, item] = (~rising << np.int64(32)) | np.int64(item)


@compiled
def walk_graded(keys: Ints, shared: Singles, asked: Ints, held: Ints, discount: Floats, ap: Floats, ndcg: Floats) -> None:
    """Average precision and nDCG of sorted rows; NaN where no item of the pool is relevant.

    Items of one score are taken together: precision is that after all of them, as scikit-learn has it, and their gain is spread evenly
    over their places, which is the mean over their orders (McSherry and Najork, ECIR 2008).

    Args:
        keys: (B, M) of `keys_of`, sorted.
        shared: (B, M) how many findings query and item share.
        asked: (B,) how many findings the query has.
        held: (M,) how many each item has.
        discount: (M + 1,): the sum of 1 / log2(1 + place) over the first so many places.
        ap: (B,) to write to.
        ndcg: (B,) to write to.
    """
    pool = keys.shape[1]
    most = held.max() + 1
    counts = np.zeros(((asked.max() + 1), most), np.int64)
    for row in range(len(keys)):
        counts[:] = 0
        relevant = 0
        for item in range(pool):
            common = int(shared[row, item])
            counts[common, held[item]] += 1
            relevant += int(common > 0)
        if not relevant:
            ap[row], ndcg[row] = np.nan, np.nan
            continue
        precision, gained, seen, begin = 0.0, 0.0, 0, 0
        while begin < pool and seen < relevant:
            score = keys[row, begin] >> np.int64(32)
            gain, found, end = 0.0, 0, begin
            while end < pool and keys[row, end] >> np.int64(32) == score:
                item = keys[row, end] & _LOW
                common = int(shared[row, item])
                if common:
                    found += 1
                    gain += common / (asked[row] + held[item] - common)
                end += 1
            if found:
                seen += found
                precision += found * (seen / end)
                gained += gain / (end - begin) * (discount[end] - discount[begin])
            begin = end
        ap[row] = precision / relevant
        ndcg[row] = gained / _ideal(counts, asked[row], discount)


@compiled
def _ideal(counts: Ints, asked: int, discount: Floats) -> float:
    """DCG of the best order, from how many items share so many findings (rows, from 0) and have so many (columns)."""
    kinds = 0
    for common in range(1, len(counts)):
        for held in range(counts.shape[1]):
            kinds += int(counts[common, held] > 0)
    gains, many = np.empty(kinds), np.empty(kinds, np.int64)
    kind = 0
    for common in range(1, len(counts)):
        for held in range(counts.shape[1]):
            if counts[common, held] > 0:
                gains[kind], many[kind] = common / (asked + held - common), counts[common, held]
                kind += 1
    order = np.argsort(-gains)
    total, place = 0.0, 0
    for kind in order:
        total += gains[kind] * (discount[place + many[kind]] - discount[place])
        place += many[kind]
    return total
