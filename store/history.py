"""Every row of every snapshot that can be read, each table file read once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from .columns import is_in, rows_where
from .errors import BankDamagedError
from .repository import kept_snapshots, session_at, told
from .schema import TABLES
from .snapshot import Snapshot

if TYPE_CHECKING:
    from .bank import Bank


class History:
    """The snapshots of a bank's history and of its tags, as they are when this is made."""

    def __init__(self, bank: Bank) -> None:
        self._place = bank.place
        names = list(kept_snapshots(bank.repository))
        self.snapshots = {name: Snapshot(bank.place, session_at(bank.repository, name), bank.cache) for name in names}
        self._files: dict[str, dict[str, list[str]]] = {}

    def files(self, table: str) -> dict[str, list[str]]:
        """Each file of a table, and the snapshots that list it."""
        if table not in self._files:
            found: dict[str, list[str]] = {}
            for name, snapshot in self.snapshots.items():
                for file in snapshot.files(table):
                    found.setdefault(file.name, []).append(name)
            self._files[table] = found
        return self._files[table]

    def read(self, table: str, file: str, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of one file; columns of a newer bank are null. Raises BankDamagedError."""
        with told(f"reading table {table!r}"):
            path, files = self._place.arrow(f"tables/{table}/{file}")
            try:
                data = pq.read_table(path, filesystem=files, page_checksum_verification=True)
            except (FileNotFoundError, pa.ArrowException) as error:
                raise BankDamagedError(f"table {table}: file tables/{table}/{file} is missing or damaged; see `scanbank doctor`") from error
        schema = TABLES[table].schema
        wanted = [schema.field(name) for name in (columns or schema.names)]
        held = set(data.column_names)
        values = [data[one.name].cast(one.type) if one.name in held else pa.nulls(data.num_rows, one.type) for one in wanted]
        return pa.Table.from_arrays(values, schema=pa.schema(wanted))

    def table(self, table: str, columns: Sequence[str]) -> pa.Table:
        """Some columns of all rows ever, in no order."""
        parts = [self.read(table, file, columns) for file in self.files(table)]
        schema = pa.schema([TABLES[table].schema.field(name) for name in columns])
        return pa.concat_tables([schema.empty_table(), *parts])

    def rows(self, table: str, columns: Sequence[str], item: Collection[str] | None = None) -> list[dict[str, Any]]:
        """As `table`, as dictionaries; only those whose `item` is one of some."""
        found = self.table(table, columns)
        if item is not None:
            found = rows_where(found, is_in(found["item"], item))
        return found.to_pylist()
