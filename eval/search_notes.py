"""What limits the answer to a search, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .comparing import Compared
from .hits import Hit
from .query_language import language_note
from .query_words import QueryWords
from .ranked_list import RankedList
from .search_choice import Chosen
from .search_kinds import Find, Per
from .search_sets import foreign_window

if TYPE_CHECKING:
    from ..store.bank import Bank

_ITEMS: dict[Find, str] = {"volume": "scan", "slice": "scan", "snippet": "piece of report text", "report": "report"}


def notes_of(
    bank: Bank,
    hits: Sequence[Hit],
    rankings: Sequence[RankedList],
    chosen: Sequence[Chosen],
    compared: Compared,
    *,
    per: Per,
    k: int,
    words: QueryWords | None,
    alone: str,
    filtered: bool,
) -> tuple[str, ...]:
    """One sentence each; none twice.

    Args:
        bank: the bank.
        hits: what is listed.
        rankings: by what; those of `chosen` come first.
        chosen: the feature sets.
        compared: what was compared.
        per: what is listed once at most.
        k: how many were asked for.
        words: of the query, where it has some.
        alone: why words of reports rank alone; empty where vectors do.
        filtered: whether a filter left things out.
    """
    notes: list[str] = []
    what = _ITEMS[compared.find]
    if alone:
        notes.append(f"ranked by the words of reports alone (BM25), which knows no synonyms and no negation: {alone}")
        if words and words.unwanted:
            notes.append(f"what hits should not show ({', '.join(words.unwanted)}) was not looked at: only vectors can keep away from it")
    for one in chosen:
        name = one.features.key.encoder.name
        if one.encoder is not None:
            notes += [one.encoder.note, foreign_window(one.features.key.view, one.encoder) if one.features.key.kind != "text" else ""]
        notes.append(language_note(words.wanted, name) if words else "")
    if len(hits) < k:
        owner = {"study": "study", "patient": "patient", "scan": "scan"}[per]
        having = f"{what} that has one of the words" if alone else f"{what} to compare"
        kept = " that the filter keeps" if filtered else ""
        notes.append(f"{k} asked for, {len(hits)} listed: that is every {owner} with a {having}{kept}")
    for ranking, one in zip(rankings, chosen, strict=False):
        if ranking.lacking:
            notes.append(
                f"{ranking.lacking} {what}s have no vector in {ranking.name} and were not compared; `scanbank embed {bank.name}` adds them"
            )
        if hits and compared.find == "volume" and not any(hit.places for hit in hits):
            beside = one.features.name
            notes.append(f"no vectors along depth beside {beside}: best slices are unknown; `scanbank embed {bank.name} --depth` adds them")
    return tuple(dict.fromkeys(filter(None, notes)))
