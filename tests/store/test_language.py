from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanbank.store.language import Language, language_of


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("No pleural effusion.", "en"),
        ("The liquor spaces are wide.", "en"),
        ("Kein Pleuraerguss.", "de"),
        ("Verkalkung der Koronararterien", "de"),
        ("Die Liquorräume sind weit.", "de"),
        ("Pas d'épanchement pleural dans les poumons.", "other"),
        ("Her iki akciğer normaldir.", "other"),
        ("Лёгкие без очагов.", "other"),
        ("肺野清晰", "other"),
        ("Cardiomegaly.", "unknown"),
        ("1. 2/3", "unknown"),
        ("", "unknown"),
    ],
)
def test_small_words_tell_the_language(text: str, language: Language) -> None:
    assert language_of(text) == language


def test_a_part_is_of_the_whole_unless_it_speaks_against() -> None:
    assert language_of("Cardiomegaly.", "de") == "de"
    assert language_of("Kein Erguss.", "en") == "de"
    assert language_of("No effusion.", "en") == "en"


@given(st.text(max_size=60), st.sampled_from(["en", "de", "other", "unknown"]))
def test_any_text_has_an_answer(text: str, likely: Language) -> None:
    assert language_of(text, likely) in ("en", "de", "other", "unknown")
