"""What is told of each thing that was found: whose it is, where in the scan, and what its report says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .best_slices import Place, best_slices
from .comparing import Compared
from .hits import Hit, Sentence, Standing
from .quoting import quoted
from .ranked_list import RankedList
from .rankings import BM25, Ranked
from .report_sentences import nearest_sentences, sentence_of
from .report_texts import pieces_at
from .scan_table import volume_rows
from .search_choice import Chosen

if TYPE_CHECKING:
    from ..store.bank import Bank


def hits_of(
    bank: Bank,
    found: Sequence[Ranked],
    rankings: Sequence[RankedList],
    chosen: Sequence[Chosen],
    compared: Compared,
    words: str,
    places: int,
) -> tuple[Hit, ...]:
    """The hits, in the order in which they were found.

    Args:
        bank: the bank.
        found: what was found.
        rankings: by what; those of `chosen` come first.
        chosen: the feature sets.
        compared: what was compared.
        words: of the query, where it has some.
        places: best slices a scan, at most.
    """
    scans = compared.scans
    numbers = [-1 if row < 0 else int(scans.ordinals[row]) for row in (_scan_row(one, compared) for one in found)]
    held = volume_rows(bank, np.array([number for number in numbers if number >= 0], dtype=np.int64))
    volumes = [held.get(number) for number in numbers]
    where = _places(bank, found, volumes, chosen, places)
    named = _slices(bank, [(volume, spots[0]) for volume, spots in zip(volumes, where, strict=True) if volume and spots])
    studies = [_study(one, compared) for one in found]
    said = _said(bank, found, rankings, chosen, compared, studies, words)
    hits: list[Hit] = []
    for n, (one, volume, spots, study) in enumerate(zip(found, volumes, where, studies, strict=True)):
        hits.append(
            Hit(
                rank=n + 1,
                score=one.score,
                patient=_patient(one, compared),
                study=study,
                volume=volume["volume"] if volume else None,
                ordinal=volume["ordinal"] if volume else None,
                places=spots,
                slice=named.get((volume["volume"], spots[0].index)) if volume and spots and spots[0].index is not None else None,
                sentence=said.get(n),
                standings=tuple(_standing(ranking, place) for ranking, place in zip(rankings, one.places, strict=True)),
            )
        )
    return tuple(hits)


def _standing(ranking: RankedList, place: int | None) -> Standing:
    return Standing(ranking.name, None if place is None else place + 1, None if place is None else float(ranking.scores[place]))


def _study(one: Ranked, compared: Compared) -> str:
    match compared.find:
        case "volume" | "slice":
            return compared.scans.studies[compared.scans.study[one.item]]
        case "snippet":
            return compared.texts.studies[compared.texts.study[one.item]]
        case "report":
            return compared.texts.studies[one.item]


def _patient(one: Ranked, compared: Compared) -> str:
    if compared.find in ("volume", "slice"):
        return compared.scans.patients[compared.scans.patient[one.item]]
    row = one.item if compared.find == "snippet" else int(np.argmax(compared.texts.study == one.item))
    return compared.texts.patients[compared.texts.patient[row]]


def _scan_row(one: Ranked, compared: Compared) -> int:
    """Of a text its study's primary series; -1 where the study has no scan."""
    if compared.find in ("volume", "slice"):
        return one.item
    scans = compared.scans
    try:
        place = scans.studies.index(_study(one, compared))
    except ValueError:
        return -1
    rows = np.flatnonzero((scans.study == place) & scans.primary)
    return int(rows[0]) if len(rows) else -1


def _places(
    bank: Bank, found: Sequence[Ranked], volumes: Sequence[dict[str, Any] | None], chosen: Sequence[Chosen], count: int
) -> list[tuple[Place, ...]]:
    """Best slices by the set whose ranking gave the hit, else by the first."""
    spots: list[tuple[Place, ...]] = [()] * len(found)
    for number, one in enumerate(chosen):
        mine = {n: row for n, row in enumerate(volumes) if row and (found[n].by if found[n].by < len(chosen) else 0) == number}
        if one.scans is not None:
            for n, places in zip(mine, best_slices(bank, one.scans, one.vector, list(mine.values()), count), strict=True):
                spots[n] = places
    return spots


def _slices(bank: Bank, best: Sequence[tuple[dict[str, Any], Place]]) -> dict[tuple[str, int], str]:
    """By volume and index, the ids of slices."""
    asked = [f"({quoted(row['volume'])}, {place.index})" for row, place in best if place.index is not None]
    if not asked:
        return {}
    rows = bank.sql(f'SELECT volume, "index", slice FROM slices WHERE (volume, "index") IN ({", ".join(asked)})').to_pylist()
    return {(row["volume"], row["index"]): row["slice"] for row in rows}


def _said(
    bank: Bank,
    found: Sequence[Ranked],
    rankings: Sequence[RankedList],
    chosen: Sequence[Chosen],
    compared: Compared,
    studies: Sequence[str],
    words: str,
) -> dict[int, Sentence]:
    """By hit: the text that was found, or what of the report is nearest."""
    if compared.find == "snippet":
        ordinals = compared.texts.ordinals[[one.item for one in found]].tolist()
        pieces = pieces_at(bank, ordinals)
        said: dict[int, Sentence] = {}
        for n, (one, ordinal) in enumerate(zip(found, ordinals, strict=True)):
            ranking, place = rankings[one.by], one.places[one.by]
            assert place is not None  # of the ranking that gave the hit
            said[n] = sentence_of(pieces[ordinal], float(ranking.scores[place]), "bm25" if ranking.name == BM25 else "cosine")
        return said
    first = chosen[0] if chosen else None
    near = nearest_sentences(bank, first and first.texts, None if first is None else first.vector, words, studies)
    return {n: near[study] for n, study in enumerate(studies) if study in near}
