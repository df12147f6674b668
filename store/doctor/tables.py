"""Mending tables: a merged file is made again from those that it was merged from, any other is taken off the list."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, cast, final

import zarr

from ..commit import Commit, parquet_bytes
from ..merge import FILE_ROWS, latest_rows
from ..snapshot import TABLES_GROUP, Snapshot, TableFile
from .case import FIRST, Case
from .cures import PutBack, Stage
from .head import HeadCure
from .quarantine import Quarantine


def remade(case: Case, table: str, file: TableFile) -> PutBack | None:
    """The file again, if an older snapshot holds the rows that a compaction merged into it."""
    for name in case.kept:
        held = case.opened(name) if name not in (FIRST, case.head.snapshot) else None
        if held is None or file in held.files(table) or not held.files(table):
            continue
        if any(other.bytes and f"tables/{table}/{other.name}" not in case.entries for other in held.files(table)):
            continue
        held.check(table)
        rows = latest_rows(table, held.table(table).to_table())
        for at in range(0, rows.num_rows, FILE_ROWS):
            data = parquet_bytes(rows.slice(at, FILE_ROWS))
            if hashlib.sha256(data).hexdigest() == file.sha256:
                return PutBack(f"tables/{table}/{file.name}", data, f"made again from the rows of snapshot {name}", Stage.FILES)
    return None


@final
@dataclass(frozen=True)
class Delist(HeadCure):
    """A table without one of its files."""

    table: str
    file: str
    rows: int
    stage: Stage = Stage.HEAD

    def change(self, commit: Commit, snapshot: Snapshot, quarantine: Quarantine) -> str:
        del snapshot
        group = cast("zarr.Group", commit.root[f"{TABLES_GROUP}/{self.table}"])
        listed = cast("list[dict[str, Any]]", group.attrs["files"])
        group.attrs["files"] = cast("Any", [entry for entry in listed if entry["name"] != self.file])
        quarantine.keep(f"tables/{self.table}/{self.file}", f"damaged: it held {self.rows:,} rows of table {self.table!r}")
        return f"{self.rows:,} rows of table {self.table!r} are lost with tables/{self.table}/{self.file}"
