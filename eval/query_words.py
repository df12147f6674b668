"""What a query asks for and what it asks to be without: `lung nodule -calcified`, and its vector."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from ..embed.encoder import Encoder
from ..store.errors import UsageError
from .cosines import unit

LONGEST = 2_000
"""Characters of a query: more than any text side reads."""
MOST_NEGATIVES = 20
# A hyphen that begins a word and is followed by what it denies: one word, or words in quotes. Neither a dash between spaces nor the sign of
# a number is one.
_NEGATIVE = re.compile(r'(?:(?<=\s)|^)-(?:"([^"]*)"|([^\s"\d-]\S*))')


@final
@dataclass(frozen=True)
class QueryWords:
    """A query, taken apart."""

    text: str
    """As it was written, without spaces too many."""
    wanted: str
    """What is looked for."""
    unwanted: tuple[str, ...] = ()
    """What hits should not show, each a text of its own."""


def query_words(query: str) -> QueryWords:
    """A query taken apart: `-word` and `-"several words"` are what hits should not show. A hyphen within a word is part of it.

    Control characters are taken for spaces.

    Raises:
        UsageError: it is empty, too long, no text, or says only what hits should not show.
    """
    if len(query) > LONGEST:
        raise UsageError(f"the query has {len(query)} characters; expected at most {LONGEST}: name what to look for in a sentence")
    if any("\ud800" <= letter <= "\udfff" for letter in query):
        raise UsageError("the query is no text in UTF-8; write it anew")
    text = " ".join("".join(" " if unicodedata.category(letter) == "Cc" else letter for letter in query).split())
    unwanted = tuple(dict.fromkeys(found for match in _NEGATIVE.finditer(text) if (found := (match[1] or match[2] or "").strip(" ,.;:"))))
    wanted = " ".join(_NEGATIVE.sub(" ", text).split()).strip()
    if not any(map(str.isalnum, wanted)):
        if unwanted:
            raise UsageError("the query says only what hits should not show; say what to look for too, such as 'lung nodule -calcified'")
        raise UsageError("the query is empty; say what to look for, such as 'left pleural effusion'")
    if len(unwanted) > MOST_NEGATIVES:
        raise UsageError(f"the query has {len(unwanted)} words to be without; expected at most {MOST_NEGATIVES}")
    return QueryWords(text, wanted, unwanted)


def words_vector(encoder: Encoder, words: QueryWords) -> NDArray[np.float32]:
    """(D,) of unit length.

    With negatives it is that of 2 p - mean(n): from the wanted text's unit vector p away from the mean of the unwanted ones', as Qdrant's
    recommendations by average vector have it (strategy `average_vector`: avg(positive) + avg(positive) - avg(negative)).

    Raises:
        EncoderError: the encoder has no text side.
        UsageError: nothing is left, as what is wanted and what is not are one.
    """
    vectors = unit(encoder.encode_texts([words.wanted, *words.unwanted]).vector)
    if len(vectors) == 1:
        return vectors[0]
    found = unit((2.0 * vectors[:1] - vectors[1:].mean(axis=0, dtype=np.float64)).astype(np.float32))[0]
    if not found.any():
        raise UsageError("what the query asks for and what it asks to be without are one; leave out the words after the hyphen")
    return found
