"""What reports say, as search reads it: pieces of text with their study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .quoting import listed

if TYPE_CHECKING:
    from ..store.bank import Bank


ASIDE = ("comparison", "history", "technique")
"""Sections that do not say what is seen."""
_IS_ASIDE = f"coalesce(section, '') IN {listed(ASIDE)}"
OF_IMAGES = f"QUALIFY NOT {_IS_ASIDE} OR bool_and({_IS_ASIDE}) OVER (PARTITION BY study)"
"""After a WHERE on snippets, in SQL: those that say what is seen; where a report has no such one, all that it has."""


@final
@dataclass(frozen=True)
class Texts:
    """N pieces of report text, by ordinal."""

    ordinals: NDArray[np.int64]
    """(N,) increasing: what sets of kind `text` hold."""
    study: NDArray[np.int64]
    """(N,) places in `studies`."""
    patient: NDArray[np.int64]
    """(N,) places in `patients`."""
    studies: tuple[str, ...]
    patients: tuple[str, ...]
    of_images: NDArray[np.bool_]
    """(N,) whether a piece says what is seen; where a report has no such piece, all of its pieces count as that."""


def report_texts(bank: Bank) -> Texts:
    """The pieces that are searched: sentences where the bank has them, else sections."""
    answer = bank.sql(
        f"SELECT ordinal, study, patient, coalesce(section, '') AS section FROM snippets WHERE {_searched(bank)} ORDER BY ordinal"
    )
    study, studies = coded(answer.column("study"))
    patient, patients = coded(answer.column("patient"))
    section, sections = coded(answer.column("section"))
    seen = np.array([name not in ASIDE for name in sections], bool)[section]
    alone = np.bincount(study[seen], minlength=len(studies)) == 0
    return Texts(answer.column("ordinal").to_numpy(), study, patient, studies, patients, seen | alone[study])


def words_of(bank: Bank) -> list[str]:
    """The texts of `report_texts`, in their order."""
    return bank.sql(f"SELECT text FROM snippets WHERE {_searched(bank)} ORDER BY ordinal").column("text").to_pylist()


def pieces_of(bank: Bank, studies: Sequence[str]) -> list[dict[str, Any]]:
    """Of some studies, rows of snippet, ordinal, study, section, text, by ordinal: what says what is seen, where a report has that."""
    if not studies:
        return []
    return bank.sql(f"""SELECT snippet, ordinal, study, coalesce(section, '') AS section, text FROM snippets
        WHERE {_searched(bank)} AND study IN {listed(sorted(set(studies)))}
        {OF_IMAGES}
        ORDER BY ordinal""").to_pylist()


def pieces_at(bank: Bank, ordinals: Sequence[int]) -> dict[int, dict[str, Any]]:
    """As `pieces_of`, of some pieces, by their ordinals."""
    if not ordinals:
        return {}
    listed_ordinals = ", ".join(map(str, sorted(set(ordinals))))
    rows = bank.sql(
        f"SELECT snippet, ordinal, study, coalesce(section, '') AS section, text FROM snippets WHERE ordinal IN ({listed_ordinals})"
    ).to_pylist()
    return {row["ordinal"]: row for row in rows}


def coded(column: pa.ChunkedArray) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Texts as places in a list of those that there are."""
    encoded = column.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    return np.asarray(encoded.indices, dtype=np.int64), tuple(encoded.dictionary.to_pylist())


def _searched(bank: Bank) -> str:
    """In SQL, which rows of `snippets`: those of older banks, and of tables without sentences, are sections alone."""
    if "part" not in bank.sql("SELECT * FROM snippets LIMIT 0").column_names:
        return "true"
    any_sentence = bank.sql("SELECT 1 FROM snippets WHERE part = 'sentence' LIMIT 1").num_rows
    return f"part = '{'sentence' if any_sentence else 'section'}'"
