"""Records to rows, by what the columns are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from .csv_cells import CellError, parse_finding, parse_name, parse_slice_number, parse_split, path_parser
from .csv_columns import Columns, unfit
from .csv_types import LabelCell, TableRow
from .errors import TableError

T = TypeVar("T")
Name = TypeVar("Name", bound=str)


_FEW = 3


@dataclass
class _Odd:
    """Cells of a leftover column that are no finding's."""

    count: int
    line: int
    error: CellError


class RowReader:
    """Makes rows of records, one after the other, and at the end says whether the columns are what they seemed."""

    def __init__(self, columns: Columns, folder: Path, table: str) -> None:
        self._columns = columns
        self._table = table
        self._path = path_parser(folder.absolute())
        # Equal cells of a column share one LabelCell, which is what makes long tables quick.
        self._labels = [
            *((i, name, False, dict[str, LabelCell | None]()) for name, i in columns.findings.items()),
            *((i, name, True, dict[str, LabelCell | None]()) for name, i in columns.classes.items()),
        ]
        self._odd: dict[str, _Odd] = {}

    def row(self, line: int, cells: list[str]) -> TableRow:
        """The row of one record.

        Raises:
            TableError: the key is empty, or a cell does not fit its column.
        """
        c = self._columns
        for name, i in c.unnamed.items():
            if cells[i].strip():
                raise self._error(line, f"{name!r} holds a value but has no name; name it in the header, or --ignore {name!r}")
        attributes = {n: self._cell(line, f"attribute {n!r}", parse_name, cells[i]) for n, i in c.attributes.items()}
        return TableRow(
            line=line,
            key=self._key(line, [cells[i].strip() for i in c.key]),
            ids=_filled(c.ids, cells),
            labels=self._row_labels(line, cells),
            attributes={name: value for name, value in attributes.items() if value},
            split=None if c.split is None else self._cell(line, "split", parse_split, cells[c.split]),
            report=_filled(c.reports, cells),
        )

    def check(self, rows: Iterable[TableRow]) -> None:
        """Looks at leftover columns once all rows are read.

        Raises:
            TableError: columns that mostly hold something else than findings' values, all listed; or else the first cell
                that does not fit among many that do.
        """
        if not self._odd:
            return
        fitting = dict.fromkeys(self._odd, 0)
        for row in rows:
            for label in row.labels:
                if label.finding in fitting:
                    fitting[label.finding] += 1
        if other := [name for name in self._columns.findings if name in fitting and fitting[name] < self._odd[name].count]:
            odd = {name: self._odd[name] for name in other}
            # A column with many such cells may be one of names, which a message need not repeat.
            raise unfit(self._table, {n: f"{o.error.found} in line {o.line}" if o.count <= _FEW else "" for n, o in odd.items()})
        name, odd = min(self._odd.items(), key=lambda item: item[1].line)
        more = f" (so do {odd.count - 1} more)" if odd.count > 1 else ""
        raise self._error(
            odd.line, f"finding {name!r} {odd.error}{more}; if it is no finding, name it with --classes, --attributes or --ignore"
        )

    def _key(self, line: int, key: list[str]) -> str | Path | tuple[str, int]:
        if not key:
            return ""
        if not key[0]:
            name = "patient_id" if self._columns.key_kind == "patient_slice" else self._columns.key_kind
            raise self._error(line, f"{name} is the key of this table and empty here; fill it in, or leave the row or column out")
        if self._columns.key_kind == "patient_slice":
            return key[0], self._cell(line, "slice_number", parse_slice_number, key[1])
        return self._cell(line, "path", self._path, key[0]) if self._columns.key_kind == "path" else key[0]

    def _row_labels(self, line: int, cells: list[str]) -> tuple[LabelCell, ...]:
        labels: list[LabelCell] = []
        for i, name, categorical, seen in self._labels:
            text = cells[i]
            if text not in seen:
                label = self._class(line, name, text) if categorical else self._finding(line, name, text)
                if name not in self._odd:
                    seen[text] = label
            else:
                label = seen[text]
            if label is not None:
                labels.append(label)
        return tuple(labels)

    def _class(self, line: int, name: str, text: str) -> LabelCell | None:
        category = self._cell(line, f"class {name!r}", parse_name, text)
        return LabelCell(name, "present", category) if category else None

    def _finding(self, line: int, name: str, text: str) -> LabelCell | None:
        try:
            status = parse_finding(text)
        except CellError as error:
            if not self._columns.automatic:
                raise self._error(line, f"finding {name!r} {error}") from None
            self._odd.setdefault(name, _Odd(0, line, error)).count += 1
            return None
        return None if status is None else LabelCell(name, status)

    def _cell(self, line: int, what: str, parse: Callable[[str], T], text: str) -> T:
        try:
            return parse(text)
        except CellError as error:
            raise self._error(line, f"{what} {error}") from None

    def _error(self, line: int, text: str) -> TableError:
        return TableError(f"{self._table}: line {line}: {text}")


def _filled(columns: Mapping[Name, int], cells: list[str]) -> dict[Name, str]:
    return {name: text for name, i in columns.items() if (text := cells[i].strip())}
