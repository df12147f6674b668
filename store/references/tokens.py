"""Text to tokens: what each word and number of a sentence may be to a reference."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from . import words
from .typing_errors import misspelled

Kind = Literal["series", "image", "number", "measure", "decimal", "and", "to", "of", "no", "word", "mark"]

_TOKEN = re.compile(r"[^\W\d_]+|\d+(?:[.,]\d+)*|\S")
_MOST_DIGITS = 5
_JOINED = words.SERIES | words.IMAGE | words.PAIRED_IMAGE | words.IMAGE_LETTERS
"""What may be written onto a number: "se3im45"."""
_FULL = frozenset(word for word in words.SERIES | words.IMAGE if len(word) > 3)
_TYPED: tuple[tuple[Kind, tuple[str, ...]], ...] = (("series", words.TYPED_SERIES), ("image", words.TYPED_IMAGE))


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a number or a mark.

    `paired` says of a series or image word that it counts only beside the other. A number that no image can have (with a unit, with
    decimals) is a `measure` or a `decimal`.
    """

    kind: Kind
    text: str
    """In small letters."""
    start: int
    stop: int
    paired: bool = False

    @property
    def value(self) -> int:
        return int(self.text)


def tokens_of(text: str, start: int, stop: int) -> list[Token]:
    """The tokens of text[start:stop], with offsets in `text`. Linear in time."""
    raw = [(match[0].lower(), match.start(), match.end()) for match in _TOKEN.finditer(text, start, stop)]
    tokens: list[Token] = []
    for at, (word, a, b) in enumerate(raw):
        before = raw[at - 1] if at else ("", -1, -1)
        after = raw[at + 1] if at + 1 < len(raw) else ("", -1, -1)
        if word[0].isdigit():
            tokens.append(Token(_number(word, b, before, after, raw[at + 2 : at + 3]), word, a, b))
        elif word[0].isalpha():
            counted = after[0][:1].isdigit() or (not after[0].isalpha() and any(entry[0][0].isdigit() for entry in raw[at + 2 : at + 4]))
            tokens.append(_word(word, a, b, counted))
            _turn(tokens)
        else:
            tokens.append(Token("mark", word, a, b))
    return tokens


def _turn(tokens: list[Token]) -> None:
    """Of "45th image" at the end make "image 45", which is how all others say it. Both tokens stand for the whole of it."""
    if len(tokens) < 3:
        return
    number, ending, word = tokens[-3:]
    if word.kind not in ("series", "image") or word.text not in _FULL or ending.text not in words.ORDINAL:
        return
    if number.text.isdigit() and number.stop == ending.start and len(number.text) <= _MOST_DIGITS:
        whole = (number.start, word.stop)
        tokens[-3:] = [Token(word.kind, word.text, *whole, word.text in words.VAGUE), Token("number", number.text, *whole)]


def _word(word: str, start: int, stop: int, counted: bool) -> Token:
    """`counted`: a number is near behind it; others name nothing, so that typing errors need not be looked for."""
    if word in words.SERIES or word in words.SERIES_LETTERS:
        return Token("series", word, start, stop, word in words.SERIES_LETTERS)
    if word in words.IMAGE:
        return Token("image", word, start, stop)
    if word in words.NUMBER:
        return Token("no", word, start, stop)
    if word in words.AND:
        return Token("and", word, start, stop)
    if word in words.TO:
        return Token("to", word, start, stop)
    if word in words.PAIRED_IMAGE or word in words.IMAGE_LETTERS:
        return Token("image", word, start, stop, True)
    if word in words.OF:
        return Token("of", word, start, stop)
    if counted:
        for kind, known in _TYPED:
            if how := misspelled(word, known):
                return Token(kind, word, start, stop, how == "replaced")
    return Token("word", word, start, stop)


def _number(word: str, stop: int, before: tuple[str, int, int], after: tuple[str, int, int], third: list[tuple[str, int, int]]) -> Kind:
    following = after[0]
    if following == "-" and third and third[0][0] in words.UNITS:  # 3-mm, 2-year
        return "measure"
    if following in words.UNITS and not (following in words.LOOSE_UNITS and after[1] > stop):
        return "measure"
    if following in ("%", "°", "×", "*", "‰", "'", "″") or before[0] in ("×", "*", "<", ">", "≤", "≥", "±", "~", "$", "€"):
        return "measure"
    if "." in word or "," in word or len(word) > _MOST_DIGITS:
        return "decimal"
    if following[:1].isalpha() and after[1] == stop and following not in _JOINED:
        return "number" if following in ("f", "ff") else "decimal"  # 3rd, 12a, 45mm
    return "number"
