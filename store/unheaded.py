"""Sections of a report without headings, by how its sentences begin: what leads in, and what sums up."""

from __future__ import annotations

import re
from itertools import islice

from .sentences import sentences

# Each is looked for at a sentence's beginning only, over a bounded number of characters.
_LEADS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "technique",
        (
            r"(?:[\w-]{1,20}[ ,/-]{1,2}){0,8}(?:CTA?|MDCT|tomograph(?:y|ic)|scans?|images|examination)\b[^.]{0,90}"
            r"\b(?:(?:was|were) (?:performed|obtained|acquired|carried out)|performed (?:with|without))\b",
            r"(?:non-?contrast|contrast-enhanced|axial|helical|spiral)[^.]{0,80}\b(?:was|were) (?:performed|obtained|acquired)\b",
            r"es erfolgte|durchgeführt wurde|die untersuchung erfolgte",
            r"(?:native|spiral|mehrzeilen|kontrastmittel)[^.]{0,60}\b(?:ct|technik|untersuchung)\b",
        ),
    ),
    (
        "comparison",
        (
            r"(?:comparison|reference) (?:is|was) made (?:with|to)|comparison (?:is|was) (?:available|not available)",
            r"no (?:prior|previous|relevant prior) (?:studies|study|imaging|examinations?|films?)\b|none available\b",
            r"(?:zum|als) vergleich (?:liegt|liegen|diente?)\b",
            r"(?:keine )?vor(?:aufnahmen?|untersuchung(?:en)?)[^.]{0,40}\b(?:liegt|liegen|vorliegend|verfügbar)\b",
        ),
    ),
    (
        "history",
        (
            r"(?:the )?patient (?:with|has|had|presents|presented|is an?)\b|\d{1,3}[ -]year[ -]old\b",
            r"(?:clinical )?(?:history|indication)(?: of)?\b|rule out\b|evaluate for\b",
            r"(?:zustand nach|ausschluss|frage nach|der patient|die patientin)\b",
        ),
    ),
)
_SUMMING_UP = re.compile(
    r"(?:in (?:summary|conclusion)|overall(?= ?:)|to summari[sz]e|(?:final )?(?:impression|conclusion|opinion|summary)(?= ?[:.-])"
    r"|zusammenfassend|insgesamt(?= ?:)|beurteilung(?= ?[:.-])|fazit)\b",
    re.IGNORECASE,
)
_LEAD = tuple((section, re.compile("|".join(patterns), re.IGNORECASE)) for section, patterns in _LEADS)
_QUOTE = re.compile(r"(?:(?<=[.!?;])|(?<=[.!?;]\s))\s?[\"“”]\s?(?=\S)")
_AROUND = '"“” \t\r\n'
_MOST_LEADS = 8
"""Sentences before the findings begin, at most."""


def unheaded(text: str) -> list[tuple[str, str]]:
    """(section, text) in order, or one `report` where nothing tells sections apart.

    Sentences at the beginning that tell the technique, the comparison or the history are these; what begins with "In summary" or the like,
    or stands in quotes at the end, is the impression. The rest are the findings.
    """
    spans = sentences(text)
    lead = 0
    parts: list[tuple[str, int, int]] = []
    while lead < min(len(spans), _MOST_LEADS) and (section := _section(text[slice(*spans[lead])])):
        start, stop = spans[lead]
        if parts and parts[-1][0] == section:
            parts[-1] = (section, parts[-1][1], stop)
        else:
            parts.append((section, start, stop))
        lead += 1
    begin = spans[lead][0] if lead < len(spans) else len(text)
    end = _impression(text, spans, lead)
    if lead and not spans[lead:]:  # nothing but leads is no report's beginning
        return [("report", text.strip())] if text.strip() else []
    if not parts and end == len(text):
        return [("report", text.strip())] if text.strip() else []
    parts += [("findings", begin, end), ("impression", end, len(text))]
    found = ((section, text[start:stop].strip(_AROUND if section == "impression" else None)) for section, start, stop in parts)
    return [(section, body) for section, body in found if body]


def _section(sentence: str) -> str:
    return next((section for section, pattern in _LEAD if pattern.match(sentence)), "")


def _impression(text: str, spans: list[tuple[int, int]], lead: int) -> int:
    """Where the impression begins; the text's end where there is none."""
    for start, stop in reversed(spans[lead + 1 :]):
        if _SUMMING_UP.match(text, start, stop):
            return start
    if lead >= len(spans):
        return len(text)
    quotes = list(islice(_QUOTE.finditer(text, spans[lead][0] + 1), 2))
    rest = text[quotes[0].end() :].rstrip() if len(quotes) == 1 else ""
    closed = rest.rstrip('"“” .')
    return quotes[0].start() if closed and not any(mark in closed for mark in '"“”') else len(text)
