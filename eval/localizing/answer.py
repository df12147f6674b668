"""Which slices of one scan a sentence means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np

from ...embed.encoder import Encoder
from ...embed.named import open_named
from ...heads.localizer import Localizer
from ...store.errors import UnknownNameError, UsageError
from ...store.features import FeatureSet
from ..best_slices import Place, peaks
from ..query_words import query_words
from ..quoting import quoted
from .evaluate import LEAST
from .examples import examples
from .scoring import METHODS, Scan, fitted, scans_of, scored, text_vectors
from .sets import level_sets

if TYPE_CHECKING:
    from ...store.bank import Bank

COSINE, TRAINED = "cosine_fused", "localizer"


@final
@dataclass(frozen=True)
class Level:
    """A level of the scan."""

    rank: int
    """From 1."""
    score: float
    """Cosine similarity, or of `localizer` the probability that the sentence means this level."""
    z_mm: float
    index: int | None
    """The nearest source slice, counted from 0 along the slice axis; None where source slices do not lie across depth."""
    number: int | None
    """Its image number, as reports name it; None where it has none."""


@final
@dataclass(frozen=True)
class Answer:
    """Where in a scan."""

    query: str
    features: str
    method: str
    volume: str
    patient: str
    study: str
    ordinal: int
    z_mm: float
    """The one height that the sentence is taken to mean: the peak of cosines, the median of probabilities."""
    levels: tuple[Level, ...]
    """Best first, `best_slices.APART_MM` apart."""
    learned: int
    """Sentences of other patients that the head learned from; 0 of cosine."""

    def places(self) -> tuple[Place, ...]:
        return tuple(Place(one.z_mm, one.index, one.score) for one in self.levels)


def localize(
    bank: Bank,
    query: str,
    volume: str,
    *,
    k: int = 5,
    method: str = COSINE,
    features: str = "",
    encoder: str = "",
    window: str = "",
    opened_by: Callable[[str], Encoder] = open_named,
) -> tuple[Answer, FeatureSet, Encoder]:
    """The levels of a scan that a sentence fits best; the set of vectors that tells, and its encoder.

    Args:
        bank: the bank.
        query: a sentence.
        volume: id of the scan, or the beginning of it that no other has.
        k: how many levels, at least 1.
        method: of `scoring.METHODS`; `localizer` and `localizer_fused` learn from the references of all other patients first.
        features: a feature set of kind `depth` or `slice`; by default one that holds the scan, depth before slices, by name.
        encoder: one of this encoder.
        window: one of this HU window.
        opened_by: opens an encoder by its name.

    Raises:
        UnknownNameError: there is no such scan, method, set or encoder.
        UsageError: the query is empty, `k` is under 1, the id's beginning fits several scans, no set holds the scan, its slices have no
            known height, or there is too little to learn from.
        EncoderError: the encoder is not on this machine, or did not make the vectors.
    """
    text = query_words(query).text
    if k < 1:
        raise UsageError(f"k is {k}; expected 1 or more")
    if method not in METHODS:
        raise UnknownNameError("method", method, METHODS)
    row = _volume(bank, volume)
    sets, opened, _ = level_sets(bank, (features,) if features else (), encoder, window, opened_by)
    held = [(one, scan) for one in sets for ordinal, scan in scans_of(bank, one, [row["ordinal"]]) if ordinal == row["ordinal"]]
    if not held:
        told = ", ".join(one.name for one in sets)
        raise UsageError(f"scan {row['volume']} has no levels of known height in {told}; `scanbank embed {bank.name} --depth` adds them")
    chosen, scan = min(held, key=lambda one: (one[0].key.kind != "depth", one[0].name))
    model = opened[chosen.key.encoder.digest]
    head, learned = (None, 0) if method.startswith("cosine") else _taught(bank, chosen, model, row["patient"])
    scores, point = scored(text_vectors(model, chosen, [text])[text], scan, head)[method]
    numbers = _numbers(bank, row["volume"])
    best = peaks(scores.astype(np.float32), scan.z_mm, k)
    levels = tuple(_level(rank, at, scan, float(scores[at]), numbers) for rank, at in enumerate(best, 1))
    names = (row["volume"], row["patient"], row["study"], row["ordinal"])
    return Answer(text, chosen.name, method, *names, round(point, 2), levels, learned), chosen, model


def _volume(bank: Bank, asked: str) -> dict[str, Any]:
    rows = bank.sql(f"""SELECT volume, patient, study, ordinal FROM volumes
        WHERE {quoted(asked)} <> '' AND starts_with(volume, {quoted(asked)}) ORDER BY volume LIMIT 2""").to_pylist()
    if not rows:
        known = [one["volume"] for one in bank.sql("SELECT volume FROM volumes ORDER BY volume LIMIT 1000").to_pylist()]
        raise UnknownNameError("volume", asked, known, "`scanbank sql BANK 'SELECT volume FROM volumes'` lists them")
    exact = [row for row in rows if row["volume"] == asked]
    if len(rows) > 1 and not exact:
        raise UsageError(f"several volumes begin with {asked!r}, such as {rows[0]['volume']} and {rows[1]['volume']}; give more of the id")
    return (exact or rows)[0]


def _taught(bank: Bank, features: FeatureSet, encoder: Encoder, patient: str) -> tuple[Localizer, int]:
    others = [one for one in examples(bank)[0] if one.patient != patient]
    texts = text_vectors(encoder, features, [one.text for one in others]) if others else {}
    head = fitted(Localizer(), bank, features, others, texts) if len(others) >= LEAST else None
    if head is None:
        raise UsageError(
            f"{len(others)} sentences of other patients lead to a slice; the head learns from {LEAST} or more: use cosine_fused"
        )
    return head, len(others)


def _numbers(bank: Bank, volume: str) -> dict[int, int | None]:
    rows = bank.sql(f'SELECT "index", number FROM slices WHERE volume = {quoted(volume)}').to_pylist()
    return {row["index"]: row["number"] for row in rows}


def _level(rank: int, at: int, scan: Scan, score: float, numbers: dict[int, int | None]) -> Level:
    index = int(scan.index[at])
    known = index >= 0
    return Level(rank, score, round(float(scan.z_mm[at]), 2), index if known else None, numbers.get(index) if known else None)
