"""Lengths and ratios in the words of a sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator

_NUMBER = r"\d{1,4}(?:[.,]\d{1,3})?"
_LENGTH = re.compile(
    r"(?:(?P<over>(?<= )(?:over|above|greater than|larger than|more than|longer than|exceeding|exceeds|>) )|"
    rf"(?P<under>(?<= )(?:less than|under|below|smaller than|shorter than|not exceeding|not exceed|<) ))?"
    rf"(?<= )(?P<numbers>{_NUMBER}(?: (?:mm |cm )?(?:x|by) {_NUMBER}){{0,3}}) "
    r"(?P<unit>mm|millimet(?:er|re)s?|cm|centimet(?:er|re)s?) "
)
_EACH = re.compile(_NUMBER)
_RATIO = re.compile(r"(?<= )(?P<number>0[.,]\d{1,3}|\d{2}(?= %)) ")


def lengths_mm(words: str, start: int, end: int) -> Iterator[float]:
    """Lengths between two places, in mm: of "16 x 10 mm" the least, as a short axis.

    Of "less than 1 cm" half of it, and of "over 1 cm" a little more.
    """
    for match in _LENGTH.finditer(words, start, end):
        factor = 10 if match["unit"].startswith("c") else 1
        least = min(float(number.replace(",", ".")) for number in _EACH.findall(match["numbers"]))
        yield least * factor * (0.5 if match["under"] else 1.001 if match["over"] else 1)


def ratios(words: str, start: int, end: int) -> Iterator[float]:
    """Numbers between 0 and 1 between two places; percentages as such."""
    for match in _RATIO.finditer(words, start, end):
        number = float(match["number"].replace(",", "."))
        yield number if number < 1 else number / 100
