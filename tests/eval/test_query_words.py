"""Queries taken apart: what is wanted, what is not, and their vector."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanbank.embed.encoder import Encoded, Encoder
from scanbank.eval.query_words import LONGEST, MOST_NEGATIVES, query_words, words_vector
from scanbank.store import EncoderSpec, ViewSpec
from scanbank.store.errors import UsageError


class Dictionary(Encoder):
    """Texts have the vectors that it was given."""

    def __init__(self, **vectors: list[float]) -> None:
        self.spec = EncoderSpec("dictionary", "1", 2)
        self.view = ViewSpec()
        self.offers = frozenset({"text"})
        self.channels = frozenset[int]()
        self._vectors = vectors

    def _encode(self, side: Any, batch: Any) -> Encoded:
        return Encoded(np.array([self._vectors[text] for text in batch], dtype=np.float32))


@pytest.mark.parametrize(
    ("query", "wanted", "unwanted"),
    [
        ("lung nodule -calcified", "lung nodule", ("calcified",)),
        ('nodule -"ground glass" -calcified', "nodule", ("ground glass", "calcified")),
        ("-calcified lung  nodule", "lung nodule", ("calcified",)),
        ("extra-axial bleed", "extra-axial bleed", ()),
        ("a well-defined non-calcified nodule", "a well-defined non-calcified nodule", ()),
        ("left - right", "left - right", ()),
        ("fat of -100 HU", "fat of -100 HU", ()),
        ("nodule -calcified, -calcified", "nodule", ("calcified",)),
        ('nodule -"open', 'nodule -"open', ()),
        ('nodule -""', "nodule", ()),
        ("a\x00lung\tnodule\n", "a lung nodule", ()),
        ("胸水 -結節", "胸水", ("結節",)),
    ],
)
def test_a_hyphen_before_a_word_says_what_is_not_wanted(query: str, wanted: str, unwanted: tuple[str, ...]) -> None:
    words = query_words(query)
    assert (words.wanted, words.unwanted) == (wanted, unwanted)


@pytest.mark.parametrize(
    ("query", "pattern"),
    [
        ("", "query is empty"),
        (" \n\x07", "query is empty"),
        ("?!", "query is empty"),
        ("-calcified", "only what hits should not show"),
        ('-a -"b c"', "only what hits should not show"),
        ("x" * (LONGEST + 1), f"{LONGEST + 1} characters; expected at most {LONGEST}"),
        ("a \ud800", "no text in UTF-8"),
        ("a " + " ".join(f"-w{i}" for i in range(MOST_NEGATIVES + 1)), f"{MOST_NEGATIVES + 1} words to be without"),
    ],
    ids=["empty", "control", "signs", "negative", "negatives", "long", "surrogate", "many"],
)
def test_what_says_nothing_is_refused(query: str, pattern: str) -> None:
    with pytest.raises(UsageError, match=pattern):
        query_words(query)


@given(st.text(max_size=200))
def test_any_text_is_taken_apart_or_refused(query: str) -> None:
    try:
        words = query_words(query)
    except UsageError:
        return
    assert any(map(str.isalnum, words.wanted))
    assert all(words.unwanted)


def test_the_vector_leads_away_from_what_is_not_wanted() -> None:
    encoder = Dictionary(p=[2, 0], n=[0, 5], m=[3, 4])
    assert words_vector(encoder, query_words("p")).tolist() == [1, 0]
    # 2 (1, 0) - (0, 1)
    np.testing.assert_allclose(words_vector(encoder, query_words("p -n")), np.array([2, -1]) / 5**0.5, rtol=1e-6)
    # 2 (1, 0) - ((0, 1) + (0.6, 0.8)) / 2
    expected = np.array([2 - 0.3, -0.9])
    np.testing.assert_allclose(words_vector(encoder, query_words("p -n -m")), expected / np.linalg.norm(expected), rtol=1e-6)


def test_nothing_is_left_where_a_text_of_no_direction_is_wanted() -> None:
    with pytest.raises(UsageError, match="are one"):
        words_vector(Dictionary(p=[0, 0], n=[0, 0]), query_words("p -n"))
