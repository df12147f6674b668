"""Rows given column by column: millions of them without an object for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from .errors import UnknownNameError, UsageError
from .schema import TABLES

_compute: Any = pc  # its functions are made when it is imported, where no type checker sees them
CHUNK_ROWS = 2**20
"""Rows of a chunk. What stands in every row is held once and counts for all chunks."""


def rows_of_columns(table: str, columns: Mapping[str, Any], rows: int) -> pa.Table:
    """Rows of a table, without `seq`; columns of text are dictionary-encoded, columns left out are null.

    Args:
        table: its name.
        columns: by name an array (rows,), of numpy or Arrow, or what stands in every row: a number, a text, a time, None. For texts that
            come again and again give `pyarrow.DictionaryArray.from_arrays(codes, texts)`.
        rows: how many.

    Raises:
        UnknownNameError: the table has no such column.
        UsageError: `rows` is below 0, a column has another length, or holds what it cannot.
    """
    if rows < 0:
        raise UsageError(f"{rows} rows of table {table!r} are given; expected 0 or more")
    known = dict(TABLES[table].columns)
    if extra := set(columns) - set(known):
        raise UnknownNameError(f"column of {table}", sorted(extra)[0], known)
    made = {name: _column(f"{name!r} of table {table!r}", columns.get(name), kind, rows) for name, kind in known.items()}
    return pa.table(made)


def repeated(value: Any, kind: pa.DataType, rows: int) -> pa.ChunkedArray:
    """(rows,) of one value. Its chunks are one array, so that it takes the memory of CHUNK_ROWS."""
    whole, rest = divmod(rows, CHUNK_ROWS)
    one = pa.array([value], kind)
    codes = np.zeros(min(rows, CHUNK_ROWS), np.int8)
    if pa.types.is_string(kind) and value is not None:
        chunk: pa.Array = pa.DictionaryArray.from_arrays(pa.array(codes), one)
    else:
        chunk = one.take(pa.array(codes))
    return pa.chunked_array([chunk] * whole + ([chunk.slice(0, rest)] if rest else []), type=chunk.type)


def _column(what: str, value: Any, kind: pa.DataType, rows: int) -> pa.ChunkedArray:
    try:
        if not isinstance(value, np.ndarray | pa.Array | pa.ChunkedArray):
            return repeated(value, kind, rows)
        if isinstance(value, np.ndarray) and value.ndim != 1:
            raise UsageError(f"column {what} has shape {value.shape}; expected ({rows},)")
        if len(value) != rows:
            raise UsageError(f"column {what} has {len(value)} values; expected {rows}, one for each row")
        given = value if isinstance(value, pa.ChunkedArray) else pa.chunked_array([pa.array(value)])
        return _encoded(given, kind)
    except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"column {what} holds what is no {kind}: {str(error).splitlines()[0]}") from error


def _encoded(given: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if not pa.types.is_string(kind):
        return given.cast(kind)
    if not pa.types.is_dictionary(given.type):
        if not (pa.types.is_string(given.type) or pa.types.is_large_string(given.type) or pa.types.is_null(given.type)):
            raise TypeError(f"it is of type {given.type}")
        given = given.cast(kind).dictionary_encode()
    if not pa.types.is_string(cast("pa.DictionaryType", given.type).value_type):
        raise TypeError(f"it is of type {given.type}")
    return given


def has_distinct_rows(rows: pa.Table, columns: list[str]) -> bool:
    """Whether no two rows are equal in all of these columns; null equals null. In numbers alone, without an object for each row."""
    place, span = np.zeros(rows.num_rows, np.int64), 1
    for column in columns:
        codes, count = _codes(rows[column])
        if span > np.iinfo(np.int64).max // count:
            found, place = np.unique(place, return_inverse=True)
            span = len(found)  # at most the rows, and so are the codes: their product fits
        at = 0
        for part in codes:
            place[at : at + len(part)] = place[at : at + len(part)] * count + part
            at += len(part)
        span *= count
    if span <= 8 * len(place):
        seen = np.zeros(span, bool)
        seen[place] = True
        return int(seen.sum()) == len(place)
    place.sort()
    return not bool((place[1:] == place[:-1]).any())


def _codes(column: pa.ChunkedArray) -> tuple[Iterator[NDArray[np.int64]], int]:
    """Numbers below the second answer, in parts, equal where the values are; null is 0."""
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    chunks = cast("list[pa.DictionaryArray]", column.unify_dictionaries().chunks)
    if not chunks:
        return iter(()), 1
    held = chunks[0].dictionary.dictionary_encode()  # a dictionary that somebody else made may hold a value twice, or null
    of_value = np.append(_or_null(held.indices) + 1, 0)
    starts = ((chunk, start) for chunk in chunks for start in range(0, len(chunk), CHUNK_ROWS))
    return (of_value[_or_null(chunk.slice(start, CHUNK_ROWS).indices)] for chunk, start in starts), len(held.dictionary) + 1


def _or_null(indices: pa.Array) -> NDArray[np.int64]:
    """As numpy has them, -1 for null."""
    return _compute.fill_null(indices.cast(pa.int64()), -1).to_numpy(zero_copy_only=False)
