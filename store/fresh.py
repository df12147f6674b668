"""Whether the rows of an append are the first of their keys: where all of a table's are, its latest rows are all its rows.

It is worked out at each commit and never claimed. For `volumes` and `runs` by looking at the keys that are there; for the large tables
below them by this: a slice is the first of its key if its volume is new in the same commit, as a volume has slices only once it is there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, final

import pyarrow as pa

from .column_rows import has_distinct_rows
from .schema import TABLES

FRESH = "fresh"
"""What a snapshot's list says of a file."""
_OWNERS = {"slices": ("volumes", "volume"), "metrics": ("runs", "run"), "predictions": ("runs", "run")}
_OWNING = dict(_OWNERS.values())
_FILES = 256
"""Of more files the keys are not looked up: that would cost each commit more than it saves queries. `compact` makes few of them."""


@final
class Freshness:
    """Of the appends within one commit."""

    def __init__(self, listed: Callable[[str], Sequence[Any]], keys: Callable[[str, str], set[Any] | None]) -> None:
        """`listed`: the entries of a table's files so far, `keys`: the values of a column in them, None where they cannot be read.

        Both with what this commit appended before.
        """
        self._listed = listed
        self._keys = keys
        self._new: dict[str, set[Any]] = defaultdict(set)
        self._seen: dict[str, set[Any]] = defaultdict(set)

    def of(self, table: str, rows: pa.Table) -> bool:
        """Whether no row has the key of another one, here or in what was appended before. False where that is not known."""
        if table in _OWNING:
            return self._owning(table, rows)
        if table not in _OWNERS or not self._so_far(table):
            return False
        owner, column = _OWNERS[table]
        owners = set(rows[column].unique().to_pylist())
        fresh = owners <= self._new[owner] and owners.isdisjoint(self._seen[table])
        self._seen[table] |= owners
        return fresh and _unique(table, rows)

    def _owning(self, table: str, rows: pa.Table) -> bool:
        below = [name for name, (owner, _) in _OWNERS.items() if owner == table]
        if len(self._listed(table)) > _FILES or not any(map(self._so_far, (table, *below))):
            return False
        if (before := self._keys(table, _OWNING[table])) is None:
            return False
        keys = set(rows[_OWNING[table]].unique().to_pylist())
        new = keys - before
        self._new[table] |= new
        return new == keys and _unique(table, rows)

    def _so_far(self, table: str) -> bool:
        """Once one file of a table is not fresh, nothing is won by the others."""
        return all(entry.get(FRESH, False) for entry in self._listed(table))


def is_fresh_whole(table: str, rows: pa.Table, owner_keys: Callable[[str, str], set[Any]]) -> bool:
    """Whether all rows of a table, put into one file, may be listed as fresh. `owner_keys`: the values of a column of another table.

    A row below a volume or run that is not there would be taken for new a second time when its owner comes, so that none may be.
    """
    if not _unique(table, rows):
        return False
    return table not in _OWNERS or set(rows[_OWNERS[table][1]].unique().to_pylist()) <= owner_keys(*_OWNERS[table])


def _unique(table: str, rows: pa.Table) -> bool:
    return has_distinct_rows(rows, list(TABLES[table].key))
