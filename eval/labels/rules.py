"""Labels by rules of language: what each sentence says of each finding, and what a report says altogether."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final

from ...store.sections import sections
from ...store.sentences import sentences
from .context import Context, Judged
from .finding import FindingSet, Says
from .matching import Matcher
from .statuses import ABSENT, PRESENT, UNCERTAIN, UNMENTIONED, Status
from .words import read_words

SILENT_SECTIONS = ("history", "comparison", "technique")
"""Sections that speak of why and how the examination was made, and of others: they label nothing."""
MOST_LETTERS = 2000
"""Of a sentence that is read at once. What is longer is no sentence, and is read in pieces, so that time stays linear in the text."""
_IMPRESSION = "impression"
_SILENT = re.compile(
    r"\W{0,4}(?:\d{1,2}[.)]\s{0,3})?(?:(?:clinical|patient|medical|brief)\s)?(?:indications?|history|information|question|details|data|background|"
    r"reason\s(?:for|of)\s\w{1,20}|comparison|compared\sto\sprior|technique|procedure|exam(?:ination)?|protocol|"
    r"klinik|klinische\sangaben|fragestellung|indikation|anamnese|vergleich|technik)\s?(?::|\s-\s)",
    re.IGNORECASE,
)
_STRONGEST: tuple[Status, ...] = (PRESENT, UNCERTAIN, ABSENT)
_REMEMBERED = 10_000
"""Sentences whose reading is kept: reports repeat many word for word."""
_STATUSES: dict[tuple[Says, Judged], Status] = {
    ("present", "said"): PRESENT,
    ("present", "denied"): ABSENT,
    ("present", "doubted"): UNCERTAIN,
    ("uncertain", "said"): UNCERTAIN,
    ("uncertain", "denied"): ABSENT,
    ("uncertain", "doubted"): UNCERTAIN,
    ("absent", "said"): ABSENT,
}
"""What is probable counts as said or as doubted, as the set has it; combinations that are not here say nothing."""


@final
@dataclass(frozen=True)
class Told:
    """What one sentence says of one finding."""

    finding: str
    status: Status
    section: str
    sentence: str
    words: str
    """Those that name it, as `read_words` gives them."""


@final
class RuleLabeler:
    """Reads reports for the findings of one set."""

    def __init__(self, found: FindingSet) -> None:
        self.findings = found
        self._matcher = Matcher(found)
        self._context = Context()
        self._read: dict[str, tuple[tuple[int, Status, str], ...]] = {}

    def label(self, text: str) -> dict[str, Status]:
        """Finding to status of a whole report, for every finding of the set."""
        return self.label_sections(sections(text))

    def label_sections(self, parts: Sequence[tuple[str, str]]) -> dict[str, Status]:
        """As `label`, of a report that is in sections already: (section, text) in order."""
        said: list[set[tuple[Status, bool]]] = [set() for _ in self.findings.findings]
        for section, sentence in _sentences(parts):
            for index, status, _ in self._sentence(sentence):
                said[index].add((status, section == _IMPRESSION))
        return self._together([_altogether(one) for one in said], any(text.strip() for _, text in parts))

    def explain(self, text: str) -> Iterator[Told]:
        """Every mention that counts, in order, with the sentence that it stands in."""
        for section, sentence in _sentences(sections(text)):
            for index, status, words in self._sentence(sentence):
                yield Told(self.findings.findings[index].name, status, section, sentence, words)

    def _sentence(self, sentence: str) -> tuple[tuple[int, Status, str], ...]:
        known = self._read.get(sentence)
        if known is None:
            if len(self._read) >= _REMEMBERED:
                self._read.clear()
            known = self._read[sentence] = tuple(self._mentions(sentence))
        return known

    def _mentions(self, text: str) -> Iterator[tuple[int, Status, str]]:
        words = read_words(text)
        candidates = self._matcher.candidates(words)
        if not candidates or _SILENT.match(text):
            return
        sentence = self._context.read(words)
        for match in self._matcher.matches(sentence, candidates):
            status = self._status(match.says, sentence.judge(match.start, match.end, whole=match.says == ABSENT))
            if status is not None:
                yield match.finding, status, words[match.start : match.end].strip()

    def _status(self, says: Says, judged: Judged) -> Status | None:
        if judged == "probable":
            judged = "said" if self.findings.probable == PRESENT else "doubted"
        return _STATUSES.get((says, judged))

    def _together(self, statuses: list[Status], spoken: bool) -> dict[str, Status]:
        found = dict(zip(self.findings.names, statuses, strict=True))
        self._with_implied(found, [name for name, status in found.items() if status == PRESENT])
        for finding in self.findings.findings:
            others = [found[other] for other in finding.none_of]
            if spoken and others and not {PRESENT, UNCERTAIN} & set(others):
                found[finding.name] = PRESENT
                self._with_implied(found, [finding.name])
        return found

    def _with_implied(self, found: dict[str, Status], present: list[str]) -> None:
        """Make present what these imply, and what that implies in turn, whatever the order in the set."""
        implies = {finding.name: finding.implies for finding in self.findings.findings}
        while present:
            more = [name for name in implies[present.pop()] if found[name] != PRESENT]
            found.update(dict.fromkeys(more, PRESENT))
            present += more


def _altogether(said: set[tuple[Status, bool]]) -> Status:
    """Present before uncertain before absent; what the findings doubt and the impression denies is absent."""
    statuses = {status for status, _ in said}
    if UNCERTAIN in statuses and (ABSENT, True) in said and (UNCERTAIN, True) not in said:
        statuses.discard(UNCERTAIN)
    for status in _STRONGEST:
        if status in statuses:
            return status
    return UNMENTIONED


def _sentences(parts: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """(section, sentence) of the sections that label."""
    for section, body in parts:
        if section not in SILENT_SECTIONS:
            for start, end in sentences(body):
                for at in range(start, end, MOST_LETTERS):  # one step, for any sentence that a person wrote
                    yield section, body[at : min(end, at + MOST_LETTERS)]
