from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanbank.eval.labels.patterns import PhraseGroups
from scanbank.eval.labels.phrases import MOST_WAYS, PhraseError, parse_phrase
from scanbank.eval.labels.words import read_words


@pytest.mark.parametrize(
    ("phrase", "text", "found"),
    [
        ("pleural effusion*", "Small pleural effusions.", "pleural effusions"),
        ("ground glass", "Ground-glass opacity", "ground glass"),
        ("(left|right upper) lobe", "right upper lobe", "right upper lobe"),
        ("(left|right upper) lobe", "right lobe", None),
        ("enlarged (hilar)? node", "enlarged node", "enlarged node"),
        ("enlarged (hilar)? node", "enlarged hilar node", "enlarged hilar node"),
        ("effacement ~2 sulci", "effacement of the sulci", "effacement of the sulci"),
        ("effacement ~2 sulci", "effacement of all the sulci", None),
        ("effacement ~2 sulci", "effacement; sulci", None),
        ("*megaly", "hepatomegaly", "hepatomegaly"),
        ("mass", "masses", None),
        ("m1", "M1", None),  # letters and numbers are parted
        ("m 1", "M1", "m 1"),
    ],
)
def test_what_a_phrase_finds(phrase: str, text: str, found: str | None) -> None:
    words = read_words(text)
    spans = PhraseGroups([[phrase]]).found(words)
    assert [words[start:end].strip() for _, start, end in spans] == ([] if found is None else [found])


@pytest.mark.parametrize(
    ("phrase", "says"),
    [
        ("(left", "a bracket is not closed"),
        ("left)", "has no bracket before it"),
        ("left ?", "has no bracket before it"),
        ("(left)?", "could stand for no word at all"),
        ("", "could stand for no word at all"),
        ("~3 sulci", "a gap stands before the first word"),
        ("a ~99 b", "a gap of 99 words; expected 1 to 12"),
        ("a {2} b", "'{' has no meaning here"),
        ("[a-z]+", "'[' has no meaning here"),
        ("a * b", "a word of * alone"),
        ("a ~12 b ~12 c ~12 d ~12 e", f"expected at most {MOST_WAYS}"),
        ("(" * 9 + "a" + ")" * 9, "nested deeper than 8"),
        ("x" * 2000, "expected at most 1000"),
    ],
)
def test_what_is_no_phrase(phrase: str, says: str) -> None:
    with pytest.raises(PhraseError, match=re.escape(says)):
        parse_phrase(phrase)


def test_branches_that_exclude_each_other_are_one_way() -> None:
    assert parse_phrase("(left|right) lung").ways == 1
    assert parse_phrase("(left|left upper) lobe").ways == 2
    assert parse_phrase("a (b)? ~3 c").ways == 8


def test_only_groups_that_may_begin_with_a_word_are_tried() -> None:
    groups = PhraseGroups([["(left|right)? lung"], ["*effusion"], ["heart"]])
    assert groups.tried("lung") == (0,)
    assert groups.tried("left") == (0,)
    assert groups.tried("effusion") == (1,)
    assert groups.tried("liver") == ()


@given(st.text())
def test_words_are_one_space_apart(text: str) -> None:
    words = read_words(text)
    assert words.startswith(" ")
    assert words.endswith(" . ")
    assert "  " not in words.strip()
    assert all(len(word) <= 40 for word in words.split(" "))


def test_numbers_keep_their_decimals() -> None:
    assert read_words("16x10.5mm, T6 (<3 mm)") == " 16 x 10.5 mm , t 6 ( < 3 mm ) . "
