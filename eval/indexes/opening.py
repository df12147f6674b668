"""The index of a bank's feature set: read, brought up to date or made, as it is asked for.

What a search meets is settled here. An exact index is made where there is none that fits. A graph or compressed lists take long
to make, so only `build_index` makes them; where a few vectors came or went since, they are brought up to date on the way.
"""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from ...store.errors import ScanbankError, UsageError
from ...store.features import FeatureSet
from ...store.index_folder import PREFIX, building, index_folder, read_card
from ...store.progress import Progress, Silent
from ...store.repository import told
from .card import KINDS, IndexCard, Plan, card_of
from .index import VectorIndex
from .making import SEED, extend_index, make_index, remeasured, worn
from .sampling import QUERIES, asking
from .source import Source, poolings, source_of
from .storing import aside, card_path, load, remove, save
from .vectors import Vectors, append, last, unit

if TYPE_CHECKING:
    from ...store.bank import Bank

EXACT_ROWS = 1_000_000
"""Vectors up to which `auto` is exact."""
LISTED_ROWS = 10_000_000
"""Vectors from which on `auto` compresses them: a graph's vectors should fit the memory."""
RECALL = 0.95
_WAIT_S = 3600.0
_COMPARED = 16
_SAME = 1e-6
_log = logging.getLogger("scanbank")


def open_index(bank: Bank, features: FeatureSet, pooling: str = "") -> VectorIndex:
    """The index to search a set with, at the bank's snapshot: what it finds is what the snapshot holds.

    A bank that cannot be written to is searched all the same, from memory.

    Raises:
        UsageError: the set cannot be pooled so, or is of several vectors an item.
    """
    source = _source(bank, features, pooling)
    path = card_path(index_folder(bank), features.digest, pooling)
    index, why = load(path, features.digest, pooling, features.dim)
    if index is not None:
        change = _change(index, source)
        why = _unfit(index, source, change)
        if not why:
            return _extended_or_as_it_is(bank, index, source, change, path)
    if why and _kind(path) != "exact":
        _log.warning(
            "the index of %s is not used: %s; vectors are compared one by one until `scanbank index` makes it again", source.name, why
        )
    elif bank.at is None:
        with suppress(OSError, ScanbankError), building(bank, 0.0):  # an index is never the truth, so failing to keep it is no failure
            return _made(bank, source, "exact", 1.0, path.parent, Silent())
    vectors = Vectors.of(source.read(np.ones(len(source.items), bool)), features.dim)
    return make_index(_card(bank, source, "exact", 1.0), vectors, source.items, np.empty((0, vectors.dim), np.float32))


def build_index(
    bank: Bank,
    features: FeatureSet,
    pooling: str = "",
    *,
    kind: str = "auto",
    recall: float | None = None,
    progress: Progress | None = None,
) -> VectorIndex:
    """Make the index of a set, or bring the one that is there up to date where it is of this kind and nothing speaks against it.

    Args:
        bank: the bank, as it is now.
        features: a set with one vector an item.
        pooling: `mean` for volumes pooled from slices; empty for vectors as they are.
        kind: of `KINDS`; `auto` stays with a graph or lists that are there, else is exact up to EXACT_ROWS vectors, a graph up to
            LISTED_ROWS, compressed beyond.
        recall: recall@10 that is wanted, above 0 and at most 1; by default what was asked of the index that is there, or RECALL.
            Whether it is reached says the index's card.
        progress: told of stages.

    Raises:
        UsageError: the bank was opened `at` a snapshot, the kind or recall is none, or there are too few vectors for the kind.
        BankLockedError: another process is making an index, and did not end.
        BankAccessError: the index cannot be written.
    """
    if bank.at is not None:
        raise UsageError(f"the bank was opened at {bank.at}, as it was; open it without `at` to make an index")
    if kind not in ("auto", *KINDS):
        raise UsageError(f"index kind {kind!r} is unknown; choose one of auto, {', '.join(KINDS)}")
    if recall is not None and not 0 < recall <= 1:
        raise UsageError(f"recall {recall}: expected a number above 0 and at most 1, such as {RECALL}")
    progress = progress or Silent()
    source = _source(bank, features, pooling)
    folder = index_folder(bank)
    progress.start("reading the index")
    with told(f"making an index of {bank.name}"), building(bank, _WAIT_S):
        path = card_path(folder, features.digest, pooling)
        if kind == "auto":
            kind = _auto(len(source.items)) if _kind(path) == "exact" else _kind(path)
        index, why = load(path, features.digest, pooling, features.dim)
        if index is not None:
            change = _change(index, source)
            why = (f"it is {index.card.kind}" if index.card.kind != kind else "") or _unfit(index, source, change)
            if not why:
                asked = index.card.recall_asked if recall is None or kind == "exact" else recall
                if asked == index.card.recall_asked and _is_current(index, source, change):
                    return _of_present(index, change)
                index = replace(index, card=replace(index.card, recall_asked=asked))
                return _brought_up_to_date(bank, index, source, change, folder, progress)
        if why:
            _log.info("the index of %s is made again: %s", source.name, why)
        return _made(bank, source, kind, recall or RECALL, folder, progress)


