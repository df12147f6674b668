"""One vector for a report or a section, pooled from its sentences: what is longer than an encoder's context counts as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, final

import numpy as np
from numpy.typing import NDArray

from ..heads.vectors import unit
from ..store.errors import UsageError
from ..store.features import FeatureSet
from .text_sums import text_sums

if TYPE_CHECKING:
    from ..store.bank import Bank

Part = Literal["sentence", "section"]
Whole = Literal["report", "section"]

_OF: dict[Whole, str] = {
    "report": "SELECT study AS item, ordinal FROM snippets WHERE part = '{part}' ORDER BY item",
    "section": """SELECT w.snippet AS item, s.ordinal FROM snippets s JOIN snippets w USING (study, section, position)
        WHERE s.part = '{part}' AND w.part = 'section' ORDER BY item""",
}


@final
@dataclass(frozen=True)
class ReportVectors:
    """One vector for each of N reports or sections."""

    items: tuple[str, ...]
    """Studies, or the sections' snippets, in alphabetical order."""
    X: NDArray[np.float32]
    """(N, D) of unit length; zeros where `present` is False."""
    present: NDArray[np.bool_]
    """(N,): False where a part has no vector yet."""


def report_vectors(bank: Bank, features: FeatureSet, *, whole: Whole = "report", part: Part = "sentence") -> ReportVectors:
    """The mean of the unit vectors of the parts, of unit length.

    Args:
        bank: where the reports are.
        features: a set of kind `text`.
        whole: what gets a vector: each study's report, or each section of one.
        part: what is pooled. Sections are as they were encoded (`embed/texts.py`).

    Raises:
        UsageError: the set is of another kind.
        BankDamagedError: a chunk is damaged.
    """
    if features.key.kind != "text":
        raise UsageError(f"feature set {features.name!r} is of kind {features.key.kind!r}; expected one of kind 'text'")
    answer = bank.sql(_OF[whole].format(part=part))
    encoded = answer.column("item").combine_chunks().dictionary_encode()
    items = tuple(encoded.dictionary.to_pylist())
    owner, ordinals = np.asarray(encoded.indices, dtype=np.int64), answer.column("ordinal").to_numpy()
    total, seen = text_sums(features, ordinals, owner, len(items))
    present = seen == np.bincount(owner, minlength=len(items))
    X = np.where(present[:, None], unit(total), 0.0)
    return ReportVectors(items, X.astype(np.float32), present)
