"""Intervals from drawing patients: the deviation over draws that are written out, on the logit scale."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t
from sklearn.metrics import average_precision_score, brier_score_loss, f1_score, recall_score, roc_auc_score

from scanbank.eval.battery import DEFAULT, METRICS, battery, bootstrap_intervals, thresholds
from scanbank.store.errors import UnknownNameError, UsageError

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray]


def cohort(seed: int, patients: int = 40, items: int = 5) -> Arrays:
    """Labels by patient; scores (1, M) that the items of a patient share in part."""
    random = np.random.default_rng(seed)
    label = np.arange(patients) % 2
    groups = np.repeat(np.arange(patients), items)
    score = (random.normal(size=patients) + label)[groups] + 0.3 * random.normal(size=len(groups))
    return label[groups], score[None], groups


def auroc_ends(y: np.ndarray, score: np.ndarray, patients: object, **how: int) -> tuple[float, float]:
    low, high = bootstrap_intervals(["auroc"], y, score, np.asarray(patients), **how)["auroc"][0]
    return float(low), float(high)


def test_the_interval_is_made_from_the_deviation_over_drawn_patients() -> None:
    y, score, groups = cohort(0, patients=12)
    probability, threshold = 1 / (1 + np.exp(-score)), thresholds(y, score)
    random, found = np.random.Generator(np.random.PCG64(7)), []
    for _ in range(100):
        rows = np.concatenate([np.flatnonzero(groups == g) for g in random.integers(12, size=12)])
        if len(np.unique(y[rows])) == 2:
            drawn, called = (y[rows], score[0, rows]), score[0, rows] >= threshold[0]
            metrics = [roc_auc_score(*drawn), average_precision_score(*drawn), f1_score(y[rows], called), recall_score(y[rows], called)]
            found.append([*metrics, brier_score_loss(y[rows], probability[0, rows])])
    names = ["auroc", "ap", "f1", "sensitivity", "brier"]
    ends = bootstrap_intervals(names, y, score, groups, threshold, probability, draws=100, seed=7)
    values = battery(names, y, score, threshold=threshold, probability=probability).values
    for name, error in zip(names, np.std(found, axis=0, ddof=1), strict=True):
        value = values[name][0]
        reach = t.ppf(0.975, 6) * error / (value * (1 - value))
        odds = value / (1 - value) * np.exp([-reach, reach])
        assert ends[name][0] == pytest.approx(odds / (1 + odds), abs=1e-9), name


def test_the_interval_is_the_same_for_the_same_seed_in_any_order_beside_any_fits() -> None:
    y, score, groups = cohort(1)
    threshold, probability = thresholds(y, score), 1 / (1 + np.exp(-score))
    order = np.random.default_rng(0).permutation(len(y))
    named = np.array([f"patient {g:03}" for g in groups])
    first = bootstrap_intervals(DEFAULT, y, score, groups, threshold, probability, draws=50, seed=3)
    again = bootstrap_intervals(DEFAULT, y[order], score[:, order], named[order], threshold, probability[:, order], draws=50, seed=3)
    beside = bootstrap_intervals(
        DEFAULT, y, np.vstack([-score, score]), groups, np.append(0.0, threshold), np.vstack([1 - probability, probability]), 50, 3
    )
    other = bootstrap_intervals(DEFAULT, y, score, groups, threshold, probability, draws=50, seed=4)
    for name in DEFAULT:
        assert again[name] == pytest.approx(first[name], abs=1e-12)
        assert beside[name][1].tolist() == first[name][0].tolist()
        assert (other[name] != first[name]).all()


def test_the_interval_by_patient_is_wider_than_by_item() -> None:
    y, score, groups = cohort(2)
    low, high = auroc_ends(y, score, groups, draws=300)
    item_low, item_high = auroc_ends(y, score, np.arange(len(y)), draws=300)
    assert high - low > 1.5 * (item_high - item_low)
    assert low < roc_auc_score(y, score[0]) < high


def test_values_at_the_edge_have_intervals_from_the_number_of_patients() -> None:
    """6 patients with positives, 14 with negatives: Wilson's n / (n + z^2) for shares of 1."""
    y = np.repeat([1, 0], [12, 14])
    score = np.where(y, 2.0, 1.0)[None]
    patients = np.concatenate([np.repeat(np.arange(6), 2), np.arange(6, 20)])
    ends = bootstrap_intervals(["auroc", "ap", "sensitivity", "specificity", "accuracy"], y, score, patients, [2.0], draws=20)
    z = 1.959963984540054**2
    for name, people in {"ap": 6, "sensitivity": 6, "specificity": 14, "accuracy": 20}.items():
        assert ends[name][0] == pytest.approx([people / (people + z), 1])
    assert ends["auroc"][0, 1] == 1
    assert ends["sensitivity"][0, 0] < ends["auroc"][0, 0] < 1
    none_called = bootstrap_intervals(["sensitivity", "balanced_accuracy"], y, score, patients, [3.0], draws=20)
    assert none_called["sensitivity"][0] == pytest.approx([0, z / (6 + z)])
    # a specificity of 1 and a sensitivity of 0, whose distances add as squares
    assert none_called["balanced_accuracy"][0] == pytest.approx([0.5 - z / (14 + z) / 2, 0.5 + z / (6 + z) / 2])


def test_the_interval_needs_two_patients_of_each_class() -> None:
    y, score = np.array([0, 0, 1, 1, 0, 1]), np.array([[1.0, 4.0, 2.0, 5.0, 3.0, 6.0]])
    assert np.isnan(auroc_ends(y, score, [0, 1, 2, 2, 3, 2])).all()
    assert np.isnan(auroc_ends(y, score, [0, 0, 1, 2, 0, 3])).all()
    assert np.isnan(auroc_ends(np.ones(6, dtype=int), score, np.arange(6))).all()
    assert np.isnan(auroc_ends(np.empty(0, dtype=int), np.empty((1, 0)), [])).all()
    low, high = auroc_ends(y, score, [0, 0, 0, 1, 1, 1], draws=20)  # both classes within each patient
    assert low <= high


def test_what_has_no_value_has_no_interval() -> None:
    y, score, groups = cohort(3)
    ends = bootstrap_intervals(DEFAULT, y, np.vstack([score, score]), groups, [np.nan, 0.0], draws=20)
    for name, kind in METRICS.items():
        lacks = {"score": [False, False], "threshold": [True, False], "probability": [True, True]}[kind.needs]
        assert np.isnan(ends[name]).all(axis=1).tolist() == lacks


def test_bad_input() -> None:
    with pytest.raises(UsageError, match=r"2 items have patients of shape \(3,\)"):
        auroc_ends(np.array([0, 1]), np.array([[1.0, 2.0]]), [0, 1, 2])
    with pytest.raises(UsageError, match="1 draws say nothing of spread"):
        auroc_ends(np.array([0, 1]), np.array([[1.0, 2.0]]), [0, 1], draws=1)
    with pytest.raises(UnknownNameError, match="'sensitivty' is unknown; did you mean 'sensitivity'"):
        bootstrap_intervals(["sensitivty"], [0, 1], [[1.0, 2.0]], [0, 1])
