"""Queries of an index's own, and what an exact search answers them: against these recall is measured.

They are vectors of the index, each looking for others than itself, and texts of the same encoder where the bank has any: texts
lie elsewhere than scans do, and walks towards them end too early more often.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

import numpy as np
from numpy.typing import NDArray

from .card import K
from .vectors import Vectors, merged

QUERIES = 100
DEPTH = 40
"""Answers that are kept: some may go with rows that are removed, before the question must be asked again."""
EQUAL = 1e-6
"""Scores that differ by less are equal: float32 sums of another order."""


@final
@dataclass(frozen=True)
class Sample:
    """Queries and their exact answers."""

    queries: NDArray[np.float32]
    """(Q, D)."""
    own: NDArray[np.int64]
    """(Q,) the row that is the query, which does not count; -1 of a text."""
    scores: NDArray[np.float32]
    """(Q, DEPTH), best first; -inf where there are fewer."""
    rows: NDArray[np.int64]
    """(Q, DEPTH), -1 where there are fewer."""

    def hits(self, query: int, scores: NDArray[np.float32], rows: NDArray[np.int64], truth: NDArray[np.float32]) -> float:
        """Of the K best, the share that a search found. What is as near as the last of them is as right. `truth`: (any,) exact scores."""
        best = truth[np.isfinite(truth)][:K]
        if not len(best):
            return 1.0
        found = scores[rows != self.own[query]][:K]
        return min(1.0, float(np.count_nonzero(found >= best[-1] - EQUAL)) / len(best))

    def recall(self, hits: list[float]) -> float:
        """The mean over queries, of vectors and of texts apart: the lower one counts."""
        values = np.array(hits)
        groups = [values[self.own >= 0], values[self.own < 0]]
        return min((float(group.mean()) for group in groups if len(group)), default=1.0)

    def with_rows(self, vectors: Vectors, start: int) -> Sample:
        """With the answers that rows from `start` on give."""
        more = self.queries @ vectors.rows[start:].T
        theirs = np.broadcast_to(np.arange(start, len(vectors)), more.shape)
        return replace(self, **dict(zip(("scores", "rows"), merged(self.scores, self.rows, more, theirs, DEPTH), strict=True)))

    def without_rows(self, vectors: Vectors, dead: NDArray[np.bool_]) -> Sample:
        """Without rows that are no longer searched; answered anew where too few are left."""
        live = int(np.count_nonzero(~dead))
        gone = (self.rows >= 0) & dead[self.rows]
        order = np.argsort(gone, axis=1, kind="stable")
        rows = np.take_along_axis(np.where(gone, -1, self.rows), order, 1)
        scores = np.take_along_axis(np.where(gone, -np.inf, self.scores), order, 1).astype(np.float32)
        short = np.count_nonzero(rows >= 0, axis=1) < min(K, live - 1)
        if short.any():
            scores[short], rows[short] = exact_answers(vectors, self.queries[short], self.own[short], np.flatnonzero(~dead), DEPTH)
        return replace(self, scores=scores, rows=rows)


def take_sample(vectors: Vectors, live: NDArray[np.int64], texts: NDArray[np.float32], seed: int) -> Sample:
    """QUERIES of the `live` rows, and (T, D) texts of length 1."""
    own = np.sort(np.random.default_rng(seed).permutation(live)[:QUERIES])
    queries = np.concatenate([vectors.rows[own], texts[:QUERIES]])
    own = np.concatenate([own, np.full(len(queries) - len(own), -1)])
    return Sample(queries, own, *exact_answers(vectors, queries, own, live if len(live) < len(vectors) else None, DEPTH))


def exact_answers(
    vectors: Vectors, queries: NDArray[np.float32], own: NDArray[np.int64], among: NDArray[np.int64] | None, depth: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Scores and rows (Q, depth), best first, the query's own row left out; -inf and -1 where there are fewer."""
    scores, rows = vectors.best(queries, depth + 1, among)
    mine = (rows == own[:, None]) & (own[:, None] >= 0)
    scores, rows = np.where(mine, -np.inf, scores), np.where(mine, -1, rows)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :depth]
    return np.take_along_axis(scores, order, 1).astype(np.float32), np.take_along_axis(rows, order, 1)
