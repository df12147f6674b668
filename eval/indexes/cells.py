"""Rows parted by the nearest of some centres: of a filter only the rows in the cells nearest to the query are compared.

That is an inverted file (Sivic and Zisserman, 2003) over vectors that lie elsewhere. A graph cannot do this well: of the rows
that it walks over a strict filter leaves hardly any, and between groups that lie far apart it has no links to walk along.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from ...store.progress import Progress
from .native import native, of_bits, one_query, only

_TRAINING_ROWS = 64
"""For each centre."""
_ROUNDS = 8
_BLOCK_ROWS = 16_384


@final
@dataclass(frozen=True)
class Groups:
    """Rows that may be given, by cell."""

    rows: NDArray[np.int64]
    """(M,) those of a cell one after the other, increasing."""
    starts: NDArray[np.int64]
    """(C + 1,) where the rows of each cell begin."""


@final
@dataclass(frozen=True)
class Cells:
    """Centres and whose cell each row lies in."""

    centres: NDArray[np.float32]
    """(C, D) of length 1."""
    of: NDArray[np.int32]
    """(N,)."""

    def __len__(self) -> int:
        return len(self.centres)

    def grouped(self, rows: NDArray[np.int64]) -> Groups:
        """(M,) rows, increasing, by cell."""
        cells = self.of[rows]
        order = np.argsort(cells, kind="stable")
        return Groups(rows[order], np.concatenate([[0], np.cumsum(np.bincount(cells, minlength=len(self)))]).astype(np.int64))

    def near(self, query: NDArray[np.float32], groups: Groups, count: int) -> NDArray[np.int64]:
        """The rows of the `count` cells nearest to a query (D,), of those that have any."""
        some = groups.starts[1:] > groups.starts[:-1]
        selector = None if some.all() else of_bits(np.packbits(some, bitorder="little"))
        _, cells = one_query(self._quantizer, query, min(count, len(self)), only(native.SearchParameters, selector))
        return np.concatenate([groups.rows[groups.starts[cell] : groups.starts[cell + 1]] for cell in cells.tolist()])

    @cached_property
    def _quantizer(self) -> Any:
        # NumPy's product of a matrix and a vector wakes threads for it, which takes longer than the product
        flat = native.IndexFlatIP(self.centres.shape[1])
        flat.add(self.centres)
        return flat

    def with_rows(self, vectors: NDArray[np.float32]) -> Cells:
        """As they are with (n, D) rows more."""
        return Cells(self.centres, np.concatenate([self.of, assign(self.centres, vectors)]))


def make_cells(vectors: NDArray[np.float32], seed: int, progress: Progress) -> Cells:
    """About the square root of N cells of (N, D) rows, by k-means on the sphere over a sample."""
    count = max(1, round(len(vectors) ** 0.5))
    chosen = np.random.default_rng(seed).permutation(len(vectors))[: count * _TRAINING_ROWS]
    sample = vectors[np.sort(chosen)]
    progress.start(f"finding {count} centres")
    # a GPU, where FAISS was built for one, is used here; a search that is filtered is not for it
    means: Any = native.Kmeans(
        vectors.shape[1], count, niter=_ROUNDS, spherical=True, seed=seed, gpu=native.get_num_gpus() > 0, min_points_per_centroid=1
    )
    means.train(sample)
    parts = []
    progress.start("parting vectors by centre", len(vectors))
    for start in range(0, len(vectors), _BLOCK_ROWS):
        parts.append(assign(means.centroids, vectors[start : start + _BLOCK_ROWS]))
        progress.advance(len(parts[-1]))
    return Cells(means.centroids, np.concatenate(parts))


def assign(centres: NDArray[np.float32], vectors: NDArray[np.float32]) -> NDArray[np.int32]:
    """(n,) which of (C, D) centres is nearest to each of (n, D) rows; the first of equals."""
    return np.argmax(vectors @ centres.T, axis=1).astype(np.int32)
