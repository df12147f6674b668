"""A free-text report into its sections, by the headings that radiologists write in English and German."""

from __future__ import annotations

import re

from .unheaded import unheaded

HEADINGS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("findings", ("findings", "finding", "report findings", "befund", "befunde", "befundbericht")),
    (
        "impression",
        ("impression", "impressions", "conclusion", "conclusions", "opinion", "summary", "beurteilung", "zusammenfassung", "ergebnis"),
    ),
    (
        "comparison",
        ("comparison", "comparisons", "prior studies", "vergleich", "voraufnahme", "voraufnahmen", "voruntersuchung", "voruntersuchungen"),
    ),
    ("technique", ("technique", "procedure", "protocol", "technik", "untersuchungstechnik", "methode", "methodik")),
    (
        "history",
        (
            *("indication", "indications", "history", "clinical history", "clinical information", "clinical indication", "reason for exam"),
            *("reason for examination", "indikation", "anamnese", "klinik", "klinische angaben", "klinische information"),
            *("fragestellung", "klinische fragestellung", "rechtfertigende indikation"),
        ),
    ),
)
"""Section to the headings that open it. Indication, history and the clinical question are one section."""

_SECTION = {heading: section for section, headings in HEADINGS for heading in headings}
_WORDS = "|".join(heading.replace(" ", "[ \t]") for heading in sorted(_SECTION, key=len, reverse=True))
# A heading opens a line or follows a sentence, and a colon follows it; alone on its line it needs none.
# Each alternative starts at a fixed place, so that the search stays linear.
_HEADING = re.compile(
    rf"(?:(?:^|(?<=[.!?;\"”])[ \t]?)(?:[*#]{{1,3}}[ \t]?)?(?P<inline>{_WORDS})(?:[ \t]?\*{{1,2}})?[ \t]?:(?:\*{{1,2}})?)"
    rf"|(?:^[*#]{{0,3}}[ \t]?(?P<line>{_WORDS})[ \t]?\*{{0,2}}[ \t]?$)",
    re.IGNORECASE | re.MULTILINE,
)


def sections(text: str) -> list[tuple[str, str]]:
    """(section, text) in the report's order: `findings`, `impression`, `comparison`, `technique` or `history`.

    Text before the first heading is `report`. Where no heading opens `findings` or `impression`, sentences tell (`unheaded`): a lone
    "Comparison: none." is followed by the findings without a heading. Sections without text are left out; a section that is
    opened twice is there twice. Headings themselves are part of no text.
    """
    parts: list[tuple[str, str]] = []
    section, start = "report", 0
    for match in _HEADING.finditer(text):
        parts.append((section, text[start : match.start()]))
        section, start = _SECTION[" ".join((match["inline"] or match["line"]).lower().split())], match.end()
    parts.append((section, text[start:]))
    if not any(name in ("findings", "impression") for name, _ in parts):
        return unheaded(text)
    return [(name, body.strip()) for name, body in parts if body.strip()]
