"""Scores of items by the fits of a run as one array: `score` (fits, items) float32, where rows of a table would be too many.

It lies in the group `dense/RUN`, beside `column` (items,) int64. `dense_cells` says which fit is which row of `score`, `dense_items`
which item has which number in `column`, so that columns can be taken out and the tables stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast, final

import icechunk
import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import zarr
from numpy.typing import NDArray

from .chunks import ChecksumError, read_rows, read_slice
from .errors import BankDamagedError, UnknownNameError, UsageError
from .features import CODECS
from .rewrite import blank_ends

if TYPE_CHECKING:
    from .commit import Commit
    from .snapshot import Snapshot

DENSE = "dense"
CELLS, ITEMS = "dense_cells", "dense_items"
SCORE, COLUMN = "score", "column"
_CHUNK_VALUES = 1 << 18
"""Of a chunk about: 1 MB."""
_BLOCK_VALUES = 1 << 24
_FIT = ("finding", "features", "head", "shots", "repeat", "cell")
_KEY = ("features", "head", "shots", "repeat")


@final
@dataclass(frozen=True)
class DenseFits:
    """F fits of one head on one feature set, as they are kept."""

    finding: str
    features: str
    head: str
    shots: Sequence[int | None]
    """(F,) as in the table `metrics`."""
    repeats: Sequence[int]
    cells: Sequence[str]
    scores: NDArray[np.floating]
    """(F, M), kept as float32."""

    @property
    def keys(self) -> list[tuple[Any, ...]]:
        """(F,) what tells a fit from the others of its run."""
        return [(self.features, self.head, k, repeat) for k, repeat in zip(self.shots, self.repeats, strict=True)]


@final
@dataclass(frozen=True)
class DensePredictions:
    """Scores of M items by F fits of a run. They are read when asked for."""

    run: str
    cells: pa.Table
    """F rows, one for each row of the scores: finding, features, head, shots, repeat, cell, as in the table `metrics`."""
    items: tuple[str, ...]
    """M ids, one for each column."""
    y: NDArray[np.float64]
    """(M,) labels, 0 or 1."""
    array: zarr.Array = field(repr=False, compare=False)
    check_kept: Callable[[], None] = field(repr=False, compare=False)
    """As in `FeatureSet`."""

    @property
    def shape(self) -> tuple[int, int]:
        return self.cells.num_rows, len(self.items)

    def scores(self, rows: slice | NDArray[np.int64] = slice(None)) -> NDArray[np.float32]:
        """(n, M) float32: decision values by these fits, by default all (4 bytes each). Chunks of other fits are not read.

        Raises:
            BankDamagedError: a chunk is missing or damaged.
            SnapshotGoneError: the bank was compacted since this was opened.
        """
        with _told(self.run, self.check_kept):
            return read_slice(self.array, rows) if isinstance(rows, slice) else read_rows(self.array, rows)


def append_dense(commit: Commit, held: Snapshot, run: str, items: Sequence[str], y: NDArray[np.float64], fits: Sequence[DenseFits]) -> None:
    """Add fits of a run; one that is held already is written over. `held` is what the commit builds on; one call a run and commit.

    Args:
        commit: which also takes the rows of the tables.
        held: the bank as it was.
        run: its name.
        items: M ids, each once, the same in every call.
        y: (M,) labels.
        fits: scores (F, M).

    Raises:
        UsageError: the run holds scores of other items.
    """
    group = commit.root.get(f"{DENSE}/{run}")
    if not isinstance(group, zarr.Group):
        group = _create(commit.root, run, len(items))
        numbers = np.arange(len(items))
        commit.append_columns(ITEMS, {"run": run, "item": pa.array(list(items), pa.string()), "place": numbers, "y": y}, len(items))
        order, places = numbers, dict[tuple[Any, ...], int]()
    else:
        order = _order(held, run, items, np.asarray(cast("zarr.Array", group[COLUMN])[:]))
        places = {tuple(row[name] for name in _KEY): row["place"] for row in _rows(held, CELLS, run)}
    array = cast("zarr.Array", group[SCORE])
    start = array.shape[0]
    for key in (key for one in fits for key in one.keys):
        places.setdefault(key, len(places))
    array.resize((max(start, len(places)), len(items)))
    for one in fits:
        rows = np.array([places[key] for key in one.keys], dtype=np.int64)
        values = np.empty(one.scores.shape, np.float32)
        values[:, order] = one.scores
        for first, stop in _runs_of(rows):
            array[int(rows[first]) : int(rows[first]) + stop - first] = values[first:stop]
        told = {"run": run, "finding": one.finding, "features": one.features, "head": one.head, "place": rows}
        each = {
            "shots": pa.array(one.shots, pa.int64()),
            "repeat": pa.array(one.repeats, pa.int64()),
            "cell": pa.array(one.cells, pa.string()),
        }
        commit.append_columns(CELLS, told | each, len(rows))


def read_dense(held: Snapshot, run: str) -> DensePredictions:
    """What a snapshot holds of a run.

    Raises:
        UnknownNameError: no such run has dense predictions.
        BankDamagedError: which fits and items they are of is damaged.
    """
    group = held.root.get(f"{DENSE}/{run}")
    if not isinstance(group, zarr.Group):
        every = held.root.get(DENSE)
        names = [name for name, _ in every.groups()] if isinstance(every, zarr.Group) else []
        raise UnknownNameError("run with dense predictions", run, names)
    fits = sorted(_rows(held, CELLS, run), key=lambda row: row["place"])
    numbered = {row["place"]: row for row in _rows(held, ITEMS, run)}
    with _told(run, held.check_kept):
        array, column = cast("zarr.Array", group[SCORE]), read_slice(cast("zarr.Array", group[COLUMN]))
    columns = [numbered.get(number) for number in column.tolist()]
    known = [row for row in columns if row is not None]
    if len(known) != len(columns) or [row["place"] for row in fits] != list(range(array.shape[0])):
        raise BankDamagedError(f"predictions of run {run!r} do not agree with the tables {CELLS} and {ITEMS}; see `scanbank doctor`")
    schema = held.table(CELLS).schema
    cells = pa.table({name: pa.array([row[name] for row in fits], schema.field(name).type) for name in _FIT})
    y = np.array([row["y"] for row in known], np.float64)
    return DensePredictions(run, cells, tuple(row["item"] for row in known), y, array, held.check_kept)


def drop_columns(group: zarr.Group, keep: NDArray[np.bool_]) -> None:
    """Take out the items of a run where `keep` (M,) is False. Nothing of them is left in the chunks."""
    array, column = cast("zarr.Array", group[SCORE]), cast("zarr.Array", group[COLUMN])
    rows, width = array.shape
    left = int(keep.sum())
    step = max(1, _BLOCK_VALUES // (width * array.chunks[0])) * array.chunks[0]
    for start in range(0, rows, step):
        values = np.asarray(array[start : start + step])
        moved = np.full_like(values, np.nan)  # chunks are stored whole: what lies behind the last column is in them too
        moved[:, :left] = values[:, keep]
        array[start : start + step] = moved
    array.resize((rows, left))
    held = np.asarray(column[:])[keep]
    column[: len(held)] = held
    column.resize((left,))
    blank_ends(group)


def dense_groups(root: zarr.Group) -> list[tuple[str, zarr.Group]]:
    """Runs and their groups."""
    every = root.get(DENSE)
    return sorted(every.groups(), key=lambda one: one[0]) if isinstance(every, zarr.Group) else []


@contextmanager
def _told(run: str, check_kept: Callable[[], None]) -> Iterator[None]:
    """Around reading an array: what is wrong with it in words."""
    try:
        yield
    except (ChecksumError, icechunk.IcechunkError, KeyError) as error:
        check_kept()
        way = "restore features/ from a copy of the bank, or see `scanbank doctor`"
        raise BankDamagedError(f"predictions of run {run!r}: a chunk is missing or damaged; {way}") from error


def _create(root: zarr.Group, run: str, items: int) -> zarr.Group:
    group = root.create_group(f"{DENSE}/{run}")
    chunks = (max(1, _CHUNK_VALUES // max(1, items)), max(1, items))
    group.create_array(SCORE, shape=(0, items), chunks=chunks, dtype="float32", fill_value=np.nan, **CODECS)
    group.create_array(COLUMN, shape=(items,), chunks=(max(1, items),), dtype="int64", **CODECS)[:] = np.arange(items)
    return group


def _order(held: Snapshot, run: str, items: Sequence[str], column: NDArray[np.int64]) -> NDArray[np.int64]:
    """(M,) the column of each item."""
    numbers = {row["item"]: row["place"] for row in _rows(held, ITEMS, run)}
    if set(items) != set(numbers) or len(column) != len(items):
        raise UsageError(f"run {run!r} holds predictions of other items; run the study again under another seed or split")
    place = {number: at for at, number in enumerate(column.tolist())}
    return np.array([place[numbers[item]] for item in items], dtype=np.int64)


def _rows(held: Snapshot, table: str, run: str) -> list[Mapping[str, Any]]:
    """The latest rows of a run."""
    key = ("item",) if table == ITEMS else _KEY
    rows = held.table(table).to_table(filter=ds.field("run") == run).to_pylist()  # files are oldest first
    return list({tuple(row[name] for name in key): row for row in rows}.values())


def _runs_of(rows: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Where increasing numbers without gaps begin and end."""
    edges = np.flatnonzero(np.diff(rows) != 1) + 1
    bounds = [0, *edges.tolist(), len(rows)]
    return [(first, stop) for first, stop in pairwise(bounds) if stop > first]
