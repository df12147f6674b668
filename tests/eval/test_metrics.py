"""Metrics against scikit-learn, by hand, and for what has no number."""

from __future__ import annotations

import warnings
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score, roc_curve

from scanbank.eval.metrics import Measured, auroc, average_precision, f1_at, youden_threshold
from scanbank.store.errors import UsageError

METRICS = [auroc, average_precision, youden_threshold, lambda y, s: f1_at(y, s, 0.5)]
both = st.lists(st.tuples(st.integers(0, 1), st.integers(-3, 3).map(lambda n: n / 3)), min_size=2, max_size=40).filter(
    lambda rows: len({label for label, _ in rows}) == 2
)
"""Labels of both classes and scores with many ties."""


def columns(rows: list[tuple[int, float]]) -> tuple[list[int], list[float]]:
    return [label for label, _ in rows], [score for _, score in rows]


def value(measured: Measured) -> float:
    assert measured.value is not None
    assert measured.reason == ""
    return measured.value


@given(both)
@settings(deadline=None)
def test_auroc_is_the_fraction_of_ordered_pairs(rows: list[tuple[int, float]]) -> None:
    y, score = columns(rows)
    pairs = [(p > n) + Fraction(p == n, 2) for k, p in rows if k for j, n in rows if not j]
    assert value(auroc(y, score)) == float(sum(pairs, Fraction()) / len(pairs))  # to the last digit
    assert value(auroc(y, score)) == pytest.approx(roc_auc_score(y, score), abs=4e-16)


@given(both)
@settings(deadline=None)
def test_average_precision_is_scikit_learns(rows: list[tuple[int, float]]) -> None:
    assert value(average_precision(*columns(rows))) == pytest.approx(average_precision_score(*columns(rows)), abs=1e-15)


@given(both)
@settings(deadline=None)
def test_youden_is_the_highest_of_the_best(rows: list[tuple[int, float]]) -> None:
    y, score = columns(rows)
    best = value(youden_threshold(y, score))

    def j(threshold: float) -> Fraction:
        called = [label for label, s in rows if s >= threshold]
        return Fraction(sum(called), sum(y)) - Fraction(len(called) - sum(called), len(y) - sum(y))

    assert best in score
    assert all(j(t) < j(best) or (j(t) == j(best) and t <= best) for t in score)
    fpr, tpr, _ = roc_curve(y, score, drop_intermediate=False)
    assert float(j(best)) == pytest.approx(max(tpr - fpr), abs=1e-12)


@given(both, st.integers(-4, 4).map(lambda n: n / 3))
@settings(deadline=None)
def test_f1_is_scikit_learns(rows: list[tuple[int, float]], threshold: float) -> None:
    y, score = columns(rows)
    called = [s >= threshold for s in score]
    assert value(f1_at(y, score, threshold)) == pytest.approx(f1_score(y, called), abs=1e-15)
    assert value(f1_at(y, score, Measured(threshold))) == value(f1_at(y, score, threshold))


@given(both)
@settings(deadline=None)
def test_only_the_order_of_scores_counts(rows: list[tuple[int, float]]) -> None:
    y, score = columns(rows)
    assert auroc(y, np.exp(score)) == auroc(y, score)
    assert value(auroc(y, score)) + value(auroc(y, -np.array(score))) == pytest.approx(1.0)
    assert average_precision(y[::-1], score[::-1]) == average_precision(y, score)


def test_by_hand() -> None:
    """Scores .9+ .8- .7+ .7- .2-: positives beat 3 and 1 1/2 of 3 negatives."""
    y, score = [1, 0, 1, 0, 0], [0.9, 0.8, 0.7, 0.7, 0.2]
    assert value(auroc(y, score)) == 4.5 / 6
    assert value(average_precision(y, score)) == 0.5 * 1 + 0.5 * 2 / 4
    assert value(youden_threshold(y, score)) == 0.9  # 1/2 - 0, more than 1 - 2/3 at 0.7
    assert value(f1_at(y, score, 0.9)) == 2 / 3
    assert value(f1_at(y, score, 0.7)) == 2 * 2 / (4 + 2)
    assert value(f1_at(y, score, 1.0)) == 0.0


def test_many_items_as_scikit_learn() -> None:
    random = np.random.default_rng(0)
    y = (random.random(200_000) < 0.03).astype(np.int8)
    score = np.round(random.normal(size=len(y)) + y, 3).astype(np.float32)
    assert value(auroc(y, score)) == pytest.approx(roc_auc_score(y, score), abs=1e-14)
    assert value(average_precision(y, score)) == pytest.approx(average_precision_score(y, score), abs=1e-13)


def test_constant_scores() -> None:
    y, score = [0, 1, 1, 0, 0], [2.0] * 5
    assert value(auroc(y, score)) == 0.5
    assert value(average_precision(y, score)) == 0.4
    assert value(youden_threshold(y, score)) == 2.0


@pytest.mark.parametrize("metric", METRICS)
def test_one_class_has_a_reason_and_no_number(metric) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert metric([1] * 12, np.arange(12)) == Measured(None, "one class only: 12 of 12 are positive")
        assert metric([0] * 3, np.arange(3)) == Measured(None, "one class only: 0 of 3 are positive")
        assert metric([], []) == Measured(None, "no items")


def test_no_threshold_no_f1() -> None:
    threshold = youden_threshold([0, 0], [1.0, 2.0])
    assert f1_at([0, 1], [1.0, 2.0], threshold) == Measured(None, "no threshold: one class only: 0 of 2 are positive")


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    ("y", "score", "message"),
    [
        ([0, 1], [1.0], r"shape \(2,\) and scores of \(1, 1\)"),
        ([[0, 1]], [[1.0, 2.0]], r"labels are of shape \(1, 2\); one row"),
        ([0, 2], [1.0, 2.0], "labels must be 0 or 1; found 2"),
        ([0.0, np.nan], [1.0, 2.0], "found nan; leave unknown ones out"),
        ([0, 1], [np.nan, 2.0], "1 of 2 scores are NaN or infinite"),
        ([0, 1], [np.inf, -np.inf], "2 of 2 scores are NaN or infinite"),
    ],
)
def test_bad_input(metric, y: list[float], score: list[float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        metric(y, score)
