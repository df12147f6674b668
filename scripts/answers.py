"""The answer to a query as bytes: JSON, CSV, Parquet, or lines with tabs. Values of types that a format lacks become text."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..store.errors import QueryError
from .options import Format
from .output import cell


def encoded(answer: pa.RecordBatchReader, format: Format) -> Iterator[bytes]:
    """The answer in a format, a piece for each batch: JSON a list of objects, CSV and table with a header line.

    Raises:
        QueryError: a column is of a type that the format cannot hold.
    """
    if format is Format.parquet:
        return _parquet(answer)
    pieces = {Format.json: _json, Format.csv: _csv, Format.table: _lines}[format](answer)
    return (piece.encode() for piece in pieces)


def _tables(answer: pa.RecordBatchReader) -> Iterator[pa.Table]:
    """At least one, so that an answer without rows has a heading."""
    first = next(answer, None)
    yield pa.Table.from_batches([] if first is None else [first], answer.schema)
    yield from (pa.Table.from_batches([batch]) for batch in answer)


def _json(answer: pa.RecordBatchReader) -> Iterator[str]:
    names, before = answer.schema.names, "["
    for table in _tables(answer):
        rows = zip(*columns(table, _finite), strict=True)
        if text := ", ".join(json.dumps(dict(zip(names, row, strict=True)), allow_nan=False) for row in rows):
            yield before + text
            before = ", "
    yield "]\n" if before == ", " else "[]\n"


def _csv(answer: pa.RecordBatchReader) -> Iterator[str]:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(answer.schema.names)
    for table in _tables(answer):
        writer.writerows(zip(*columns(table, _nested_as_json), strict=True))
        yield text.getvalue()
        text.seek(0)
        text.truncate()


def _lines(answer: pa.RecordBatchReader) -> Iterator[str]:
    head = "\t".join(answer.schema.names) + "\n"
    for table in _tables(answer):
        yield head + "".join("\t".join(map(cell, row)) + "\n" for row in zip(*columns(table), strict=True))
        head = ""


def columns(answer: pa.Table, convert: Callable[[Any], Any] = lambda value: value) -> list[list[Any]]:
    """The columns as lists of None, bool, int, float, Decimal, str, and lists and dicts of these, each through `convert`.

    Times are text as in ISO 8601 with a blank for its T, intervals and bytes are written as DuckDB does.

    Raises:
        QueryError: a column is of a type that has no such form.
    """
    found: list[list[Any]] = []
    for name, column in zip(answer.column_names, answer.columns, strict=True):
        try:
            found.append([convert(value) for chunk in column.chunks for value in _values(chunk)])
        except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
            raise _unfit(name, column.type, "printed") from error
    return found


class _Sink(io.RawIOBase):
    """Keeps what is written until it is taken."""

    def __init__(self) -> None:
        self._kept: list[bytes] = []
        self._written = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._written

    def write(self, data: Any) -> int:
        self._kept.append(bytes(data))
        self._written += len(self._kept[-1])
        return len(self._kept[-1])

    def take(self) -> bytes:
        taken = b"".join(self._kept)
        self._kept.clear()
        return taken


def _parquet(answer: pa.RecordBatchReader) -> Iterator[bytes]:
    for field in answer.schema:
        try:
            pq.write_table(pa.schema([field]).empty_table(), io.BytesIO())
        except pa.ArrowNotImplementedError as error:
            raise _unfit(field.name, field.type, "written as Parquet") from error
    sink = _Sink()
    with pq.ParquetWriter(sink, answer.schema) as writer:
        for batch in answer:
            writer.write_batch(batch)
            yield sink.take()
    yield sink.take()


def _unfit(name: str, type: pa.DataType, what: str) -> QueryError:
    return QueryError(f"column {name!r} of type {type} cannot be {what}; cast it, such as CAST({name} AS VARCHAR)")


def _values(array: pa.Array) -> list[Any]:
    kind = array.type
    if isinstance(array, pa.ExtensionArray):
        return _values(array.storage)
    if isinstance(array, pa.DictionaryArray):
        return _values(array.dictionary_decode())
    if pa.types.is_map(kind):
        array = array.cast(pa.list_(pa.struct([("key", kind.key_type), ("value", kind.item_type)])))
        return [None if row is None else {_name(pair["key"]): pair["value"] for pair in row} for row in _values(array)]
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        inner: Iterator[Any] = iter(_values(array.flatten()))
        lengths = pc.list_value_length(array).to_pylist()  # pyright: ignore[reportAttributeAccessIssue]
        return [None if length is None else list(islice(inner, length)) for length in lengths]
    if pa.types.is_struct(kind):
        names = [field.name for field in kind]
        rows = zip(*(_values(child) for child in array.flatten()), strict=True)
        return [
            dict(zip(names, row, strict=True)) if valid else None for row, valid in zip(rows, array.is_valid().to_pylist(), strict=True)
        ]
    if pa.types.is_temporal(kind) and not pa.types.is_interval(kind):
        return [text and _time(text) for text in array.cast(pa.string()).to_pylist()]
    values = array.to_pylist()
    if pa.types.is_interval(kind):
        return [value and _interval(*value) for value in values]
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return [None if value is None else _bytes(value) for value in values]
    return values


def _name(key: Any) -> str:
    return key if isinstance(key, str) else json.dumps(_finite(key))


def _time(text: str) -> str:
    """Arrow's `12:00:01.500000+0000` as `12:00:01.5+00:00`."""
    if text.startswith("<value out of range: "):  # what DuckDB has for the ends of time, and Arrow for centuries beyond counting
        return "-infinity" if "-" in text else "infinity"
    text, plus, zone = text.partition("+")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return f"{text}{plus}{zone[:2]}:{zone[2:]}" if plus else text


def _interval(months: int, days: int, nanoseconds: int) -> str:
    """`1 year 2 months 3 days 04:05:06.5`."""
    years, months = int(months / 12), int(math.fmod(months, 12))
    parts = [f"{n} {unit}{'' if abs(n) == 1 else 's'}" for n, unit in ((years, "year"), (months, "month"), (days, "day")) if n]
    if nanoseconds or not parts:
        seconds, rest = divmod(abs(nanoseconds), 10**9)
        clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}" + (f".{rest:09d}".rstrip("0") if rest else "")
        parts.append(f"-{clock}" if nanoseconds < 0 else clock)
    return " ".join(parts)


def _bytes(value: bytes) -> str:
    r"""Letters as they are, other bytes as `\x0A`."""
    return "".join(chr(byte) if 32 <= byte < 127 and byte not in b"\\'\"" else f"\\x{byte:02X}" for byte in value)


def _finite(value: Any) -> Any:
    """What JSON has: numbers are finite or null, and decimals without places are whole numbers of any size."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal):
        return int(value) if value.as_tuple().exponent == 0 else float(value)
    if isinstance(value, list):
        return [_finite(one) for one in value]
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    return value


def _nested_as_json(value: Any) -> Any:
    return json.dumps(_finite(value), allow_nan=False) if isinstance(value, list | dict) else value
