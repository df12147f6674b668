"""The small language of phrases in finding sets, and the regular expressions they become.

    pleural effusion*              words in order, `*` for any letters
    (pleural|pericardial) fluid    one of several
    enlarged (hilar)? lymph node*  a part that may be missing
    effacement ~4 sulci            up to 4 words between

Words are lower case; a hyphen or slash parts words as a space does. There is nothing else, so that no phrase can take long: a phrase may be
read in at most `MOST_WAYS` ways from one place, and every word it skips has a bounded length.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import final

from ...store.errors import UsageError

MOST_WAYS = 4096
"""Of reading one phrase from one place."""
MOST_GAP = 12
MOST_LETTERS = 1000
"""Of one phrase."""
_MANY, _DEEPEST = 1_000_000, 8
_TOKEN = re.compile(r"\s*(?:(?P<gap>~(?P<count>\d+))|(?P<mark>[()|?])|(?P<word>[\w*'<>.:]+|[;,]))")


@final
@dataclass(frozen=True)
class Phrase:
    """A phrase, and the pattern that finds it in words that `words.py` has put one space apart, each followed by a space."""

    text: str
    pattern: str
    starts: tuple[str, ...]
    """Patterns of the words that it may begin with."""
    ways: int


class PhraseError(UsageError):
    """A phrase that is none."""


def parse_phrase(text: str) -> Phrase:
    """A phrase from its text.

    Raises:
        PhraseError: brackets do not match, a sign has no meaning, or it could be read in too many ways.
    """
    if len(text) > MOST_LETTERS:
        raise PhraseError(f"phrase {text[:40]!r}... has {len(text)} letters; expected at most {MOST_LETTERS}")
    plain = text.lower().replace("-", " ").replace("/", " ")
    tokens: list[re.Match[str]] = []
    at = 0
    while plain[at:].strip():
        token = _TOKEN.match(plain, at)
        if token is None:
            sign = plain[at:].strip()[0]
            raise PhraseError(f"phrase {text!r}: {sign!r} has no meaning here; expected words, *, (a|b), (optional)? and ~N")
        tokens.append(token)
        at = token.end()
    parser = _Parser(text, tokens)
    pattern, ways, starts = parser.alternatives(inside=False)
    if None in starts:
        raise PhraseError(f"phrase {text!r} could stand for no word at all; expected at least one that is not optional")
    if ways > MOST_WAYS:
        raise PhraseError(f"phrase {text!r} can be read in {ways} ways; expected at most {MOST_WAYS}: write it as several phrases")
    return Phrase(text, pattern, tuple(dict.fromkeys(start for start in starts if start is not None)), ways)


_Read = tuple[str, int, tuple[str | None, ...]]
"""A pattern, the ways to read it, and the words that it may begin with, None where it may stand for no word."""


@final
class _Parser:
    """By recursive descent."""

    def __init__(self, text: str, tokens: list[re.Match[str]]) -> None:
        self.text = text
        self.tokens = tokens
        self.at = 0
        self.depth = 0

    def alternatives(self, inside: bool) -> _Read:
        branches = [self.sequence(inside)]
        while self._next() == "|":
            self.at += 1
            branches.append(self.sequence(inside))
        longest = sorted((pattern for pattern, _, _ in branches), key=len, reverse=True)
        pattern = f"(?:{'|'.join(longest)})"
        starts = tuple(start for _, _, begins in branches for start in begins)
        ways = _together([(begins, ways) for _, ways, begins in branches])
        if not inside:
            return pattern, ways, starts
        if self._next() != ")":
            raise PhraseError(f"phrase {self.text!r}: a bracket is not closed; expected ')'")
        self.at += 1
        if self._next() != "?":
            return pattern, ways, starts
        self.at += 1
        return f"{pattern}?", ways + 1, (*starts, None)

    def sequence(self, inside: bool) -> _Read:
        pattern, ways, starts = "", 1, (None,)
        while self._next() is not None and self._next() != "|" and not (inside and self._next() == ")"):
            found, more, begins = self.part(self.tokens[self.at], first=None in starts)
            pattern, ways = pattern + found, min(ways * more, _MANY)
            if None in starts:
                starts = (*(start for start in starts if start is not None), *begins)
        return pattern, ways, starts

    def part(self, token: re.Match[str], first: bool) -> _Read:
        self.at += 1
        if token["gap"]:
            count = int(token["count"][:4])
            if not 1 <= count <= MOST_GAP:
                raise PhraseError(f"phrase {self.text!r}: ~{token['count']} is a gap of {count} words; expected 1 to {MOST_GAP}")
            if first:
                raise PhraseError(f"phrase {self.text!r}: a gap stands before the first word; expected one between words")
            return f"(?:[^ ;]+ ){{0,{count}}}?", count + 1, (None,)
        if token["mark"] == "(":
            self.depth += 1
            if self.depth > _DEEPEST:
                raise PhraseError(f"phrase {self.text!r}: brackets are nested deeper than {_DEEPEST}")
            found = self.alternatives(inside=True)
            self.depth -= 1
            return found
        if token["mark"]:
            raise PhraseError(f"phrase {self.text!r}: {token['mark']!r} has no bracket before it; expected (a|b) or (optional)?")
        word = token["word"]
        if not word.strip("*"):
            raise PhraseError(f"phrase {self.text!r}: a word of * alone stands for any; expected letters, or a gap such as ~1")
        pattern = re.escape(word).replace(r"\*", "[^ ]*") + " "
        return pattern, 1 + word.count("*"), (pattern,)

    def _next(self) -> str | None:
        """The mark that comes next, empty for a word or a gap, None at the end."""
        return (self.tokens[self.at]["mark"] or "") if self.at < len(self.tokens) else None


def _together(branches: list[tuple[tuple[str | None, ...], int]]) -> int:
    """Ways to read one of several: those that begin with different plain words exclude each other, others add up."""
    apart: dict[str, int] = {}
    anyhow = 0
    for begins, ways in branches:
        if any(start is None or "*" in start for start in begins):
            anyhow += ways
        else:
            for start in set(begins):
                apart[start or ""] = apart.get(start or "", 0) + ways
    return max(apart.values(), default=0) + anyhow
