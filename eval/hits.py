"""What a search finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from .best_slices import Place


@final
@dataclass(frozen=True)
class Sentence:
    """A piece of the report of a hit's study."""

    text: str
    section: str
    """Such as findings or impression."""
    snippet: str
    """Its id in the bank."""
    score: float
    """How near it is to the query, by `by`."""
    by: str
    """`cosine`, of vectors of the encoder that searched, or `bm25`, of words."""


@final
@dataclass(frozen=True)
class Standing:
    """Where one of several rankings has a hit."""

    ranking: str
    """The feature set, with its pooling, or `bm25`."""
    rank: int | None
    """From 1; None where it is not among those that this ranking gives."""
    score: float | None
    """Cosine similarity, or BM25's."""


@final
@dataclass(frozen=True)
class Hit:
    """A scan, slice, piece of text or report that was found. Names are pseudonyms."""

    rank: int
    """From 1."""
    score: float
    """Cosine similarity of the query's vector and what was found, -1..1; of several rankings the sum of reciprocal ranks;
    of BM25 alone its score."""
    patient: str
    study: str
    volume: str | None
    """The scan; of a text, its study's primary series; None where the study has no scan."""
    ordinal: int | None
    """The scan's number in the bank."""
    places: tuple[Place, ...]
    """Where in the scan it fits best, best first; a slice that was found is the first. Empty where the bank has no vectors along depth."""
    slice: str | None = None
    """The id of the source slice of the first place, where one is known."""
    sentence: Sentence | None = None
    """What of the study's report is nearest to the query; of a text that was found, the text. None where there is none."""
    standings: tuple[Standing, ...] = ()
    """By ranking."""


@final
@dataclass(frozen=True)
class SearchResult:
    """The answer to a query."""

    query: str
    """The words, or the id or name of the scan or slice that was searched by."""
    find: str
    """`volume`, `slice`, `snippet` or `report`."""
    per: str
    """What has at most one hit: `study`, `patient` or `scan`."""
    features: str
    """What was searched: the feature sets, with their pooling, and `bm25`; with + between several."""
    searched: int
    """Items that the first ranking compared: scans, pieces of text or reports. Primary series alone, unless all are searched."""
    studies: int
    """Studies that these belong to."""
    without_vector: int
    """Items that would have been compared, had they a vector in the set."""
    hits: tuple[Hit, ...]
    notes: tuple[str, ...] = ()
    """What limits the answer."""
