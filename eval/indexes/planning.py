"""Which way to search: tried on an index's own queries, the cheapest that finds what is asked.

Costs are counted in rows of vectors that a query reads and not timed, so that a plan is the same on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .card import K, Plan
from .index import Subset, VectorIndex
from .sampling import EQUAL, Sample, exact_answers

MARGIN = 0.01
"""By which a plan is to find more than is asked: the sample is not the next query."""
FEW = 2_000
"""Rows that are compared, all of them, in less time than it takes to think about it."""
MANY = 1_000_000
"""Rows from which on a filter that is seen for the first time is not answered by comparing all of them."""
_WALK = 16.0
"""Rows that a walk reads for each candidate it keeps."""
_CODE = 1 / 16
"""Of a compressed row, against a whole one."""
_WIDEST = 2048
_ROUNDED = 1e-6
_MOST = 50
"""Queries of each sort that a filter is tried on."""


def plan_for(index: VectorIndex, subset: Subset, recall: float) -> Plan:
    """The cheapest plan for searches of a filter that finds `recall` of the K best."""
    exact = Plan("exact", cost=float(len(subset)))
    if len(subset) <= FEW or index.cells is None or index.sample is None:
        return exact
    sample = _part(index.sample)
    truth, _ = exact_answers(index.vectors, sample.queries, sample.own, subset.rows, K)
    return _cheapest(index, subset, recall, sample, truth, exact)


def plan_for_all(index: VectorIndex, recall: float) -> Plan:
    """The cheapest plan for searches without a filter that finds `recall` of the K best; where none does, the one that finds most."""
    everything = index.everything
    if len(everything) <= FEW or index.cells is None or index.sample is None:
        return Plan("exact", cost=float(len(everything)))
    return _cheapest(index, everything, recall, index.sample, index.sample.scores, None)


def _cheapest(index: VectorIndex, subset: Subset, recall: float, sample: Sample, truth: NDArray[np.float32], best: Plan | None) -> Plan:
    """`best`: one that finds enough; None where there is none but what the index offers."""
    most = best
    for candidates in _ladders(index, subset):
        for candidate in candidates:
            if best is not None and candidate.cost >= best.cost:
                break
            enough = min(1.0, recall + MARGIN)
            # where something finds enough already, what finds less is of no use, and most of it shows in a few queries
            measured = measure(index, subset, candidate, sample, truth, least=enough if best is not None else 0.0)
            if measured is None:
                continue
            if most is None or measured.recall > most.recall:
                most = measured
            if measured.recall >= enough:
                best = measured
                break
    found = best or most
    assert found is not None  # no ladder is empty
    return found


def measure(index: VectorIndex, subset: Subset, plan: Plan, sample: Sample, truth: NDArray[np.float32], least: float = 0.0) -> Plan | None:
    """A plan with the recall that it has; None as soon as it cannot be `least` any more.

    `truth`: (Q, any) exact scores, best first, over the subset.
    """
    hits: list[float] = []
    own = sample.own >= 0
    spare = {of: (1.0 - least) * float(np.count_nonzero(own == of)) + _ROUNDED for of in (True, False)}
    for number, query in enumerate(sample.queries):
        scores, rows = index.look(query, min(K + 1, len(subset)), subset, plan)
        hits.append(sample.hits(number, scores, rows, truth[number]))
        spare[bool(own[number])] -= 1.0 - hits[-1]
        if spare[bool(own[number])] < 0.0:
            return None
    reached = truth[:, min(K, truth.shape[1], len(subset)) - 1]
    floor = float(reached[np.isfinite(reached)].min(initial=1.0)) - EQUAL
    return Plan(plan.way, plan.width, sample.recall(hits), plan.cost, floor)


def raised(index: VectorIndex, subset: Subset) -> Plan:
    """A plan that was not tried: the index's own, wider as the filter is stricter."""
    plan, share = index.card.plan, len(subset) / max(1, len(index.everything))
    if plan.way == "exact" or len(subset) <= FEW:
        return Plan("exact", cost=float(len(subset)))
    wider = Plan(plan.way, int(np.ceil(2 * plan.width / share)), plan.recall, 2 * plan.cost / share, plan.floor)
    return wider if wider.cost < len(subset) else Plan("exact", cost=float(len(subset)))


def _ladders(index: VectorIndex, subset: Subset) -> list[Iterator[Plan]]:
    """For each way plans that are wider and wider."""
    assert index.cells is not None
    count = len(index.cells)
    each = len(subset) / max(1, int(np.count_nonzero(np.diff(subset.groups.starts))))
    ladders = [Plan("cells", width, 0.0, count + width * each) for width in _widths(1, count)]
    if index.lists is not None:
        # What is compressed does not fit the memory as a whole, so cells are not read instead of lists but where a filter leaves few rows
        size = _CODE * len(index.ids) / count
        lists = [Plan("lists", width, 0.0, count + width * size + 32 * K) for width in _widths(1, count)]
        return [iter(lists), iter(ladders)] if not subset.is_all else [iter(lists)]
    walks = [Plan("graph", width, 0.0, _WALK * width) for width in _widths(16, _WIDEST)]
    return [iter(walks), iter(ladders)]


def _widths(first: int, last: int) -> Iterator[int]:
    width = first
    while width < last:
        yield width
        width = max(width + 1, width * 3 // 2)
    yield last


def _part(sample: Sample) -> Sample:
    """Some queries of each sort."""
    chosen = np.concatenate([np.flatnonzero(sample.own >= 0)[:_MOST], np.flatnonzero(sample.own < 0)[:_MOST]])
    return Sample(sample.queries[chosen], sample.own[chosen], sample.scores[chosen], sample.rows[chosen])
