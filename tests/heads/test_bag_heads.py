"""What holds for every head on bags."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score
from sklearn.utils.estimator_checks import check_estimator

from bag_cohorts import Planted, planted, reordered, shifted
from scanbank.heads import (
    AnyHead,
    AttentionMILHead,
    Bags,
    FittedHead,
    FlattenHead,
    Keyed,
    LinearHead,
    RouterHead,
    SliceHead,
    SliceTransformerHead,
)
from scanbank.store import EncoderSpec, FeatureKey, ViewSpec, parse_window
from scanbank.store.errors import UsageError

CLOSED: list[Any] = [
    SliceHead(),
    SliceHead("max"),
    SliceHead(normalize="standard"),
    SliceHead(sub_bag=2),
    FlattenHead(),
    FlattenHead(slices=1),
    RouterHead(),
    RouterHead("hard", "majority", sub_bag=2),
]
TRAINED: list[Any] = [
    AttentionMILHead(hidden=8, steps=40, learning_rate=0.03),
    SliceTransformerHead(width=8, heads=2, steps=40, learning_rate=0.01),
]
ALL = [*CLOSED, *TRAINED]
UNORDERED = [SliceHead(), SliceHead("max"), RouterHead(), RouterHead("hard", "majority"), TRAINED[0]]
PLAIN = [SliceHead(), SliceHead("max"), FlattenHead(slices=1), FlattenHead(slices=3), RouterHead(), RouterHead("hard")]
KEY = FeatureKey("slice", EncoderSpec("toy@1", "1", 8), ViewSpec((parse_window("brain"),)))


def fresh(head: Any) -> Any:
    return clone(head)


def checked(head: Any) -> None:
    results = check_estimator(head, on_skip=None)
    skipped = {r["check_name"] for r in results if r["status"] != "passed"}
    assert skipped <= {"check_array_api_input", "check_classifier_data_not_an_array"}  # need array-api or pandas
    assert len(results) > 40


@pytest.mark.parametrize("head", CLOSED, ids=repr)
def test_sklearns_own_checks(head: Any) -> None:
    """They bring matrices, whose rows are bags of one vector."""
    checked(head)


@pytest.mark.slow
@pytest.mark.parametrize("head", TRAINED, ids=repr)
def test_sklearns_own_checks_of_trained_heads(head: Any) -> None:
    checked(head)


@pytest.mark.parametrize("head", ALL, ids=repr)
@pytest.mark.parametrize("classes", [2, 3])
def test_scores_probabilities_and_classes_agree(head: Any, classes: int) -> None:
    cohort = shifted(60, classes=classes)
    named = np.array(["adenoma", "cyst", "normal"])[cohort.y]
    head = fresh(head).fit(cohort.bags, named)
    scores, chances, called = head.decision_function(cohort.bags), head.predict_proba(cohort.bags), head.predict(cohort.bags)
    assert scores.shape == ((60,) if classes == 2 else (60, 3))
    assert chances.shape == (60, classes)
    assert chances.sum(axis=1) == pytest.approx(1.0)
    best = (scores > 0).astype(int) if classes == 2 else scores.argmax(axis=1)
    assert (called == head.classes_[best]).all()
    assert (chances.argmax(axis=1) == best).all()
    assert (called == named).mean() > 0.6  # the highest of many slices leans to presence
    if classes == 2:
        assert 1 / (1 + np.exp(-scores)) == pytest.approx(chances[:, 1])


@pytest.mark.parametrize("head", ALL, ids=repr)
def test_half_precision_is_computed_in_double(head: Any) -> None:
    cohort = shifted(24)
    X, starts = cohort.bags.X, cohort.bags.starts
    exact = fresh(head).fit(cohort.bags, cohort.y).decision_function(cohort.bags)
    for dtype in (np.float16, np.float32):
        other = Bags(X.astype(dtype), starts)
        assert np.array_equal(fresh(head).fit(other, cohort.y).decision_function(other), exact)


@pytest.mark.parametrize("head", ALL, ids=repr)
def test_arrays_and_bags_are_one(head: Any) -> None:
    random = np.random.default_rng(0)
    y = np.arange(20) % 2
    X = random.normal(size=(20, 4, 6)) + y[:, None, None]
    one = fresh(head).fit(X, y).decision_function(X)
    assert np.array_equal(fresh(head).fit(Bags.of_equal(X), y).decision_function(Bags.of_equal(X)), one)
    rows = fresh(head).fit(X[:, 0], y).decision_function(X[:, 0])
    assert np.array_equal(fresh(head).fit(X[:, :1], y).decision_function(X[:, :1]), rows)


@pytest.mark.parametrize("head", ALL, ids=repr)
def test_a_seed_settles_everything(head: Any) -> None:
    cohort = shifted(20)
    state = cast("Any", np.random.get_state())[1].copy()
    before = fresh(head).fit(cohort.bags, cohort.y).decision_function(cohort.bags)
    np.random.default_rng(0).normal()
    assert np.array_equal(fresh(head).fit(cohort.bags, cohort.y).decision_function(cohort.bags), before)
    assert np.array_equal(cast("Any", np.random.get_state())[1], state)


@pytest.mark.parametrize("head", [SliceHead(sub_bag=2), *TRAINED], ids=repr)
def test_another_seed_is_another_fit(head: Any) -> None:
    cohort = shifted(20)
    one, other = (fresh(head).set_params(random_state=seed).fit(cohort.bags, cohort.y).decision_function(cohort.bags) for seed in (0, 1))
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("head", ALL, ids=repr)
def test_a_bag_scores_the_same_whatever_is_beside_it(head: Any) -> None:
    cohort = shifted(20)
    head = fresh(head).fit(cohort.bags, cohort.y)
    whole = head.decision_function(cohort.bags)
    alone = [head.decision_function(cohort.bags.of(np.array([row])))[0] for row in range(20)]
    assert np.array(alone) == pytest.approx(whole, abs=1e-10)


@pytest.mark.parametrize("head", UNORDERED, ids=repr)
def test_order_of_slices_does_not_matter(head: Any) -> None:
    cohort = planted(30)
    mixed = reordered(cohort.bags)
    assert not np.array_equal(mixed.X, cohort.bags.X)
    before = fresh(head).fit(cohort.bags, cohort.y)
    after = fresh(head).fit(mixed, cohort.y)
    assert after.decision_function(mixed) == pytest.approx(before.decision_function(cohort.bags), abs=1e-5)


@pytest.mark.parametrize("head", [FlattenHead(), TRAINED[1]], ids=repr)
def test_order_of_slices_matters_where_place_does(head: Any) -> None:
    """Two classes that differ in nothing but the half of the scan that a shift lies in."""
    random = np.random.default_rng(0)
    y = np.arange(60) % 2
    X = random.normal(size=(60, 10, 6))
    for row, side in enumerate(y):
        X[row, 5 * side : 5 * side + 5, 0] += 3
    head = fresh(head).fit(X[:40], y[:40])
    assert roc_auc_score(y[40:], head.decision_function(X[40:])) > 0.9
    assert roc_auc_score(y[40:], head.decision_function(X[40:, ::-1])) < 0.5


@pytest.mark.parametrize("head", PLAIN, ids=repr)
@pytest.mark.parametrize("classes", [2, 3])
def test_a_bag_of_one_is_the_plain_head(head: Any, classes: int) -> None:
    random = np.random.default_rng(0)
    y = np.arange(40) % classes
    X = random.normal(size=(40, 6)) + np.eye(classes, 6)[y]
    plain = LinearHead().fit(X, y)
    bags = Bags.of_rows(X)
    assert fresh(head).fit(bags, y).predict_proba(bags) == pytest.approx(plain.predict_proba(X), abs=1e-7)
    if classes == 2:
        assert fresh(head).fit(bags, y).decision_function(bags) == pytest.approx(plain.decision_function(X), abs=1e-5)


@pytest.mark.parametrize("head", ALL, ids=repr)
def test_bad_input(head: Any) -> None:
    cohort = shifted(10)
    bags, y = cohort.bags, cohort.y
    with pytest.raises(NotFittedError):
        fresh(head).predict(bags)
    with pytest.raises(UsageError, match="needs two classes to learn from; all 10 labels are of one class, 1"):
        fresh(head).fit(bags, np.ones(10, dtype=int))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        fresh(head).fit(bags, y[:-1])
    broken = Bags(bags.X.copy(), bags.starts)
    broken.X[3, 2] = np.nan
    with pytest.raises(UsageError, match=r"1 of \d+ vectors of bags hold NaN or infinity"):
        fresh(head).fit(broken, y)
    empty = Bags(bags.X, np.insert(bags.starts, 2, bags.starts[2]))
    with pytest.raises(UsageError, match="1 of 11 bags are empty, such as bag 2"):
        fresh(head).fit(empty, np.append(y, 0))
    with pytest.raises(ValueError, match="features"):
        fresh(head).fit(bags, y).decision_function(Bags(bags.X[:, :5], bags.starts))


@pytest.mark.parametrize("head", ALL, ids=repr)
def test_comes_back_to_the_bit(head: Any, tmp_path: Path) -> None:
    cohort = shifted(20)
    before = FittedHead(fresh(head).fit(cohort.bags, np.array(["absent", "present"])[cohort.y]), KEY)
    before.save(tmp_path / "head")
    after = FittedHead.load(tmp_path / "head")
    assert after.estimator.get_params() == before.estimator.get_params()
    assert np.array_equal(after.scores(Keyed(KEY, cohort.bags)), before.scores(Keyed(KEY, cohort.bags)))
    assert after.estimator.predict(cohort.bags).tolist() == before.estimator.predict(cohort.bags).tolist()


def held_out(head: AnyHead[Bags], train: Planted, test: Planted) -> float:
    return float(roc_auc_score(test.y, head.fit(train.bags, train.y).decision_function(test.bags)))


def means(bags: Bags) -> NDArray[np.float64]:
    return np.add.reduceat(bags.X, bags.starts[:-1]) / bags.sizes[:, None]


def test_attention_finds_the_slice_that_decides() -> None:
    train, test = planted(100), planted(100, seed=1)
    pooled = LinearHead(normalize=None).fit(means(train.bags), train.y).decision_function(means(test.bags))
    head = AttentionMILHead()
    found = held_out(head, train, test)
    assert found > 0.9
    assert found > roc_auc_score(test.y, pooled) + 0.1
    attention = head.attention(test.bags)
    assert np.add.reduceat(attention, test.bags.starts[:-1]) == pytest.approx(1.0)
    tops = [start + attention[start:stop].argmax() for start, stop in zip(test.bags.starts, test.bags.starts[1:], strict=False)]
    assert np.mean(np.array(tops)[test.y == 1] == test.hits[test.y == 1]) > 0.8


def test_the_highest_slice_shows_more_than_the_mean() -> None:
    train, test = planted(200), planted(100, seed=1)
    assert held_out(SliceHead("max"), train, test) > held_out(SliceHead(), train, test) + 0.1
