"""Scans ranked by one feature set: by vectors of volumes, through an index, or by their best slice, exactly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..store.features import CHUNK_ROWS, FeatureSet
from .best_of_groups import BestOfGroups
from .cosines import cosines
from .indexes import Searcher, Searchers
from .indexes.source import MEAN
from .ranked_list import RankedList
from .scan_table import Scans

if TYPE_CHECKING:
    from ..store.bank import Bank

_BLOCK_ROWS = 8 * CHUNK_ROWS
"""Vectors in memory at a time."""


def rank_volumes(
    bank: Bank,
    features: FeatureSet,
    query: NDArray[np.float32],
    scans: Scans,
    wanted: NDArray[np.bool_],
    groups: NDArray[np.int64],
    most: int,
    *,
    searchers: Searchers,
    name: str = "",
) -> RankedList:
    """By the vectors of volumes, those of slices pooled by their mean.

    Args:
        bank: the bank.
        features: of kind `volume` or `slice`.
        query: (D,) of unit length.
        scans: all of them.
        wanted: (N,) which to compare.
        groups: (N,) whom each stands for.
        most: groups wanted.
        searchers: indexes that stay open.
        name: of what is wanted, the same of one snapshot where the same is; the way to search it is then remembered.
    """
    searcher = searchers.of(bank, features, MEAN if features.key.kind == "slice" else "")
    compared = wanted & np.isin(scans.ordinals, searcher.index.items)
    among, of = scans.ordinals[compared], groups[compared]
    scores, found = _best_of_groups(searcher, query, among, of, most, name)
    rows = scans.rows_of(found)
    owners = len(np.unique(scans.study[compared]))
    return RankedList(searcher.index.name, groups[rows], rows, scores, len(among), owners, int(wanted.sum()) - len(among))


def _best_of_groups(
    searcher: Searcher, query: NDArray[np.float32], among: NDArray[np.int64], groups: NDArray[np.int64], most: int, name: str
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Scores and ordinals of the best volumes, no two of one group. `among` is increasing, `groups` are theirs."""
    wanted = min(most, len(among))
    if not wanted:
        return np.empty(0, np.float32), np.empty(0, np.int64)
    while True:
        answer = searcher.search(query, wanted, lambda: among, name=name)
        scores, found = answer.scores, answer.items
        owners = groups[np.searchsorted(among, found)]
        first = np.sort(np.unique(owners, return_index=True)[1])[:most]
        if len(first) == most or wanted == len(among):
            return scores[first], found[first]
        wanted = min(4 * wanted, len(among))


def rank_by_slice(
    features: FeatureSet, query: NDArray[np.float32], scans: Scans, wanted: NDArray[np.bool_], groups: NDArray[np.int64], most: int
) -> RankedList:
    """By each scan's best slice: of vectors of slices (kind `slice`) or along depth (`depth`), read a block at a time.

    Arguments as for `rank_volumes`. Of equal scores the scan of the lower ordinal goes first.
    """
    best, seen = BestOfGroups(int(groups.max(initial=-1)) + 1), np.zeros(len(scans), bool)
    for rows, scores in (_depths if features.key.kind == "depth" else _slices)(features, query, scans):
        kept = np.flatnonzero((rows >= 0) & wanted[rows])
        seen[rows[kept]] = True
        best.add(groups[rows[kept]], scores[kept], rows[kept])
    order, rows, scores = best.ranked(most)
    owners = len(np.unique(scans.study[seen]))
    return RankedList(features.name, order, rows, scores, int(seen.sum()), owners, int((wanted & ~seen).sum()))


_Scored = Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]
"""Blocks: the row of each vector's scan, -1 where it is of none, and its cosine similarity."""


def _slices(features: FeatureSet, query: NDArray[np.float32], scans: Scans) -> _Scored:
    items = features.items()
    for at in range(0, len(items) if len(scans) else 0, _BLOCK_ROWS):
        yield scans.rows_of_slices(items[at : at + _BLOCK_ROWS]), cosines(features.vectors(at, at + _BLOCK_ROWS), query)


def _depths(features: FeatureSet, query: NDArray[np.float32], scans: Scans) -> _Scored:
    items, mask = features.items(), features.mask()
    step = max(1, _BLOCK_ROWS // max(1, mask.shape[1]))
    for at in range(0, len(items) if len(scans) else 0, step):
        vectors, there = features.vectors(at, at + step), mask[at : at + step]
        rows = np.repeat(scans.rows_of(items[at : at + step]), there.sum(axis=1))
        yield rows, cosines(vectors[there], query)
