"""Indexes made and extended in memory; where vectors lie is the caller's business."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ...store.progress import Progress, Silent
from .card import IndexCard, Plan
from .cells import make_cells
from .graph import SETTINGS, attached, extend_graph, make_graph
from .index import VectorIndex
from .lists import extend_lists, make_lists
from .planning import measure, plan_for_all
from .sampling import take_sample
from .vectors import Vectors

SEED = 0
TOMBSTONES = 0.2
"""Of an index's rows: with more of them it is made again."""
GROWTH = 2.0
"""Times the rows that it was made of: beyond, its centres are no longer those of its vectors, and it is made again."""


def make_index(
    card: IndexCard, vectors: Vectors, ids: NDArray[np.int64], texts: NDArray[np.float32], progress: Progress | None = None
) -> VectorIndex:
    """An index of the kind that a card names, its recall measured, searched as wide as the recall that the card asks needs.

    Args:
        card: what the index is of, `kind` and `recall_asked`; counts, settings and plan are filled in.
        vectors: N of length 1.
        ids: (N,) ordinals, each once.
        texts: (T, D) vectors of texts of the same encoder, of length 1, to measure with; there may be none.
        progress: told of stages.

    Raises:
        UsageError: there are too few vectors for the kind.
    """
    progress, rows = progress or Silent(), len(vectors)
    plan = Plan("exact", cost=float(rows))
    card = replace(card, dim=vectors.dim, rows=rows, tombstones=0, built_rows=rows, settings={}, plan=plan)
    index = VectorIndex(card, vectors, ids, np.zeros(rows, bool))
    if card.kind == "exact" or not rows:
        return index
    cells = make_cells(vectors.rows, SEED, progress)
    settings = {"cells": len(cells), "seed": SEED}
    if card.kind == "hnsw":
        graph = attached(make_graph(vectors, progress), vectors)
        index = replace(index, card=replace(card, settings=settings | SETTINGS), cells=cells, graph=graph)
    else:
        lists = make_lists(vectors, cells, SEED, progress)
        index = replace(index, card=replace(card, settings=settings | {"bytes": lists.code_size}), cells=cells, lists=lists)
    progress.start("measuring recall")
    return tuned(replace(index, sample=take_sample(vectors, np.arange(rows), texts, SEED)))


def extend_index(index: VectorIndex, vectors: Vectors, ids: NDArray[np.int64], progress: Progress | None = None) -> VectorIndex:
    """The index with the rows that `vectors` has more, of the ordinals `ids`. Of one that it has already, the old row is passed over.

    A graph is changed in place: the index that was is of no use any more.
    """
    progress = progress or Silent()
    known, fresh = len(index.ids), vectors.rows[len(index.ids) :]
    replaced = np.isin(index.ids, ids)
    whole = np.concatenate([np.where(replaced, -1, index.ids), ids])
    dead = np.concatenate([index.dead | replaced, np.zeros(len(ids), bool)])
    cells, graph, lists, sample = index.cells, index.graph, index.lists, index.sample
    if cells is not None and len(fresh):
        progress.start("adding vectors", len(fresh))
        cells = cells.with_rows(fresh)
        if lists is not None:
            lists = extend_lists(lists, fresh, cells.of[known:])
        if graph is not None:
            graph = attached(extend_graph(graph, vectors), vectors)
    if sample is not None:
        sample = sample.with_rows(vectors, known)
    card = replace(index.card, rows=len(whole), tombstones=int(dead.sum()))
    parts = {"cells": cells, "graph": graph, "lists": lists, "sample": sample}
    return remeasured(replace(index, card=card, vectors=vectors, ids=whole, dead=dead, **parts))


def remeasured(index: VectorIndex) -> VectorIndex:
    """With the recall that it has now, and a wider search where that is less than is asked."""
    if index.sample is None:
        return replace(index, card=replace(index.card, plan=Plan("exact", cost=float(len(index.items)))))
    index = replace(index, sample=index.sample.without_rows(index.vectors, index.dead))
    assert index.sample is not None
    if index.card.plan.way == "exact":  # it was small
        return tuned(index)
    asked = index.card.recall_asked
    plan = measure(index, index.everything, index.card.plan, index.sample, index.sample.scores, least=asked)
    if plan is None or plan.recall < asked:
        return tuned(index)
    return replace(index, card=replace(index.card, plan=plan))


def tuned(index: VectorIndex) -> VectorIndex:
    """Searched in the cheapest way that finds what its card asks."""
    return replace(index, card=replace(index.card, plan=plan_for_all(index, index.card.recall_asked)))


def worn(index: VectorIndex, dead: int, more: int) -> str:
    """Why an index would better be made again than have `dead` rows in all passed over and `more` added; empty where it would not."""
    rows = len(index.ids) + more
    if dead > TOMBSTONES * rows:
        return f"{dead} of its {rows} rows are of what is gone"
    if index.card.kind != "exact" and rows > GROWTH * index.card.built_rows:
        return f"it was made of {index.card.built_rows} vectors, and there are {rows}"
    return ""