def drop_index(bank: Bank, features: FeatureSet, pooling: str = "") -> bool:
    """Remove an index, and say whether there was one. Raises BankLockedError or OSError."""
    return remove(bank, card_path(index_folder(bank), features.digest, pooling))


def cards(bank: Bank) -> list[tuple[IndexCard, bool]]:
    """Every index that there is, by name, and whether it is of the present version of its set."""
    versions = {one.digest: one.version for one in bank.feature_sets}
    found: list[tuple[IndexCard, bool]] = []
    folder = index_folder(bank)
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else []:
        with suppress(OSError, ValueError, TypeError, KeyError):
            card = card_of(read_card(path))
            found.append((card, versions.get(card.set) == card.version))
    return sorted(found, key=lambda one: one[0].name)


def _source(bank: Bank, features: FeatureSet, pooling: str) -> Source:
    if pooling not in poolings(features):
        raise UsageError(f"vectors of {features.name} cannot be pooled by {pooling!r}; only those of slices can, by 'mean'")
    if len(features.vector_shape) != 1:
        raise UsageError(f"feature set {features.name!r} is of kind {features.key.kind!r}, with several vectors an item: it has no index")
    return source_of(bank, features, pooling)


def _auto(rows: int) -> str:
    return "exact" if rows <= EXACT_ROWS else "hnsw" if rows <= LISTED_ROWS else "ivfpq"


def _kind(path: Path) -> str:
    """Of the index that is there, whether or not it can be used."""
    try:
        return str(read_card(path).get("kind"))
    except (OSError, ValueError):
        return "exact"


@final
@dataclass(frozen=True)
class _Change:
    """What has come and gone since an index was written."""

    fresh: NDArray[np.bool_]
    """(M,) of the source's items those that it has not."""
    dead: NDArray[np.bool_]
    """(N,) of its rows those of what the source has not."""


def _change(index: VectorIndex, source: Source) -> _Change:
    return _Change(~np.isin(source.items, index.ids), ~np.isin(index.ids, source.items))


def _unfit(index: VectorIndex, source: Source, change: _Change) -> str:
    """Why an index cannot be brought up to date, in words; empty where it can.

    An item's vector never changes under one key: what changes gives the item a new ordinal. Some are compared all the same, for
    a bank may have been put back from a copy, and gone on differently.
    """
    if index.card.version != source.features.version:
        both = np.flatnonzero(~change.dead)
        some = np.linspace(0, len(both) - 1, min(_COMPARED, len(both))).astype(int)
        newest = np.argmax(index.ids[both]) if len(both) else 0  # banks that part have the same beginning
        both = both[np.unique(np.append(some, newest))] if len(both) else both
        chosen = np.isin(source.items, index.ids[both])
        read = np.concatenate([np.empty((0, source.features.dim), np.float32), *source.read(chosen)])
        rows = both[np.argsort(index.ids[both])]
        read = read[np.argsort(source.items[chosen])]
        if not np.allclose(read, index.vectors.rows[rows], atol=_SAME):
            return "it holds other vectors than the bank"
    return worn(index, int(np.count_nonzero(change.dead)), int(np.count_nonzero(change.fresh)))


def _is_current(index: VectorIndex, source: Source, change: _Change) -> bool:
    """Whether its files say all that is to be said at this snapshot."""
    gone = int(np.count_nonzero(change.dead))
    return (index.card.version, index.card.tombstones) == (source.features.version, gone) and not change.fresh.any()


