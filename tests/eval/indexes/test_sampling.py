"""Queries that recall is measured with: independent of what is searched, their answers exact, and how sure their mean is."""

from __future__ import annotations

import numpy as np
import pytest

from index_vectors import index_of, mixture
from scanbank.eval.indexes.making import extend_index
from scanbank.eval.indexes.sampling import QUERIES, Sample, asking, queries_of, take_sample
from scanbank.eval.indexes.vectors import Vectors, last

DIM = 8
VECTORS = mixture(3000, DIM, 20, 3, 0)


def sample_of(own: list[int]) -> Sample:
    return Sample(np.zeros((len(own), 1), np.float32), np.array(own), np.zeros((len(own), 1), np.float32), np.zeros((len(own), 1), int))


def test_what_other_queries_would_surely_find() -> None:
    hits = [1.0, 1.0, 0.9, 0.7]  # mean 0.9, standard deviation 0.1414; Student's t of 3 degrees at 0.99 is 4.5407
    assert sample_of([5, 6, 7, 8]).sure(hits) == pytest.approx(0.9 - 4.5407 * 0.141421 / 2**0.5, abs=1e-5)
    assert sample_of([5, 6, 7, 8]).recall(hits) == pytest.approx(0.9)
    assert sample_of([5, 6, 7, 8]).sure([1.0] * 4) == 1.0
    assert sample_of([5]).sure([0.8]) == 0.8
    assert sample_of([]).sure([]) == 1.0


def test_texts_and_vectors_are_counted_apart_and_the_lower_counts() -> None:
    sample = sample_of([3, 4, -1, -1])
    assert sample.recall([1.0, 1.0, 0.8, 0.8]) == 0.8
    assert sample.sure([0.9, 0.9, 1.0, 1.0]) == 0.9


def test_other_samples_hold_what_is_sure() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(300):
        mine, others = rng.binomial(10, 0.96, (2, QUERIES)) / 10
        held += bool(others.mean() >= sample_of(list(range(QUERIES))).sure(mine.tolist()))
    assert held >= 291  # 0.99 of 300, less three standard deviations


@pytest.mark.parametrize(("rows", "expected"), [(0, 0), (9, 0), (10, 1), (500, 50), (2000, QUERIES), (10**6, QUERIES)])
def test_few_of_few_are_asked(rows: int, expected: int) -> None:
    asks = asking(rows, 0)
    assert (len(asks), int(asks.sum()), queries_of(rows)) == (rows, expected, expected)
    np.testing.assert_array_equal(asks, asking(rows, 0))


def test_those_that_ask_come_last_whatever_the_blocks() -> None:
    asks = asking(500, 3)
    for size in (1, 7, 100, 500):
        blocks = [VECTORS[at : min(500, at + size)] for at in range(0, 500, size)]
        found = np.concatenate(list(last(blocks, asks)))
        np.testing.assert_array_equal(found, np.concatenate([VECTORS[:500][~asks], VECTORS[:500][asks]]))


def test_answers_are_exact_and_stay_so_with_more_rows() -> None:
    sample = take_sample(Vectors.of([VECTORS[:2500]], DIM), VECTORS[2990:])
    assert sample.own.tolist() == [*range(2300, 2500), *[-1] * 10]
    grown = sample.with_rows(Vectors.of([VECTORS[:2900]], DIM), 2500)
    for rows, held in ((2500, sample), (2900, grown)):
        scores = np.round(held.queries.astype(np.float64) @ VECTORS[:rows].T.astype(np.float64), 6)
        scores[:200, 2300:2500][np.arange(200), np.arange(200)] = -1
        np.testing.assert_allclose(held.scores, -np.sort(-scores, axis=1)[:, : held.scores.shape[1]], atol=1e-5)


@pytest.mark.parametrize("kind", ["hnsw", "ivfpq"])
def test_nothing_is_learnt_from_those_that_ask(kind: str) -> None:
    changed = VECTORS.copy()
    changed[-QUERIES:] = -changed[-QUERIES:]
    one, other = (index_of(kind, vectors, np.arange(3000)) for vectors in (VECTORS, changed))
    assert one.card.tail == one.card.rows - one.card.linked == QUERIES
    assert one.cells is not None
    assert other.cells is not None
    np.testing.assert_array_equal(one.cells.centres, other.cells.centres)
    for index in (one, other):
        assert (index.graph if kind == "hnsw" else index.lists).ntotal == 3000 - QUERIES
        assert index.sample is not None
        assert index.sample.own.tolist() == list(range(3000 - QUERIES, 3000))


def test_a_plan_is_sure_of_what_is_asked() -> None:
    plan = index_of("hnsw", VECTORS, np.arange(3000), recall=0.9).card.plan
    assert plan.sure >= 0.9
    assert plan.recall >= plan.sure
    more = mixture(600, DIM, 20, 3, 5)
    grown = extend_index(index_of("hnsw", VECTORS, np.arange(3000), recall=0.9), Vectors.of([VECTORS, more], DIM), np.arange(3000, 3600))
    assert grown.card.tail == 0  # they were more than are compared one by one
    assert grown.card.plan.sure >= 0.9
