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
MOST_LETTERS = 400
"""Of one phrase."""
_MANY = 1_000_000
_TOKEN = re.compile(r"\s*(?:(?P<gap>~(?P<count>\d+))|(?P<mark>[()|?])|(?P<word>[\w*'%<>+.,:]+))")


@final
@dataclass(frozen=True)
class Phrase:
    """A phrase, and the pattern that finds it in words that `words.py` has put one space apart, each followed by a space."""

    text: str
    pattern: str
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
    pattern, ways, least = parser.alternatives(inside=False)
    if least == 0:
        raise PhraseError(f"phrase {text!r} could stand for no word at all; expected at least one that is not optional")
    if ways > MOST_WAYS:
        raise PhraseError(f"phrase {text!r} can be read in {ways} ways; expected at most {MOST_WAYS}: write it as several phrases")
    return Phrase(text, pattern, ways)


@final
class _Parser:
    """By recursive descent; each step gives (pattern, ways to read it, fewest words)."""

    def __init__(self, text: str, tokens: list[re.Match[str]]) -> None:
        self.text = text
        self.tokens = tokens
        self.at = 0

    def alternatives(self, inside: bool) -> tuple[str, int, int]:
        branches = [self.sequence(inside)]
        while self._next() == "|":
            self.at += 1
            branches.append(self.sequence(inside))
        if not inside:
            patterns = "|".join(pattern for pattern, _, _ in branches)
            return f"(?:{patterns})", sum(ways for _, ways, _ in branches), min(least for _, _, least in branches)
        if self._next() != ")":
            raise PhraseError(f"phrase {self.text!r}: a bracket is not closed; expected ')'")
        self.at += 1
        pattern = f"(?:{'|'.join(pattern for pattern, _, _ in branches)})"
        ways, least = sum(ways for _, ways, _ in branches), min(least for _, _, least in branches)
        if self._next() != "?":
            return pattern, ways, least
        self.at += 1
        return f"{pattern}?", ways + 1, 0

    def sequence(self, inside: bool) -> tuple[str, int, int]:
        pattern, ways, least = "", 1, 0
        while self._next() is not None and self._next() != "|" and not (inside and self._next() == ")"):
            found, more, fewest = self.part(self.tokens[self.at])
            pattern, ways, least = pattern + found, min(ways * more, _MANY), least + fewest
        return pattern, ways, least

    def part(self, token: re.Match[str]) -> tuple[str, int, int]:
        self.at += 1
        if token["gap"]:
            count = int(token["count"][:4])
            if not 1 <= count <= MOST_GAP:
                raise PhraseError(f"phrase {self.text!r}: ~{token['count']} is a gap of {count} words; expected 1 to {MOST_GAP}")
            return f"(?:[^ ;]+ ){{0,{count}}}?", count + 1, 0
        if token["mark"] == "(":
            return self.alternatives(inside=True)
        if token["mark"]:
            raise PhraseError(f"phrase {self.text!r}: {token['mark']!r} has no bracket before it; expected (a|b) or (optional)?")
        word = token["word"]
        if not word.strip("*"):
            raise PhraseError(f"phrase {self.text!r}: a word of * alone stands for any; write ~1")
        return re.escape(word).replace(r"\*", "[^ ]*") + " ", 1 + word.count("*"), 1

    def _next(self) -> str | None:
        """The mark that comes next, empty for a word or a gap, None at the end."""
        return (self.tokens[self.at]["mark"] or "") if self.at < len(self.tokens) else None
