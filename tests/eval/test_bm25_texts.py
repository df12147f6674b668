"""BM25 against its formula, worked out here."""

from __future__ import annotations

from math import log

import numpy as np
import pytest

from scanbank.eval.bm25_texts import counted

TEXTS = ["No pleural effusion.", "Small nodule in the left lung", "Effusion, effusion: large", "", "Kein Erguss links"]
WORDS = [text.split() for text in ("no pleural effusion", "small nodule left lung", "effusion effusion large", "", "kein erguss links")]


def expected(query: list[str]) -> list[float]:
    """Lucene's: idf(t) = ln(1 + (N - df + 0.5) / (df + 0.5)), tf / (tf + k1 (1 - b + b |d| / mean |d|))."""
    count, mean = len(WORDS), sum(map(len, WORDS)) / len(WORDS)
    scores = []
    for words in WORDS:
        score = 0.0
        for word in query:
            have, times = sum(word in other for other in WORDS), sum(word == other for other in words)
            score += log(1 + (count - have + 0.5) / (have + 0.5)) * times / (times + 1.5 * (0.25 + 0.75 * len(words) / mean))
        scores.append(score)
    return scores


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("pleural effusion", ["pleural", "effusion"]),
        ("EFFUSION effusion", ["effusion"]),
        ("the nodule of the lung", ["nodule", "lung"]),
        ("no effusion", ["no", "effusion"]),
        ("kein Erguss", ["kein", "erguss"]),
        ("pneumothorax", []),
        ("", []),
    ],
)
def test_scores_are_those_of_the_formula(query: str, words: list[str]) -> None:
    np.testing.assert_allclose(counted(TEXTS).scores(query), expected(words), rtol=1e-5)


def test_nothing_to_count() -> None:
    assert counted([]).scores("effusion").tolist() == []
    assert counted(["", "of the"]).scores("effusion").tolist() == [0, 0]


def test_a_megabyte_of_text_is_counted() -> None:
    scores = counted(["a-" * 250_000, "_" * 500_000, "nodule " * 70_000]).scores("nodule " * 1000)
    assert (scores > 0).tolist() == [False, False, True]
