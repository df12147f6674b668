"""Parquet as a header and records. Rows are counted from 1."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from .csv_records import MAX_CELL, Records
from .errors import TableError

_ROWS = 1_024
"""In memory at once."""
_INDEX = re.compile(r"__index_level_\d+__")
"""What pandas calls an index without a name."""


@contextmanager
def open_parquet(path: Path, ignored: Collection[str] = ()) -> Iterator[Records]:
    """Opens a Parquet file whose columns are text, numbers or booleans. Null is an empty cell.

    Raises:
        TableError: no such file, no Parquet, damaged, or a column that is none of `ignored` is of another type (lists, structures, dates,
            bytes). Messages give the row and never a value.
    """
    try:
        # Opened by us, so that what is no file is told by the system and not by Arrow.
        with path.open("rb") as file, _reading(path.name):
            table = pq.ParquetFile(file)
            schema = table.schema_arrow
            fields = [field for field in schema if not _INDEX.fullmatch(field.name)]
            for field in fields:
                if field.name.strip() not in ignored and not _is_plain(field.type):
                    raise TableError(
                        f"{path.name}: column {field.name[:64]!r} is of type {str(field.type)[:64]}; expected text, numbers or booleans; "
                        "write it as text, or leave it out with --ignore"
                    )
            if not table.metadata.num_rows:
                raise TableError(f"{path.name}: the table has no rows")
            read = [field.name for field in fields if field.name.strip() not in ignored]
            yield Records(
                tuple(field.name.strip() for field in fields), _rows(table, [field.name for field in fields], read, path.name), "utf-8"
            )
    except OSError as error:
        what = (
            "is a folder" if path.is_dir() else "does not exist" if not path.exists() else f"cannot be read: {error.strerror or 'damaged'}"
        )
        raise TableError(f"table {str(path)!r} {what}; expected a Parquet file") from error


@contextmanager
def _reading(name: str) -> Iterator[None]:
    """Arrow's complaints in words."""
    try:
        yield
    except pa.ArrowException as error:
        raise TableError(f"{name}: this is no Parquet file, or it is damaged ({type(error).__name__}); write it again") from error


def _is_plain(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_plain(kind.value_type)  # pyright: ignore[reportAttributeAccessIssue] - of a dictionary
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating, pa.types.is_null)
    return any(test(kind) for test in tests)


def _rows(table: pq.ParquetFile, header: list[str], read: list[str], name: str) -> Iterator[tuple[int, list[str]]]:
    """`read`: those columns of `header` that are not left out."""
    row = 0
    for batch in table.iter_batches(batch_size=_ROWS, columns=read, use_threads=False):
        empty = [None] * batch.num_rows
        try:
            columns = [batch.column(column).to_pylist() if column in read else empty for column in header]
        except UnicodeDecodeError:
            raise TableError(f"{name}: a text of rows {row + 1} to {row + batch.num_rows} is not UTF-8; write the table again") from None
        for at in range(batch.num_rows):
            row += 1
            cells = [_cell(column[at], f"{name}: row {row}: column {header[i]!r}") for i, column in enumerate(columns)]
            if any(cell and not cell.isspace() for cell in cells):
                yield row, cells


def _cell(value: Any, what: str) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))  # a whole number beside gaps, as pandas writes it
    text = str(value)
    if len(text) > MAX_CELL:
        raise TableError(f"{what} holds over {MAX_CELL:,} characters")
    if "\0" in text:
        raise TableError(f"{what} holds a NUL character, which no text has")
    return text
