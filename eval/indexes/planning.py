"""Which way to search: tried on an index's own queries, the cheapest that finds what is asked.

Costs are counted in rows of vectors that a query reads and not timed, so that a plan is the same on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from heapq import merge

import numpy as np
from numpy.typing import NDArray

from .card import K, Plan
from .index import Subset, VectorIndex
from .lists import REFINED
from .native import native
from .sampling import EQUAL, Sample, exact_answers

MARGIN = 0.01
"""By which a plan is to find more than is asked where none surely finds that."""
FEW = 2_000
"""Rows that are compared, all of them, in less time than it takes to think about it."""
MANY = 1_000_000
"""Rows from which on a filter that is seen for the first time is not answered by comparing all of them."""
_WALK = 16.0
"""Rows that a walk reads for each candidate it keeps."""
_CODE = 1 / 16
"""Of a compressed row, against a whole one."""
_WIDEST = 2048
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
    """`best`: one that finds enough; None where there is none but what the index offers.

    The first that surely finds what is asked, tried from the cheapest on; else the first that seems to; else the one that finds most.
    """
    likely = most = best
    for candidate in merge(*_ladders(index, subset), key=lambda plan: plan.cost):
        if best is not None and candidate.cost >= best.cost:
            return best
        measured = measure(index, subset, candidate, sample, truth)
        if measured.sure >= recall:
            return measured
        if likely is None and measured.recall >= min(1.0, recall + MARGIN):
            likely = measured
        if most is None or measured.recall > most.recall:
            most = measured
    found = likely or most
    assert found is not None  # no ladder is empty
    return found


def measure(index: VectorIndex, subset: Subset, plan: Plan, sample: Sample, truth: NDArray[np.float32]) -> Plan:
    """A plan with the recall that it has. `truth`: (Q, any) exact scores, best first, over the subset."""

    def found(number: int) -> float:
        scores, rows = index.look(sample.queries[number], min(K + 1, len(subset)), subset, plan)
        return sample.hits(number, scores, rows, truth[number])

    with ThreadPoolExecutor(native.omp_get_max_threads()) as pool:  # one query takes one thread
        hits = list(pool.map(found, range(len(sample.queries))))
    reached = truth[:, min(K, truth.shape[1], len(subset)) - 1]
    floor = float(reached[np.isfinite(reached)].min(initial=1.0)) - EQUAL
    return replace(plan, recall=sample.recall(hits), sure=sample.sure(hits), floor=floor)


def raised(index: VectorIndex, subset: Subset) -> Plan:
    """A plan that was not tried: the index's own, wider as the filter is stricter."""
    plan, share = index.card.plan, len(subset) / max(1, len(index.everything))
    if plan.way == "exact" or len(subset) <= FEW:
        return Plan("exact", cost=float(len(subset)))
    wider = replace(plan, width=int(np.ceil(2 * plan.width / share)), cost=2 * plan.cost / share)
    return wider if wider.cost < len(subset) else Plan("exact", cost=float(len(subset)))


def _ladders(index: VectorIndex, subset: Subset) -> list[Iterator[Plan]]:
    """For each way plans that are wider and wider, and cost more and more."""
    assert index.cells is not None
    count, tail = len(index.cells), len(subset.tail)
    each = len(subset) / max(1, int(np.count_nonzero(np.diff(subset.groups.starts))))
    ladders = [Plan("cells", width, 0.0, count + width * each) for width in _widths(1, count)]
    if index.lists is not None:
        # What is compressed does not fit the memory as a whole, so cells are not read instead of lists but where a filter leaves few rows
        size = _CODE * len(index.ids) / count
        lists = [Plan("lists", width, 0.0, count + width * size + REFINED * K + tail) for width in _widths(1, count)]
        return [iter(lists), iter(ladders)] if not subset.is_all else [iter(lists)]
    walks = [Plan("graph", width, 0.0, _WALK * width + tail) for width in _widths(16, _WIDEST)]
    return [iter(walks), iter(ladders)]


def _widths(first: int, last: int) -> Iterator[int]:
    width = first
    while width < last:
        yield width
        width = max(width + 1, width * 3 // 2)
    yield last


def _part(sample: Sample) -> Sample:
    """Some queries of each sort, evenly: they are in the order of what they are of."""
    sorts = (np.flatnonzero(sample.own >= 0), np.flatnonzero(sample.own < 0))
    chosen = np.concatenate([one[:: max(1, -(-len(one) // _MOST))] for one in sorts])
    return Sample(sample.queries[chosen], sample.own[chosen], sample.scores[chosen], sample.rows[chosen])
