"""Many phrases together: which may begin with a word is looked up, so that only those are tried there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import final

from .phrases import parse_phrase

_REMEMBERED = 50_000
"""Words whose phrases are kept."""


@final
class PhraseGroups:
    """Groups of phrases, found in words as `words.read_words` gives them.

    Of one group the longest phrase is found at each place, or the one that is written with most letters.
    """

    def __init__(self, groups: Sequence[Sequence[str]]) -> None:
        self._patterns: list[re.Pattern[str]] = []
        plain: dict[str, list[int]] = {}
        self._begins: list[tuple[re.Pattern[str], int]] = []
        for number, texts in enumerate(groups):
            parsed = sorted((parse_phrase(text) for text in texts), key=lambda phrase: -len(phrase.pattern))
            self._patterns.append(re.compile("|".join(phrase.pattern for phrase in parsed) or "(?!)"))
            for start in dict.fromkeys(start for phrase in parsed for start in phrase.starts):
                if "*" in start:
                    self._begins.append((re.compile(start), number))
                else:
                    plain.setdefault(start[:-1], []).append(number)
        self._plain = {word: tuple(numbers) for word, numbers in plain.items()}
        self._known: dict[str, tuple[int, ...]] = {}

    def tried(self, word: str) -> tuple[int, ...]:
        """Groups with a phrase that may begin with this word."""
        known = self._known.get(word)
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            wild = [number for begins, number in self._begins if begins.fullmatch(word + " ")]
            known = self._known[word] = tuple(sorted({*self._plain.get(word, ()), *wild}))
        return known

    def found(self, words: str) -> list[tuple[int, int, int]]:
        """(group, start, end) of what is found, by its place."""
        known, spans, at = self._known, [], 1
        for word in words[1:].split(" "):
            numbers = known.get(word)
            if numbers is None:
                numbers = self.tried(word)
            for number in numbers:
                match = self._patterns[number].match(words, at)
                if match is not None:
                    spans.append((number, at, match.end()))
            at += len(word) + 1
        return spans
