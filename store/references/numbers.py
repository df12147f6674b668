"""Numbers of images behind a word for them: single ones, ranges and lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from .tokens import Token

YEARS = range(1950, 2100)
MOST = 9_999
"""No image has a higher number here; what is longer is a record's."""
_COUNTS = 3
"""Up to here a number may count what follows it: "image 2 and 3 nodules"."""
_RANGE = ("-", "–", "—", "‐", "‑", "…")
_LIST = (",", ";", "&", "+", "/")
_AFTER = (")", "]", ",", ".", ";", ":", "/", "(", "&", "+", '"', "”", *_RANGE)
MARKS = (":", ".", "#", "=", "-", "–", "/")
"""What may stand between a word and its number."""


@dataclass(frozen=True, slots=True)
class Images:
    """One range of images, and where in the text it stands."""

    first: int
    last: int
    start: int
    stop: int


def at(tokens: Sequence[Token], i: int) -> Token | None:
    return tokens[i] if 0 <= i < len(tokens) else None


def is_mark(token: Token | None, marks: Sequence[str]) -> bool:
    return token is not None and token.kind == "mark" and token.text in marks


def named(tokens: Sequence[Token], i: int) -> int:
    """From behind a word for series or images to its number: over marks and "no."; `i` itself where there is none."""
    j = i
    for _ in range(3):
        token = at(tokens, j)
        if token is None or token.kind == "number":
            break
        if not (is_mark(token, MARKS[:-1]) or token.kind == "no"):
            break
        j += 1
    token = at(tokens, j)
    return j if token is not None and token.kind in ("number", "decimal", "measure") else i


def images(tokens: Sequence[Token], i: int, *, plural: bool) -> tuple[list[Images], int]:
    """The numbers from token `i` on, and the token behind the last. `plural`: the word before them is.

    A list goes on as long as what follows is surely an image's number: "image 45 and 2 nodules" has one.
    """
    first = at(tokens, i)
    if first is None:
        return [], i
    if first.kind == "decimal":
        found, i = _joined(first), i + 1
    elif first.kind == "number" and first.value <= MOST:
        found, i = _ranged(tokens, i)
    else:
        return [], i
    if not found:
        return [], i
    while True:
        more = _next(tokens, i, found[-1], plural)
        if more is None:
            return found, i
        one, i = more
        found += one


def _joined(token: Token) -> list[Images]:
    """Of "12,15,18" without blanks, which looks like a number with decimals: its parts, each larger than the one before."""
    parts = token.text.split(",")
    if "." in token.text or len(parts) < 2 or any(len(part) > 4 for part in parts):
        return []
    values = [int(part) for part in parts]
    if any(b <= a for a, b in pairwise(values)) or parts[-1].startswith("0"):
        return []
    return [Images(value, value, token.start, token.stop) for value in values]


def _ranged(tokens: Sequence[Token], i: int) -> tuple[list[Images], int]:
    """One number or range. None where it is a range that ends in a measure ("2-3 mm")."""
    first, joint, last = tokens[i], at(tokens, i + 1), at(tokens, i + 2)
    if joint is None or last is None or not (is_mark(joint, _RANGE) or joint.kind == "to"):
        return [Images(first.value, first.value, first.start, first.stop)], i + 1
    if last.kind == "measure":
        return [], i
    end = _completed(first.text, last.text) if last.kind == "number" else None
    if end is None or end > MOST:
        return [Images(first.value, first.value, first.start, first.stop)], i + 1
    return [Images(first.value, end, first.start, last.stop)], i + 3


def _completed(first: str, last: str) -> int | None:
    """Of "115-20" the 120; None where it is no range."""
    if int(last) >= int(first):
        return int(last)
    whole = first[: -len(last)] + last if len(last) < len(first) else ""
    return int(whole) if whole and int(whole) > int(first) else None


def _next(tokens: Sequence[Token], i: int, before: Images, plural: bool) -> tuple[list[Images], int] | None:
    """The next of a list."""
    j = i
    while (token := at(tokens, j)) is not None and j < i + 2 and (is_mark(token, _LIST) or token.kind == "and"):
        j += 1
    if j == i:
        return None
    if tokens[j - 1].text == "/" and not plural:  # one of so many
        return None
    joined_by_and = tokens[j - 1].kind == "and" or tokens[j - 1].text == "&"
    word = at(tokens, j)
    again = word is not None and word.kind == "image" and not word.paired
    if again:
        number = named(tokens, j + 1)
        if number == j + 1 and (token := at(tokens, number)) is not None and token.kind != "number":
            return None
        j = number
    number = at(tokens, j)
    if number is None or number.kind != "number" or number.value > MOST or (number.value in YEARS and not again):
        return None
    found, after = _ranged(tokens, j)
    if not found or _is_slashed(tokens, after) or (not again and not _ends_well(tokens, after, found[0], before, plural and joined_by_and)):
        return None
    return found, after


def _is_slashed(tokens: Sequence[Token], i: int) -> bool:
    """Whether a series and an image follow one another as "4/50"."""
    return is_mark(at(tokens, i), "/") and (token := at(tokens, i + 1)) is not None and token.kind == "number"


def _ends_well(tokens: Sequence[Token], i: int, one: Images, before: Images, may_be_followed: bool) -> bool:
    token = at(tokens, i)
    if token is None:
        return True
    if token.kind == "word":
        return (may_be_followed and one.first > before.last) or one.first == before.last + 1 > _COUNTS
    if token.kind in ("and", "to") or token.text in (",", *_RANGE):
        following = at(tokens, i + 1)
        if following is not None and following.kind == "measure":  # "45, 3 and 4 mm"
            return False
        if one.first <= before.last and following is not None and following.kind == "number":
            return False
    if token.text == "x":
        return False
    return token.kind != "mark" or token.text in _AFTER
