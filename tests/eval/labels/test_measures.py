from __future__ import annotations

import pytest

from scanbank.eval.labels.measures import lengths_mm, ratios
from scanbank.eval.labels.words import read_words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a node of 14 mm", [14]),
        ("16x10 mm", [10]),
        ("16 mm x 1.2 mm", [1.2]),
        ("1.4 cm", [14]),
        ("2,5 cm", [25]),
        ("3 x 2 x 1 centimeters", [10]),
        ("less than 10 mm", [5]),
        ("over 10 mm", [10.01]),
        ("10 kg, 5", []),
        ("4 mm and 12 mm", [4, 12]),
    ],
)
def test_lengths(text: str, expected: list[float]) -> None:
    words = read_words(text)
    assert [length for _, length in lengths_mm(words)] == pytest.approx(expected)
    assert all(words[place - 1] == " " for place, _ in lengths_mm(words))


def test_ratios() -> None:
    words = read_words("ratio 0.56, 45 %, 12 and 1.5")
    assert ratios(words) == [(words.index("0.56"), pytest.approx(0.56)), (words.index("45"), pytest.approx(0.45))]
