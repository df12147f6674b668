"""Search: scans, slices and report texts of a bank, by words, by a scan or slice of the bank, or by a new scan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from ..embed.encoder import Encoder
from ..embed.named import open_named
from ..store.errors import EncoderError, UnknownNameError, UsageError
from ..store.features import FeatureSet
from ..store.progress import Progress, Silent
from .comparing import compared
from .hit_details import hits_of
from .hits import Hit, SearchResult
from .like import BankItem, Like, NewScan
from .memory import Memory
from .query_words import QueryWords, query_words
from .rankings import DEPTH, together, vector_ranking, word_ranking
from .search_choice import Chosen, choose, choose_named, with_words
from .search_kinds import FINDS, KINDS, PERS, Find, Per
from .search_notes import notes_of
from .search_sets import items_of_kinds

if TYPE_CHECKING:
    from ..store.bank import Bank

__all__ = ["Answer", "Asked", "Hit", "SearchResult", "answer", "search"]

MOST_ENCODERS = 8


@final
@dataclass(frozen=True)
class Asked:
    """What is looked for, and among what. Words, or a scan or slice that hits are to be like: one of the two."""

    query: str = ""
    """Such as "lung nodule -calcified" (see `query_words`)."""
    like: Like | None = None
    find: Find = "volume"
    per: Per = "study"
    where: str = ""
    """A condition in SQL on scans (see `where`); of texts, that some scan of their study meets it."""
    encoders: tuple[str, ...] = ("",)
    """Whose vectors; of several, their rankings are fused. Empty for the one that fits best."""
    features: tuple[str, ...] = ()
    """Instead of encoders: feature sets by name, digest or alias; of several, their rankings are fused."""
    window: str = ""
    """Of feature sets of scans, as `embed` takes it."""
    bm25: bool = False
    """Fuse with a ranking by the words of reports. It ranks alone where no encoder is named and none is there that could rank."""
    k: int = 10
    all_series: bool = False
    """Every series of a study, not its primary one alone."""
    places: int = 3
    """Best slices a scan, at most."""


@final
@dataclass(frozen=True)
class Answer:
    """What was found, and by what."""

    result: SearchResult
    chosen: tuple[Chosen, ...]


def answer(
    bank: Bank,
    asked: Asked,
    *,
    opened_by: Callable[[str], Encoder] = open_named,
    memory: Memory | None = None,
    progress: Progress | None = None,
) -> Answer:
    """The `k` best hits; all of them where there are fewer.

    Args:
        bank: the bank.
        asked: what is looked for.
        opened_by: opens an encoder by the name that the bank gives it.
        memory: what searches of one snapshot share, for who searches often.
        progress: told of texts where their words are counted first.

    Raises:
        UsageError: what is asked makes no sense, or no feature set fits.
        EncoderError: the encoder is not on this machine, has no text side, or is not the one that made the set.
    """
    query = _query(asked)
    chosen, alone = list[Chosen](), ""
    try:
        chosen = _chosen(bank, asked, query, opened_by)
    except (EncoderError, UsageError) as error:
        if not asked.bm25 or any(asked.encoders) or asked.features or asked.window:
            raise
        alone = str(error)
        _check_words_alone(bank, asked.find)
    if len({one.features.digest for one in chosen}) < len(chosen):
        what = "feature sets" if asked.features else "encoders"
        raise UsageError(f"two of the {what} asked for search {chosen[0].features.name}; name each once")
    return Answer(_run(bank, asked, query, chosen, memory or Memory(), progress or Silent(), alone), tuple(chosen))


def _chosen(bank: Bank, asked: Asked, query: QueryWords | Like, opened_by: Callable[[str], Encoder]) -> list[Chosen]:
    told = {"find": asked.find, "window": asked.window, "opened_by": opened_by}
    if asked.features:
        return [choose_named(bank, query, name, **told) for name in asked.features]
    return [choose(bank, query, encoder=name, **told) for name in asked.encoders or ("",)]


def search(
    bank: Bank, encoder: Encoder, features: FeatureSet, query: str, *, k: int = 10, all_series: bool = False, places: int = 3
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

    Raises:
        UsageError: the query is empty, `k` or `places` is under 1, or the set cannot be searched, such as one of texts.
        EncoderError: the encoder has no text side, or is not the one that made the set.
    """
    asked = Asked(query, k=k, all_series=all_series, places=places)
    words = _query(asked)
    assert isinstance(words, QueryWords)  # as nothing else is asked for
    if features.key.kind not in KINDS["volume"]:
        kinds = " or ".join(KINDS["volume"])
        raise UsageError(f"feature set {features.name!r} is of kind {features.key.kind!r}; scans are searched by kind {kinds}")
    return _run(bank, asked, words, [with_words(bank, features, encoder, words)], Memory(), Silent(), "")


