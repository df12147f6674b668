"""Phrases compiled together: one regular expression for many, and the words they may begin with."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import final

from .phrases import parse_phrase

_BEFORE = "(?<= )"


@final
class Phrases:
    """Several phrases as one pattern over what `words.read_words` gives. At one place the longest text wins, and matches do not overlap."""

    def __init__(self, texts: Sequence[str]) -> None:
        parsed = sorted((parse_phrase(text) for text in texts), key=lambda phrase: -len(phrase.pattern))
        self.starts = tuple(dict.fromkeys(start for phrase in parsed for start in phrase.starts))
        self._pattern = re.compile(_BEFORE + "(?:" + "|".join(phrase.pattern for phrase in parsed) + ")") if parsed else None

    def spans(self, words: str, start: int = 0, end: int | None = None) -> Iterator[tuple[int, int]]:
        if self._pattern is not None:
            for match in self._pattern.finditer(words, start, len(words) if end is None else end):
                yield match.span()

    def any(self, words: str, start: int = 0, end: int | None = None) -> bool:
        return next(self.spans(words, start, end), None) is not None


def begins(starts: Sequence[str]) -> re.Pattern[str]:
    """A pattern that a whole word, with the space after it, fits where a phrase may begin with that word."""
    return re.compile("|".join(starts) or "(?!)")
