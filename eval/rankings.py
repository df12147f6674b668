"""The rankings of a search, and what they make together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, final

import numpy as np

from ..store.errors import UsageError
from ..store.progress import Progress
from .best_of_groups import BestOfGroups
from .comparing import Compared
from .kept_counts import kept_counts
from .memory import Memory
from .rank_fusion import fused
from .rank_scans import rank_by_slice, rank_volumes
from .rank_texts import rank_reports, rank_snippets
from .ranked_list import RankedList
from .report_texts import Texts, words_of
from .search_choice import Chosen

if TYPE_CHECKING:
    from ..store.bank import Bank

DEPTH = 1_000
"""Places that each of several rankings has, at least: what is further behind in one adds nothing that could be told from nothing."""
BM25 = "bm25"


@final
@dataclass(frozen=True)
class Ranked:
    """Something that was found, by one ranking or by several."""

    item: int
    """Row of the scan or of the piece of text, or place of the study."""
    by: int
    """Which ranking gave the item."""
    score: float
    places: tuple[int | None, ...]
    """By ranking, the place in it from 0."""


def vector_ranking(bank: Bank, chosen: Chosen, compared: Compared, memory: Memory, most: int) -> RankedList:
    """By the vectors of one feature set."""
    features, vector, texts, scans = chosen.features, chosen.vector, compared.texts, compared.scans
    match compared.find:
        case "volume":
            kept = compared.wanted, compared.groups, most
            return rank_volumes(bank, features, vector, scans, *kept, searchers=memory.searchers, name=compared.name)
        case "slice":
            return rank_by_slice(features, vector, scans, compared.wanted, compared.groups, most)
        case "snippet":
            return rank_snippets(features, vector, texts, compared.wanted, compared.groups, most)
        case "report":
            return rank_reports(features, vector, texts, compared.wanted, compared.groups, most)


def word_ranking(bank: Bank, words: str, compared: Compared, memory: Memory, most: int, progress: Progress) -> RankedList:
    """By BM25, of pieces of text where these are looked for, else of reports, which speak for all scans of their study.

    What has none of the words has no place.

    Raises:
        UsageError: the bank has no reports.
    """
    texts, scans, find = compared.texts, compared.scans, compared.find
    if not len(texts.ordinals):
        raise UsageError(
            f"{bank.name} holds no reports, so there are no words to search; `scanbank ingest {bank.name} --reports FILE` brings them"
        )
    if find == "snippet":
        pieces = partial(words_of, bank)
        index = memory.get(bank, ("bm25", "pieces"), lambda: kept_counts(bank, "pieces", len(texts.ordinals), pieces, progress))
        scores, wanted, owners = index.scores(words), compared.wanted, texts.study
    else:
        whole = partial(_whole, bank, texts)
        index = memory.get(bank, ("bm25", "reports"), lambda: kept_counts(bank, "reports", len(texts.studies), whole, progress))
        scores = index.scores(words)
        if find == "report":
            wanted, owners = np.bincount(texts.study[compared.wanted], minlength=len(texts.studies)) > 0, np.arange(len(texts.studies))
        else:
            of = dict(zip(texts.studies, scores.tolist(), strict=True))
            scores = np.array([of.get(study, 0.0) for study in scans.studies], np.float32)[scans.study]
            wanted, owners = compared.wanted, scans.study
    kept = np.flatnonzero(wanted & (scores > 0))
    best = BestOfGroups(int(compared.groups.max(initial=-1)) + 1)
    best.add(compared.groups[kept], scores[kept], kept)
    groups, items, found = best.ranked(most)
    return RankedList(BM25, groups, items, found, int(wanted.sum()), len(np.unique(owners[wanted])), 0)


def together(rankings: Sequence[RankedList], k: int) -> list[Ranked]:
    """The `k` best of one ranking as it is, or of several by reciprocal ranks.

    An item is that of the ranking by vectors which has its group at the best place, the first of such; BM25, which does not tell the scans
    of a study apart, gives the item where no other does.
    """
    where = [{group: place for place, group in enumerate(one.groups.tolist())} for one in rankings]
    if len(rankings) == 1:
        groups, scores = rankings[0].groups[:k], rankings[0].scores[:k].astype(np.float64)
    else:
        groups, scores = fused([one.groups for one in rankings])
    found: list[Ranked] = []
    for group, score in zip(groups[:k].tolist(), scores[:k].tolist(), strict=True):
        places = tuple(held.get(group) for held in where)
        by = min((n for n, place in enumerate(places) if place is not None), key=lambda n: (rankings[n].name == BM25, places[n], n))
        found.append(Ranked(int(rankings[by].items[places[by] or 0]), by, score, places))
    return found


def _whole(bank: Bank, texts: Texts) -> list[str]:
    """Reports from their pieces that say what is seen."""
    parts: list[list[str]] = [[] for _ in texts.studies]
    for text, place, seen in zip(words_of(bank), texts.study.tolist(), texts.of_images.tolist(), strict=True):
        if seen:
            parts[place].append(text)
    return ["\n".join(one) for one in parts]
