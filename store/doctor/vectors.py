"""Mending feature sets: what follows from the rest is made again; rows that are lost go, so that `embed` makes their vectors anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast, final

import numpy as np
import zarr
from numpy.typing import NDArray

from ..commit import Commit
from ..features import CODECS, SETS, stamp
from ..rewrite import drop_rows
from ..runs import RUNS, add_runs
from ..snapshot import Snapshot
from .cures import Stage
from .head import HeadCure
from .quarantine import Quarantine
from .reading import delete_keys


@final
@dataclass(frozen=True)
class RebuildRuns(HeadCure):
    """Which rows hold which items, from the items."""

    digest: str
    name: str
    stage: Stage = Stage.HEAD

    def change(self, commit: Commit, snapshot: Snapshot, quarantine: Quarantine) -> str:
        del snapshot, quarantine
        group = _set(commit, self.digest)
        if RUNS in group:
            del group[RUNS]
        add_runs(group, CODECS)
        stamp(group)
        return f"feature set {self.name!r}: made {RUNS!r} again from its items"


@final
@dataclass(frozen=True)
class RebuildItems(HeadCure):
    """Which item each row holds, from the runs."""

    digest: str
    name: str
    stage: Stage = Stage.HEAD

    def change(self, commit: Commit, snapshot: Snapshot, quarantine: Quarantine) -> str:
        del snapshot, quarantine
        group = _set(commit, self.digest)
        item = cast("zarr.Array", group["item"])
        values, chunks = expand(np.asarray(cast("zarr.Array", group[RUNS])[:], dtype=np.int64)), item.chunks
        del group["item"]
        codecs: Any = CODECS
        group.create_array("item", shape=values.shape, chunks=chunks, dtype="int64", **codecs)[:] = values
        stamp(group)
        return f"feature set {self.name!r}: made 'item' again from its runs"


@final
@dataclass(frozen=True)
class DropRows(HeadCure):
    """A set without some of its rows."""

    digest: str
    name: str
    rows: tuple[tuple[int, int], ...]
    """(start, stop) of the rows that go."""
    keys: tuple[str, ...]
    """Chunks that must not be read any more."""
    stage: Stage = Stage.HEAD

    def change(self, commit: Commit, snapshot: Snapshot, quarantine: Quarantine) -> str:
        del snapshot, quarantine
        group = _set(commit, self.digest)
        delete_keys(commit.root.store, list(self.keys))
        arrays = [cast("zarr.Array", array) for name, array in group.arrays() if name != RUNS]
        count = min(array.shape[0] for array in arrays)
        for array in arrays:
            array.resize((count, *array.shape[1:]))
        keep = np.ones(count, bool)
        for start, stop in self.rows:
            keep[start:stop] = False
        if RUNS not in group:
            add_runs(group, CODECS)
        drop_rows(group, keep)
        dropped = int((~keep).sum())
        return f"feature set {self.name!r}: dropped {dropped:,} of {count:,} rows; the next `scanbank embed` makes them again"


@final
@dataclass(frozen=True)
class DropSet(HeadCure):
    """A bank without a set of which nothing can be saved."""

    digest: str
    name: str
    stage: Stage = Stage.HEAD

    def change(self, commit: Commit, snapshot: Snapshot, quarantine: Quarantine) -> str:
        del snapshot, quarantine
        del cast("zarr.Group", commit.root[SETS])[self.digest]
        return f"feature set {self.name!r}: dropped as a whole; the next `scanbank embed` makes it again"


def expand(runs: NDArray[np.int64]) -> NDArray[np.int64]:
    """(N,) ordinals by row, of runs (R, 3) in the order of their rows."""
    row, ordinal, count = runs[np.argsort(runs[:, 0], kind="stable")].T
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    del row
    return np.repeat(ordinal, count) + within


def _set(commit: Commit, digest: str) -> zarr.Group:
    return cast("zarr.Group", commit.root[f"{SETS}/{digest}"])
