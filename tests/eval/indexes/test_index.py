"""What indexes of every kind answer, against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index_vectors import index_of, mixture, nearest
from scanbank.eval.indexes.card import Plan
from scanbank.eval.indexes.index import VectorIndex
from scanbank.eval.indexes.making import extend_index
from scanbank.eval.indexes.searcher import Searcher
from scanbank.eval.indexes.vectors import Vectors
from scanbank.store.errors import UsageError

ROWS, DIM = 5000, 16
VECTORS = mixture(ROWS + 30, DIM, 30, 5, 0)
QUERIES, VECTORS = VECTORS[ROWS:], VECTORS[:ROWS]
IDS = np.random.default_rng(1).permutation(3 * ROWS)[:ROWS].astype(np.int64)
KINDS = ("exact", "hnsw", "ivfpq")


@pytest.fixture(scope="module", params=KINDS)
def index(request: pytest.FixtureRequest) -> VectorIndex:
    return index_of(request.param, VECTORS, IDS)


def recall(searcher: Searcher, among: list[int] | None, name: str = "") -> float:
    found = []
    for query in QUERIES:
        right, _ = nearest(VECTORS, IDS, query, 10, among)
        given = None if among is None else (lambda: np.array(among))
        answer = searcher.search(query, 10, given, name=name)
        assert len(answer.items) == len(right)
        assert (np.diff(answer.scores) <= 0).all()
        found.append(len(set(right) & set(answer.items.tolist())) / len(right))
    return float(np.mean(found))


def test_finds_what_its_card_says(index: VectorIndex) -> None:
    assert index.card.reaches
    assert recall(Searcher(index), None) >= 0.95
    if index.card.kind == "exact":
        assert index.card.plan == Plan("exact", cost=ROWS)
    else:
        assert index.card.plan.way != "exact"
        assert index.card.plan.cost < ROWS


def test_scores_are_exact_whichever_way(index: VectorIndex) -> None:
    answer = Searcher(index).search(7 * QUERIES[0], 10)
    rows = [IDS.tolist().index(item) for item in answer.items]
    np.testing.assert_allclose(answer.scores, VECTORS[rows] @ QUERIES[0], atol=1e-6)


@pytest.mark.parametrize("share", [1.0, 0.6, 0.1, 0.01])
def test_filters_find_as_much(index: VectorIndex, share: float) -> None:
    among = IDS[np.random.default_rng(2).random(ROWS) < share].tolist()
    searcher = Searcher(index)
    assert recall(searcher, among) >= 0.95
    assert recall(searcher, among, "named") >= 0.95  # the first by all of its rows, the others as planned


def test_a_filter_that_keeps_what_lies_far_away(index: VectorIndex) -> None:
    far = np.argsort(VECTORS @ QUERIES[0])[:2500]
    searcher = Searcher(index)
    for _ in range(2):
        searcher.search(QUERIES[0], 10, lambda: IDS[far], name="far")
    answer = searcher.search(QUERIES[0], 10, lambda: IDS[far], name="far")
    right, _ = nearest(VECTORS, IDS, QUERIES[0], 10, IDS[far].tolist())
    assert answer.items.tolist() == right  # none of the queries that the plan was tried with is as far from all that is kept


@pytest.mark.parametrize("count", [0, 1, 2, 9, 10, 11])
def test_few_rows_are_all_found(index: VectorIndex, count: int) -> None:
    among = IDS[5 : 5 + count]
    answer = Searcher(index).search(QUERIES[0], 10, lambda: among)
    right, scores = nearest(VECTORS, IDS, QUERIES[0], 10, among.tolist())
    assert answer.items.tolist() == right
    np.testing.assert_allclose(answer.scores, scores, atol=1e-5)


@pytest.mark.parametrize("k", [ROWS, ROWS + 1, 10**9])
def test_k_beyond_what_there_is_gives_everything_once(index: VectorIndex, k: int) -> None:
    answer = Searcher(index).search(QUERIES[0], k)
    assert sorted(answer.items.tolist()) == sorted(IDS.tolist())


def test_k_between_is_given_whole(index: VectorIndex) -> None:
    answer = Searcher(index).search(QUERIES[0], 300)
    assert len(set(answer.items.tolist())) == 300


def test_ordinals_that_are_not_there_are_passed_over(index: VectorIndex) -> None:
    answer = Searcher(index).search(QUERIES[0], 3, lambda: np.array([int(IDS[0]), 10**6, int(IDS[0])]))
    assert answer.items.tolist() == [IDS[0]]


@pytest.mark.parametrize("query", [np.ones(DIM + 1), np.ones((1, DIM)), np.full(DIM, np.nan), np.full(DIM, np.inf)])
def test_a_query_of_another_kind_is_refused(index: VectorIndex, query: np.ndarray) -> None:
    with pytest.raises(UsageError, match="expected \\(16,\\) of finite numbers"):
        Searcher(index).search(query.astype(np.float32), 3)
    with pytest.raises(UsageError, match="k is 0"):
        Searcher(index).search(QUERIES[0], 0)


def test_filters_are_remembered_by_name_and_the_oldest_goes(index: VectorIndex) -> None:
    asked: list[str] = []
    searcher = Searcher(index, keep=2)

    def among(name: str) -> np.ndarray:
        asked.append(name)
        return IDS[:100]

    for name in ("a", "b", "a", "c", "a", "b"):
        searcher.search(QUERIES[0], 3, lambda name=name: among(name), name=name)
    assert asked == ["a", "b", "c", "b"]


@pytest.mark.parametrize("kind", ["exact", "hnsw", "ivfpq"])
def test_rows_that_are_added_are_found_and_replaced_ones_are_not(kind: str) -> None:
    index = index_of(kind, VECTORS[:4000], IDS[:4000])
    more = np.concatenate([VECTORS[4000:], -VECTORS[:1]])
    ids = np.concatenate([IDS[4000:], IDS[:1]])
    extended = extend_index(index, Vectors.of([VECTORS[:4000], more], DIM), ids)
    assert (extended.card.rows, extended.card.tombstones) == (ROWS + 1, 1)
    assert extended.card.reaches
    searcher = Searcher(extended)
    for row in (4000, 4999):
        assert searcher.search(VECTORS[row], 1).items.tolist() == [IDS[row]]
    assert IDS[0] not in searcher.search(VECTORS[0], 10).items
    assert searcher.search(-VECTORS[0], 1).items.tolist() == [IDS[0]]


@pytest.mark.parametrize("kind", ["exact", "hnsw"])
@pytest.mark.parametrize("rows", [0, 1, 2, 15])
def test_of_hardly_any_vectors(kind: str, rows: int) -> None:
    searcher = Searcher(index_of(kind, VECTORS[:rows], IDS[:rows]))
    assert searcher.search(QUERIES[0], 20).items.tolist() == nearest(VECTORS[:rows], IDS[:rows], QUERIES[0], 20)[0]


def test_compression_needs_something_to_learn_from() -> None:
    with pytest.raises(UsageError, match="256 vectors or more; there are 20"):
        index_of("ivfpq", VECTORS[:20], IDS[:20])


def test_equal_vectors_are_told_apart_by_ordinal() -> None:
    vectors, ids = np.repeat(VECTORS[:3], 200, axis=0), np.arange(600)[::-1].copy()
    answer = Searcher(index_of("exact", vectors, ids)).search(VECTORS[0], 50)
    assert answer.items.tolist() == list(range(400, 450))


def test_below_what_is_asked_it_says_so() -> None:
    noise = np.random.default_rng(0).standard_normal((3000, 64)).astype(np.float32)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    card = index_of("ivfpq", noise, np.arange(3000), recall=1.0).card
    assert not card.reaches
    assert card.plan.recall < 1.0
    assert card.plan.way == "lists"


@settings(max_examples=10, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["add", "replace", "drop"]), st.integers(1, 40)), max_size=8))
def test_any_sequence_of_changes_leaves_what_is_there(steps: list[tuple[str, int]]) -> None:
    rng = np.random.default_rng(len(steps))
    pool = iter(VECTORS)
    held = {int(i): next(pool) for i in range(50)}
    index = index_of("hnsw", np.stack(list(held.values())), np.array(list(held), np.int64))
    following = 50
    for step, count in steps:
        if step == "drop":
            gone = rng.permutation(list(held))[:count].tolist()
            held = {item: vector for item, vector in held.items() if item not in gone}
            index = index.with_dead(index.dead | np.isin(index.ids, gone))
            continue
        items = list(range(following, following + count)) if step == "add" else rng.permutation(list(held))[:count].tolist()
        following += count
        fresh = {int(item): next(pool) for item in items}
        held |= fresh
        if fresh:
            rows = [index.vectors.rows, np.stack(list(fresh.values()))]
            index = extend_index(index, Vectors.of(rows, DIM), np.array(list(fresh), np.int64))
    assert index.items.tolist() == sorted(held)
    if held:
        ids, vectors = np.array(list(held), np.int64), np.stack(list(held.values()))
        for query in QUERIES[:3]:
            assert Searcher(index).search(query, 10).items.tolist() == nearest(vectors, ids, query, 10)[0]
