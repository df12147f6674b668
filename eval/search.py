"""Text to volume: which scans of a bank a sentence fits best, and where in them. By cosine similarity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from ..embed.encoder import Encoder
from ..store.errors import EncoderError, UsageError
from ..store.features import FeatureSet
from .best_slices import Place, best_slices
from .indexes import Searcher, Searchers, unit
from .indexes.source import MEAN

if TYPE_CHECKING:
    from ..store.bank import Bank

KINDS = ("volume", "slice")
"""The kinds of feature sets that can be searched."""


@final
@dataclass(frozen=True)
class Hit:
    """A scan that was found. Names are pseudonyms."""

    rank: int
    """From 1."""
    score: float
    """Cosine similarity of the query and the volume's vector, -1..1."""
    patient: str
    study: str
    volume: str
    ordinal: int
    places: tuple[Place, ...]
    """Where in the scan it fits best, best first; empty where the bank has no vectors along depth."""


@final
@dataclass(frozen=True)
class SearchResult:
    """The answer to a query."""

    query: str
    features: str
    """The feature set that was searched, with its pooling."""
    searched: int
    """Scans that were compared: primary series, or with `all_series` any; of those, what has a vector."""
    studies: int
    """Studies that these belong to: the most that could be found."""
    without_vector: int
    """Scans that would have been compared, had they a vector in the set."""
    hits: tuple[Hit, ...]


def search(
    bank: Bank,
    encoder: Encoder,
    features: FeatureSet,
    query: str,
    *,
    k: int = 10,
    all_series: bool = False,
    places: int = 3,
    searchers: Searchers | None = None,
) -> SearchResult:
    """The `k` studies that a text fits best, each by its best scan; all of them where there are fewer.

    Args:
        bank: the bank.
        encoder: the one that made the feature set; its text side encodes the query.
        features: a set of kind `volume`, or `slice`, whose vectors are pooled by their mean.
        query: such as "left pleural effusion".
        k: how many, at least 1.
        all_series: search every series of a study, not the primary one alone.
        places: best slices a scan, at most.
        searchers: keeps indexes open from one search to the next; by default the index is opened for this one.

    Raises:
        UsageError: the query is empty, `k` is under 1, or the set cannot be searched, such as one of texts.
        EncoderError: the encoder has no text side, or is not the one that made the set.
    """
    text = cleaned(query)
    if k < 1:
        raise UsageError(f"k is {k}; expected 1 or more")
    if features.key.kind not in KINDS:
        raise UsageError(f"feature set {features.name!r} is of kind {features.key.kind!r}; scans are searched by kind {' or '.join(KINDS)}")
    if encoder.spec.digest != features.key.encoder.digest:
        raise EncoderError(
            f"encoder {encoder.spec.name!r} did not make {features.name!r}: its weights or settings differ; embed the scans again with it"
        )
    vector = unit(encoder.encode_texts([text]).vector)[0]
    answer = bank.sql("SELECT ordinal, study, is_primary FROM volumes ORDER BY ordinal")
    ordinals, studies = answer.column("ordinal").to_numpy(), np.asarray(answer.column("study").to_pylist(), dtype=object)
    wanted = np.ones(len(ordinals), bool) if all_series else answer.column("is_primary").to_numpy(zero_copy_only=False)
    searcher = (searchers or Searchers()).of(bank, features, MEAN if features.key.kind == "slice" else "")
    compared = wanted & np.isin(ordinals, searcher.index.items)
    among = ordinals[compared]
    scores, found = _best_of_each_study(searcher, vector, among, studies[compared], k, "all series" if all_series else "primary series")
    rows = _rows(bank, found)
    best = best_slices(bank, features, vector, rows, places)
    return SearchResult(
        query=text,
        features=searcher.index.name,
        searched=len(among),
        studies=len(set(studies[compared])),
        without_vector=int(wanted.sum()) - len(among),
        hits=tuple(
            Hit(rank, float(score), row["patient"], row["study"], row["volume"], row["ordinal"], where)
            for rank, (score, row, where) in enumerate(zip(scores, rows, best, strict=True), 1)
        ),
    )


def cleaned(query: str) -> str:
    """The query without spaces too many. Raises UsageError where nothing is left."""
    if text := " ".join(query.split()):
        return text
    raise UsageError("the query is empty; say what to look for, such as 'left pleural effusion'")


def _best_of_each_study(
    searcher: Searcher, query: NDArray[np.float32], among: NDArray[np.int64], studies: NDArray[np.object_], k: int, name: str
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Scores and ordinals of the `k` best volumes, no two of one study. `among`, called `name`, is increasing, `studies` are theirs."""
    wanted = min(k, len(among))
    if not wanted:
        return np.empty(0, np.float32), np.empty(0, np.int64)
    while True:
        answer = searcher.search(query, wanted, lambda: among, name=name)
        scores, found = answer.scores, answer.items
        owners = studies[np.searchsorted(among, found)]
        first = np.sort(np.unique(owners.astype(str), return_index=True)[1])[:k]
        if len(first) == k or wanted == len(among):
            return scores[first], found[first]
        wanted = min(4 * wanted, len(among))


def _rows(bank: Bank, ordinals: NDArray[np.int64]) -> list[dict[str, Any]]:
    if not len(ordinals):
        return []
    listed = ", ".join(map(str, ordinals.tolist()))
    rows = bank.sql(f"""SELECT ordinal, patient, study, volume, plane, slices, slice_ordinal
        FROM volumes WHERE ordinal IN ({listed})""").to_pylist()
    by_ordinal = {row["ordinal"]: row for row in rows}
    return [by_ordinal[ordinal] for ordinal in ordinals.tolist()]
