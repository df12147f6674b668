"""What of a study's report is nearest to a query: by vectors of the encoder that searched where there are some, else by words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..store.features import FeatureSet
from .bm25_texts import counted
from .cosines import cosines
from .hits import Sentence
from .report_texts import pieces_of

if TYPE_CHECKING:
    from ..store.bank import Bank


def nearest_sentences(
    bank: Bank, texts: FeatureSet | None, vector: NDArray[np.float32] | None, words: str, studies: Sequence[str]
) -> dict[str, Sentence]:
    """By study. A study without a report, or without one of the words where only words can tell, has none.

    Args:
        bank: where the reports are.
        texts: vectors of texts, of the encoder that `vector` is of; None where there are none.
        vector: (D,) of unit length.
        words: the query's words; empty where it has none. BM25 counts them in the reports of these studies alone.
        studies: whose reports.
    """
    pieces = pieces_of(bank, studies)
    if not pieces:
        return {}
    ordinals = np.array([piece["ordinal"] for piece in pieces], dtype=np.int64)
    held = texts.holds(ordinals) if texts is not None else np.zeros(len(pieces), bool)
    found: dict[str, Sentence] = {}
    if texts is not None and vector is not None and held.any():
        near = cosines(texts.of(ordinals[held]), vector)
        _keep(found, [pieces[place] for place in np.flatnonzero(held)], near, "cosine")
    rest = [piece for piece in pieces if piece["study"] not in found]
    if words and rest:
        scores = counted([piece["text"] for piece in rest]).scores(words)
        _keep(found, [rest[place] for place in np.flatnonzero(scores > 0)], scores[scores > 0], "bm25")
    return found


def sentence_of(piece: dict[str, Any], score: float, by: str) -> Sentence:
    """A row of `pieces_of` as part of a hit."""
    return Sentence(piece["text"], piece["section"], piece["snippet"], score, by)


def _keep(found: dict[str, Sentence], pieces: Sequence[dict[str, Any]], scores: NDArray[np.float32], by: str) -> None:
    """The best of each study; of equal scores the first."""
    for place in np.argsort(-scores, kind="stable").tolist():
        piece = pieces[place]
        if piece["study"] not in found:
            found[piece["study"]] = sentence_of(piece, float(scores[place]), by)
