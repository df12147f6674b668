"""SQL over a snapshot: DuckDB views, read-only. One SELECT, no files, no network, configuration locked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from threading import Event, Lock, Timer
from typing import Any

import duckdb
import pyarrow as pa

from .digests import canonical_json
from .errors import QueryError
from .schema import TABLES
from .snapshot import Snapshot
from .specs import FeatureKey
from .sql_lazy import Views
from .sql_macros import MACROS
from .sql_views import HISTORY

_FEATURE_SETS = (
    *((name, pa.string()) for name in ("name", "encoder", "version", "window", "kind", "layer")),
    ("items", pa.int64()),
    ("dim", pa.int64()),
    *((name, pa.string()) for name in ("dtype", "digest", "weights", "view")),
    ("declared", pa.bool_()),
)
# Names of ours that SQL keeps for itself.
_RESERVED = ("window", "references")


_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "python_enable_replacements": "false",  # a Python variable is no table
    "autoinstall_known_extensions": "false",
    "temp_directory": "",  # what does not fit into memory is refused: patients' data are not spilled into whatever folder this is
}
_BATCH_ROWS = 100_000


def connect(snapshot: Snapshot) -> tuple[duckdb.DuckDBPyConnection, Views]:
    """A connection, already locked down, and the views it can have. Whoever calls this closes it.

    Raises:
        BankDamagedError: the snapshot cannot be read.
    """
    _ = snapshot.root
    con = duckdb.connect(":memory:", config=_CONFIG)
    for macro in MACROS:
        con.execute(macro)
    con.execute("SET enable_progress_bar = false")  # it would stand in the midst of answers
    con.execute("SET enable_external_access = false")
    con.execute("SET lock_configuration = true")
    return con, Views(con, snapshot, {"feature_sets": lambda: feature_set_table(snapshot)})


class Queries:
    """SQL over one snapshot. The connection is made at the first query and kept, with the views that queries have named so far.

    Threads may share it; they wait for one another.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._lock = Lock()
        self._open: tuple[duckdb.DuckDBPyConnection, Views] | None = None

    def run(self, query: str, timeout_s: float | None = None) -> pa.Table:
        """The answer to one SELECT statement as an Arrow table. Columns of one name are told apart as DuckDB does: `study`, `study_1`.

        Raises:
            QueryError: it is not one SELECT, DuckDB refuses it, or it takes longer than `timeout_s` seconds.
            BankDamagedError: a table's file is missing or damaged.
        """
        with self._lock:
            if self._open is None:
                self._open = connect(self._snapshot)
            con, views = self._open
            try:
                with _asking(con, query, self._snapshot, timeout_s):
                    answer = _selected(con, views, query).to_arrow_table()
                    return answer.rename_columns(_distinct(answer.column_names))
            except BaseException:  # whatever state an error or Ctrl-C left, the next query does not meet it
                con.close()
                self._open = None
                raise

    def close(self) -> None:
        """Let go of the connection and what it holds; the next query makes another."""
        with self._lock:
            if self._open is not None:
                self._open[0].close()
                self._open = None

    def stream(self, query: str, timeout_s: float | None = None) -> pa.RecordBatchReader:
        """As `run`, read as it is worked out: an answer larger than memory is one batch at a time. On a connection of its own.

        The first batch is worked out at once, so that what is refused is refused here.
        """
        con, views = connect(self._snapshot)
        batches = self._stream(con, views, query, timeout_s)
        return pa.RecordBatchReader.from_batches(next(batches), batches)

    def _stream(self, con: duckdb.DuckDBPyConnection, views: Views, query: str, timeout_s: float | None) -> Iterator[Any]:
        """The schema, then the batches."""
        try:
            with _asking(con, query, self._snapshot, timeout_s):
                reader = _selected(con, views, query).to_arrow_reader(_BATCH_ROWS)
                schema = pa.schema(
                    [field.with_name(name) for field, name in zip(reader.schema, _distinct(reader.schema.names), strict=True)]
                )
                first = next(reader, None)
                yield schema
                if first is not None:
                    yield first.rename_columns(schema.names)
                for batch in reader:
                    yield batch.rename_columns(schema.names)
        finally:
            con.close()


def _selected(con: duckdb.DuckDBPyConnection, views: Views, query: str) -> duckdb.DuckDBPyRelation:
    statements = con.extract_statements(query)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        what = f"{len(statements)} statements" if len(statements) != 1 else f"a statement of type {statements[0].type.name}"
        raise QueryError(f"expected one SELECT, found {what}; the bank is read-only")
    views.make_for(query)
    try:
        return con.sql(query)
    except (duckdb.CatalogException, duckdb.BinderException):
        # a name that the text does not show, or none at all: then the error suggests one of those that there are
        if not views.make_all():
            raise
        return con.sql(query)


@contextmanager
def _asking(con: duckdb.DuckDBPyConnection, query: str, snapshot: Snapshot, timeout_s: float | None) -> Iterator[None]:
    """Around a query: errors in words, and an end to it after `timeout_s` seconds."""
    late = Event()

    def stop() -> None:
        late.set()
        con.interrupt()

    timer = Timer(timeout_s, stop) if timeout_s else None
    if timer:
        timer.daemon = True
        timer.start()
    try:
        yield
    except (duckdb.Error, pa.ArrowException, OverflowError) as error:
        if late.is_set():
            raise QueryError(f"no answer within {timeout_s:g} s; ask for less, or allow more time") from error
        for name in set(re.findall(HISTORY.format(r"(\w+)"), str(error))) & set(TABLES):
            snapshot.check(name)
        text = " ".join(str(error).split())
        if isinstance(error, duckdb.ParserException) and (word := next((w for w in _RESERVED if w in query.lower()), None)):
            text += f' ({word} is a word of SQL: write it as "{word}", in double quotes)'
        raise QueryError(text) from error
    finally:
        if timer:
            timer.cancel()


def _distinct(names: list[str]) -> list[str]:
    """Each name once; case tells none apart, as in SQL."""
    taken: set[str] = set()
    distinct: list[str] = []
    for name in names:
        free = name if name.lower() not in taken else next(n for i in count(1) if (n := f"{name}_{i}").lower() not in taken)
        taken.add(free.lower())
        distinct.append(free)
    return distinct


def feature_set_table(snapshot: Snapshot) -> pa.Table:
    """The table `feature_sets`, one row for each set."""
    rows = [_describe(s.key) | {"items": s.rows, "dim": s.dim, "dtype": s.dtype, "declared": s.declared} for s in snapshot.feature_sets]
    schema = pa.schema(_FEATURE_SETS)
    return pa.Table.from_pylist(rows, schema=schema)


def _describe(key: FeatureKey) -> dict[str, Any]:
    return {
        "name": key.name,
        "encoder": key.encoder.name,
        "version": key.encoder.version,
        "window": key.view.window_label,
        "kind": key.kind,
        "layer": key.layer,
        "digest": key.digest,
        "weights": key.encoder.weights,
        "view": canonical_json(key.view),
    }
