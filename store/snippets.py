"""Sections of reports into rows: the section, its sentences, and the references to images in them.

A section that is in the bank already, word for word, is left as it is. One that changed takes the place of what was there, with its
sentences and references; where there are fewer now, the rest is taken back.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, final

from .language import language_of
from .references import find_references
from .sentences import sentences

if TYPE_CHECKING:
    from .bank import Bank
    from .commit import Commit
    from .key import SecretKey

Place = tuple[str, str, int]
"""Study, section, position: which of several sections of that name."""

_PLACE = ("study", "section", "position")
_BLOCK = 4_000
"""Sections whose rows are in memory at once."""
_ELSEWHERE = "comparison"
"""What this section refers to are images of other examinations."""


@dataclass(frozen=True)
class SnippetCounts:
    """What was new."""

    sections: int = 0
    sentences: int = 0
    references: int = 0


@final
class KnownSnippets:
    """What a bank has of reports, without their text."""

    def __init__(self, bank: Bank) -> None:
        sections = "SELECT study, section, position, snippet FROM latest_snippets WHERE sentence IS NULL AND snippet IS NOT NULL"
        said = """SELECT study, section, position, max(sentence) + 1 AS n FROM latest_snippets
            WHERE sentence IS NOT NULL AND snippet IS NOT NULL GROUP BY ALL"""
        mined = "SELECT study, section, position, max(number) + 1 AS n FROM latest_references WHERE snippet IS NOT NULL GROUP BY ALL"
        self._bank = bank
        self.sections: dict[Place, str] = {_place(row): row["snippet"] for row in bank.sql(sections).to_pylist()}
        self.sentences: dict[Place, int] = {_place(row): row["n"] for row in bank.sql(said).to_pylist()}
        self.references: dict[Place, int] = {_place(row): row["n"] for row in bank.sql(mined).to_pylist()}

    def has(self, key: SecretKey, place: Place, text: str) -> bool:
        """Whether a section is there word for word, with its sentences: banks of earlier versions have none."""
        return place in self.sentences and self.sections.get(place) == snippet_of(key, place, text)

    def ordinals(self, places: Iterable[Place]) -> dict[str, int]:
        """Ordinals of the sentences at these places by their ids, so that one that stays keeps its vector."""
        studies = {study for study, _, _ in places}
        if not studies:
            return {}
        listed = ", ".join(f"'{study}'" for study in sorted(studies))
        where = f"sentence IS NOT NULL AND snippet IS NOT NULL AND study IN ({listed})"
        rows = self._bank.sql(f"SELECT snippet, ordinal FROM latest_snippets WHERE {where}").to_pylist()
        return {row["snippet"]: row["ordinal"] for row in rows}


def write_snippets(
    commit: Commit,
    key: SecretKey,
    known: KnownSnippets,
    texts: Mapping[Place, str],
    gone: Iterable[Place],
    patients: Mapping[str, str],
) -> SnippetCounts:
    """Append what is new of these sections, and take back those that are gone.

    Args:
        commit: the transaction, entered.
        key: makes ids.
        known: what the bank has.
        texts: sections as they are to be stored.
        gone: sections that are no more.
        patients: whose a study is.
    """
    counts: Counter[str] = Counter()
    waiting = iter(texts.items())
    while block := list(islice(waiting, _BLOCK)):
        changed = [entry for entry in block if not known.has(key, *entry)]
        ordinals = known.ordinals(place for place, _ in changed if place in known.sentences)
        rows: dict[str, list[dict[str, Any]]] = {"snippets": [], "references": []}
        for place, text in changed:
            section, said, mined = _rows(key, place, text, patients[place[0]])
            is_new = known.sections.get(place) != section["snippet"]
            rows["snippets"] += [*([section] if is_new else []), *(row | _kept(row, ordinals) for row in said)]
            rows["references"] += mined
            _take_back(rows, place, range(len(said), known.sentences.get(place, 0)), range(len(mined), known.references.get(place, 0)))
            counts.update(sections=int(is_new), sentences=len(said), references=len(mined))
        _append(commit, rows)
    rows = {"snippets": [], "references": []}
    for place in gone:
        rows["snippets"].append(dict(zip(_PLACE, place, strict=True)))
        _take_back(rows, place, range(known.sentences.get(place, 0)), range(known.references.get(place, 0)))
    _append(commit, rows)
    return SnippetCounts(counts["sections"], counts["sentences"], counts["references"])


def _append(commit: Commit, rows: Mapping[str, Sequence[dict[str, Any]]]) -> None:
    new = [row for row in rows["snippets"] if row.get("snippet") and "ordinal" not in row]
    first = commit.reserve(len(new)) if new else 0
    for place, row in enumerate(new):
        row["ordinal"] = first + place
    for table, listed in rows.items():
        commit.append(table, listed)


def _rows(key: SecretKey, place: Place, text: str, patient: str) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
    """The rows of a section, of its sentences, and of their references; none has an ordinal yet."""
    named = dict(zip(_PLACE, place, strict=True))
    owned = named | {"patient": patient}
    spans = sentences(text)
    language = language_of(text)
    section = owned | {"snippet": snippet_of(key, place, text), "text": text, "language": language}
    said: list[dict[str, Any]] = []
    for number, (start, stop) in enumerate(spans):
        part = text[start:stop]
        name = key.pseudonym("snippet", *map(str, place), str(number), part)
        where = {"sentence": number, "start": start, "stop": stop}
        said.append(owned | where | {"snippet": name, "language": language_of(part, language)})
    starts = [start for start, _ in spans]
    mined = [
        named
        | {"snippet": said[bisect_right(starts, one.start) - 1]["snippet"], "number": number, "start": one.start, "stop": one.stop}
        | {"series_number": one.series, "first_image": one.first, "last_image": one.last}
        | {"other_exam": one.other_exam or place[1] == _ELSEWHERE}
        for number, one in enumerate(find_references(text, spans))
    ]
    return section, said, mined


def snippet_of(key: SecretKey, place: Place, text: str) -> str:
    """The id of a section: a keyed digest of where it stands and what it says."""
    return key.pseudonym("snippet", *map(str, place), text)


def _kept(row: Mapping[str, Any], ordinals: Mapping[str, int]) -> dict[str, int]:
    """The ordinal of a sentence that was there already: its vector stays."""
    return {"ordinal": ordinals[row["snippet"]]} if row["snippet"] in ordinals else {}


def _take_back(rows: Mapping[str, list[dict[str, Any]]], place: Place, sentences: Iterable[int], references: Iterable[int]) -> None:
    named = dict(zip(_PLACE, place, strict=True))
    rows["snippets"].extend(named | {"sentence": number} for number in sentences)
    rows["references"].extend(named | {"number": number} for number in references)


def _place(row: Mapping[str, Any]) -> Place:
    return row["study"], row["section"], row["position"]