def _extended_or_as_it_is(bank: Bank, index: VectorIndex, source: Source, change: _Change, path: Path) -> VectorIndex:
    """For a search: kept where that can be done at once, else brought up to date in memory."""
    if not change.fresh.any():
        return _of_present(index, change)  # rows that went are passed over whether or not the file knows
    if bank.at is None:
        with suppress(OSError, ScanbankError), building(bank, 0.0):
            if _files(path) == index.card.files:  # now that nobody else changes it
                return _brought_up_to_date(bank, index, source, change, path.parent, Silent())
            again, _ = load(path, source.features.digest, source.pooling, index.card.dim)
            if again is not None and not _unfit(again, source, now := _change(again, source)):
                return _brought_up_to_date(bank, again, source, now, path.parent, Silent())
    more = Vectors.of([index.vectors.rows, *source.read(change.fresh)], index.card.dim)
    return extend_index(_of_present(index, change), more, source.items[change.fresh], Silent())


def _files(path: Path) -> object:
    """Names in the card that there is: of what is written each has a new one."""
    try:
        return read_card(path).get("files")
    except (OSError, ValueError):
        return None


def _brought_up_to_date(bank: Bank, index: VectorIndex, source: Source, change: _Change, folder: Path, progress: Progress) -> VectorIndex:
    """With what came, and without what went, in its place. The lock is held."""
    path, known, index = folder / index.card.files["vectors"], len(index.ids), _of_present(index, change)
    try:
        index = _extended(index, source, change.fresh, path, progress) if change.fresh.any() else remeasured(index)
        card = replace(index.card, version=source.features.version, snapshot=bank.snapshot.id)
        return save(bank, folder, replace(index, card=card), path)
    except BaseException:
        with suppress(OSError):  # what no card counts may be of somebody who is to be forgotten
            os.truncate(path, PREFIX + 4 * known * index.card.dim)
        raise


def _of_present(index: VectorIndex, change: _Change) -> VectorIndex:
    """Passing over what the source has not."""
    return index if np.array_equal(change.dead, index.dead) else index.with_dead(change.dead)


def _extended(index: VectorIndex, source: Source, fresh: NDArray[np.bool_], path: Path, progress: Progress) -> VectorIndex:
    parts = (*index.card.parts, *append(path, len(index.ids), source.read(fresh), index.card.dim))
    vectors = Vectors.mapped(path, parts, index.card.dim, known=len(index.card.parts))
    extended = extend_index(index, vectors, source.items[fresh], progress)
    return replace(extended, card=replace(extended.card, parts=parts))


def _made(bank: Bank, source: Source, kind: str, recall: float, folder: Path, progress: Progress) -> VectorIndex:
    """A new index, in its place. The lock is held."""
    count = len(source.items)
    asks = np.zeros(count, bool) if kind == "exact" else asking(count, SEED)
    with aside(folder) as path:
        progress.start("reading vectors")
        parts = append(path, 0, last(source.read(np.ones(count, bool)), asks), source.features.dim)
        vectors = Vectors.mapped(path, parts, source.features.dim, known=len(parts))
        card = replace(_card(bank, source, kind, recall), parts=parts)
        items = np.concatenate([source.items[~asks], source.items[asks]])
        return save(bank, folder, make_index(card, vectors, items, _texts(bank, source), progress), path)


def _card(bank: Bank, source: Source, kind: str, recall: float) -> IndexCard:
    features = source.features
    return IndexCard(
        set=features.digest,
        name=source.name,
        pooling=source.pooling,
        version=features.version,
        snapshot=bank.snapshot.id,
        kind=kind,
        dim=features.dim,
        rows=0,
        tombstones=0,
        built_rows=0,
        tail=0,
        settings={},
        plan=Plan("exact"),
        recall_asked=1.0 if kind == "exact" else recall,
    )


def _texts(bank: Bank, source: Source) -> NDArray[np.float32]:
    """Some vectors of texts by the encoder that made the source, of length 1: queries of the kind that is asked."""
    none = np.empty((0, source.features.dim), np.float32)
    encoder = source.features.key.encoder.digest
    others = (one for one in bank.feature_sets if one.digest != source.features.digest and one.key.kind in ("text", "prompt"))
    for one in others:
        if one.key.encoder.digest == encoder and one.rows and one.dim == source.features.dim:
            return unit(one.vectors(0, QUERIES))
    return none
