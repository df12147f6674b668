"""Tables of labels and reports, in CSV, JSON Lines or Parquet: one rule for what the columns are.

The key is the most specific column present of `path` (relative to the table's folder), `series_uid`, `accession`, `study_uid`,
`patient_id` + `slice_number`, `patient_id`; the other id columns, and `group`, are kept beside it. `split`, `report`, `findings` and
`impression` are what they say. These names are known in any case; all others keep their spelling. Every other column is a finding,
or named by an option. Nothing here touches a bank.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from .csv_columns import RESERVED, Columns, assign
from .csv_duplicates import without_duplicates
from .csv_guard import check_clear
from .csv_rows import RowReader
from .csv_types import KeyKind, LabelCell, ParsedTable, Section, Split, Status, TableOptions, TableRow
from .errors import TableError, UnknownNameError
from .table_records import open_table

__all__ = ["KeyKind", "LabelCell", "ParsedTable", "Section", "Split", "Status", "TableOptions", "TableRow", "read_table", "read_tables"]


def read_table(path: Path, options: TableOptions, *, want: Literal["labels", "reports"]) -> ParsedTable:
    """Reads a table of labels or reports; the module says by which rule.

    A finding's cell is 1, 0, -1 (uncertain, CheXpert's convention) or nothing (unknown: no `LabelCell`). A table without a key
    is read if it has a report column. The whole table is in memory; reports and labels are what it takes.

    Args:
        path: JSON Lines (`.jsonl`, `.ndjson`), Parquet (`.parquet`, `.pq`), else a file delimited by comma, semicolon or tab, in UTF-8,
            UTF-16 or Latin-1.
        options: what the user says of the columns.
        want: `reports` asks for a report column; `labels` for a finding, class, attribute, split or report column.

    Raises:
        UnknownNameError: an option names a column that is not there.
        TableError: the file is no table, columns or cells do not fit, rows of one key contradict each other, or what would be
            stored in clear looks like personal data (`csv_guard`). Messages give the line and never a key.
    """
    named = (*options.rename, *options.findings, *options.classes, *options.attributes, *options.ignore)
    with open_table(path, RESERVED | {name.strip().lower() for name in named}, options.columns, _ignored(options)) as records:
        columns = assign(records.header, options, path.name)
        _check_wanted(columns, want, path.name)
        reader = RowReader(columns, path.parent, path.name)
        rows = [reader.row(line, cells) for line, cells in records.rows]
    if not rows:
        raise TableError(f"{path.name}: there is a header line but no row; if it is a row, name the columns with --columns")
    reader.check(rows)
    check_clear(rows, (*columns.findings, *columns.classes), path.name)
    return ParsedTable(
        key_kind=columns.key_kind,
        rows=without_duplicates(rows, columns.key_kind, path.name),
        findings=tuple(columns.findings),
        classes=tuple(columns.classes),
        attributes=tuple(columns.attributes),
        has_reports=bool(columns.reports),
        has_split=columns.split is not None,
        encoding=records.encoding,
    )


def read_tables(tables: Sequence[tuple[Path, Literal["labels", "reports"]]], options: TableOptions) -> list[ParsedTable]:
    """As `read_table` for several tables under one set of options: a column that an option names need be in one of them only.

    Raises:
        UnknownNameError: an option names a column that none of the tables has.
        TableError: as in `read_table`, or `options.columns` is given for more than one table.
    """
    if len(tables) < 2:
        return [read_table(path, options, want=want) for path, want in tables]
    if options.columns:
        raise TableError("--columns names the columns of one table without a header line; ingest the tables one at a time")
    headers = {path: _header(path, options) for path, _ in tables}
    everything = frozenset().union(*headers.values())
    restricted = {path: _restricted(options, header) for path, header in headers.items()}
    for name in (*options.rename, *options.findings, *options.classes, *options.attributes, *options.ignore):
        if name not in everything and name not in options.rename.values():
            raise UnknownNameError("column", name, everything)
    return [read_table(path, restricted[path], want=want) for path, want in tables]


def _ignored(options: TableOptions) -> frozenset[str]:
    """What is to be left out, by the table's own names: formats with types need not be able to read it."""
    ignored = {name.strip() for name in options.ignore}
    return frozenset(ignored | {theirs.strip() for theirs, ours in options.rename.items() if ours.strip() in ignored})


def _header(path: Path, options: TableOptions) -> frozenset[str]:
    with open_table(path, RESERVED, (), _ignored(options)) as records:
        return frozenset(records.header)


def _restricted(options: TableOptions, header: frozenset[str]) -> TableOptions:
    """The options that speak of columns in this header. Options go by the names after renaming."""
    rename = {theirs: ours for theirs, ours in options.rename.items() if theirs in header}
    names = header - set(rename) | set(rename.values())
    kept = {
        field: tuple(name for name in getattr(options, field) if name in names) for field in ("findings", "classes", "attributes", "ignore")
    }
    return TableOptions(rename=rename, **kept)


def _check_wanted(columns: Columns, want: str, table: str) -> None:
    if columns.reports:
        return
    if want == "reports":
        raise TableError(f"{table}: no column is a report; expected report, or findings and impression; map one with --rename NAME=report")
    if not (columns.findings or columns.classes or columns.attributes or columns.split is not None):
        raise TableError(f"{table}: there are only ids; expected a finding, class, attribute, split or report column beside them")
