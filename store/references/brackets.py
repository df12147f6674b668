"""Bare numbers in brackets: "(3/45)". Dates, fractions, blood pressures, scores and vertebrae look much the same."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

from . import words
from .numbers import MOST, YEARS, Images, at, images, is_mark
from .tokens import Token

_OPEN, _CLOSE = ("(", "["), (")", "]", ",", ";", "-", "–")
_WHOLES = frozenset((6, 8, 10, 15))
"""What scores are given out of."""
_MONTHS, _DAYS, _EARLY = 12, 31, 5
_NEAR = 6
"""Tokens before a bracket that may say that a score stands in it."""


@dataclass(frozen=True, slots=True)
class Bracketed:
    """Two numbers that may be a series and an image."""

    series: int
    images: tuple[Images, ...]
    first: int
    stop: int
    dated: bool
    """What stands before the bracket speaks of an examination or a date."""
    padded: bool
    """A number begins with 0, as in dates."""
    scored: bool
    """What stands before the bracket speaks of a score or a share."""

    def fits(self, known: Set[int]) -> bool:
        """Whether it may be one, in a text that surely speaks of these series elsewhere."""
        return self.series in known and not (self.dated or self.padded or self.scored)


def is_sure(one: Bracketed) -> bool:
    """Whether it is a reference whatever stands elsewhere in the text."""
    a, b = one.series, one.images[0].first
    if one.padded or one.scored or (one.dated and a <= _MONTHS and b <= _DAYS) or (one.dated and b <= _MONTHS and a <= _DAYS):
        return False
    if a >= b:  # a blood pressure, or a series of a scanner that counts from 200
        return a >= 200 and b > _EARLY
    if b <= _EARLY or (a == 1 and b in _WHOLES) or b == 100 or (b == a + 1 and b <= _DAYS):
        return len(one.images) > 1 and one.images[-1].last > _DAYS
    return a < 70 or a > 200 or b > 250


def bracketed(tokens: Sequence[Token]) -> list[Bracketed]:
    """All in these tokens that stand first in a bracket, or behind another there."""
    found: list[Bracketed] = []
    inside = -1
    for i, token in enumerate(tokens):
        if not is_mark(token, _OPEN):
            continue
        k = i + 1
        while k < i + 4 and (word := at(tokens, k)) is not None and (word.text in words.SEE or is_mark(word, (".", ":", ","))):
            k += 1
        scored = any(near.text in words.SCORED for near in tokens[max(0, i - _NEAR) : i])
        dated = (before := at(tokens, i - 1)) is not None and before.text in words.DATED and k == i + 1
        while k > inside and (one := _pair(tokens, k, dated, scored)):
            found.append(one)
            inside = k = one.stop
            k = _over(tokens, one.stop)
            if k == one.stop:
                break
    return found


def _over(tokens: Sequence[Token], stop: int) -> int:
    """From behind a pair to the next in the same bracket, over a comma and words such as "prior"."""
    k = stop
    while k < stop + 3 and (joint := at(tokens, k)) is not None:
        if not (is_mark(joint, (",", ";", "&")) or joint.kind == "and" or (k > stop and joint.text in words.SEE)):
            break
        k += 1
    return k


def _pair(tokens: Sequence[Token], k: int, dated: bool, scored: bool) -> Bracketed | None:
    series, mark, image = at(tokens, k), at(tokens, k + 1), at(tokens, k + 2)
    if series is None or image is None or series.kind != "number" or image.kind != "number" or not is_mark(mark, ("/", ":")):
        return None
    colon = is_mark(mark, ":")
    if image.value in YEARS or image.value > MOST or not image.value or (colon and (image.value < 10 or image.start - series.stop > 1)):
        return None
    found, stop = images(tokens, k + 2, plural=True)
    if not found or (not is_mark(at(tokens, stop), _CLOSE) and not _is_and(at(tokens, stop))):
        return None
    padded = series.text.startswith("0") or (image.text.startswith("0") and len(image.text) < 3)
    return Bracketed(series.value, tuple(found), k, stop, dated, padded, scored)


def _is_and(token: Token | None) -> bool:
    return token is not None and token.kind == "and"
