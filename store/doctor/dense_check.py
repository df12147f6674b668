"""Dense predictions in the newest snapshot."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import cast, final

import numpy as np
import pyarrow as pa
import zarr

from ..commit import Commit
from ..dense import CELLS, COLUMN, DENSE, ITEMS, SCORE, dense_groups, read_dense
from ..errors import BankAccessError, BankDamagedError
from ..merge import latest_rows, relist
from ..snapshot import Snapshot
from .cures import Stage
from .findings import Finding
from .head import HeadCure
from .quarantine import Quarantine
from .reading import UNREADABLE, lost_rows


def check_dense(head: Snapshot, lost: Collection[str]) -> Iterator[Finding]:
    """`lost`: paths of arrays that cannot be found at all."""
    problems = {run: problem for run, group in dense_groups(head.root) if (problem := _problem(head, run, group, lost))}
    cure = DropDense(tuple(problems))
    for run, problem in problems.items():
        how = "restore features/ from a copy of the bank; --repair drops them, and the study with --predictions makes them again"
        yield Finding("error", f"predictions of run {run!r}", problem, how, cure)


def _problem(head: Snapshot, run: str, group: zarr.Group, lost: Collection[str]) -> str:
    arrays = {name: array for name, array in group.arrays() if array.path not in lost}
    if not {SCORE, COLUMN} <= set(arrays):
        return "cannot be read: an array cannot be found"
    if broken := sum(stop - start for start, stop in lost_rows(arrays[SCORE])):
        return f"have lost {broken:,} of {arrays[SCORE].shape[0]:,} rows: a chunk is missing or does not fit its checksum"
    try:
        read_dense(head, run)
    except BankAccessError:
        return ""
    except (BankDamagedError, *UNREADABLE):
        return "do not agree with the tables that say what they are of"
    return ""


@final
@dataclass(frozen=True)
class DropDense(HeadCure):
    """A bank without the dense predictions of some runs. Their metrics stay."""

    runs: tuple[str, ...]
    stage: Stage = Stage.HEAD

    def change(self, commit: Commit, snapshot: Snapshot, quarantine: Quarantine) -> str:
        del quarantine
        for run in self.runs:
            del cast("zarr.Group", commit.root[DENSE])[run]
        for table in (CELLS, ITEMS):
            with suppress(BankDamagedError):  # a damaged file has its own cure
                rows = latest_rows(table, snapshot.table(table).to_table())
                keep = np.array([run not in self.runs for run in rows["run"].to_pylist()], bool)
                relist(commit, snapshot, table, rows.filter(pa.array(keep)))
        return f"predictions of {', '.join(self.runs)} dropped; the study with --predictions makes them again"
