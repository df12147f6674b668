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


def make_graph(vectors: Vectors, progress: Progress) -> Any:
    """Of all rows."""
    graph: Any = native.IndexHNSWFlat(vectors.dim, SETTINGS["M"], native.METRIC_INNER_PRODUCT)
    graph.hnsw.efConstruction = SETTINGS["efConstruction"]
    progress.start("linking neighbours", len(vectors))
    for start in range(0, len(vectors), _BLOCK_ROWS):
        block = vectors.rows[start : start + _BLOCK_ROWS]
        graph.add(block)
        progress.advance(len(block))
    return graph


def extend_graph(graph: Any, vectors: Vectors) -> Any:
    """A graph of the first rows with the others linked to it, too. FAISS needs vectors of its own meanwhile."""
    known, storage = graph.ntotal, native.IndexFlatIP(vectors.dim)
    storage.add(vectors.rows[:known])
    graph.storage = storage
    graph.hnsw.efConstruction = SETTINGS["efConstruction"]
    graph.add(vectors.rows[known:])
    return graph


def write_graph(graph: Any, path: Path) -> None:
    native.write_index(graph, str(path), native.IO_FLAG_SKIP_STORAGE)


def read_graph(path: Path, vectors: Vectors) -> Any:
    """The caller knows that the bytes are those that were written. Raises ValueError or RuntimeError where they are of another index."""
    graph = native.read_index(str(path))
    if not isinstance(graph, native.IndexHNSWFlat) or (graph.ntotal, graph.d) != vectors.rows.shape or graph.storage is not None:
        raise ValueError(f"{path} is no graph of {vectors.rows.shape[0]} vectors")
    return attached(graph, vectors)


def attached(graph: Any, vectors: Vectors) -> Any:
    """The graph over vectors that are mapped, instead of a copy of its own."""
    graph.storage = vectors.flat
    graph.own_fields = False
    return graph


def walk(
    graph: Any, query: NDArray[np.float32], k: int, width: int, allowed: NDArray[np.uint8] | None
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """At most `k` rows near a query (D,), best first. `allowed`: bits of the rows that may be given, the lowest first; all by default."""
    return one_query(graph, query, k, only(native.SearchParametersHNSW, of_bits(allowed), efSearch=max(width, k)))
