"""Tables made small again: one file with the latest row of each key, in the place of one file for each append."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import duckdb
import pyarrow as pa
import zarr

from .commit import Commit
from .fresh import FRESH, is_fresh_whole
from .schema import SEQ, TABLES
from .snapshot import TABLES_GROUP, Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable

FILE_ROWS = 5_000_000
"""Rows of one merged file at most."""
_PLACE = "place_"


def merge_tables(commit: Commit, snapshot: Snapshot, tables: Iterable[str] = TABLES) -> tuple[int, int]:
    """List merged files for the tables that have more than one file or a row that a later one superseded.

    `snapshot` is what the commit builds on.

    Returns:
        The number of files that are no longer listed, and of rows that are not in any.
    """
    files = rows = 0
    for table in tables:
        listed = snapshot.files(table)
        if not listed:
            continue
        data = snapshot.table(table).to_table()
        kept = latest_rows(table, data)
        if len(listed) == 1 and kept.num_rows == data.num_rows:
            continue
        relist(commit, snapshot, table, kept)
        files += len(listed)
        rows += data.num_rows - kept.num_rows
    return files, rows


def relist(commit: Commit, snapshot: Snapshot, table: str, data: pa.Table) -> None:
    """Make `data`, rows with their `seq`, all that a table holds."""

    def keys(owner: str, column: str) -> set[Any]:
        try:
            return set(snapshot.table(owner).to_table(columns=[column])[column].to_pylist())
        except (OSError, pa.ArrowException):  # a damaged table is for whoever reads it to tell of
            return set()

    fresh = {FRESH: True} if is_fresh_whole(table, data, keys) else {}
    parts = [data.slice(at, FILE_ROWS) for at in range(0, data.num_rows, FILE_ROWS)]
    entries = [commit.write_rows(table, part) | fresh for part in parts]
    group = cast("zarr.Group", commit.root[f"{TABLES_GROUP}/{table}"])
    group.attrs["files"] = cast("Any", entries)


def latest_rows(table: str, data: pa.Table) -> pa.Table:
    """The last row of each key, in the order in which they were written. `data` is in that order."""
    key = ", ".join(f'"{name}"' for name in TABLES[table].key)
    placed = data.append_column(_PLACE, pa.array(range(data.num_rows), pa.int64()))
    with duckdb.connect(":memory:", config={"temp_directory": ""}) as con:
        con.execute("SET enable_progress_bar = false")
        con.register("written", placed)
        order = f"PARTITION BY {key} ORDER BY {SEQ} DESC, {_PLACE} DESC"
        query = f"SELECT * FROM written QUALIFY row_number() OVER ({order}) = 1 ORDER BY {_PLACE}"
        return con.sql(query).to_arrow_table().drop_columns([_PLACE]).cast(data.schema)
