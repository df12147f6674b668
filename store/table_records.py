"""A table of labels or reports as a header and records, whatever the file: CSV, JSON Lines or Parquet, by the name's ending."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager
from pathlib import Path

from .csv_records import Records, open_records
from .errors import TableError

JSON_LINES = (".jsonl", ".ndjson")
PARQUET = (".parquet", ".pq")


def open_table(
    path: Path, known: Collection[str], columns: tuple[str, ...] = (), ignored: Collection[str] = ()
) -> AbstractContextManager[Records]:
    """Opens a table. What is no ending of another format is read as CSV.

    Args:
        path: the file.
        known: lower-case column names that speak for a delimiter.
        columns: the column names, for a CSV that has no header line.
        ignored: columns, as the file names them, that may hold anything.

    Raises:
        TableError: as the formats' own functions do, or `columns` is given for a format that names its columns.
    """
    ending = path.suffix.lower()
    if columns and ending in (*JSON_LINES, *PARQUET):
        raise TableError(f"{path.name}: --columns names the columns of a CSV without a header line; this format names its own")
    if ending in JSON_LINES:
        from .jsonl_records import open_jsonl

        return open_jsonl(path, ignored)
    if ending in PARQUET:
        from .parquet_records import open_parquet

        return open_parquet(path, ignored)
    return open_records(path, known, columns)
