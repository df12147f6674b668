"""A graph of neighbours over vectors that lie elsewhere (HNSW: Malkov and Yashunin, PAMI 2018). Its file holds links alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...store.progress import Progress
from .native import native, of_bits, one_query, only
from .vectors import Vectors

SETTINGS = {"M": 32, "efConstruction": 40}
_BLOCK_ROWS = 10_000


def make_graph(vectors: Vectors, rows: int, progress: Progress) -> Any:
    """Of the first `rows`."""
    graph: Any = native.IndexHNSWFlat(vectors.dim, SETTINGS["M"], native.METRIC_INNER_PRODUCT)
    return _linked(graph, graph.storage, vectors, rows, progress)


def extend_graph(graph: Any, vectors: Vectors, progress: Progress) -> Any:
    """A copy, of the first rows, with the others linked to it: what is mapped from a file cannot grow."""
    storage = native.IndexFlatIP(vectors.dim)
    storage.add(vectors.rows[: graph.ntotal])
    copy = native.deserialize_index(native.serialize_index(graph, native.IO_FLAG_SKIP_STORAGE))
    return _linked(copy, storage, vectors, len(vectors), progress)


def write_graph(graph: Any, path: Path) -> None:
    native.write_index(graph, str(path), native.IO_FLAG_SKIP_STORAGE)


def read_graph(path: Path, vectors: Vectors, rows: int) -> Any:
    """Of the first `rows`. Links are mapped. The caller knows that the bytes are those that were written.

    Raises:
        ValueError: or RuntimeError: they are of another index.
    """
    graph = native.read_index(str(path), native.IO_FLAG_MMAP_IFC)
    if not isinstance(graph, native.IndexHNSWFlat) or (graph.ntotal, graph.d) != (rows, vectors.dim) or graph.storage is not None:
        raise ValueError(f"{path} is no graph of {rows} vectors")
    return attached(graph, vectors)


def attached(graph: Any, vectors: Vectors) -> Any:
    """The graph over vectors that are mapped, instead of a copy of its own. There may be more of them than it links."""
    graph.storage = vectors.flat
    graph.own_fields = False
    graph.referenced_objects = [vectors]  # FAISS keeps but their address
    return graph


def walk(
    graph: Any, query: NDArray[np.float32], k: int, width: int, allowed: NDArray[np.uint8] | None
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """At most `k` rows near a query (D,), best first. `allowed`: bits of the rows that may be given, the lowest first; all by default."""
    return one_query(graph, query, k, only(native.SearchParametersHNSW, of_bits(allowed), efSearch=max(width, k)))


def _linked(graph: Any, storage: Any, vectors: Vectors, rows: int, progress: Progress) -> Any:
    """With the others of the first `rows`. FAISS needs a copy of the vectors for it: `storage`, of those that are linked.

    That copy stays until the process ends: an index of FAISS that was assigned to another is owned by neither.
    """
    graph.own_fields = False
    graph.storage = storage
    graph.hnsw.efConstruction = SETTINGS["efConstruction"]
    known = graph.ntotal
    progress.start("linking neighbours", rows - known)
    for start in range(known, rows, _BLOCK_ROWS):
        block = vectors.rows[start : min(start + _BLOCK_ROWS, rows)]
        graph.add(block)
        progress.advance(len(block))
    return attached(graph, vectors)
