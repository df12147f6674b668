"""Rows of the same key: said twice is kept once, said differently is an error."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .csv_types import KeyKind, LabelCell, TableRow
from .errors import TableError

_WRITTEN = {"present": "1", "absent": "0", "uncertain": "-1", "unmentioned": "nothing"}
_BELONGING = ("patient_id", "group")
"""Ids that say whom a row belongs to: the guard against leakage needs one answer. Others may differ, as studies of an accession do."""


def without_duplicates(rows: Iterable[TableRow], kind: KeyKind, table: str) -> tuple[TableRow, ...]:
    """The rows without those that say the same of the same key again.

    Rows of one key that add to each other, such as other findings or a second report, are all kept. Rows without a key
    (`none`) are all kept: two scans may have the same report.

    Raises:
        TableError: two rows of one key give another value of a finding, an attribute, the split, `patient_id` or `group`.
            Names both lines, never the key, which may name a person.
    """
    if kind == "none":
        return tuple(rows)
    first: dict[object, TableRow] = {}
    several: dict[object, _Said] = {}
    kept: list[TableRow] = []
    for row in rows:
        earlier = first.setdefault(row.key, row)
        if earlier is not row:
            said = several.get(row.key)
            if said is None:
                said = several[row.key] = _Said(kind, table)
                said.add(earlier)
            if not said.add(row):
                continue
        kept.append(row)
    return tuple(kept)


class _Said:
    """What the rows of one key have said so far."""

    def __init__(self, kind: KeyKind, table: str) -> None:
        self._of = "patient_id and slice_number" if kind == "patient_slice" else kind
        self._table = table
        self._facts: dict[str, tuple[int, object, str]] = {}
        self._rows: set[object] = set()

    def add(self, row: TableRow) -> bool:
        """Whether the row says anything that an earlier one did not."""
        for name, value, shown in _facts(row):
            line, before, before_shown = self._facts.setdefault(name, (row.line, value, shown))
            if before != value:
                values = f" as {before_shown} and {shown}" if shown else " differently"
                hint = f"; slice_number is part of a key only with patient_id and no {self._of}" if "slice_number" in row.ids else ""
                raise TableError(f"{self._table}: lines {line} and {row.line} give {name} of the same {self._of}{values}{hint}")
        whole = (row.labels, row.split, *(tuple(sorted(m.items())) for m in (row.ids, row.attributes, row.report)))
        new = whole not in self._rows
        self._rows.add(whole)
        return new


def _facts(row: TableRow) -> Iterator[tuple[str, object, str]]:
    """(what, value, value for a message, empty where it may name a person)."""
    for label in row.labels:
        yield repr(label.finding), label, _shown(label)
    for name, value in row.attributes.items():
        yield f"attribute {name!r}", value, repr(value)
    if row.split:
        yield "split", row.split, row.split
    for name in _BELONGING:
        if name in row.ids:
            yield f"{name!r}", row.ids[name], ""


def _shown(label: LabelCell) -> str:
    return _WRITTEN[label.status] if label.category is None else repr(label.category)
