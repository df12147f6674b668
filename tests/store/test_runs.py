"""Rows found by runs are those that a look at every item finds."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr.storage import MemoryStore

from scanbank.store.features import CODECS
from scanbank.store.runs import RUNS, RowIndex, add_runs, append_runs, create_runs, runs_of

RUN = st.tuples(st.integers(0, 60), st.integers(1, 12))


def items_of(runs: list[tuple[int, int]]) -> np.ndarray:
    return np.concatenate([np.arange(first, first + count) for first, count in runs] or [np.empty(0, np.int64)]).astype(np.int64)


def test_runs_by_hand() -> None:
    assert runs_of(np.array([7, 8, 9, 3, 4, 9]), first_row=100).tolist() == [[100, 7, 3], [103, 3, 2], [105, 9, 1]]
    assert runs_of(np.empty(0, np.int64)).shape == (0, 3)


@given(st.lists(RUN, max_size=8), st.lists(st.integers(-5, 90), max_size=20))
@settings(deadline=None)
def test_the_first_row_of_each_item(runs: list[tuple[int, int]], asked: list[int]) -> None:
    items = items_of(runs)
    found = RowIndex(runs_of(items)).rows(np.array(asked, np.int64))
    held = items.tolist()
    assert found.tolist() == [held.index(one) if one in held else -1 for one in asked]


@given(st.lists(RUN, max_size=8), st.lists(st.integers(0, 100), max_size=4))
@settings(deadline=None)
def test_appended_in_parts_as_at_once(runs: list[tuple[int, int]], cuts: list[int]) -> None:
    items = items_of(runs)
    group = zarr.create_group(MemoryStore())
    create_runs(group, CODECS)
    for start, stop in pairwise([0, *sorted(min(cut, len(items)) for cut in cuts), len(items)]):
        append_runs(group, items[start:stop], start)
    np.testing.assert_array_equal(np.asarray(group[RUNS]), runs_of(items))


def test_an_older_set_gets_runs() -> None:
    group = zarr.create_group(MemoryStore())
    items = np.array([5, 6, 7, 1, 2, 9])
    group.create_array("item", data=items, chunks=(4,))
    append_runs(group, items, 0)
    assert RUNS not in group
    add_runs(group, CODECS)
    add_runs(group, CODECS)
    assert np.asarray(group[RUNS]).tolist() == [[0, 5, 3], [3, 1, 2], [5, 9, 1]]
