"""What a search compares with what: the feature sets that answer, and the query's vector for each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from ..embed.adapt.opening import within
from ..embed.encoder import Encoder
from ..embed.named import open_named
from ..embed.one_scan import encode_scan
from ..store.errors import EncoderError, UsageError
from ..store.features import FeatureSet
from .cosines import unit
from .item_vectors import item_vector
from .like import BankItem, Like, NewScan
from .query_words import QueryWords, words_vector
from .search_kinds import KINDS, Find
from .search_sets import items_of_kinds, of_encoder, searchable, sets_of_kinds, with_window

if TYPE_CHECKING:
    from ..store.bank import Bank

_SCANS = ("volume", "slice", "depth")


@final
@dataclass(frozen=True)
class Chosen:
    """A feature set to search, and what to compare its vectors with."""

    features: FeatureSet
    vector: NDArray[np.float32]
    """(D,) of unit length."""
    encoder: Encoder | None
    """Opened, where it had words or a new scan to encode."""
    scans: FeatureSet | None
    """Of the same encoder, vectors of scans, which tell the best slices; the set itself where it holds scans."""
    texts: FeatureSet | None
    """Of the same encoder, vectors of report texts, which tell the nearest sentence."""


def choose(
    bank: Bank,
    query: QueryWords | Like,
    *,
    find: Find = "volume",
    encoder: str = "",
    window: str = "",
    opened_by: Callable[[str], Encoder] = open_named,
) -> Chosen:
    """The feature set of one encoder, and the query's vector for it.

    Args:
        bank: the bank.
        query: words, or a scan or slice.
        find: what is looked for.
        encoder: its name; by default, for words one with a text side, for scans one that was made for pairs of scans and texts, if there
            is one.
        window: as `embed` takes it.
        opened_by: opens an encoder by its name.

    Raises:
        UsageError: no feature set fits, or none holds the scan or slice.
        EncoderError: the encoder is not on this machine, did not make the set, or cannot encode the query.
    """
    of_texts = find in ("snippet", "report")
    if isinstance(query, QueryWords):
        if of_texts and window:
            raise UsageError("a window chooses among vectors of scans, and words are compared with vectors of report texts; leave it out")
        features, model = searchable(bank, query.text, encoder=encoder, window=window, find=find, opened_by=opened_by)
        return with_words(bank, features, model, query)
    candidates = with_window(of_encoder(_sets(bank, find), encoder), window)
    if isinstance(query, BankItem):
        source, vector = _held(bank, candidates, query)
        return _chosen(bank, find, source, vector, None)
    return _encoded(bank, find, candidates, query, opened_by)


def choose_named(
    bank: Bank,
    query: QueryWords | Like,
    name: str,
    *,
    find: Find = "volume",
    window: str = "",
    opened_by: Callable[[str], Encoder] = open_named,
) -> Chosen:
    """As `choose`, of a feature set that is named: by name, digest or alias. Where it holds no vectors of what is looked for, the set
    of the same encoder that does, of the same view if there is one.

    Raises:
        UnknownNameError: there is no such set.
        UsageError: its encoder has no vectors of what is looked for, or it has another window.
        EncoderError: as in `choose`.
    """
    named = with_window([bank.features(name)], window)[0]
    if isinstance(query, QueryWords):
        features = _of_kinds(bank, named, KINDS[find])
        if features.declared:
            raise UsageError(f"nobody knows what made the vectors of {features.name}, so words cannot be compared with them")
        return with_words(bank, features, within(bank, opened_by)(features.key.encoder.name), query)
    source = _of_kinds(bank, named, KINDS[find] if find in ("volume", "slice") else ("volume", "slice"))
    if find in ("snippet", "report"):
        _of_kinds(bank, named, KINDS[find])
    if isinstance(query, BankItem):
        source, vector = _held(bank, [source], query)
        return _chosen(bank, find, source, vector, None)
    return _encoded(bank, find, [source], query, opened_by)


def _of_kinds(bank: Bank, named: FeatureSet, kinds: tuple[str, ...]) -> FeatureSet:
    if named.key.kind in kinds:
        return named
    of = [s for s in bank.feature_sets if s.key.kind in kinds and s.key.encoder.digest == named.key.encoder.digest]
    if not of:
        raise UsageError(
            f"feature set {named.name!r} is of kind {named.key.kind!r}, and {named.key.encoder.name} has none of kind "
            f"{' or '.join(kinds)}; `scanbank embed` makes them"
        )
    return min(of, key=lambda s: (s.key.view != named.key.view, -s.rows, s.name, s.digest))


def with_words(bank: Bank, features: FeatureSet, encoder: Encoder, words: QueryWords) -> Chosen:
    """A set that was chosen, and the vector of words.

    Raises:
        EncoderError: the encoder has no text side, or is not the one that made the set.
    """
    check_made(features, encoder)
    vector = words_vector(encoder, words)
    scans = features if features.key.kind in _SCANS else _beside(bank, features, ("volume", "slice"), encoder)
    return Chosen(features, vector, encoder, scans, text_set(bank, features))


def check_made(features: FeatureSet, encoder: Encoder) -> None:
    """Raises EncoderError where an encoder is not the one that made a set."""
    if encoder.spec.digest != features.key.encoder.digest:
        raise EncoderError(
            f"encoder {encoder.spec.name!r} did not make {features.name!r}: its weights or settings differ; embed the scans again with it"
        )


def text_set(bank: Bank, features: FeatureSet) -> FeatureSet | None:
    """The vectors of report texts by the encoder that made a set; None where there are none."""
    return features if features.key.kind == "text" else _beside(bank, features, ("text",), None)


def _sets(bank: Bank, find: Find) -> list[FeatureSet]:
    """Sets that hold scans, of encoders that have what is looked for; the likeliest to be meant first."""
    kinds = KINDS[find] if find in ("volume", "slice") else ("volume", "slice")
    sets = sets_of_kinds(bank, (*kinds, "text") if kinds != KINDS[find] else kinds)
    read = {s.key.encoder.digest for s in sets if s.key.kind == "text"}
    found = [s for s in sets if s.key.kind in kinds and (kinds == KINDS[find] or s.key.encoder.digest in read)]
    if not found:
        what = "of report texts and of scans by one encoder" if kinds != KINDS[find] else f"of kind {' or '.join(kinds)}"
        raise UsageError(f"{bank.name} has no vectors {what}; `scanbank embed {bank.name} --encoder tiny` makes them")
    totals = items_of_kinds(bank)
    return sorted(found, key=lambda s: (s.key.encoder.logit_scale is None, -s.rows / max(1, totals[s.key.kind]), s.name, s.digest))


def _held(bank: Bank, candidates: list[FeatureSet], item: BankItem) -> tuple[FeatureSet, NDArray[np.float32]]:
    for features in candidates:
        vector = item_vector(bank, features, item)
        if vector is not None:
            return features, vector
    listed = ", ".join(features.name for features in candidates)
    raise UsageError(f"the {item.what} that is searched by has no vector in {listed}; `scanbank embed {bank.name}` makes it")


def _encoded(bank: Bank, find: Find, candidates: list[FeatureSet], scan: NewScan, opened_by: Callable[[str], Encoder]) -> Chosen:
    failed: EncoderError | None = None
    opened: dict[str, Encoder] = {}
    for features in candidates:
        name = features.key.encoder.name
        if features.declared:
            continue
        try:
            model = opened.get(name) or opened.setdefault(name, within(bank, opened_by)(name))
        except EncoderError as error:
            failed = error
            continue
        check_made(features, model)
        vector = unit(encode_scan(model, features.key, scan.volume)[None])[0]
        return _chosen(bank, find, features, vector, model)
    listed = ", ".join(features.name for features in candidates)
    raise failed or UsageError(f"nobody knows what made the vectors of {listed}, so a new scan cannot be compared with them")


def _chosen(bank: Bank, find: Find, source: FeatureSet, vector: NDArray[np.float32], encoder: Encoder | None) -> Chosen:
    """What is searched by the vector of a scan: its own set, or the texts of the same encoder."""
    texts = text_set(bank, source)
    if find in ("volume", "slice"):
        return Chosen(source, vector, encoder, source, texts)
    assert texts is not None  # of the sets that were chosen among
    return Chosen(texts, vector, encoder, source, texts)


def _beside(bank: Bank, features: FeatureSet, kinds: tuple[str, ...], encoder: Encoder | None) -> FeatureSet | None:
    of = [s for s in bank.feature_sets if s.key.kind in kinds and s.key.encoder.digest == features.key.encoder.digest]
    return min(of, key=lambda s: (encoder is not None and s.key.view != encoder.view, -s.rows, s.name, s.digest), default=None)
