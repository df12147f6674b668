"""Rows that speak of what is not there are set aside, as a Parquet file in the quarantine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
import pyarrow as pa

from ..commit import Commit, parquet_bytes
from ..merge import latest_rows, relist
from ..schema import TABLES
from ..snapshot import Snapshot
from ..sql import Queries
from .cures import Stage
from .head import HeadCure
from .quarantine import Quarantine


@final
@dataclass(frozen=True)
class SetRowsAside(HeadCure):
    """A table without the rows for which a condition holds. Its other rows are merged into one file."""

    table: str
    condition: str
    """SQL over the views of the bank."""
    rows: int
    stage: Stage = Stage.HEAD

    def change(self, commit: Commit, snapshot: Snapshot, quarantine: Quarantine) -> str:
        rows = latest_rows(self.table, snapshot.table(self.table).to_table())
        going = Queries(snapshot).run(f"SELECT * FROM latest_{self.table} WHERE {self.condition}")
        key = list(TABLES[self.table].key)
        keys = set(zip(*(going[name].to_pylist() for name in key), strict=True))
        goes = np.array([one in keys for one in zip(*(rows[name].to_pylist() for name in key), strict=True)], bool)
        why = f"rows of table {self.table!r} that spoke of what was not there"
        quarantine.add(f"rows/{self.table}.parquet", parquet_bytes(rows.filter(pa.array(goes))), why)
        relist(commit, snapshot, self.table, rows.filter(pa.array(~goes)))
        return f"{len(keys):,} rows of table {self.table!r} set aside"
