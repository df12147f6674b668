"""Vectors for tests of indexes, and what an exact search by NumPy finds among them."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from scanbank.eval.indexes.card import IndexCard, Plan
from scanbank.eval.indexes.index import VectorIndex
from scanbank.eval.indexes.making import make_index
from scanbank.eval.indexes.vectors import Vectors


def mixture(rows: int, dim: int, centres: int, local: int, seed: int) -> NDArray[np.float32]:
    """(rows, dim) of length 1, around centres, each spread along a few directions of its own."""
    rng = np.random.default_rng(seed)
    means = rng.standard_normal((centres, dim)) / np.sqrt(dim)
    axes = rng.standard_normal((centres, local, dim)) / np.sqrt(dim)
    owners = rng.integers(0, centres, rows)
    found = means[owners] + 0.7 / np.sqrt(local) * np.einsum("nl,nld->nd", rng.standard_normal((rows, local)), axes[owners])
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def index_of(kind: str, vectors: NDArray[np.float32], ids: NDArray[np.int64], recall: float = 0.95) -> VectorIndex:
    """In memory."""
    card = IndexCard("d" * 32, "a set", "", "1", "s", kind, vectors.shape[1], 0, 0, 0, 0, {}, Plan("exact"), recall)
    held = Vectors.of([vectors], vectors.shape[1])
    return make_index(card, held, ids, np.empty((0, vectors.shape[1]), np.float32))


def nearest(
    vectors: NDArray[np.float32], ids: NDArray[np.int64], query: NDArray[np.float32], k: int, among: Collection[int] | None = None
) -> tuple[list[int], NDArray[np.float64]]:
    """Ordinals and scores of the best by brute force; of equal scores the lower ordinal first."""
    rows = np.arange(len(ids)) if among is None else np.flatnonzero(np.isin(ids, list(among)))
    scores = np.round(vectors[rows].astype(np.float64) @ (query / np.linalg.norm(query)).astype(np.float64), 6)
    order = np.lexsort((ids[rows], -scores))[:k]
    return ids[rows][order].tolist(), scores[order]
