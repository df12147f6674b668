"""Thresholds by rule, against all thresholds tried one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanbank.eval import portions
from scanbank.eval.battery import thresholds
from scanbank.eval.metrics import youden_threshold
from scanbank.eval.thresholding import Threshold, fit_threshold, fit_thresholds, rule_named
from scanbank.store.errors import UnknownNameError, UsageError
from validation_sides import validation_of

Y, SCORE = [1, 1, 0, 1, 0, 0, 1, 0], [8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0]


@pytest.mark.parametrize(
    ("rule", "value", "sensitivity", "specificity"),
    [
        ("youden", 7.0, 0.5, 1.0),  # as good as 5
        ("sensitivity=0.75", 5.0, 0.75, 0.75),
        ("sensitivity=0.76", 2.0, 1.0, 0.25),
        ("specificity=0.75", 5.0, 0.75, 0.75),
        ("specificity=1", 7.0, 0.5, 1.0),
        ("cost=1:1", 7.0, 0.5, 1.0),  # 2 errors, as at 5
        ("cost=5:1", 2.0, 1.0, 0.25),  # 3 alarms; 5 + 1 at 5
        ("cost=1:5", 7.0, 0.5, 1.0),  # 2 misses
    ],
)
def test_by_hand(rule: str, value: float, sensitivity: float, specificity: float) -> None:
    assert fit_threshold(rule_named(rule), validation_of(Y, SCORE)) == Threshold(rule, value, sensitivity, specificity)


def test_nothing_is_called_where_that_is_best() -> None:
    found = fit_threshold(rule_named("specificity=0.9"), validation_of([0, 1], [2.0, 1.0]))
    assert found == Threshold("specificity=0.9", np.nextafter(2.0, 3.0), 0.0, 1.0)
    assert fit_threshold(rule_named("cost=1:9"), validation_of([0, 0, 1], [2.0, 2.0, 2.0])).sensitivity == 0
    assert fit_threshold(rule_named("cost=9:1"), validation_of([0, 0, 1], [2.0, 2.0, 2.0])).value == 2.0


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10_000), st.integers(2, 30), st.sampled_from([0.05, 0.5, 0.9, 1.0]), st.floats(0.1, 10))
def test_no_other_threshold_is_better(seed: int, items: int, level: float, cost: float) -> None:
    rng = np.random.default_rng(seed)
    y, score = rng.integers(0, 2, items), np.round(rng.normal(size=items), 1)
    y[:2] = [0, 1]
    side = validation_of(y, score)
    tried = [*np.unique(score), np.nextafter(score.max(), np.inf)]
    sensitivity = {t: (score[y == 1] >= t).mean() for t in tried}
    specificity = {t: (score[y == 0] < t).mean() for t in tried}
    assert fit_threshold(rule_named(f"sensitivity={level}"), side).value == max(t for t in tried if sensitivity[t] >= level)
    assert fit_threshold(rule_named(f"specificity={level}"), side).value == min(t for t in tried if specificity[t] >= level)
    paid = {t: cost * (score[y == 1] < t).sum() + (score[y == 0] >= t).sum() for t in tried}
    assert paid[fit_threshold(rule_named(f"cost={cost}:1"), side).value] == pytest.approx(min(paid.values()))
    found = fit_threshold(rule_named("youden"), side)
    assert found.value == youden_threshold(y, score).value
    assert (found.sensitivity, found.specificity) == pytest.approx((sensitivity[found.value], specificity[found.value]))


@pytest.mark.parametrize("rule", ["youden", "sensitivity=0.95", "specificity=0.9", "cost=5:1", "cost=1:50"])
def test_many_fits_have_the_thresholds_of_each_alone(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    y, scores = rng.integers(0, 2, 40), np.round(rng.normal(size=(30, 40)), 1)
    side = validation_of(y, scores[0]).alone
    together = fit_thresholds(rule_named(rule), replace(side, scores=scores))
    alone = [fit_threshold(rule_named(rule), validation_of(y, row)).value for row in scores]
    assert together.tolist() == alone
    monkeypatch.setattr(portions, "SCORES", 90)  # two fits at once
    assert fit_thresholds(rule_named(rule), replace(side, scores=scores)).tolist() == alone
    if rule == "youden":
        assert thresholds(y, scores).tolist() == alone  # as studies are measured


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("yuden", UnknownNameError, "threshold rule 'yuden' is unknown; did you mean 'youden'"),
        ("youden=1", UnknownNameError, "is unknown"),
        ("sensitivity", UsageError, "needs a share above 0 and up to 1, such as sensitivity=0.95"),
        ("specificity=95", UsageError, "such as specificity=0.95"),
        ("sensitivity=nan", UsageError, "needs a share"),
        ("cost=5", UsageError, "such as cost=5:1"),
        ("cost=0:1", UsageError, "such as cost=5:1"),
    ],
)
def test_bad_rules(text: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        rule_named(text)