def _query(asked: Asked) -> QueryWords | Like:
    """The words, or what hits are to be like, where what is asked makes sense."""
    if asked.k < 1:
        raise UsageError(f"k is {asked.k}; expected 1 or more")
    if asked.places < 1:
        raise UsageError(f"places is {asked.places}; expected 1 or more best slices a scan")
    for what, value, known in (("thing to find", asked.find, FINDS), ("owner of at most one hit", asked.per, PERS)):
        if value not in known:
            raise UnknownNameError(what, value, known)
    if asked.per == "scan" and asked.find in ("snippet", "report"):
        raise UsageError(f"reports belong to studies, so a {asked.find} cannot be found once a scan; choose study or patient")
    if asked.features and any(asked.encoders):
        raise UsageError("both encoders and feature sets are named; name one of the two: a feature set says whose it is")
    if (count := max(len(asked.encoders), len(asked.features))) > MOST_ENCODERS:
        raise UsageError(f"{count} {'feature sets' if asked.features else 'encoders'} asked for; expected at most {MOST_ENCODERS}")
    if asked.like is None:
        return query_words(asked.query)
    if asked.query:
        raise UsageError("both words and a scan to search by are given; give one of them")
    if asked.bm25:
        raise UsageError("BM25 counts words, and a scan has none; leave it out, or search by words")
    return asked.like


def _check_words_alone(bank: Bank, find: Find) -> None:
    """Raises UsageError where words of reports tell nothing of what is looked for."""
    if find == "slice":
        raise UsageError("words of reports do not tell one slice from another; look for scans, or for report texts with --find snippet")
    if find == "volume" and not items_of_kinds(bank)["volume"]:
        raise UsageError(f"{bank.name} holds no scans to list; look for what reports say with --find report or --find snippet")


def _run(
    bank: Bank, asked: Asked, query: QueryWords | Like, chosen: Sequence[Chosen], memory: Memory, progress: Progress, alone: str
) -> SearchResult:
    """`alone`: why words of reports rank alone; empty where vectors do."""
    words = query if isinstance(query, QueryWords) else None
    item = query if isinstance(query, BankItem) else None
    among = compared(bank, asked.find, asked.per, where=asked.where, item=item, all_series=asked.all_series, memory=memory)
    several = len(chosen) + asked.bm25 > 1
    most = max(asked.k, DEPTH) if several else asked.k
    rankings = [vector_ranking(bank, one, among, memory, most) for one in chosen]
    if asked.bm25 and words:
        rankings.append(word_ranking(bank, words.wanted, among, memory, most, progress))
    found = together(rankings, asked.k)
    wanted = words.wanted if words else ""
    hits = hits_of(bank, found, rankings, chosen, among, wanted, asked.places)
    return SearchResult(
        query=words.text if words else item.volume if item else query.name if isinstance(query, NewScan) else "",
        find=asked.find,
        per=asked.per,
        features=" + ".join(one.name for one in rankings),
        searched=rankings[0].searched,
        studies=rankings[0].owners,
        without_vector=rankings[0].lacking,
        hits=hits,
        notes=notes_of(bank, hits, rankings, chosen, among, per=asked.per, k=asked.k, words=words, alone=alone, filtered=bool(asked.where)),
    )
