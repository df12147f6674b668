"""The views of a snapshot, each made when a query first names it: making all of them costs more than most answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, final

import duckdb

from .schema import SEQ, TABLES
from .snapshot import Snapshot
from .sql_vectors import vector_views
from .sql_views import HISTORY, VIEWS

# What asks which views there are. Comments are taken away first.
_LISTS = re.compile(
    r"information_schema|duckdb_|pragma|pg_|sqlite_|catalog|(?:^|[(;]|\*/)\s*(?:describe|desc|show|summarize)\b", re.IGNORECASE
)
# Where our own views name others.
_FROM = re.compile(r'\b(?:FROM|JOIN)\s+"?(\w+)')
_COMMENT = re.compile(r"/\*.*?\*/|--[^\n]*", re.DOTALL)


@final
@dataclass(frozen=True)
class _View:
    """Something that a query can name: a selection from others, or what Python holds."""

    name: str
    select: Callable[[], str] = str
    source: Callable[[], Any] | None = None


@final
class Views:
    """The views on one connection.

    A view is made where its name is anywhere in a query's text, which may be one too many but is not one too few, unless a query
    puts a name together or lists what there is: `make_all` is for those.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, snapshot: Snapshot, sources: Mapping[str, Callable[[], Any]]) -> None:
        """`sources`: further tables by name."""
        self._con = con
        self._snapshot = snapshot
        self._waiting: dict[str, _View] = {}
        for view in (*_table_views(snapshot), *(_View(name, source=source) for name, source in sources.items())):
            self._waiting[view.name.lower()] = view
        self._sets_known = False

    def make_for(self, query: str) -> None:
        """What this query needs."""
        plain = _COMMENT.sub(" ", query)
        if _LISTS.search(query) or _LISTS.search(plain):
            self.make_all()
        else:
            self._make_named(query)

    def make_all(self) -> bool:
        """Everything; whether there was anything left to make."""
        self._know_sets()
        left = bool(self._waiting)
        while self._waiting:
            self._make(next(iter(self._waiting)))
        return left

    def _make_named(self, text: str) -> None:
        lower = text.lower().replace('""', '"')
        if "/" in lower or "vectors_" in lower:
            self._know_sets()
        for name in [name for name in self._waiting if name in lower]:
            self._make(name)

    def _make(self, name: str) -> None:
        view = self._waiting.pop(name, None)
        if view is None:
            return
        try:
            if view.source is not None:
                self._con.register(view.name, view.source())
            else:
                select = view.select()
                for other in _FROM.findall(select):
                    self._make(other)
                self._con.execute(f'CREATE VIEW "{view.name.replace(chr(34), chr(34) * 2)}" AS {select}')
        except BaseException:
            self._waiting[name] = view
            raise

    def _know_sets(self) -> None:
        """Every feature set has a slash in its name, so that most queries need not know them."""
        if self._sets_known:
            return
        self._sets_known = True
        for stream, vectors, name, selected in vector_views(self._snapshot.feature_sets):
            self._waiting[stream.lower()] = _View(stream, source=lambda vectors=vectors: vectors)
            self._waiting[name.lower()] = _View(name, lambda selected=selected: selected)


def _table_views(snapshot: Snapshot) -> Iterator[_View]:
    for name in TABLES:
        yield _View(HISTORY.format(name), source=lambda name=name: snapshot.table(name))
        yield _View(f"latest_{name}", lambda name=name: _latest(snapshot, name))
    for name, select in VIEWS.items():
        yield _View(name, lambda select=select: select(snapshot))


def _latest(snapshot: Snapshot, name: str) -> str:
    key = ", ".join(f'"{column}"' for column in TABLES[name].key)
    every = f'SELECT * FROM "{HISTORY.format(name)}"'
    # going through a million keys to find that each is there once takes as long as all the rest
    return every if snapshot.is_fresh(name) else f"{every} QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {SEQ} DESC) = 1"
