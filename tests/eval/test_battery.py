"""All metrics of many fits: scikit-learn's values fit by fit, whatever stands beside, and reasons where there are none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    f1_score,
    recall_score,
    roc_auc_score,
)

from scanbank.eval import portions
from scanbank.eval.battery import DEFAULT, METRICS, battery, metrics_named, thresholds
from scanbank.store.errors import UnknownNameError, UsageError


def scikit_learn(
    y: NDArray[np.int64], score: NDArray[np.float64], threshold: float, probability: NDArray[np.float64], weight: NDArray[np.float64] | None
) -> dict[str, float]:
    """Every metric of one fit, but ECE, which scikit-learn has not."""
    called = (score >= threshold).astype(int)
    of: dict[str, Any] = {"sample_weight": weight}
    return {
        "auroc": roc_auc_score(y, score, **of),
        "ap": average_precision_score(y, score, **of),
        "f1": f1_score(y, called, **of),
        "sensitivity": recall_score(y, called, **of),
        "specificity": recall_score(y, called, pos_label=0, **of),
        "balanced_accuracy": balanced_accuracy_score(y, called, **of),
        "accuracy": accuracy_score(y, called, **of),
        "macro_f1": f1_score(y, called, average="macro", **of),
        "brier": brier_score_loss(y, probability, **of),
    }


def ece(y: NDArray[np.int64], probability: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    """Bin by bin, as it is defined."""
    total = 0.0
    for k in range(15):
        held = (probability >= k / 15) & ((probability < (k + 1) / 15) | (k == 14))
        if weight[held].sum() > 0:
            gap = np.average(probability[held], weights=weight[held]) - np.average(y[held], weights=weight[held])
            total += abs(gap) * weight[held].sum() / weight.sum()
    return total


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 10_000),
    st.integers(1, 2),
    st.integers(2, 50),
    st.sampled_from([0.0, 0.5, 9.0]),
    st.sampled_from(["no", "some", "zeros"]),
)
def test_every_metric_is_scikit_learns(seed: int, fits: int, items: int, step: float, weights: str) -> None:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, items)
    score = rng.normal(size=(fits, items)) + y
    if step:
        score = np.round(score / step) * step  # ties; 9 makes all scores equal
    probability = rng.integers(0, 16, (fits, items)) / 15  # on the edges of bins
    threshold = rng.choice(score.ravel(), fits)
    weight = None
    if weights != "no":
        weight = rng.exponential(size=items)
        weight[2:] *= rng.integers(0, 2, items - 2) if weights == "zeros" else 1
    y[:2] = [0, 1]
    found = battery(DEFAULT, y, score, threshold=threshold, probability=probability, weight=weight)
    assert list(found.values) == list(METRICS)
    for fit in range(fits):
        expected = scikit_learn(y, score[fit], threshold[fit], probability[fit], weight)
        expected["ece"] = ece(y, probability[fit], np.ones(items) if weight is None else weight)
        for name, value in expected.items():
            assert found.values[name][fit] == pytest.approx(value, abs=1e-9), name
            assert found.reasons[name][fit] == ""


def test_by_hand() -> None:
    """Of 3 positives and 2 negatives, 2 and 1 are called; probabilities 0.95 and 0.99 share a bin."""
    y = [1, 1, 0, 1, 0]
    found = battery(DEFAULT, y, [[5.0, 4.0, 3.0, 2.0, 1.0]], threshold=[3.0], probability=[[0.99, 0.95, 0.5, 0.2, 0.0]]).values
    assert {name: value[0] for name, value in found.items()} == pytest.approx(
        {
            "auroc": 5 / 6,
            "ap": (1 + 1 + 3 / 4) / 3,
            "f1": 2 / 3,
            "sensitivity": 2 / 3,
            "specificity": 1 / 2,
            "balanced_accuracy": 7 / 12,
            "accuracy": 3 / 5,
            "macro_f1": (2 / 3 + 1 / 2) / 2,
            "brier": (0.01**2 + 0.05**2 + 0.5**2 + 0.8**2) / 5,
            "ece": (2 * 0.03 + 0.5 + 0.8) / 5,
        }
    )


def test_a_fit_does_not_depend_on_those_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    y, score = rng.integers(0, 2, 1001), rng.normal(size=(7, 1001))
    threshold, probability = thresholds(y, score), rng.random((7, 1001))
    together = battery(DEFAULT, y, score, threshold=threshold, probability=probability).values
    monkeypatch.setattr(portions, "SCORES", 2500)  # two fits at once
    for name, values in battery(DEFAULT, y, score, threshold=threshold, probability=probability).values.items():
        np.testing.assert_array_equal(values, together[name])
    np.testing.assert_array_equal(thresholds(y, score), threshold)
    for fit in range(7):
        alone = battery(DEFAULT, y, score[fit : fit + 1], threshold=threshold[fit : fit + 1], probability=probability[fit : fit + 1]).values
        assert {name: value[0] for name, value in alone.items()} == {name: value[fit] for name, value in together.items()}


@pytest.mark.parametrize(("y", "reason"), [([1, 1, 1], "3 of 3 are positive"), ([0], "0 of 1 are positive")])
def test_one_class_has_a_reason_and_no_number(y: list[int], reason: str) -> None:
    score = np.zeros((2, len(y)))
    found = battery(DEFAULT, y, score, threshold=[0.0, 0.0], probability=score)
    for name in DEFAULT:
        assert np.isnan(found.values[name]).all()
        assert found.reasons[name] == (f"one class only: {reason}",) * 2
    assert np.isnan(thresholds(y, score)).all()


def test_no_items_have_a_reason() -> None:
    found = battery(["auroc"], [], np.empty((1, 0)))
    assert found.reasons == {"auroc": ("no items",)}
    assert battery(["auroc"], [0, 1], np.empty((0, 2))).values["auroc"].shape == (0,)
    assert thresholds([0, 1], np.empty((0, 2))).shape == (0,)


def test_weights_of_zero_can_leave_one_class() -> None:
    assert battery(["ap"], [0, 1, 1], [[1.0, 2.0, 3.0]], weight=[0, 1, 2]).reasons["ap"] == ("one class only: 2 of 2 are positive",)


def test_what_a_fit_lacks_has_a_reason_for_that_fit_only() -> None:
    y, score = [0, 1, 0, 1], np.tile([1.0, 2.0, 3.0, 4.0], (2, 1))
    found = battery(
        DEFAULT,
        y,
        score,
        threshold=[np.nan, 2.0],
        threshold_reason="one class only: 3 of 3 are positive",
        probability=[[0.1, 0.2, 0.3, 0.4], [np.nan] * 4],
    )
    assert np.isnan(found.values["f1"]).tolist() == [True, False]
    assert found.reasons["f1"] == ("no threshold: one class only: 3 of 3 are positive", "")
    assert np.isnan(found.values["ece"]).tolist() == [False, True]
    assert found.reasons["ece"] == ("", "no probabilities: the head gives none")
    assert found.reasons["auroc"] == ("", "")
    nothing = battery(DEFAULT, y, score)
    assert nothing.reasons["accuracy"] == ("no threshold: no validation items",) * 2
    assert nothing.reasons["brier"] == ("no probabilities: the head gives none",) * 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"y": [0, 1], "score": [1.0, 2.0]}, r"labels are of shape \(2,\) and scores of \(2,\)"),
        ({"y": [0, 1], "score": [[1.0]]}, "one score for each label"),
        ({"y": [0, 2], "score": [[1.0, 2.0]]}, "labels must be 0 or 1; found 2"),
        ({"y": [[0, 1]], "score": [[1.0, 2.0]]}, "one row of 0 and 1"),
        ({"y": [0, 1], "score": [[np.nan, 2.0]]}, "1 of 2 scores are NaN or infinite"),
        ({"y": [0, 1], "score": [[1.0, 2.0]], "threshold": [1.0, 2.0]}, r"1 fits have thresholds of shape \(2,\)"),
        ({"y": [0, 1], "score": [[1.0, 2.0]], "probability": [[0.0]]}, "one for each score"),
        ({"y": [0, 1], "score": [[1.0, 2.0]], "probability": [[0.0, 1.1]]}, r"must lie in \[0, 1\]"),
        ({"y": [0, 1], "score": [[1.0, 2.0]], "probability": [[0.0, np.nan]]}, "or be NaN for all items"),
        ({"y": [0, 1], "score": [[1.0, 2.0]], "weight": [1.0, -1.0]}, "none negative"),
        ({"y": [0, 1], "score": [[1.0, 2.0]], "weight": [1.0]}, "as many finite numbers"),
    ],
)
def test_bad_input(call: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        battery(DEFAULT, **call)


def test_metrics_are_found_by_name() -> None:
    assert [kind.name for kind in metrics_named(["f1", "auroc", "f1"])] == ["f1", "auroc"]
    assert {kind.name for kind in METRICS.values() if not kind.larger_is_better} == {"brier", "ece"}
    with pytest.raises(UnknownNameError, match="metric 'aurok' is unknown; did you mean 'auroc'"):
        metrics_named(["aurok"])
