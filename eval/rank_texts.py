"""Report texts ranked by the vectors of an encoder's text side: each piece for itself, or reports by the mean of theirs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..store.features import CHUNK_ROWS, FeatureSet
from .best_of_groups import BestOfGroups
from .cosines import cosines
from .ranked_list import RankedList
from .report_texts import Texts
from .scan_table import places
from .text_sums import text_sums

_BLOCK_ROWS = 8 * CHUNK_ROWS


def rank_snippets(
    features: FeatureSet, query: NDArray[np.float32], texts: Texts, wanted: NDArray[np.bool_], groups: NDArray[np.int64], most: int
) -> RankedList:
    """By the vector of each piece, read a block at a time, exactly.

    Args:
        features: of kind `text`.
        query: (D,) of unit length.
        texts: all of them.
        wanted: (N,) which to compare.
        groups: (N,) whom each stands for.
        most: groups wanted.
    """
    best, seen = BestOfGroups(int(groups.max(initial=-1)) + 1), np.zeros(len(texts.ordinals), bool)
    items = features.items()
    for at in range(0, len(items), _BLOCK_ROWS):
        rows = places(texts.ordinals, items[at : at + _BLOCK_ROWS])
        kept = np.flatnonzero(rows >= 0)
        kept = kept[wanted[rows[kept]]]
        seen[rows[kept]] = True
        best.add(groups[rows[kept]], cosines(features.vectors(at, at + _BLOCK_ROWS)[kept], query), rows[kept])
    order, rows, scores = best.ranked(most)
    owners = len(np.unique(texts.study[seen]))
    return RankedList(features.name, order, rows, scores, int(seen.sum()), owners, int((wanted & ~seen).sum()))


def rank_reports(
    features: FeatureSet, query: NDArray[np.float32], texts: Texts, wanted: NDArray[np.bool_], groups: NDArray[np.int64], most: int
) -> RankedList:
    """By the mean of the unit vectors of a report's pieces; a report of which a piece has no vector is not compared.

    Arguments as for `rank_snippets`, with `groups` (S,) of the studies. One vector a report is held.
    """
    studies = len(texts.studies)
    sums, seen = text_sums(features, texts.ordinals[wanted], texts.study[wanted], studies)
    asked = np.bincount(texts.study[wanted], minlength=studies)
    whole = np.flatnonzero((asked > 0) & (seen == asked))
    best = BestOfGroups(int(groups.max(initial=-1)) + 1)
    best.add(groups[whole], cosines(sums[whole], query), whole)
    order, items, scores = best.ranked(most)
    return RankedList(f"{features.name}/mean", order, items, scores, len(whole), len(whole), int((asked > 0).sum()) - len(whole))
