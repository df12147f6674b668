"""Where each query's own item comes among a whole pool, and how good the order is by findings. Block by block: no matrix of all pairs."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from ...heads.threads import one_thread, processors
from ...store.errors import UsageError
from ...store.progress import Progress, Silent

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.int64]

_PAIRS = 2**21
"""Pairs of a block, whatever the machine: a block holds some 16 bytes of each. Products of fewer rows are slower by a quarter."""
_WORKERS = 4
"""Blocks at once, at most."""


@final
@dataclass(frozen=True)
class Ranks:
    """What N queries found in a pool of N, query i looking for item i."""

    own: Ints
    """(N,) ranks of the item itself, from 1; of items with its score it comes last."""
    alike: Ints
    """(N,) ranks of the best item of its group, among which all are right."""
    ap: Floats
    """(N,) average precision, items that share a finding with the query being relevant; NaN of a query that has none."""
    ndcg: Floats
    """(N,) with the Jaccard index of findings as gain; NaN as `ap`."""


def rank_pairs(queries: Singles, pool: Singles, group: Ints, present: NDArray[np.bool_], progress: Progress | None = None) -> Ranks:
    """Rank the pool for each query by the inner product.

    Vectors of the pool that are the same to the bit have the same score, whatever the product does with last digits.

    Args:
        queries: (N, D) float32 of unit length.
        pool: (N, D): query i looks for item i.
        group: (N,): what is near-identical has one number.
        present: (N, F) findings of each pair; F may be 0.
        progress: told of queries.

    Raises:
        UsageError: shapes do not fit, or there is no pair.
    """
    n = len(queries)
    if queries.ndim != 2 or queries.shape != pool.shape or group.shape != (n,) or len(present) != n or not n:
        raise UsageError(f"{queries.shape} queries, {pool.shape} items, {group.shape} groups, {present.shape} findings: they are no pairs")
    progress = progress or Silent()
    ranks = Ranks(np.empty(n, np.int64), np.empty(n, np.int64), np.full(n, np.nan), np.full(n, np.nan))
    distinct, place = _distinct(pool)
    names, said = present.astype(np.float32), present.sum(axis=1).astype(np.int64)
    most = int(said.max()) + 1
    discount = np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(2, n + 2)))])
    blocks = list(_blocks(n))

    def rank(rows: slice) -> int:
        from .walks import keys_of, walk_graded, walk_ranks

        scores = queries[rows] @ distinct.T
        if len(distinct) < n:
            scores = scores[:, place]
        scores += 0.0  # of the two zeros one
        walk_ranks(scores, rows.start, group, ranks.own, ranks.alike)
        if said[rows].any():
            keys = np.empty(scores.shape, np.int64)
            keys_of(scores.view(np.int32), names[rows] @ names.T, said, keys)
            keys.sort(axis=1)
            walk_graded(keys, most, said[rows], discount, ranks.ap[rows], ranks.ndcg[rows])
        return rows.stop - rows.start

    with one_thread(), ThreadPoolExecutor(min(processors(), _WORKERS)) as threads:
        for done in threads.map(rank, blocks):
            progress.advance(done)
    return ranks


def _blocks(n: int) -> Iterator[slice]:
    rows = max(1, _PAIRS // n)
    for start in range(0, n, rows):
        yield slice(start, min(start + rows, n))


def _distinct(pool: Singles) -> tuple[Singles, Ints]:
    """The vectors, each once, and the place of each item's among them."""
    first: dict[bytes, int] = {}
    rows, place = list[int](), np.empty(len(pool), np.int64)
    for row, vector in enumerate(pool):
        name = vector.tobytes()
        if name not in first:
            first[name] = len(rows)
            rows.append(row)
        place[row] = first[name]
    return (pool, place) if len(rows) == len(pool) else (pool[rows], place)
