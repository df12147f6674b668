"""What of a table would enter a bank in clear - names of findings, classes, attributes - and must not name a person.

Guesses by rule, as scrubbing is: what it finds is refused, what it does not find is no proof. Messages give columns and lines,
never a value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from .csv_types import TableRow
from .errors import TableError
from .scrub import scrub
from .vocabulary import allow

FEW_ROWS = 10
"""A column with fewer values is not judged by how many of them differ."""
MOSTLY_DISTINCT = 0.8
"""Share of distinct texts from which a column is taken for free text or identifiers: a class has several members."""

_PERSONAL = """
    accession address adresse birth birthdate birthday dob email geburtsdatum geburtsname geburtstag mrn nachname phone ssn
    surname telefon telephone uid vorname
"""
"""Words of a column's name that announce what names a person."""
_WHOSE = "case doctor family first full given last maiden middle operator patient patienten person physician reader subject"
_WORDS = re.compile(r"[A-Z]?[a-zäöüß]+|[A-ZÄÖÜ]+(?![a-zäöüß])|\d+")
_DIGITS = re.compile(r"(?<!\d)\d{6,}(?!\d)")
_NUMBER = re.compile(r"[+-]?\d{1,4}(?:[.,]\d+)?")
_NAME = re.compile(r"\w[\w .'’-]*\^[\w .'’^-]*|[^\W\d_][\w'’-]+, ?[^\W\d_][\w .'’-]*")
"""DOE^JANE, or Doe, Jane."""


def check_clear(rows: Sequence[TableRow], findings: Iterable[str], table: str) -> None:
    """Looks at everything of a table that a bank would hold in clear.

    Args:
        rows: of the table.
        findings: names of its findings and classes, which the bank holds as they are.
        table: its name, for messages.

    Raises:
        TableError: a finding's name holds a date, a name or a number that stands for a person; or a class or an attribute
            is called as personal data are, holds such values, or is free text: nearly all values differ.
    """
    for name in findings:
        if _tells(name):
            raise TableError(
                f"{table}: column {name!r} would be the name of a finding, and looks like a date, a name or a record number; "
                "--rename it, or leave it out with --ignore"
            )
    columns: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for row in rows:
        for option, name, value in _values(row):
            columns.setdefault((option, name), []).append((row.line, value))
    for (option, name), values in columns.items():
        if why := _why_personal(name, values):
            raise TableError(
                f"{table}: column {name!r} {why}, and would be stored as it is; leave it out with --ignore, --rename it if it is an id, "
                f"or put categories in its place before it is given to --{option}"
            )


def _values(row: TableRow) -> Iterator[tuple[str, str, str]]:
    for label in row.labels:
        if label.category is not None:
            yield "classes", label.finding, label.category
    for name, value in row.attributes.items():
        if allow(name, value) is None:  # others pass through a vocabulary, which lets nothing through
            yield "attributes", name, value


def _why_personal(name: str, values: Sequence[tuple[int, str]]) -> str:
    words = {word.lower() for word in _WORDS.findall(name)}
    whose = words & set(_WHOSE.split())
    if words & set(_PERSONAL.split()) or ("name" in words and (whose or words == {"name"})) or ("id" in words and whose):
        return "is called as personal data are"
    told: dict[str, bool] = {}
    for line, value in values:
        if told.setdefault(value, _tells(value)):
            return f"holds what looks like a date, a name or a record number (line {line})"
    texts = [value for _, value in values if not _NUMBER.fullmatch(value)]
    if len(texts) >= FEW_ROWS and len(set(texts)) > MOSTLY_DISTINCT * len(texts):
        return f"holds {len(set(texts))} different texts in {len(texts)} rows, as free text and identifiers do"
    return ""


def _tells(text: str) -> bool:
    return bool(_DIGITS.search(text) or _NAME.fullmatch(text)) or scrub(text) != text
