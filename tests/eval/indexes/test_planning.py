"""Plans are the cheapest that find enough, and what cannot find enough is given up early."""

from __future__ import annotations

import numpy as np
import pytest

from index_vectors import index_of, mixture
from scanbank.eval.indexes.card import K, Plan
from scanbank.eval.indexes.index import VectorIndex
from scanbank.eval.indexes.planning import MARGIN, measure, plan_for
from scanbank.eval.indexes.sampling import Sample, exact_answers

ROWS = 6000
IDS = np.arange(ROWS)


@pytest.fixture(scope="module")
def index() -> VectorIndex:
    return index_of("hnsw", mixture(ROWS, 16, 30, 5, 0), IDS)


@pytest.fixture
def sample(index: VectorIndex) -> Sample:
    assert index.sample is not None
    return index.sample


def test_a_plan_that_cannot_find_enough_is_given_up(index: VectorIndex, sample: Sample) -> None:
    subset = index.subset(IDS[::2])
    truth, _ = exact_answers(index.vectors, sample.queries, sample.own, subset.rows, K)
    for plan in (Plan("graph", 16), Plan("graph", 40), Plan("cells", 1), Plan("cells", 20), Plan("cells", len(index.cells or ()))):
        whole = measure(index, subset, plan, sample, truth)
        assert whole is not None
        for least in (0.3, 0.8, 0.96, 1.0, whole.recall):
            found = measure(index, subset, plan, sample, truth, least=least)
            assert found == (whole if whole.recall >= least else None)
    everywhere = measure(index, subset, Plan("exact"), sample, truth, least=1.0)
    assert everywhere is not None
    assert everywhere.recall == 1.0


@pytest.mark.parametrize("step", [1, 2])
def test_a_plan_is_the_cheapest_that_finds_enough(index: VectorIndex, sample: Sample, step: int) -> None:
    subset = index.subset(IDS[IDS % (2 * step) != 0])
    plan = plan_for(index, subset, 0.95)
    truth, _ = exact_answers(index.vectors, sample.queries, sample.own, subset.rows, K)
    told = measure(index, subset, plan, sample, truth)
    assert told is not None
    assert told.recall >= 0.95 + MARGIN
    assert plan.cost <= len(subset)
    narrower = [Plan(way, width) for way, width in (("graph", plan.width // 2), ("cells", plan.width // 2)) if way == plan.way and width]
    for one in narrower:
        worse = measure(index, subset, one, sample, truth)
        assert worse is not None
        assert worse.recall <= told.recall
