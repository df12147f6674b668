"""A collection of a known layout, as `scanbank ingest --layout` reads it: its scans, and its tables as jobs for `annotate`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from ..store.annotate import AnnotateOptions
    from ..store.bank import Bank
    from ..store.csv_types import ParsedTable
    from ..store.layouts import Layout

TableJob = tuple[Path, "ParsedTable", "AnnotateOptions"]


@final
@dataclass(frozen=True)
class Collection:
    """A layout, and where its scans are."""

    layout: Layout
    scans: list[Path]
    """What was given and is no table."""

    def tables(self, bank: Bank, how: AnnotateOptions) -> tuple[list[TableJob], list[str]]:
        """The tables, each with its source, and what else is to be said. Ask once the scans are in the bank."""
        paths = [path for _, _, path in bank.local_map.first_files()]
        jobs: list[TableJob] = []
        remarks: list[str] = []
        for one in self.layout.tables(paths):
            named = replace(how, source=one.source or how.source)
            jobs.append((one.path, one.table, named))
            remarks += one.remarks
            if one.absent and one.absent.rows:
                if how.create_studies:
                    jobs.append((one.path, one.absent, named))
                elif one.source is None:
                    remarks.append(f"{one.path.name}: rows of scans that are not in the bank: {len(one.absent.rows)}")
        return jobs, remarks


def open_collection(name: str, paths: Sequence[Path], tables: Sequence[Path]) -> Collection:
    """The collection of a layout's name. Raises as `open_layout` does."""
    from ..store.layouts import open_layout
    from ..store.layouts.finding import is_table

    return Collection(open_layout(name, paths, tables), [path for path in paths if not is_table(path)])
