"""What the cues of a sentence make of a mention (ConText, Harkema et al. 2009): denied, doubted, past, or said."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Literal, final

from .clauses import Reach, reach
from .cues import CUES, TRIGGERS, Cue
from .patterns import PhraseGroups

Judged = Literal["said", "denied", "probable", "doubted", "aside"]
"""`aside` covers what is past, asked for or advised: nothing is said of it."""
_AFTER: dict[Cue, Judged] = {
    "deny_after": "denied",
    "doubt_after": "doubted",
    "probable_after": "probable",
    "past_after": "aside",
    "aside_after": "aside",
}
_BEFORE: dict[Cue, Judged] = {"deny_before": "denied", "doubt_before": "doubted", "probable_before": "probable"}
_OTHERS = re.compile(r"(?<= )(?:,|;|and|with) ")
_QUESTION = re.compile(r"(?<= )\? ")
_NONE = re.compile(r"(?:none|no|absent|negative|nil|not|normal|unremarkable|within normal|0) ")
_SOME = re.compile(
    r"(?:yes|present|positive|small|mild|minimal|moderate|large|marked|severe|trace|tiny|subtle|slight|left|right|bilateral|acute"
    r"|subacute|chronic|stable|unchanged|increased|new|seen|noted|multiple|several|single|\d)"
)
_COUNTED = re.compile(r"(?:there|two|three|four|five|both|few|several|multiple|numerous|an?|\d+) ")
_HEADING = 3
"""A heading begins with one of the first so many words: "Intracranial hemorrhage: none"."""
_VALUE = 10
"""Letters of "there is", which may stand before a denial."""
_ADJACENT = 3
"""Words between a denial and a doubt that it takes in: "no suspicious nodule"; and between "resolved" and what is."""
_BESIDE = 9
"""Words between "versus" and what it weighs."""


@final
class Context:
    """The cues, compiled once."""

    def __init__(self) -> None:
        self._cues = PhraseGroups([TRIGGERS[cue] for cue in CUES])

    def read(self, words: str) -> Sentence:
        """The cues of a sentence, as `read_words` gives its words. Those that share words with a longer one are none."""
        found: dict[Cue, list[tuple[int, int]]] = defaultdict(list)
        reached, last = 0, (0, 0)
        for start, _, end, number in sorted((start, -end, end, number) for number, start, end in self._cues.found(words)):
            if start >= reached or (start, end) == last:
                found[CUES[number]].append((start, end))
                reached, last = end, (start, end)
        places = [start for start, _ in found["deny_after"]]
        reached = reach(words, [start for start, _ in found["end"]], [start for start, _ in found["end_back"]], places)
        return Sentence(words, found, reached)


@final
class Sentence:
    """One sentence, its cues and how far they reach."""

    def __init__(self, words: str, cues: Mapping[Cue, list[tuple[int, int]]], reached: Reach) -> None:
        self.words = words
        self.reach = reached
        self._after = _effects(cues, _AFTER)
        self._beside, self._next = cues.get("doubt_beside", ()), cues.get("deny_next", ())
        self._before = _effects(cues, _BEFORE)

    def judge(self, start: int, end: int, whole: bool = False) -> Judged:
        """What is said of the words from start to end; cues among them count too, unless they are `whole` as they are."""
        if self.words.startswith(": ", end) and self._between(0, start) <= _HEADING and not _COUNTED.match(self.words, 1):
            return self._listed(end + 2)
        if not whole and (within := self._within(start, end)):
            return within
        limit = self.reach.after(end, len(self.words))
        behind = {judged for first, _, judged in self._before if end <= first and (first < limit or self._resumes(first, end))}
        if "denied" in behind or any(self._joins(last, start, _ADJACENT - 1) for _, last in self._next):
            return "denied"
        ahead = self._ahead(start)
        if ahead is not None:
            return ahead
        if "doubted" in behind or self._asked(end):
            return "doubted"
        return "probable" if "probable" in behind or self._weighed(start, end) else "said"

    def _within(self, start: int, end: int) -> Judged | None:
        """What the cues among these words make of them."""
        found: list[Judged] = [judged for first, last, judged in (*self._after, *self._before) if start <= first and last <= end]
        if not found:
            return None
        return "denied" if found.count("denied") else found[-1]

    def _ahead(self, start: int) -> Judged | None:
        """What the cues make of this place that stand before it and look ahead: the last of them, or a denial that takes it in."""
        began = self.reach.before(start)
        found = [effect for effect in self._after if began <= effect[0] and effect[1] <= start]
        if not found:
            return None
        first, _, judged = found[-1]
        if judged == "doubted" or judged == "probable":
            denial = next((last for _, last, other in reversed(found) if other == "denied"), None)
            if denial is not None and (self._between(denial, first) <= _ADJACENT or " or " in self.words[denial - 1 : first]):
                return "denied"
        return judged

    def _listed(self, start: int) -> Judged:
        """What is said of a word that heads a line of its own: "Effusion: none", "Effusion: small"."""
        denied = any(start <= first <= start + _VALUE for first, _, judged in self._after if judged == "denied")
        if denied or _NONE.match(self.words, start):
            return "denied"
        if any(first == start for first, _, judged in self._after if judged != "denied"):
            return "doubted"
        return "said" if _SOME.match(self.words, start) else "aside"

    def _between(self, start: int, end: int) -> int:
        """Words between two places."""
        return self.words.count(" ", start, end)

    def _joins(self, start: int, end: int, most: int) -> bool:
        """Whether so many words at most stand between two places, and no comma or "and"."""
        return start <= end and self._between(start, end) <= most and not _OTHERS.search(self.words, start, end)

    def _resumes(self, first: int, end: int) -> bool:
        """Whether a cue takes a sentence up again after "which ..., ": "the nodule, which was seen before, is no longer seen"."""
        return self.words.startswith(", ", first - 2) and self.reach.before(first) <= end

    def _weighed(self, start: int, end: int) -> bool:
        """Whether it is one side of a "versus"."""
        return any(self._joins(end, first, _BESIDE) or self._joins(last, start, _BESIDE) for first, last in self._beside)

    def _asked(self, end: int) -> bool:
        """Whether a question mark follows, with no bracket, comma or semicolon between."""
        mark = _QUESTION.search(self.words, end)
        return mark is not None and not any(sign in self.words[end : mark.start()] for sign in "(,;")


def _effects(cues: Mapping[Cue, list[tuple[int, int]]], kinds: Mapping[Cue, Judged]) -> list[tuple[int, int, Judged]]:
    """(start, end, what it makes of a mention) of cues of some kinds, by place."""
    found: list[tuple[int, int, Judged]] = [(*span, judged) for cue, judged in kinds.items() for span in cues.get(cue, ())]
    return sorted(found)
