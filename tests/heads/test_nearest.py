"""Cosine, prototype, KNN and zero-shot heads: values by hand and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.preprocessing import normalize

from scanbank.heads import CosineHead, KNNHead, PrototypeHead, ZeroShotHead, zero_shot


def data(items: int = 80, width: int = 12, classes: int = 2, seed: int = 0):
    random = np.random.default_rng(seed)
    y = np.arange(items) % classes
    return random.normal(size=(items, width)) + 1.5 + np.eye(classes, width)[y], y


def test_cosine_by_hand() -> None:
    """Class 0 at (3, 4)/5; class 1 between (1, 0) and (0, 1) whatever their lengths; a query at (2, 0)."""
    head = CosineHead(scale=2.0).fit([[3, 4], [10, 0], [0, 0.5]], [0, 1, 1])
    cosines = np.array([0.6, np.sqrt(0.5)])
    assert head.decision_function([[2, 0]]) == pytest.approx([cosines[1] - cosines[0]])
    expected = np.exp(2 * cosines) / np.exp(2 * cosines).sum()
    assert head.predict_proba([[2, 0]])[0] == pytest.approx(expected)


def test_prototype_by_hand() -> None:
    """Support (0, 0), (4, 0) of class 0 and (2, 6) of class 1: mean (2, 2), centred (-2, -2), (2, -2), (0, 4).

    Unit: (-r, -r), (r, -r), (0, 1) with r = sqrt(1/2), so the means are (0, -r) and (0, 1). The query (5, 2) is (1, 0) after centring:
    squared distances 1 + 1/2 and 2.
    """
    head = PrototypeHead().fit([[0, 0], [4, 0], [2, 6]], [0, 0, 1])
    assert head.decision_function([[5, 2]]) == pytest.approx([1.5 - 2.0])
    assert head.predict_proba([[5, 2]])[0, 1] == pytest.approx(1 / (1 + np.exp(0.5)))


def test_prototype_calls_as_nearest_centroid() -> None:
    X, y = data(classes=3)
    centred = normalize(X - X.mean(axis=0))
    assert (PrototypeHead().fit(X, y).predict(X) == NearestCentroid().fit(centred, y).predict(centred)).all()


@pytest.mark.parametrize("k", [1, 2, 5, 200])
@pytest.mark.parametrize("classes", [2, 3])
def test_knn_is_scikit_learns(k: int, classes: int) -> None:
    X, y = data(classes=classes)
    queries, _ = data(40, classes=classes, seed=1)
    exact = KNeighborsClassifier(n_neighbors=min(k, len(X)), weights="distance", metric="cosine").fit(X, y)
    head = KNNHead(n_neighbors=k).fit(X, y)
    assert head.predict_proba(queries) == pytest.approx(exact.predict_proba(queries), abs=1e-9)
    assert (head.predict(queries) == exact.predict(queries)).all()


def test_knn_of_one_neighbour_is_the_nearest() -> None:
    X, y = data()
    queries, _ = data(40, seed=1)
    nearest = cosine_similarity(queries, X).argmax(axis=1)
    assert (KNNHead(n_neighbors=1).fit(X, y).predict(queries) == y[nearest]).all()


def test_knn_votes_by_hand() -> None:
    """Cosine distances 0.2 (class 1), 0.4 and 1.0 (class 0): weights 5, 2.5 and 1."""
    support = [[0.8, 0.6], [0.6, 0.8], [0.0, 1.0]]
    head = KNNHead().fit(support, [1, 0, 0])
    assert head.predict_proba([[1, 0]])[0] == pytest.approx([3.5 / 8.5, 5 / 8.5])
    assert head.decision_function([[1, 0]]) == pytest.approx([1.5 / 8.5])
    assert KNNHead(n_neighbors=2).fit(support, [1, 0, 0]).predict_proba([[1, 0]])[0] == pytest.approx([2.5 / 7.5, 5 / 7.5])


def test_knn_equally_near_all_vote() -> None:
    """Two copies of one vector, of different classes, and one neighbour asked for: half and half, in whatever order."""
    for y in ([0, 1, 1], [1, 0, 1]):
        assert KNNHead(n_neighbors=1).fit([[1, 2], [1, 2], [-3, 1]], y).predict_proba([[2, 1], [3, 6]]) == pytest.approx(0.5)


def test_knn_of_what_is_in_the_support_gives_its_label() -> None:
    X, y = data()
    assert (KNNHead().fit(X, y).predict_proba(3 * X)[np.arange(len(X)), y] == 1.0).all()


@pytest.mark.parametrize("count", [0, 2.5, True])
def test_knn_needs_a_whole_number_of_neighbours(count: int) -> None:
    with pytest.raises(ValueError, match=f"n_neighbors is {count!r}; give a whole number, 1 or more"):
        KNNHead(n_neighbors=count).fit([[0], [1]], [0, 1])


def test_knn_of_more_neighbours_than_memory_has_room_for_asks_all() -> None:
    X, y = data()
    assert KNNHead(10**13).fit(X, y).predict_proba(X).tolist() == KNNHead(len(X)).fit(X, y).predict_proba(X).tolist()


def test_zero_shot_by_hand() -> None:
    """Present (0, 2), absent (3, 4): unit (0, 1) and (0.6, 0.8). The query (6, 8) lies on absent."""
    head = zero_shot(present=[0, 2], absent=[3, 4], scale=10.0)
    assert head.decision_function([[6, 8]]) == pytest.approx([10 * (0.8 - 1.0)])
    assert head.predict_proba([[6, 8]])[0, 1] == pytest.approx(1 / (1 + np.exp(2.0)))
    assert head.classes_.tolist() == [0, 1]


def test_zero_shot_learns_nothing_from_labels() -> None:
    X, y = data()
    prompts = X[:2].copy()
    assert np.array_equal(ZeroShotHead(prompts).fit(X, y).decision_function(X), ZeroShotHead(prompts).fit(X, 1 - y).decision_function(X))


@pytest.mark.parametrize(
    ("prompts", "message"),
    [(None, "prompts are missing"), (np.eye(3, 12), r"\(3, 12\)"), (np.eye(2, 7), r"\(2, 7\)"), (np.full((2, 12), np.nan), "not finite")],
)
def test_zero_shot_needs_a_prompt_for_each_class(prompts: np.ndarray | None, message: str) -> None:
    X, y = data()
    with pytest.raises(ValueError, match=message):
        ZeroShotHead(prompts).fit(X, y)
