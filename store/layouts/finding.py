"""Tables of a collection, found by what their columns are called: they are renamed when they are downloaded one by one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

from ..errors import TableError, UsageError
from ..table_records import open_table

ENDING = ".csv"


@final
@dataclass(frozen=True)
class FoundTable:
    """A table that may be one of a collection."""

    path: Path
    columns: tuple[str, ...]
    named: bool
    """Whether the user gave it, so that it has to be one."""


def find_tables(roots: Sequence[Path], named: Sequence[Path]) -> tuple[FoundTable, ...]:
    """CSV files among and below the roots, and tables that were named, each once, in an order that depends on names alone.

    Hidden files and links to folders are not looked at. What is no table at all is passed over, unless it was named.

    Raises:
        UsageError: a root does not exist.
        TableError: a table that was named cannot be read.
    """
    if missing := [str(root) for root in roots if not root.exists()]:
        raise UsageError(f"no such file or folder: {', '.join(missing)}")
    given = [*named, *(root for root in roots if is_table(root))]
    below = [path for root in roots if root.is_dir() for path in _below(root)]
    found: dict[Path, FoundTable] = {}
    for path, by_name in (*((path, True) for path in given), *((path, False) for path in below)):
        if path.resolve() in found:
            continue
        try:
            with open_table(path, ()) as records:
                found[path.resolve()] = FoundTable(path, records.header, by_name)
        except TableError:
            if by_name:
                raise
    return tuple(found.values())


def is_table(path: Path) -> bool:
    """Whether a path that was given is a table and no place of scans."""
    return path.suffix.lower() == ENDING and path.is_file()


def _below(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(folder, name) for name in sorted(files) if name.lower().endswith(ENDING) and not name.startswith("."))
