from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, ndcg_score

from scanbank.eval.retrieval import ranking
from scanbank.eval.retrieval.ranking import rank_pairs
from scanbank.store.errors import UsageError

NOTHING = np.zeros((4, 0), np.bool_)


def unit(vectors: NDArray[np.float64]) -> NDArray[np.float32]:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def jaccard(present: NDArray[np.bool_], row: int) -> NDArray[np.float64]:
    either = (present | present[row]).sum(axis=1)
    return (present & present[row]).sum(axis=1) / np.maximum(either, 1)


def test_ranks_by_hand() -> None:
    # scores of query 0 with the pool: 0, 1, 1, 0; of 1: itself alone; of 2: 1, 0, 0, 1; of 3: all the same
    e = np.eye(4, dtype=np.float32)
    pool = np.stack([e[0], e[1], e[1], e[0]])
    queries = np.stack([e[1], e[1], e[0], e[3]])
    found = rank_pairs(queries, pool, np.array([0, 1, 1, 2]), NOTHING)
    # equal scores stand before the right one: query 1 finds item 2 beside itself, query 3 everything
    assert found.own.tolist() == [4, 2, 4, 4]
    # items 1 and 2 are one report: query 1 finds both first, query 2 still has two wrong ones before
    assert found.alike.tolist() == [4, 1, 3, 4]
    assert np.isnan(found.ap).all()
    assert np.isnan(found.ndcg).all()


def test_the_best_of_a_group_counts_and_no_member_stands_in_its_way() -> None:
    scores = np.array([[0.1, 0.9, 0.8, 0.7], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    queries, pool = scores.astype(np.float32), np.eye(4, dtype=np.float32)
    # query 0: its group is {0, 2, 3}; the best of it, 2, has only item 1 before it
    found = rank_pairs(queries, pool, np.array([5, 1, 5, 5]), NOTHING)
    assert found.own.tolist() == [4, 1, 1, 1]
    assert found.alike.tolist() == [2, 1, 1, 1]


@pytest.mark.parametrize("levels", [3, 1000])
def test_average_precision_and_ndcg_are_scikit_learns(levels: int) -> None:
    rng = np.random.default_rng(levels)
    n = 40
    queries = rng.integers(-levels, levels + 1, size=(n, 2)).astype(np.float32)  # of few levels, scores are often equal
    pool = rng.integers(-levels, levels + 1, size=(n, 2)).astype(np.float32)
    present = rng.random((n, 6)) < 0.3
    present[0] = False
    found = rank_pairs(queries, pool, np.arange(n), present)
    scores = (queries.astype(np.float64) @ pool.T).astype(np.float32)
    assert np.isnan(found.ap[0])
    assert np.isnan(found.ndcg[0])
    for row in np.flatnonzero(present.any(axis=1)).tolist():
        gain = jaccard(present, row)
        assert found.ap[row] == pytest.approx(average_precision_score(gain > 0, scores[row]), abs=1e-12)
        assert found.ndcg[row] == pytest.approx(ndcg_score(gain[None], scores[row][None]), abs=1e-12)


def test_ndcg_by_hand() -> None:
    # query 0 has a and b; items have ab, a, c in the order c, a, ab: gains 1, 1/2, 0
    present = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 1]], np.bool_)
    queries = np.array([[1, 2, 3], [0, 1, 0], [0, 0, 1]], np.float32)
    found = rank_pairs(queries, np.eye(3, dtype=np.float32), np.arange(3), present)
    discounts = 1 / np.log2([2, 3, 4])
    assert found.ndcg[0] == pytest.approx((discounts @ [0, 0.5, 1]) / (discounts @ [1, 0.5, 0]))
    assert found.ap[0] == pytest.approx(float((Fraction(1, 2) + Fraction(2, 3)) / 2))


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    queries, pool = unit(rng.normal(size=(50, 8))), unit(rng.normal(size=(50, 8)))
    group, present = rng.integers(20, size=50), rng.random((50, 5)) < 0.3
    whole = rank_pairs(queries, pool, group, present)
    monkeypatch.setattr(ranking, "_PAIRS", 150)
    parts = rank_pairs(queries, pool, group, present)
    np.testing.assert_array_equal(whole.own, parts.own)
    np.testing.assert_array_equal(whole.alike, parts.alike)
    np.testing.assert_allclose(whole.ap, parts.ap, rtol=1e-12)
    np.testing.assert_allclose(whole.ndcg, parts.ndcg, rtol=1e-12)


def test_vectors_that_are_the_same_to_the_bit_are_equal_whatever_the_product_does() -> None:
    rng = np.random.default_rng(2)
    n = 301
    pool = np.repeat(unit(rng.normal(size=(7, 333))), 43, axis=0)  # each vector 43 times, at other places of a product's tiles
    found = rank_pairs(unit(rng.normal(size=(n, 333))), pool, np.arange(n), np.zeros((n, 0), np.bool_))
    assert set(found.own.tolist()) <= {43 * times for times in range(1, 8)}


@given(st.integers(2, 12), st.integers(0, 10_000))
def test_ranks_are_those_of_a_plain_count(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    queries, pool = (rng.integers(-2, 3, size=(n, 2)).astype(np.float32) for _ in range(2))
    group = rng.integers(n, size=n)
    found = rank_pairs(queries, pool, group, np.zeros((n, 0), np.bool_))
    scores = queries @ pool.T
    for row in range(n):
        mine = group == group[row]
        assert found.own[row] == (scores[row] >= scores[row, row]).sum()
        assert found.alike[row] == 1 + (scores[row, ~mine] >= scores[row, mine].max()).sum()
        assert found.alike[row] <= found.own[row]


def test_what_are_no_pairs_is_refused() -> None:
    vectors = np.eye(3, dtype=np.float32)
    with pytest.raises(UsageError, match="no pairs"):
        rank_pairs(vectors, vectors[:2], np.arange(3), np.zeros((3, 0), np.bool_))
    with pytest.raises(UsageError, match="no pairs"):
        rank_pairs(vectors[:0], vectors[:0], np.arange(0), np.zeros((0, 0), np.bool_))
