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
from re import Match, Pattern

from .scrub_rules import KEEP, RULES

TAGS = tuple(dict.fromkeys(tag for tag, _ in RULES))
"""What may stand in square brackets: NAME, DATE, TIME, ID, PHONE, EMAIL, URL, ADDRESS."""
MIN_KNOWN = 3
"""Characters of the shortest known string that is looked for; initials would take half the text with them."""
_MIN_KNOWN_NUMBER = 5  # for a part of a known string: the 120 of "DOE 120" is found in measurements

_TAG = rf"\[(?:{'|'.join(TAGS)})\]"
_TAGGED = re.compile(f"({_TAG})")
_FIXED = re.compile(f"({_TAG}|{KEEP.pattern})")
_COMMON = frozenset("von van der den del della dos the and und med herr frau mrs miss prof".split())
_UMLAUTS = (("ä", "ae"), ("ö", "oe"), ("ü", "ue"))


def scrub(text: str, known: Iterable[str] = ()) -> str:
    """The text with tags in place of names, dates, times, numbers, phones, addresses; see the module for what it cannot do.

    Takes time linear in the text. Scrubbing twice changes nothing more. The result is in Unicode's composed form (NFC).

    Args:
        text: a report, or a part of one, in English or German.
        known: what is known to name the patient, such as the name (also as DICOM's `DOE^JANE`), ids and accession number of the
            header. Looked for as whole words in any case, each part of a name too; strings under `MIN_KNOWN` characters are not.
    """
    text = unicodedata.normalize("NFC", text)
    rules = [*_known_rules(known)]
    while True:
        # A replaced word may bare another, so go on until nothing is found. Each turn leaves less text outside of tags.
        before = text
        for tag, pattern in rules:
            text = _outside(_TAGGED, text, _hider(tag, pattern))
        for tag, pattern in RULES:
            text = _outside(_FIXED, text, _hider(tag, pattern))
        if text == before:
            return text
