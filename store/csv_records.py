"""A delimited text file as a header and records, each with the line it starts on."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .errors import TableError

DELIMITERS = (",", ";", "\t")
MAX_CELL = 4_000_000
"""Characters in one cell. The csv module's own limit, 131,072, is too small for a long report; without one a lost quote eats a file."""
_CHUNK = 1 << 20
_BINARY = {b"PK\x03\x04": "a spreadsheet or zip file", b"\xd0\xcf\x11\xe0": "an old Excel file", b"PAR1": "Parquet", b"\x1f\x8b": "gzip"}


@dataclass(frozen=True)
class Records:
    """An open table. `rows` gives (line, cells) once; records without any text are passed over."""

    header: tuple[str, ...]
    """Column names without the blanks around them."""
    rows: Iterator[tuple[int, list[str]]]
    encoding: str


@contextmanager
def open_records(path: Path, known: Collection[str], columns: tuple[str, ...] = ()) -> Iterator[Records]:
    """Opens a table: UTF-8 (with or without a byte order mark), UTF-16 with one, else Latin-1.

    The delimiter is the one of `,` `;` tab that gives the first record most names of `known` (lower case), then most cells.

    Args:
        path: the file.
        known: lower-case column names that speak for a delimiter.
        columns: the column names, for a table that has no header line.

    Raises:
        TableError: no such file, not a text table, no record at all, a quote that is never closed, a cell over
            `MAX_CELL`, or a record whose number of cells differs from the header's (while `rows` is read).
    """
    # The csv module has one limit for the whole process, so it is put back.
    limit = csv.field_size_limit(MAX_CELL)
    try:
        encoding = _encoding(path)
        first, delimiter = _first_record(path, encoding, known, len(columns))
        with path.open(encoding=encoding, newline="") as file:
            rows = _rows(csv.reader(file, delimiter=delimiter, strict=True), path.name)
            if not columns:
                next(rows)
            elif [c.strip() for c in first] == list(columns):
                raise TableError(f"{path.name}: line 1 is a header line of the names given; leave out --columns")
            header = columns or tuple(c.strip() for c in first)
            yield Records(header, _even(rows, len(header), path.name), "utf-8" if encoding == "utf-8-sig" else encoding)
    except OSError as error:
        raise TableError(f"table {str(path)!r} cannot be read: {error.strerror or type(error).__name__}") from error
    finally:
        csv.field_size_limit(limit)


def _encoding(path: Path) -> str:
    if path.is_dir():
        raise TableError(f"table {str(path)!r} is a folder; expected a CSV file")
    if not path.exists():
        raise TableError(f"table {str(path)!r} does not exist; expected a CSV file")
    with path.open("rb") as file:
        start = file.read(4)
    if not start:
        raise TableError(f"{path.name}: the table is empty; expected a header line and rows")
    for magic, what in _BINARY.items():
        if start.startswith(magic):
            way = "let its name end in .parquet" if what == "Parquet" else "save it as CSV (UTF-8)"
            raise TableError(f"{path.name}: this is {what}; expected text, so {way}")
    encodings = ("utf-16",) if start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else ("utf-8-sig", "latin-1")
    for encoding in encodings:
        if _decodes(path, encoding):
            return encoding
    raise TableError(f"{path.name}: starts as UTF-16 but is not; save it as CSV (UTF-8)")


def _decodes(path: Path, encoding: str) -> bool:
    line = 1
    try:
        with path.open(encoding=encoding, newline="") as file:
            while text := file.read(_CHUNK):
                if (at := text.find("\0")) >= 0:
                    line += text.count("\n", 0, at)
                    raise TableError(f"{path.name}: line {line} holds a NUL character, which no text has; save the table as CSV (UTF-8)")
                line += text.count("\n")
    except UnicodeError:
        return False
    return True


def _first_record(path: Path, encoding: str, known: Collection[str], columns: int) -> tuple[list[str], str]:
    best: tuple[tuple[int, int], list[str], str] | None = None
    problem: TableError | None = None
    for delimiter in DELIMITERS[:1] if columns == 1 else DELIMITERS:  # one column has no delimiter to tell by
        with path.open(encoding=encoding, newline="") as file:
            try:
                cells = next((c for _, c in _rows(csv.reader(file, delimiter=delimiter, strict=True), path.name)), None)
            except TableError as error:
                problem = problem or error
                continue
        if cells is None:
            raise TableError(f"{path.name}: the table is empty; expected a header line and rows")
        # Without a header line nothing is known but how many cells there must be.
        score = (len(cells) == columns, 0) if columns else (sum(c.strip().lower() in known for c in cells), len(cells))
        if best is None or score > best[0]:
            best = (score, cells, delimiter)
    if best is None:
        raise problem or TableError(f"{path.name}: no header line was found")
    return best[1], best[2]


def _rows(reader: Iterator[list[str]], name: str) -> Iterator[tuple[int, list[str]]]:
    line = 1
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise TableError(f"{name}: line {line}: {_why(error)}") from None
        if cells is None:
            return
        if any(cell and not cell.isspace() for cell in cells):
            yield line, cells
        line = reader.line_num + 1  # pyright: ignore[reportAttributeAccessIssue]  (the csv reader's class has no name to annotate with)


def _why(error: csv.Error) -> str:
    text = str(error)
    if "field larger" in text:
        return f"a cell is over {MAX_CELL:,} characters; is a quote missing?"
    if "unexpected end" in text:
        return "a quoted cell is opened here and never closed; double the quotes within a quoted cell"
    if "expected after" in text:
        return "text follows the closing quote of a cell; double the quotes within a quoted cell"
    return f"this is not CSV ({text})"


def _even(rows: Iterator[tuple[int, list[str]]], width: int, name: str) -> Iterator[tuple[int, list[str]]]:
    for line, cells in rows:
        if len(cells) != width:
            raise TableError(
                f"{name}: line {line} has {len(cells)} cells, expected {width} as there are columns; quote cells that hold the delimiter"
            )
        yield line, cells
