"""Table files, byte for byte: of the newest snapshot, and of every older one that can be read."""

from __future__ import annotations

import hashlib
import io
from collections import defaultdict
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import ScanbankError
from ..schema import TABLES
from ..snapshot import TableFile
from .case import FIRST, Case
from .findings import Finding
from .history import not_whole
from .tables import Delist, remade

_COPY = "restore it from a copy of the bank"


def check_tables(case: Case) -> Iterator[Finding]:
    """Every file that a kept snapshot lists is what was committed and holds the rows that are said of it."""
    snapshots = [name for name in case.kept if name != FIRST]
    case.progress.start("reading tables", len(snapshots))
    seen: dict[tuple[str, TableFile], str] = {}
    older: dict[str, list[str]] = defaultdict(list)
    for name in snapshots:
        case.progress.advance()
        for table, file in case.table_files(name):
            if (table, file) not in seen:
                seen[table, file] = _problem(case, table, file)
            problem = seen[table, file]
            if problem and name == case.head.snapshot:
                yield _of_head(case, table, file, problem)
            elif problem:
                older[f"{_path(table, file)} {problem}"].append(name)
    for why, names in older.items():
        yield not_whole(case, names, why)


def _problem(case: Case, table: str, file: TableFile) -> str:
    try:
        data = case.place.read(_path(table, file))
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read ({error.strerror or error})"
    if len(data) != file.bytes or hashlib.sha256(data).hexdigest() != file.sha256:
        return "is not what was committed"
    try:
        about = pq.ParquetFile(io.BytesIO(data))
    except (pa.ArrowException, OSError) as error:
        return f"is no Parquet file ({error})"
    if extra := sorted(set(about.schema_arrow.names) - set(TABLES[table].schema.names)):
        return f"has columns that are not known: {', '.join(extra)}"
    return "" if about.metadata.num_rows == file.rows else f"has {about.metadata.num_rows:,} rows, expected {file.rows:,}"


def _of_head(case: Case, table: str, file: TableFile, problem: str) -> Finding:
    name = _path(table, file)
    if put_back := case.byte_put_back(name, file.bytes, file.sha256):
        return Finding("error", name, f"{problem}: one byte of it has changed", "--repair puts it back: the digest proves it", put_back)
    try:
        cure = remade(case, table, file)
    except (ScanbankError, pa.ArrowException, OSError):
        cure = None
    if cure:
        how = "--repair makes it again from older files, which hold the same rows: the digest proves it"
        return Finding("error", name, problem, how, cure)
    rows = f"{file.rows:,} row{'s' if file.rows != 1 else ''} of table {table!r}"
    how = f"{_COPY}; --repair sets it aside, and {rows} are lost"
    return Finding("error", name, f"{problem}: it held {rows}", how, Delist(table, file.name, file.rows))


def _path(table: str, file: TableFile) -> str:
    return f"tables/{table}/{file.name}"
