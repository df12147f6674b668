"""One feature set of the newest snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import zarr
from numpy.typing import NDArray

from ..features import read_set
from ..progress import Progress
from ..runs import RUNS
from .cures import Cure
from .findings import Finding
from .reading import UNREADABLE, blocks, chunk_keys
from .vectors import DropRows, DropSet, RebuildItems, RebuildRuns, expand

_COPY = "restore features/ from a copy of the bank"
_AGAIN = "the next `scanbank embed` makes them again"


def check_set(digest: str, group: zarr.Group, lost: set[str], progress: Progress) -> Iterator[Finding]:
    """`lost`: names of arrays that cannot be found at all."""
    try:
        held = read_set(group)
    except (KeyError, TypeError, ValueError) as error:
        yield Finding("error", f"feature set {digest}", f"does not say what it is ({error})", _COPY, DropSet(digest, digest))
        return
    what = f"feature set {held.name!r}"
    needed = ("vector", "item", "z_mm", "mask") if held.key.kind == "depth" else ("vector", "item")
    gone = [name for name in needed if name != "item" and (name in lost or name not in group)]
    if gone:
        how = f"{_COPY}; --repair drops the set, and the next `scanbank embed` makes it again"
        yield Finding("error", what, f"cannot be read: {' and '.join(map(repr, gone))} cannot be found", how, DropSet(digest, held.name))
        return
    arrays = {name: cast("zarr.Array", group[name]) for name in needed if name not in lost and name in group}
    count = arrays["vector"].shape[0]
    runs = _runs(group, lost)
    items, problem = _items(arrays.get("item"), runs, count)
    if items is None:
        how = f"{_COPY}; --repair drops the set, and the next `scanbank embed` makes it again"
        yield Finding("error", what, "cannot be read: which items its rows hold is lost", how, DropSet(digest, held.name))
        return
    if problem:
        yield Finding("error", what, problem, "--repair makes them again from its runs", RebuildItems(digest, held.name))
    elif RUNS in group and (runs is None or not np.array_equal(expand(runs), items)):
        said = "are damaged" if runs is None else "do not agree with its items"
        yield Finding("error", what, f"has runs that {said}", "--repair makes them again", RebuildRuns(digest, held.name))
    yield from _rows(digest, held.name, arrays, items, progress)


def _runs(group: zarr.Group, lost: set[str]) -> NDArray[np.int64] | None:
    if RUNS in lost or RUNS not in group:
        return None
    try:
        return np.concatenate([np.empty((0, 3), np.int64), *(cast("Any", one.values) for one in blocks(cast("zarr.Array", group[RUNS])))])
    except (*UNREADABLE, TypeError):
        return None


def _items(array: zarr.Array | None, runs: NDArray[np.int64] | None, count: int) -> tuple[NDArray[np.int64] | None, str]:
    """Items by row, and what is wrong with them; None where they are lost."""
    parts = list(blocks(array)) if array is not None else []
    if array is not None and all(part.values is not None for part in parts):
        return np.concatenate([np.empty(0, np.int64), *(cast("Any", part.values) for part in parts)]), ""
    if runs is None or int(runs[:, 2].sum()) != count:
        return None, ""
    return expand(runs), "has lost which items some of its rows hold"


def _rows(digest: str, name: str, arrays: dict[str, zarr.Array], items: NDArray[np.int64], progress: Progress) -> Iterator[Finding]:
    counts = {one: array.shape[0] for one, array in arrays.items()} | {"item": len(items)}
    count = min(counts.values())
    drop, keys, said = np.zeros(count, bool), list[str](), list[str]()
    if len(set(counts.values())) > 1:
        said.append(f"has arrays of different lengths ({', '.join(f'{one}: {rows:,}' for one, rows in counts.items())})")
    progress.start(f"reading vectors of {name}", count)
    for one, array in arrays.items():
        if one == "item":
            continue
        broken = infinite = 0
        for block in blocks(array):
            rows = slice(block.start, min(block.stop, count))
            if block.values is None:
                broken += block.stop - block.start
                keys += chunk_keys(array, block.start, block.stop)
                drop[rows] = True
            elif one == "vector":
                bad = np.logical_not(np.isfinite(block.values).reshape(len(block.values), -1).all(axis=1))
                infinite += int(bad.sum())
                drop[rows] |= bad[: rows.stop - rows.start]
            if one == "vector":
                progress.advance(block.stop - block.start)
        if broken:
            said.append(f"has lost {one!r} of {broken:,} rows: a chunk is missing or does not fit its checksum")
        if infinite:
            said.append(f"has values that are not finite in {infinite:,} rows")
    first = np.zeros(count, bool)
    first[np.unique(items[:count], return_index=True)[1]] = True
    if twice := int((~first).sum()):
        said.append(f"has {twice:,} rows of items that it has already")
        drop |= ~first
    cure: Cure = DropRows(digest, name, _ranges(drop), tuple(keys))
    how = f"{_COPY}; --repair drops {int(drop.sum()):,} of {count:,} rows, and {_AGAIN}"
    for problem in said:
        yield Finding("error", f"feature set {name!r}", problem, how, cure)


def _ranges(chosen: NDArray[np.bool_]) -> tuple[tuple[int, int], ...]:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], chosen, [False])).astype(np.int8)))
    return tuple((int(start), int(stop)) for start, stop in edges.reshape(-1, 2))
