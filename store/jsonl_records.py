"""JSON Lines as a header and records: one object a line, its keys the columns."""

from __future__ import annotations

import codecs
import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from .csv_records import MAX_CELL, Records
from .errors import TableError

MAX_LINE = 64_000_000
"""Bytes of one line."""
MAX_COLUMNS = 10_000
_ARRAY = "expected one object a line (JSON Lines), found a JSON array; write each of its objects on a line of its own"


@contextmanager
def open_jsonl(path: Path, ignored: Collection[str] = ()) -> Iterator[Records]:
    """Opens a file of JSON Lines in UTF-8. The columns are all keys that occur, in order; one that a line lacks is empty there.

    Values are text, numbers, true, false or null (empty), and stand in cells as they are written. Blank lines are passed over.

    Raises:
        TableError: no such file, or a line that is no object, not JSON, too long, or holds a key twice, a list or an object, a NUL
            character or half a character. Messages give the line and never a value.
    """
    try:
        header: dict[str, None] = {}
        with path.open("rb") as file:
            for line, found in _objects(file, path.name, ignored):
                header |= dict.fromkeys(found)
                if len(header) > MAX_COLUMNS:
                    raise TableError(
                        f"{path.name}: line {line}: there are over {MAX_COLUMNS:,} different keys; expected the same few in each"
                    )
        if not header:
            raise TableError(f"{path.name}: the table is empty; expected one JSON object a line")
        with path.open("rb") as file:
            yield Records(tuple(name.strip() for name in header), _rows(file, path.name, ignored, tuple(header)), "utf-8")
    except OSError as error:
        what = "is a folder" if path.is_dir() else "does not exist" if not path.exists() else f"cannot be read: {error.strerror}"
        raise TableError(f"table {str(path)!r} {what}; expected a file of JSON Lines") from error


def _rows(file: BinaryIO, name: str, ignored: Collection[str], header: tuple[str, ...]) -> Iterator[tuple[int, list[str]]]:
    for line, found in _objects(file, name, ignored):
        cells = [found.get(column, "") for column in header]
        if any(cell and not cell.isspace() for cell in cells):
            yield line, cells


def _objects(file: BinaryIO, name: str, ignored: Collection[str]) -> Iterator[tuple[int, Mapping[str, str]]]:
    """(line, key to text) of each line that is not blank."""
    line = 0
    while raw := file.readline(MAX_LINE + 1):
        line += 1
        if len(raw) > MAX_LINE:
            raise TableError(f"{name}: line {line} is over {MAX_LINE:,} bytes; expected one object a line")
        raw = raw.removeprefix(codecs.BOM_UTF8) if line == 1 else raw
        if raw.strip():
            yield line, _object(raw, f"{name}: line {line}", ignored)


def _object(raw: bytes, where: str, ignored: Collection[str]) -> Mapping[str, str]:
    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(found)
        if len(made) != len(found):
            raise TableError(f"{where}: a key is given twice; give each its own name")
        return made

    try:
        # Numbers stay as they are written: an id is no float.
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=pairs, parse_int=str, parse_float=str, parse_constant=lambda _: None)
    except UnicodeDecodeError:
        raise TableError(f"{where}: this is not UTF-8; save the table as UTF-8") from None
    except RecursionError:
        raise TableError(f"{where}: values are nested too deeply; expected text, numbers, true, false or null") from None
    except json.JSONDecodeError as error:
        raise TableError(f"{where}: this is not JSON ({error.msg} at character {error.colno}); expected one object a line") from None
    if isinstance(value, list):
        raise TableError(f"{where}: {_ARRAY}")
    if not isinstance(value, dict):
        raise TableError(f"{where}: expected an object of columns, found {_called(value)}")
    return {key: "" if key.strip() in ignored else _cell(key, cell, where) for key, cell in cast("dict[str, Any]", value).items()}


def _cell(key: str, value: Any, where: str) -> str:
    what = f"{where}: column {key[:64]!r}"
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        raise TableError(
            f"{what} holds {_called(value)}; expected text, a number, true, false or null; flatten it, or leave it out with --ignore"
        )
    if len(value) > MAX_CELL:
        raise TableError(f"{what} holds over {MAX_CELL:,} characters")
    if "\0" in value:
        raise TableError(f"{what} holds a NUL character, which no text has")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise TableError(f"{what} holds half a character (a lone surrogate); write the text in UTF-8") from None
    return value


def _called(value: Any) -> str:
    return "a list" if isinstance(value, list) else "an object" if isinstance(value, dict) else "a single value"
