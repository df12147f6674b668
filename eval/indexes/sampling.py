"""Queries of an index's own, and what an exact search answers them: against these recall is measured.

They are vectors of the index, each looking for others than itself, and texts of the same encoder where the bank has any: texts
lie elsewhere than scans do, and walks towards them end too early more often. The vectors are drawn before anything is learnt or
linked, and nothing is learnt from them: of a query that is a node of the graph itself, its neighbours are linked to it, and of
one that centres were learnt from, its centre is nearer. Such queries find up to 0.06 more than new ones do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from .card import K
from .vectors import Vectors, merged

QUERIES = 200
CERTAINTY = 0.99
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
        return min((float(group.mean()) for group in self._groups(hits)), default=1.0)

    def sure(self, hits: list[float]) -> float:
        """The mean that as many other queries would reach with CERTAINTY, of vectors and of texts apart: the lower one counts.

        That is the lower end of Student's interval for the mean of n further draws, after n (Hahn and Meeker, Statistical Intervals, 1991).
        """
        return min(map(_lower, self._groups(hits)), default=1.0)

    def _groups(self, hits: list[float]) -> list[NDArray[np.float64]]:
        values = np.array(hits)
        return [group for group in (values[self.own >= 0], values[self.own < 0]) if len(group)]

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


def asking(rows: int, seed: int) -> NDArray[np.bool_]:
    """(rows,): which are to be the queries. Few of few: they are not linked at first."""
    asks = np.zeros(rows, bool)
    asks[np.random.default_rng(seed).permutation(rows)[: queries_of(rows)]] = True
    return asks


def queries_of(rows: int) -> int:
    """How many of so many rows `asking` says."""
    return min(QUERIES, rows // 10)


def take_sample(vectors: Vectors, texts: NDArray[np.float32]) -> Sample:
    """The last rows, as many as `queries_of` says, and (T, D) texts of length 1."""
    own = np.arange(len(vectors) - queries_of(len(vectors)), len(vectors))
    queries = np.concatenate([vectors.rows[own], texts[:QUERIES]])
    own = np.concatenate([own, np.full(len(queries) - len(own), -1)])
    return Sample(queries, own, *exact_answers(vectors, queries, own, None, DEPTH))


def exact_answers(
    vectors: Vectors, queries: NDArray[np.float32], own: NDArray[np.int64], among: NDArray[np.int64] | None, depth: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Scores and rows (Q, depth), best first, the query's own row left out; -inf and -1 where there are fewer."""
    scores, rows = vectors.best(queries, depth + 1, among)
    mine = (rows == own[:, None]) & (own[:, None] >= 0)
    scores, rows = np.where(mine, -np.inf, scores), np.where(mine, -1, rows)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :depth]
    return np.take_along_axis(scores, order, 1).astype(np.float32), np.take_along_axis(rows, order, 1)


def _lower(values: NDArray[np.float64]) -> float:
    count = len(values)
    spread = float(values.std(ddof=1)) if count > 1 else 0.0
    return float(values.mean()) - float(stdtrit(max(1, count - 1), CERTAINTY)) * spread * (2 / count) ** 0.5
