from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from scanbank.embed.encoder import Encoded, Encoder
from scanbank.embed.long_texts import LongTexts, divided
from scanbank.store import EncoderSpec, ViewSpec

CONTEXT = 40
"""Characters that the encoder reads."""


class Letters(Encoder):
    """A text is how often each small letter is in what is read of it. It counts what it is given."""

    def __init__(self, *, tells: bool = True, unit: bool = True) -> None:
        self.spec, self.view = EncoderSpec("letters", "1", 27, unit_length=unit), ViewSpec()
        self.offers, self.channels = frozenset({"text"}), frozenset()
        self.tells, self.given = tells, list[str]()

    def _encode(self, side: Any, batch: Any) -> Encoded:
        self.given += batch
        whole = np.array([len(text) <= CONTEXT for text in batch]) if self.tells else None
        return Encoded(np.stack([self.one(text) for text in batch]), whole=whole)

    def one(self, text: str) -> NDArray[np.float32]:
        counts = np.bincount([26, *(ord(c) - 97 for c in text[:CONTEXT] if "a" <= c <= "z")], minlength=27)
        return np.array(counts / np.linalg.norm(counts) if self.spec.unit_length else counts, dtype=np.float32)

    def mean(self, *texts: str) -> NDArray[np.float32]:
        total = np.sum([self.one(text) for text in texts], axis=0)
        return total / np.linalg.norm(total)


def test_what_fits_has_the_encoders_own_vector_and_what_does_not_the_mean_of_its_sentences() -> None:
    encoder = Letters()
    first, second, third = "Clear lungs on both sides.", "A normal heart.", "At the end a fracture."
    whole = f"{first} {second} {third}"
    texts = LongTexts(encoder)
    found = texts.encode([second, whole, second])
    np.testing.assert_array_equal(found.vectors[[0, 2]], [encoder.one(second)] * 2)
    np.testing.assert_allclose(found.vectors[1], encoder.mean(first, second, third), atol=1e-6)
    assert found.pooled.tolist() == [False, True, False]
    assert np.linalg.norm(found.vectors[1]) == pytest.approx(1, abs=1e-6)
    assert sorted(encoder.given) == sorted([second, whole, first, second, third])
    again = texts.encode([first, third])  # sentences that a section was divided into are known
    np.testing.assert_array_equal(again.vectors, [encoder.one(first), encoder.one(third)])
    assert len(encoder.given) == 5
    assert not texts.unknown


def test_order_and_company_change_no_vector() -> None:
    long = "a very long sentence that goes on and on, with a comma, and has no end to it before here"
    texts = [f"{long}. b c.", long, "x" * 100, "", "短" * 50]
    once = LongTexts(Letters()).encode(texts).vectors
    others = LongTexts(Letters())
    for text, vector in reversed(list(zip(texts, once, strict=True))):
        np.testing.assert_array_equal(others.encode([text]).vectors[0], vector)


def test_a_sentence_is_divided_between_words_and_a_word_between_letters() -> None:
    encoder = Letters()
    words = [f"{letter * 9}" for letter in "abcdefgh"]  # 79 characters, of which 40 fit
    found = LongTexts(encoder).encode([" ".join(words), "a" * 50 + "b" * 30])
    np.testing.assert_allclose(found.vectors[0], encoder.mean(" ".join(words[:4]), " ".join(words[4:])), atol=1e-6)
    np.testing.assert_allclose(found.vectors[1], encoder.mean("a" * 40, "a" * 10 + "b" * 30), atol=1e-6)
    assert found.pooled.all()


def test_lengths_that_are_not_1_are_averaged_as_they_are() -> None:
    encoder = Letters(unit=False)
    one, other = "Clear lungs on both sides.", "At the end a fracture."
    (vector,) = LongTexts(encoder).encode([f"{one} {other}"]).vectors
    np.testing.assert_allclose(vector, np.mean([encoder.one(one), encoder.one(other)], axis=0))


def test_an_encoder_that_does_not_tell_is_taken_at_its_word() -> None:
    encoder = Letters(tells=False)
    texts = LongTexts(encoder)
    found = texts.encode(["x" * 100])
    np.testing.assert_array_equal(found.vectors, [encoder.one("x" * 100)])
    assert (texts.unknown, found.pooled.tolist()) == (True, [False])


@pytest.mark.parametrize("unit", ["a", "ab ", "A. "])
def test_hostile_texts_come_apart_in_few_steps(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    parts = divided(text, by_sentence=False)
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert max(map(len, parts)) == 1000 - 1000 % len(unit) - unit.endswith(" ") or unit == "a"
    encoder = Letters()
    LongTexts(encoder).encode([text[:30_000]])
    assert sum(map(len, encoder.given)) < 10 * 30_000


def test_a_letter_that_does_not_fit_stays() -> None:
    class Never(Letters):
        def _encode(self, side: Any, batch: Any) -> Encoded:
            found = super()._encode(side, batch)
            return Encoded(found.vector, whole=np.zeros(len(batch), np.bool_))

    encoder = Never()
    np.testing.assert_allclose(LongTexts(encoder).encode(["ab"]).vectors, [encoder.mean("a", "b")], atol=1e-6)
