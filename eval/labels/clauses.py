"""Where the reach of a cue ends within a sentence: at "but", and where a comma or "and" begins a clause of its own."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import final

_VERB = re.compile(r"(?<= )(?:is|are|was|were|has|have|had|remains?|appears?|measures?|shows?|demonstrates?|reveals?|seems?|ist|sind) ")
_BREAK = re.compile(r"(?<= )(?:, and|, as well as|,|and|as well as) ")
_JOINED = re.compile(r"(?<= )(?:or|nor|oder) ")
_PASSIVE = re.compile(
    r"(?:not |also |been |clearly )*(?:observed|detected|seen|identified|present|noted|visuali[sz]ed|found|demonstrated"
    r"|appreciated|evident) "
)
_QUANTITY = re.compile(r"(?<= )(?:mild|minimal|moderate|small|large|slight|\d+ (?:mm|cm)) ")
_ARTICLE = re.compile(r"(?:the|there|this|a|an) ")


@final
@dataclass(frozen=True)
class Reach:
    """Places in the words of a sentence that cues do not reach across."""

    ends: tuple[int, ...]
    """In both directions, ascending."""
    back_ends: tuple[int, ...]
    """What cues that look back do not reach across either."""

    def before(self, start: int) -> int:
        """Where the clause of what begins here begins."""
        at = bisect_right(self.ends, start)
        return self.ends[at - 1] if at else 0

    def after(self, end: int, length: int) -> int:
        """Up to where a cue may stand that looks back on what ends here."""
        at, back = bisect_left(self.ends, end), bisect_left(self.back_ends, end)
        return min([length, *self.ends[at : at + 1], *self.back_ends[back : back + 1]])

    def clause(self, start: int, length: int) -> tuple[int, int]:
        """The clause that holds this place."""
        at = bisect_right(self.ends, start)
        return self.before(start), self.ends[at] if at < len(self.ends) else length


def reach(words: str, ends: list[int], back_ends: list[int], denials: list[int]) -> Reach:
    """The places that end a reach: those of cues, semicolons, and commas between clauses.

    Args:
        words: of the sentence, as `read_words` gives them.
        ends: where words such as "but" stand.
        back_ends: where words such as "which" stand.
        denials: where "no" and the like stand, which may speak for several things up to the verb: "no A, B or C was seen".
    """
    hard = [place for place in ends if not _VERB.match(words, words.find(" ", place) + 1)]
    hard += [match.start() for match in re.finditer("; ", words)]
    hard.sort()
    breaks = [match.span() for match in _BREAK.finditer(words)]
    found = list(hard)
    last = 0
    for number, (start, end) in enumerate(breaks):
        at = bisect_right(hard, start)
        last = max([last, *hard[max(at - 1, 0) : at]])
        following = breaks[number + 1][0] if number + 1 < len(breaks) else len(words)
        following = min([following, *hard[at : at + 1]])
        denied = bisect_left(denials, last) < bisect_left(denials, start)
        if _begins_clause(words, (last, start, end, following), denied):
            found.append(start)
            last = start
    return Reach(tuple(sorted(set(found))), tuple(sorted(back_ends)))


def _begins_clause(words: str, places: tuple[int, int, int, int], denied: bool) -> bool:
    last, start, end, following = places
    verb = _VERB.search(words, end, following)
    if verb is None or verb.start() == end or _JOINED.search(words, end, verb.start()):
        return False
    if _VERB.search(words, last, start):
        return True
    if words[start] != ",":
        return False
    if denied:
        return _PASSIVE.match(words, verb.end()) is None and (words[end - 4 : end] != "and " or _ARTICLE.match(words, end) is not None)
    return _QUANTITY.search(words, last, start) is not None
