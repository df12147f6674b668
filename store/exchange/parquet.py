"""Embeddings in Parquet: a column of keys and one of lists, read in batches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ..errors import ExchangeError
from .columns import Column, choose
from .embeddings import Embeddings, check_width, reading, text_keys

_WHAT = "Parquet"
_BATCH = 8192


def open_parquet(path: Path, key: str, key_column: str | None, vector_column: str | None, *, by_slice: bool) -> Embeddings:
    """The columns of one file. The widths of lists are looked through at once, the values are read in batches."""
    with reading(path, _WHAT), pq.ParquetFile(path) as file:
        rows = file.metadata.num_rows
        columns = [_column(field, rows) for field in file.schema_arrow]
        chosen = choose(path, columns, key, key_column=key_column, vector_column=vector_column, by_slice=by_slice)
        keys = text_keys(path, chosen.key, _values(file, chosen.key))
        index = tuple(_values(file, chosen.index)) if chosen.index else None
        vector = file.schema_arrow.field(chosen.vector).type
        dim = _width(path, file, chosen.vector)
        check_width(path, (rows, dim), chosen.vector)
        dtype = np.dtype(_storage(vector).value_type.to_pandas_dtype())

    def blocks(rows: int) -> Iterator[NDArray[Any]]:
        with reading(path, _WHAT), pq.ParquetFile(path) as opened:
            for batch in opened.iter_batches(batch_size=rows, columns=[chosen.vector]):
                lists = _lists(batch.column(0))
                yield lists.flatten().to_numpy(zero_copy_only=False).reshape(len(lists), dim)

    return Embeddings(path.name, path.parent, keys, dim, dtype, blocks, index, chosen.within)


def _storage(kind: Any) -> Any:
    return kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind


def _is_list(kind: Any) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)


def _column(field: pa.Field, rows: int) -> Column:
    kind = _storage(field.type)
    if _is_list(kind):
        width = kind.list_size if pa.types.is_fixed_size_list(kind) else -1
        value = kind.value_type
        return Column(field.name, (rows, width), f"list of {value}", pa.types.is_integer(value) or pa.types.is_floating(value))
    return Column(field.name, (rows,), str(kind), False, pa.types.is_integer(kind))


def _values(file: pq.ParquetFile, name: str) -> list[Any]:
    return [value for batch in file.iter_batches(batch_size=_BATCH, columns=[name]) for value in batch.column(0).to_pylist()]


def _lists(column: pa.Array) -> Any:
    return column.storage if isinstance(column, pa.ExtensionArray) else column


def _width(path: Path, file: pq.ParquetFile, name: str) -> int:
    """That of all lists of a column.

    Raises:
        ExchangeError: lists differ in width, are missing, or lack a value.
    """
    kind = _storage(file.schema_arrow.field(name).type)
    if pa.types.is_fixed_size_list(kind) and _says_whole(file, name):
        return kind.list_size
    width, other, missing = -1, 0, 0
    for batch in file.iter_batches(batch_size=_BATCH, columns=[name]):
        lists = _lists(batch.column(0))
        missing += lists.null_count + lists.drop_null().flatten().null_count
        lengths = pc.list_value_length(lists).drop_null().to_numpy(zero_copy_only=False)  # pyright: ignore[reportAttributeAccessIssue]
        if width < 0 and len(lengths):
            width = int(lengths[0])
        other += int(np.sum(lengths != width))
    if missing:
        raise ExchangeError(f"{path}: column {name!r} lacks {missing} vectors or values; expected none to be null")
    if other:
        raise ExchangeError(f"{path}: {other} of the lists in {name!r} have another width than the first, {width}; expected one width")
    return max(width, 0)


def _says_whole(file: pq.ParquetFile, name: str) -> bool:
    """Whether the file's statistics say that a column of lists has no null, neither a list nor a value."""
    metadata = file.metadata
    for group in (metadata.row_group(i) for i in range(metadata.num_row_groups)):
        leaves = [c for c in map(group.column, range(group.num_columns)) if c.path_in_schema.split(".")[0] == name]
        if len(leaves) != 1 or leaves[0].statistics is None or leaves[0].statistics.null_count != 0:
            return False
    return True
