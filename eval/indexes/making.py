"""Indexes made and extended in memory; where vectors lie is the caller's business."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ...store.errors import UsageError
from ...store.progress import Progress, Silent
from .card import IndexCard, Plan
from .cells import make_cells
from .graph import SETTINGS, attached, extend_graph, make_graph
from .index import VectorIndex
from .lists import LEAST_ROWS, extend_lists, make_lists
from .planning import measure, plan_for_all
from .sampling import queries_of, take_sample
from .vectors import Vectors

SEED = 0
TOMBSTONES = 0.2
"""Of an index's rows: with more of them it is made again."""
GROWTH = 2.0
"""Times the rows that it was made of: beyond, its centres are no longer those of its vectors, and it is made again."""
TAIL_LEAST, TAIL_MOST, TAIL_SHARE = 512, 4096, 0.1
"""Rows that no graph or list holds yet: so many are never too many; more than so many, or than this share of the others, are."""


def make_index(
    card: IndexCard, vectors: Vectors, ids: NDArray[np.int64], texts: NDArray[np.float32], progress: Progress | None = None
) -> VectorIndex:
    """An index of the kind that a card names, its recall measured, searched as wide as the recall that the card asks needs.

    Args:
        card: what the index is of, `kind` and `recall_asked`; counts, settings and plan are filled in.
        vectors: N of length 1. If the kind is not exact, the last of them, as many as `queries_of` says, are drawn at random from all:
            they are what recall is measured with, so nothing is learnt from them, and they are not linked at first.
        ids: (N,) ordinals, each once.
        texts: (T, D) vectors of texts of the same encoder, of length 1, to measure with; there may be none.
        progress: told of stages.

    Raises:
        UsageError: there are too few vectors for the kind.
    """
    progress, rows = progress or Silent(), len(vectors)
    plan = Plan("exact", cost=float(rows))
    tail = 0 if card.kind == "exact" else queries_of(rows)
    linked = rows - tail
    card = replace(card, dim=vectors.dim, rows=rows, tombstones=0, built_rows=rows, tail=tail, settings={}, plan=plan)
    index = VectorIndex(card, vectors, ids, np.zeros(rows, bool))
    if card.kind == "exact" or not rows:
        return index
    if card.kind == "ivfpq" and rows < LEAST_ROWS:
        raise UsageError(f"ivfpq learns to compress from {LEAST_ROWS} vectors or more; there are {rows}: take --kind exact")
    cells = make_cells(vectors.rows[:linked], SEED, progress)
    settings, parts = {"cells": len(cells), "seed": SEED}, {}
    if card.kind == "hnsw":
        settings |= SETTINGS
        parts["graph"] = make_graph(vectors, linked, progress)
    else:
        parts["lists"] = make_lists(vectors.rows[:linked], cells, SEED, progress)
        settings["bytes"] = parts["lists"].code_size
    cells = cells.with_rows(vectors.rows[linked:])
    progress.start("measuring recall")
    return tuned(replace(index, card=replace(card, settings=settings), cells=cells, sample=take_sample(vectors, texts), **parts))


def extend_index(index: VectorIndex, vectors: Vectors, ids: NDArray[np.int64], progress: Progress | None = None) -> VectorIndex:
    """The index with the rows that `vectors` has more, of the ordinals `ids`. Of one that it has already, the old row is passed over.

    They are compared one by one until there are enough of them that linking them is worth it: what an addition costs is then that of
    what is added. A graph reads the new vectors in the old index, too.
    """
    progress = progress or Silent()
    known, fresh = len(index.ids), vectors.rows[len(index.ids) :]
    replaced = np.isin(index.ids, ids)
    whole = np.concatenate([np.where(replaced, -1, index.ids), ids])
    dead = np.concatenate([index.dead | replaced, np.zeros(len(ids), bool)])
    tail = 0 if index.card.kind == "exact" else index.card.tail + len(fresh)
    card = replace(index.card, rows=len(whole), tombstones=int(dead.sum()), tail=tail)
    extended = replace(index, card=card, vectors=vectors, ids=whole, dead=dead)
    if index.cells is not None and index.sample is not None:
        graph = None if index.graph is None else attached(index.graph, vectors)
        extended = replace(extended, cells=index.cells.with_rows(fresh), graph=graph, sample=index.sample.with_rows(vectors, known))
    if trails(card):
        extended = linked(extended, progress)
    return remeasured(extended)


def trails(card: IndexCard) -> bool:
    """Whether a tail is so long that it is better linked. Searched by cells it lies in them as the other rows do, and costs nothing."""
    share = TAIL_SHARE * card.linked
    return card.tail > max(TAIL_LEAST, share if card.plan.way == "cells" else min(TAIL_MOST, share))


def linked(index: VectorIndex, progress: Progress) -> VectorIndex:
    """With no tail. Files of its own it has none but of vectors."""
    graph = None if index.graph is None else extend_graph(index.graph, index.vectors, progress)
    lists, start = index.lists, index.card.linked
    if lists is not None and index.cells is not None:
        progress.start("compressing vectors", index.card.tail)
        lists = extend_lists(lists, index.vectors.rows[start:], index.cells.of[start:])
    files = {what: name for what, name in index.card.files.items() if what == "vectors"}
    return replace(index, card=replace(index.card, tail=0, files=files, sha256={}), graph=graph, lists=lists)


def remeasured(index: VectorIndex) -> VectorIndex:
    """With the recall that it has now, and a wider search where that is less than is asked."""
    if index.sample is None:
        return replace(index, card=replace(index.card, plan=Plan("exact", cost=float(len(index.items)))))
    index = replace(index, sample=index.sample.without_rows(index.vectors, index.dead))
    assert index.sample is not None
    if index.card.plan.way == "exact":  # it was small
        return tuned(index)
    asked = index.card.recall_asked
    plan = measure(index, index.everything, index.card.plan, index.sample, index.sample.scores)
    if plan.recall < asked or plan.sure < asked <= index.card.plan.sure:
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
