"""Report text without what names a person: names, dates, numbers and addresses become tags such as [NAME].

Rules, not a model: they work offline and alike everywhere, and a reader can see why a word went. What they cannot promise:

- A name that nothing announces ("Smith was informed"), or in lower case, stays unless it is among the `known` strings: give
  the names and numbers of the scan's header there. A known name that is also a word of medicine ("Herz", "Long") goes
  wherever it stands.
- Hospitals and wards, rare diagnoses, jobs, families, ages (also over 89) and bare years stay. Together with other knowledge
  they may point to somebody.
- Dates with typing errors, numbers of up to six digits that no label announces, and languages other than English and German
  are hit by luck only.
- Now and then a measurement or a classification that is written like a date goes too.

So scrubbed text is kept at less risk; it is not released without people looking at it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from re import Match, Pattern

from .scrub_needs import Need, Sight, folded, said
from .scrub_rules import KEEP, KEEP_NEED, MASK, RULES

TAGS = tuple(dict.fromkeys(rule.tag for rule in RULES))
"""What may stand in square brackets: NAME, DATE, TIME, ID, PHONE, EMAIL, URL, ADDRESS."""
MIN_KNOWN = 3
"""Characters of the shortest known string that is looked for; initials would take half the text with them."""
_LONG_NUMBER = 5
"""Digits from which a known number is hidden wherever it stands. A shorter one may also be part of a measurement, and then stays."""
_NO_MEASURE = r"(?![.,:x×*/-]\d|[ ]?(?:mm|cm|ml|cc|HU|HE|kVp?|mAs?|mSv|mGy|mg|kg|Uhr|h|min|ms|x|×)(?!\w)|[ ]?%)"

# What no rule may change: tags, places in a scan, and the mask's own character should a text hold it.
_FIXED = re.compile(rf"\[(?:{'|'.join(TAGS)})\]|{MASK}|{KEEP.pattern}")
_COMMON = frozenset(["von", "van", "der", "den", "del", "della", "dos", "the", "and", "und", "med", "herr", "frau", "mrs", "miss", "prof"])
_BETWEEN = re.compile(r"[\s^=,]+")
_UMLAUTS = (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ß", "ss"))


def scrub(text: str, known: Iterable[str] = ()) -> str:
    """The text with tags in place of names, dates, times, numbers, phones, addresses; see the module for what it cannot do.

    Takes time linear in the text. Scrubbing twice changes nothing more. The result is in Unicode's composed form (NFC).

    Args:
        text: a report, or a part of one, in English or German.
        known: what is known to name the patient, such as the name (also as DICOM's `DOE^JANE`), ids and accession number of the
            header. Looked for as whole words in any case, each part of a name too; strings under `MIN_KNOWN` characters are
            not, nor are numbers of 3 or 4 digits in a measurement or in the number of an image.
    """
    known_pattern, known_need = _known_pattern(known)
    text = unicodedata.normalize("NFC", text)
    while True:
        # What was hidden may bare something else, so go on until nothing is found. Each turn leaves less text outside of tags.
        before, kept = text, list[str]()
        sight = Sight(text)
        if "[" in text or MASK in text or KEEP_NEED(sight):
            kept = [match[0] for match in _FIXED.finditer(text)]
            sight = _after(sight, _FIXED, MASK)
        if known_pattern and known_need(sight):
            sight = _after(sight, known_pattern, _tag_of_known)
        for rule in RULES:
            if rule.need(sight):
                sight = _after(sight, rule.pattern, _Hide(rule.tag))
        text = sight.text
        if kept:
            text = "".join(part for pair in zip(text.split(MASK), [*kept, ""], strict=True) for part in pair)
        if text == before:
            return text


def _after(sight: Sight, pattern: Pattern[str], put: str | Callable[[Match[str]], str]) -> Sight:
    text = pattern.sub(put, sight.text)
    return sight if text == sight.text else Sight(text)


@dataclass(frozen=True)
class _Hide:
    tag: str

    def __call__(self, match: Match[str]) -> str:
        start = match.start()
        return f"{match[0][: match.start('hide') - start]}[{self.tag}]{match[0][match.end('hide') - start :]}"


def _tag_of_known(match: Match[str]) -> str:
    return "[ID]" if any(c.isdigit() for c in match[0]) else "[NAME]"


def _known_pattern(known: Iterable[str]) -> tuple[Pattern[str] | None, Need]:
    """What matches them, and what a match cannot do without."""
    words = {word for name in known for word in _known_words(unicodedata.normalize("NFC", name))}
    if not words:
        return None, said()
    # The longest first, so that a whole name goes before its parts.
    spelled = "|".join(map(_loosely, sorted(words, key=lambda word: (-len(word), word))))
    parts = {max(_BETWEEN.split(folded(word)), key=len) for word in words}
    return re.compile(rf"(?<![^\W_])(?:{spelled})(?:['’]?s)?(?![^\W_])", re.IGNORECASE), said(*sorted(parts))


def _loosely(name: str) -> str:
    """A pattern for the name, whatever stands between its parts."""
    if name.isdigit() and len(name) < _LONG_NUMBER:
        return rf"(?<![.,:x×*/-]){name}{_NO_MEASURE}"
    return r"[\s^,=]{1,3}".join(map(re.escape, _BETWEEN.split(name)))


def _known_words(name: str) -> Iterator[str]:
    name = name.strip("^=, \t\r\n")
    if len(name) < MIN_KNOWN:
        return
    yield from _spellings(name)
    for part in _BETWEEN.split(name):
        shortest = _LONG_NUMBER if any(c.isdigit() for c in part) else MIN_KNOWN
        if len(part) >= shortest and part.lower() not in _COMMON:
            yield from _spellings(part)


def _spellings(name: str) -> Iterator[str]:
    """As given, and with German umlauts written out, made plain, or written in."""
    spelled = written_in = name.lower()
    for umlaut, letters in _UMLAUTS:
        spelled = spelled.replace(umlaut, letters)
        written_in = written_in.replace(letters, umlaut)
    plain = "".join(c for c in unicodedata.normalize("NFD", name.lower()) if not unicodedata.combining(c))
    yield from {name.lower(), spelled, plain, written_in}
