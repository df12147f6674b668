"""Lengths and ratios in the words of a sentence."""

from __future__ import annotations

import re

_NUMBER = r"\d{1,4}(?:[.,]\d{1,3})?"
_LENGTH = re.compile(
    r"(?:(?P<over>(?<= )(?:over|above|greater than|larger than|more than|longer than|exceeding|exceeds|>) )|"
    rf"(?P<under>(?<= )(?:less than|under|below|smaller than|shorter than|not exceeding|not exceed|<) ))?"
    rf"(?<= )(?P<numbers>{_NUMBER}(?: (?:mm |cm )?(?:x|by) {_NUMBER}){{0,3}}) "
    r"(?P<unit>mm|millimet(?:er|re)s?|cm|centimet(?:er|re)s?) "
)
_EACH = re.compile(_NUMBER)
_RATIO = re.compile(r"(?<= )(?P<number>0[.,]\d{1,3}|\d{2}(?= %)) ")


def lengths_mm(words: str) -> list[tuple[int, float]]:
    """(place, length in mm) in the words of a sentence: of "16 x 10 mm" the least, as a short axis.

    Of "less than 1 cm" half of it, and of "over 1 cm" a little more.
    """
    found: list[tuple[int, float]] = []
    for match in _LENGTH.finditer(words):
        factor = 10 if match["unit"].startswith("c") else 1
        least = min(float(number.replace(",", ".")) for number in _EACH.findall(match["numbers"]))
        found.append((match.start(), least * factor * (0.5 if match["under"] else 1.001 if match["over"] else 1)))
    return found


def ratios(words: str) -> list[tuple[int, float]]:
    """(place, number) of numbers between 0 and 1, and of percentages as such."""
    found: list[tuple[int, float]] = []
    for match in _RATIO.finditer(words):
        number = float(match["number"].replace(",", "."))
        found.append((match.start(), number if number < 1 else number / 100))
    return found
