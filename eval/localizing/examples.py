"""What reports tell of slices: sentences, and where in which scan they send the reader."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from ...store.errors import UsageError

if TYPE_CHECKING:
    from ...store.bank import Bank

_EMPTY = re.compile(r"[(\[][\s,;/:.-]{0,8}[)\]]")
"""Brackets that held a reference."""
_DOUBLED = re.compile(r"(?:\s{0,4}[,;]){2,}")
"""Commas before and after one."""
_BEFORE = re.compile(r"\s{0,4}[,;]\s{0,4}(?=[)\]])|[\s,;:(\[-]{1,8}(?=[.;,]?$)|\s{1,8}(?=[.,;])")


@final
@dataclass(frozen=True)
class Example:
    """A sentence and a scan."""

    snippet: str
    text: str
    """The sentence without what it says of series and images: an encoder must not read the answer."""
    volume: str
    ordinal: int
    """Of the volume."""
    patient: str
    spans_mm: tuple[tuple[float, float], ...]
    """Lowest and highest z_mm of each image or range of images that it names."""


def examples(bank: Bank) -> tuple[list[Example], int]:
    """Every sentence with a reference that leads to slices of a scan, by scan and then by place in the report; and how many references
    lead to none.

    Raises:
        UsageError: there is none.
    """
    rows = bank.sql("""SELECT r.snippet, r.start - s.start AS start, r.stop - s.start AS stop, s.text, r.low_z_mm, r.high_z_mm, r.volume,
            v.ordinal, v.patient, r.status = 'resolved' AND r.low_z_mm IS NOT NULL AND s.text IS NOT NULL AS known
        FROM "references" r LEFT JOIN snippets s USING (snippet) LEFT JOIN volumes v USING (volume)
        ORDER BY v.ordinal, s.ordinal, r.start""").to_pylist()
    pointers: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        if row["text"] is not None:
            pointers[row["snippet"]].append((row["start"], row["stop"]))
        if row["known"]:
            groups.setdefault((row["snippet"], row["volume"]), []).append(row)
    if not groups:
        told = f"none of {len(rows)} references in reports leads" if rows else "no report refers"
        raise UsageError(
            f"{told} to a slice of the bank's scans, so there is nothing to evaluate; reports that say 'series 2, image 45' come with "
            f"`scanbank ingest {bank.name} SCANS --reports FILE`"
        )
    found = []
    for (snippet, volume), of in groups.items():
        text = without(of[0]["text"], pointers[snippet])
        spans = tuple((row["low_z_mm"], row["high_z_mm"]) for row in of)
        found.append(Example(snippet, text, volume, of[0]["ordinal"], of[0]["patient"], spans))
    return found, sum(not row["known"] for row in rows)


def without(text: str, pointers: Sequence[tuple[int, int]]) -> str:
    """A text without the characters start..stop of each pointer, and without the brackets and commas that only held them."""
    kept, at = [], 0
    for start, stop in sorted(pointers):
        kept.append(text[at : max(at, start)])
        at = max(at, stop)
    kept.append(text[at:])
    bare = _EMPTY.sub(" ", "".join(kept))
    return " ".join(_BEFORE.sub("", _DOUBLED.sub(",", bare)).split()) or " ".join(text.split())
