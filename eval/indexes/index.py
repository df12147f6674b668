"""An index in memory: unit vectors by ordinal, found by inner product, that is by cosine similarity."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from ...store.errors import UsageError
from .card import IndexCard, K, Plan
from .cells import Cells, Groups
from .graph import walk
from .lists import look
from .sampling import Sample
from .vectors import Vectors, unit


@final
class Subset:
    """Rows that a filter keeps, and what each way of searching needs to know of them, made when it is needed first."""

    def __init__(self, rows: NDArray[np.int64], total: int, linked: int, cells: Cells | None) -> None:
        """`rows`: (M,) increasing, of `total`, of which the first are `linked`."""
        self.rows = rows
        self.tail = rows[np.searchsorted(rows, linked) :]
        """Those that no graph or list holds."""
        self.total = total
        self._cells = cells

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def is_all(self) -> bool:
        return len(self.rows) == self.total

    @cached_property
    def bits(self) -> NDArray[np.uint8] | None:
        """One for each row of the index, the lowest first; None where all are kept."""
        if self.is_all:
            return None
        mask = np.zeros(self.total, bool)
        mask[self.rows] = True
        return np.packbits(mask, bitorder="little")

    @cached_property
    def groups(self) -> Groups:
        """By cell. Only of an index that has cells."""
        assert self._cells is not None
        return self._cells.grouped(self.rows)


@final
@dataclass(frozen=True)
class Found:
    """The answer to a query, best first; of equal scores the lower ordinal first."""

    scores: NDArray[np.float32]
    """(k,) cosine similarities, exact ones whichever way they were found."""
    items: NDArray[np.int64]
    """(k,) ordinals."""
    plan: Plan
    """How they were found."""


@final
@dataclass(frozen=True)
class VectorIndex:
    """Vectors of a feature set, or of volumes pooled from it. What is not in `live` is never found."""

    card: IndexCard
    vectors: Vectors
    ids: NDArray[np.int64]
    """(N,) ordinals by row; each live one once."""
    dead: NDArray[np.bool_]
    """(N,) rows that are passed over: their item is gone, or has another row."""
    cells: Cells | None = None
    """Of the kinds that are not exact."""
    graph: Any = None
    """Of kind `hnsw`."""
    lists: Any = None
    """Of kind `ivfpq`."""
    sample: Sample | None = None

    @property
    def name(self) -> str:
        return self.card.name

    @cached_property
    def items(self) -> NDArray[np.int64]:
        """Ordinals that can be found, increasing."""
        return self._sorted[0]

    @cached_property
    def _sorted(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Ordinals, increasing, and their rows."""
        rows = np.flatnonzero(~self.dead)
        order = np.argsort(self.ids[rows], kind="stable")
        return self.ids[rows][order], rows[order]

    @cached_property
    def everything(self) -> Subset:
        return self._of_rows(np.flatnonzero(~self.dead))

    def _of_rows(self, rows: NDArray[np.int64]) -> Subset:
        return Subset(rows, len(self.ids), self.card.linked, self.cells)

    def subset(self, items: NDArray[np.int64]) -> Subset:
        """Of ordinals, in any order; those that are not in the index are passed over."""
        ordinals, rows = self._sorted
        wanted = np.unique(items)
        if len(wanted) == len(ordinals) and np.array_equal(wanted, ordinals):
            return self.everything
        at = np.minimum(np.searchsorted(ordinals, wanted), max(0, len(ordinals) - 1))
        found = rows[at[ordinals[at] == wanted]] if len(ordinals) else rows
        return self._of_rows(np.sort(found))

    def with_dead(self, dead: NDArray[np.bool_]) -> VectorIndex:
        """The same vectors, of which others are passed over."""
        return replace(self, dead=dead, card=replace(self.card, tombstones=int(np.count_nonzero(dead))))

    def search(self, query: NDArray[np.float32], k: int, subset: Subset, plan: Plan) -> Found:
        """The `k` items of a subset nearest to a query, all of them where there are fewer. See `Searcher`, which makes plans.

        Raises:
            UsageError: the query (D,) is of another dimension, not finite, or `k` is below 1.
        """
        query = self.checked(query)
        if k < 1:
            raise UsageError(f"k is {k}; expected 1 or more")
        k = min(k, len(subset))
        if not k:
            return Found(np.empty(0, np.float32), np.empty(0, np.int64), plan)
        plan = self._for_k(plan, k, len(subset))
        scores, rows = self.look(query, k, subset, plan)
        # a walk that came to its end early, or a query unlike those that the plan was tried with
        if plan.way != "exact" and (len(rows) < k or scores[min(k, K) - 1] < plan.floor):
            plan = Plan("exact", cost=float(len(subset)))
            scores, rows = self.look(query, k, subset, plan)
        items = self.ids[rows]
        order = np.lexsort((items, -scores))[:k]
        return Found(scores[order], items[order], plan)

    def look(self, query: NDArray[np.float32], k: int, subset: Subset, plan: Plan) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Scores and rows near a query, best first, in the way of a plan; of equal scores there may be more than `k`."""
        if plan.way == "graph":
            return self._with_tail(*walk(self.graph, query, k, plan.width, subset.bits), query, k, subset.tail)
        if plan.way == "lists":
            return look(self.lists, self.vectors, query, k, plan.width, subset.bits, subset.tail)
        if plan.way == "cells":
            assert self.cells is not None
            rows = self.cells.near(query, subset.groups, plan.width)
            return self.vectors.nearest(query, min(k, len(rows)), rows)
        return self.vectors.nearest(query, k, None if subset.is_all else subset.rows)

    def _with_tail(
        self, scores: NDArray[np.float32], rows: NDArray[np.int64], query: NDArray[np.float32], k: int, tail: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        if not len(tail):
            return scores, rows
        more, theirs = self.vectors.nearest(query, min(k, len(tail)), tail)
        scores, rows = np.concatenate([scores, more]), np.concatenate([rows, theirs])
        order = np.argsort(-scores, kind="stable")[:k]
        return scores[order], rows[order]

    def checked(self, query: NDArray[np.float32]) -> NDArray[np.float32]:
        """A query of length 1."""
        if query.shape != (self.card.dim,) or not np.isfinite(query).all():
            raise UsageError(f"a query of shape {query.shape} for {self.name}; expected ({self.card.dim},) of finite numbers")
        return unit(np.ascontiguousarray(query, np.float32))

    def _for_k(self, plan: Plan, k: int, count: int) -> Plan:
        """Plans are made for K: more needs a wider search, and is soon done better by comparing all."""
        if plan.way == "exact" or k <= K:
            return plan
        factor = k / K
        if plan.cost * factor >= count:
            return Plan("exact", cost=float(count))
        return replace(plan, width=int(np.ceil(plan.width * factor)), cost=plan.cost * factor)
