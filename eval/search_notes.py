"""What limits the answer to a search, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .comparing import Compared
from .hits import Hit
from .query_language import language_note
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
    words: str,
    filtered: bool,
) -> tuple[str, ...]:
    """One sentence each; none twice."""
    notes: list[str] = []
    what = _ITEMS[compared.find]
    for one in chosen:
        name = one.features.key.encoder.name
        if one.encoder is not None:
            notes += [one.encoder.note, foreign_window(one.features.key.view, one.encoder) if one.features.key.kind != "text" else ""]
        notes.append(language_note(words, name) if words else "")
    if len(hits) < k:
        owner = {"study": "study", "patient": "patient", "scan": "scan"}[per]
        kept = " that the filter keeps" if filtered else ""
        notes.append(f"{k} asked for, {len(hits)} listed: that is every {owner} with a {what} to compare{kept}")
    for ranking, one in zip(rankings, chosen, strict=False):
        if ranking.lacking:
            notes.append(
                f"{ranking.lacking} {what}s have no vector in {ranking.name} and were not compared; `scanbank embed {bank.name}` adds them"
            )
        if hits and compared.find == "volume" and not any(hit.places for hit in hits):
            beside = one.features.name
            notes.append(f"no vectors along depth beside {beside}: best slices are unknown; `scanbank embed {bank.name} --depth` adds them")
    return tuple(dict.fromkeys(filter(None, notes)))
