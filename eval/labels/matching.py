"""A finding set compiled: which mentions of which findings the words of a sentence hold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import final

from .context import Sentence
from .finding import FindingSet, Mention, Says
from .measures import lengths_mm, ratios
from .patterns import PhraseGroups

_SKIP = -1
"""In place of the number of a mention: a phrase of the finding's `skip`."""


@final
@dataclass(frozen=True)
class Match:
    """A mention that counts."""

    finding: int
    """Its place in the set."""
    start: int
    end: int
    says: Says


@final
class Matcher:
    """A finding set compiled once for many reports."""

    def __init__(self, found: FindingSet) -> None:
        self._mentions = [(index, mention) for index, finding in enumerate(found.findings) for mention in finding.mentions]
        skips = [finding.skip for finding in found.findings]
        self._phrases = PhraseGroups([mention.phrases for _, mention in self._mentions])
        self._skips = PhraseGroups(skips)
        self._near = PhraseGroups([mention.near for _, mention in self._mentions])
        self._unless = PhraseGroups([mention.unless for _, mention in self._mentions])

    def candidates(self, words: str) -> dict[int, list[tuple[int, int, int]]]:
        """Findings that may be mentioned, each with (length, start, mention) of its phrases, conditions not yet looked at."""
        found: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
        for number, start, end in self._phrases.found(words):
            found[self._mentions[number][0]].append((end - start, start, number))
        return found

    def matches(self, sentence: Sentence, candidates: dict[int, list[tuple[int, int, int]]]) -> Iterator[Match]:
        """Mentions that count. Those of one finding do not overlap: of several that would, the longest counts, be it one of `skip`."""
        for number, start, end in self._skips.found(sentence.words):
            if number in candidates:
                candidates[number].append((end - start, start, _SKIP))
        told = _Conditions(self._near, self._unless, sentence.words)
        for index, spans in candidates.items():
            taken: list[tuple[int, int]] = []
            for length, start, number in sorted(spans, key=lambda span: (-span[0], span[2] != _SKIP, span[1])):
                end = start + length
                if any(start < last and first < end for first, last in taken):
                    continue
                says = None if number == _SKIP else self._says(sentence, number, start, end, told)
                if says is not None:
                    yield Match(index, start, end, says)
                if says is not None or number == _SKIP:
                    taken.append((start, end))

    def _says(self, sentence: Sentence, number: int, start: int, end: int, told: _Conditions) -> Says | None:
        """What a mention says at this place; None where a condition does not hold."""
        mention: Mention = self._mentions[number][1]
        words = sentence.words
        if mention.near and not told.near[number]:
            return None
        clause = sentence.reach.clause(start, len(words))
        if mention.unless and any(clause[0] <= place < clause[1] for place in told.unless[number]):
            return None
        if mention.over_mm is not None:
            return _over(mention.over_mm, [value for place, value in told.lengths_mm if clause[0] <= place < clause[1]])
        if mention.over_ratio is not None:
            return _over(mention.over_ratio, [value for place, value in told.ratios if end <= place < clause[1]])
        return mention.says


@final
class _Conditions:
    """What conditions look at in a sentence: phrases of `near` and `unless` by mention, and numbers. Found once, where a mention asks."""

    def __init__(self, near: PhraseGroups, unless: PhraseGroups, words: str) -> None:
        self._groups = near, unless
        self._words = words

    @cached_property
    def near(self) -> Mapping[int, list[int]]:
        return self._places(self._groups[0])

    @cached_property
    def unless(self) -> Mapping[int, list[int]]:
        return self._places(self._groups[1])

    @cached_property
    def lengths_mm(self) -> list[tuple[int, float]]:
        return lengths_mm(self._words)

    @cached_property
    def ratios(self) -> list[tuple[int, float]]:
        return ratios(self._words)

    def _places(self, groups: PhraseGroups) -> Mapping[int, list[int]]:
        found: dict[int, list[int]] = defaultdict(list)
        for number, start, _ in groups.found(self._words):
            found[number].append(start)
        return found


def _over(limit: float, values: list[float]) -> Says | None:
    return None if not values else "present" if max(values) > limit else "absent"
