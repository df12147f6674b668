"""Rows of feature sets taken out, and arrays given chunks that fit them."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import zarr
from numpy.typing import NDArray

from .features import CHUNK_ROWS, CODECS, stamp
from .runs import RUNS, add_runs

_WASTE = 0.05
"""Of an array's rows that may be padding of its last chunk before the chunks are made to fit."""
_BLOCK = 8 * CHUNK_ROWS


def drop_rows(group: zarr.Group, keep: NDArray[np.bool_]) -> None:
    """Take out the rows of a set where `keep` (N,) is False. Chunks before the first of them stay as they are.

    Rows move towards the front within the same arrays, a block at a time, so that memory is bounded.
    """
    source = np.flatnonzero(keep)
    moved = np.flatnonzero(source != np.arange(len(source)))
    first = int(moved[0]) // CHUNK_ROWS * CHUNK_ROWS if len(moved) else len(source)
    for array in _row_arrays(group):
        for start in range(first, len(source), _BLOCK):
            chosen = source[start : start + _BLOCK]
            low, high = int(chosen[0]), int(chosen[-1]) + 1
            array[start : start + len(chosen)] = np.asarray(array[low:high])[chosen - low]
        array.resize((len(source), *array.shape[1:]))
    blank_ends(group)
    del group[RUNS]
    add_runs(group, CODECS)
    stamp(group)


def blank_ends(group: zarr.Group) -> None:
    """Let nothing be left of rows that were taken out: a chunk is stored whole, so what was behind the last row would stay in it."""
    for array in _row_arrays(group):
        rows, chunk = array.shape[0], array.chunks[0]
        end = -(-rows // chunk) * chunk
        if end > rows:
            array.resize((end, *array.shape[1:]))
            array[rows:end] = array.fill_value
            array.resize((rows, *array.shape[1:]))


def fit_chunks(group: zarr.Group) -> bool:
    """Give a small set chunks that its rows fill, and say whether that was needed: the last chunk is always stored whole."""
    fitted = False
    for array in _row_arrays(group):
        rows, chunk = array.shape[0], array.chunks[0]
        wanted = fitting_chunk(rows, chunk)
        if rows and -(-rows // chunk) * chunk > rows * (1 + _WASTE) and wanted < chunk:
            values, name, fill = np.asarray(array[:]), array.basename, array.fill_value
            del group[name]
            codecs: Any = CODECS
            fresh = group.create_array(
                name, shape=values.shape, chunks=(wanted, *array.chunks[1:]), dtype=values.dtype, fill_value=fill, **codecs
            )
            fresh[:] = values
            fitted = True
    return fitted


def fitting_chunk(rows: int, most: int) -> int:
    """The largest number of rows in a chunk, `most` or less, of which whole chunks hold `rows` with hardly any room left."""
    chunks = max(1, -(-rows // most))
    return max(1, -(-rows // chunks))


def _row_arrays(group: zarr.Group) -> list[zarr.Array]:
    """The arrays that have a row for each row of the set."""
    return [cast("zarr.Array", array) for name, array in group.arrays() if name != RUNS]
