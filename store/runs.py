"""Which rows of a feature set hold which items, as runs: (first row, first ordinal, count), as a volume's slices are one run of ordinals.

A set keeps its runs beside `item`, so that a volume's rows are found without reading every ordinal.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import zarr
from numpy.typing import NDArray

from .chunks import read_slice

RUNS = "runs"
CHUNK_RUNS = 4096


def runs_of(items: NDArray[np.int64], first_row: int = 0) -> NDArray[np.int64]:
    """(R, 3) of ordinals (N,) that stand in the rows from `first_row` on."""
    if not len(items):
        return np.empty((0, 3), np.int64)
    starts = np.flatnonzero(np.concatenate(([True], np.diff(items) != 1)))
    return np.stack([starts + first_row, items[starts], np.diff(np.append(starts, len(items)))], axis=1).astype(np.int64)


def append_runs(group: zarr.Group, items: NDArray[np.int64], first_row: int) -> None:
    """Keep the runs of items that were appended. The last run goes on where they do. A set without runs gets none: `add_runs` does that."""
    if RUNS not in group or not len(items):
        return
    array = cast("zarr.Array", group[RUNS])
    new, count = runs_of(items, first_row), array.shape[0]
    if count:
        row, ordinal, length = (int(value) for value in cast("Any", array[count - 1]))
        if (row + length, ordinal + length) == (int(new[0, 0]), int(new[0, 1])):
            new[0] = row, ordinal, length + new[0, 2]
            count -= 1
    if (total := count + len(new)) != array.shape[0]:
        array.resize((total, 3))
    array[count:] = new


def create_runs(group: zarr.Group, codecs: dict[str, Any]) -> None:
    """An empty array of runs."""
    group.create_array(RUNS, shape=(0, 3), chunks=(CHUNK_RUNS, 3), dtype="int64", **codecs)


def add_runs(group: zarr.Group, codecs: dict[str, Any]) -> None:
    """Give a set that was made without runs those of its items."""
    if RUNS in group:
        return
    items = read_slice(cast("zarr.Array", group["item"]))
    create_runs(group, codecs)
    append_runs(group, items, 0)


class RowIndex:
    """From ordinals to rows, by the runs of a set."""

    def __init__(self, runs: NDArray[np.int64]) -> None:
        """`runs`: (R, 3). Of an ordinal that is in two, the first row counts."""
        self._row, self._ordinal, self._count = runs[np.lexsort((runs[:, 0], runs[:, 1]))].T
        if np.any(self._ordinal[1:] < self._ordinal[:-1] + self._count[:-1]):
            self._row, self._ordinal, self._count = _apart(runs).T

    def rows(self, ordinals: NDArray[np.int64]) -> NDArray[np.int64]:
        """(M,) the row of each, -1 where there is none."""
        if not len(self._row):
            return np.full(len(ordinals), -1, np.int64)
        run = np.maximum(np.searchsorted(self._ordinal, ordinals, side="right") - 1, 0)
        within = ordinals - self._ordinal[run]
        return np.where((within >= 0) & (within < self._count[run]), self._row[run] + within, -1)


def _apart(runs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Runs that overlap, one for each ordinal."""
    row, ordinal, count = runs[np.argsort(runs[:, 0])].T
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    ordinals, first = np.unique(np.repeat(ordinal, count) + within, return_index=True)
    return np.stack([(np.repeat(row, count) + within)[first], ordinals, np.ones(len(first), np.int64)], axis=1)
