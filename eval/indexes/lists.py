"""Compressed vectors in inverted lists (product quantization: Jegou et al., PAMI 2011); the best of them are compared again, exactly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...store.progress import Progress
from .card import K
from .cells import Cells
from .native import native, of_bits, one_query, only
from .vectors import Vectors

LEAST_ROWS = 256
REFINED = 32
"""Rows for each one asked for that are compared again."""
_DIMS = 8
"""Values that a byte stands for, where they divide the dimension."""
_TRAINING_ROWS = 65_536
_BLOCK_ROWS = 16_384
_MANY = 4096


def make_lists(rows: NDArray[np.float32], cells: Cells, seed: int, progress: Progress) -> Any:
    """Of (N, D) rows, the first of the cells', a list for each cell."""
    dim = rows.shape[1]
    quantizer = native.IndexFlatIP(dim)
    quantizer.add(cells.centres)
    bits = 8 if len(rows) >= _MANY else 4
    lists: Any = native.IndexIVFPQ(quantizer, dim, len(cells), _bytes(dim), bits, native.METRIC_INNER_PRODUCT)
    lists.quantizer_trains_alone = 0
    lists.cp.min_points_per_centroid = lists.pq.cp.min_points_per_centroid = 1
    lists.pq.cp.seed = seed
    chosen = np.random.default_rng(seed).permutation(len(rows))[:_TRAINING_ROWS]
    progress.start("learning to compress")
    lists.train(rows[np.sort(chosen)])
    progress.start("compressing vectors", len(rows))
    for start in range(0, len(rows), _BLOCK_ROWS):
        block = rows[start : start + _BLOCK_ROWS]
        add_rows(lists, block, cells.of[start : start + len(block)])
        progress.advance(len(block))
    return lists


def add_rows(lists: Any, rows: NDArray[np.float32], cells: NDArray[np.int32]) -> None:
    """(n, D) rows more, of these cells (n,)."""
    rows, owners = np.ascontiguousarray(rows), np.ascontiguousarray(cells, np.int64)
    lists.add_core(len(rows), native.swig_ptr(rows), None, native.swig_ptr(owners))


def extend_lists(lists: Any, rows: NDArray[np.float32], cells: NDArray[np.int32]) -> Any:
    """A copy with rows more: what is mapped from a file cannot grow."""
    copy = native.deserialize_index(native.serialize_index(lists))
    add_rows(copy, rows, cells)
    return copy


def write_lists(lists: Any, path: Path) -> None:
    native.write_index(lists, str(path))


def read_lists(path: Path, rows: int, cells: Cells) -> Any:
    """Of the first `rows`. Codes are mapped. The caller knows that the bytes are those that were written. Raises as `read_graph`."""
    lists = native.read_index(str(path), native.IO_FLAG_MMAP_IFC)
    if not isinstance(lists, native.IndexIVFPQ) or (lists.ntotal, lists.d, lists.nlist) != (rows, *cells.centres.shape[::-1]):
        raise ValueError(f"{path} is no index of {rows} compressed vectors")
    return lists


def look(
    lists: Any,
    vectors: Vectors,
    query: NDArray[np.float32],
    k: int,
    width: int,
    allowed: NDArray[np.uint8] | None,
    more: NDArray[np.int64],
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """At most `k` rows near a query (D,), best first, with exact scores, from `width` lists and of `more` rows. `allowed` as for `walk`."""
    parameters = only(native.SearchParametersIVF, of_bits(allowed), nprobe=width)
    _, rows = one_query(lists, query, min(REFINED * max(k, K), lists.ntotal), parameters)
    rows = np.concatenate([np.sort(rows), more])
    return vectors.nearest(query, min(k, len(rows)), rows) if len(rows) else (np.empty(0, np.float32), rows)


def _bytes(dim: int) -> int:
    """Of a compressed vector: the largest number of equal parts of at least _DIMS values, or one value each where that leaves none."""
    return max(parts for parts in range(1, dim + 1) if dim % parts == 0 and (parts <= max(1, dim // _DIMS)))
