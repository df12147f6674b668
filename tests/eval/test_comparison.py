"""Differences of two heads: DeLong's formula written out, draws of patients written out, and both agree."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t
from sklearn.metrics import average_precision_score, roc_auc_score

from scanbank.eval.comparison import Scored, bootstrap_differences, compare, placement_difference
from scanbank.store.errors import UnknownNameError, UsageError


def heads(seed: int, items: int = 120, draws: int = 1) -> tuple[np.ndarray, Scored, Scored]:
    """Two heads whose scores go together; the first is better."""
    rng = np.random.default_rng(seed)
    y = (np.arange(items) % 3 == 0).astype(int)
    shared = rng.normal(size=items)
    one, other = (shared + rng.normal(size=(draws, items)) + shift * y for shift in (1.5, 1.0))
    return y, Scored(one), Scored(other)


def test_delong_of_pairs_by_its_formula() -> None:
    """From the covariance matrices of both heads' placements, as DeLong, DeLong and Clarke-Pearson have it."""
    y, first, second = heads(0)
    wins = [s.score[0, y == 1][:, None] > s.score[0, y == 0] for s in (first, second)]
    of_positives = np.cov([w.mean(axis=1) for w in wins])
    of_negatives = np.cov([w.mean(axis=0) for w in wins])
    contrast = np.array([1, -1])
    variance = contrast @ (of_positives / 40 + of_negatives / 80) @ contrast
    found = placement_difference(y, first, second, np.arange(120))
    difference = roc_auc_score(y, first.score[0]) - roc_auc_score(y, second.score[0])
    assert (found.metric, found.method, found.draws, found.support_variance) == ("auroc", "DeLong", 1, None)
    assert found.value == pytest.approx(difference)
    assert found.test_variance == pytest.approx(variance)
    reach = t.ppf(0.975, 40) * np.sqrt(variance)
    assert (found.lo, found.hi) == pytest.approx((difference - reach, difference + reach))
    assert found.p == pytest.approx(2 * t.sf(difference / np.sqrt(variance), 40))


def test_bootstrap_of_pairs_is_that_of_drawn_patients() -> None:
    y, first, second = heads(1, 60)
    patients = np.arange(60) // 2
    random, found = np.random.Generator(np.random.PCG64(5)), []
    for _ in range(80):
        rows = np.concatenate([np.flatnonzero(patients == p) for p in random.integers(30, size=30)])
        found.append(
            [of(y[rows], first.score[0, rows]) - of(y[rows], second.score[0, rows]) for of in (roc_auc_score, average_precision_score)]
        )
    told = bootstrap_differences(["auroc", "ap"], y, first, second, patients, draws=80, seed=5)
    assert [one.metric for one in told] == ["auroc", "ap"]
    assert [one.test_variance for one in told] == pytest.approx(np.var(found, axis=0, ddof=1))
    assert {one.method for one in told} == {"bootstrap"}


@pytest.mark.parametrize("items", [1, 3])
def test_placements_and_bootstrap_agree(items: int) -> None:
    y, first, second = heads(2, 300, draws=4)
    patients = np.arange(300) // items
    exact = placement_difference(y, first, second, patients)
    drawn = bootstrap_differences(["auroc"], y, first, second, patients, draws=2000)[0]
    assert exact.method == ("DeLong" if items == 1 else "Obuchowski")
    assert drawn.value == pytest.approx(exact.value, abs=1e-12)
    assert exact.test_variance is not None
    assert exact.support_variance is not None
    assert drawn.test_variance == pytest.approx(exact.test_variance, rel=0.12)
    assert drawn.support_variance == pytest.approx(exact.support_variance, abs=2e-4)


def test_the_sign_turns_with_the_order_and_equal_heads_do_not_differ() -> None:
    y, first, second = heads(3)
    patients = np.arange(120)
    one, other = placement_difference(y, first, second, patients), placement_difference(y, second, first, patients)
    assert one.value is not None
    assert (other.value, other.p) == pytest.approx((-one.value, one.p))
    assert other.test_variance == pytest.approx(one.test_variance)
    for same in (placement_difference(y, first, first, patients), bootstrap_differences(["ap"], y, first, first, patients)[0]):
        assert (same.value, same.lo, same.hi, same.p) == (0, None, None, None)
        assert "nothing says how much chance" in same.reason


def test_threshold_metrics_and_what_is_missing() -> None:
    y, first, second = heads(4, draws=2)
    cut = np.array([0.5, np.nan])
    one, other = Scored(first.score, np.array([0.5, 0.4])), Scored(second.score, cut)
    f1, brier, auroc = compare(["f1", "brier", "auroc"], y, one, other, np.arange(120), draws=50)
    assert (f1.metric, f1.draws, f1.method) == ("f1", 1, "bootstrap")
    assert f1.p is not None
    assert (brier.value, brier.draws, brier.reason) == (None, 0, "no probabilities: the head gives none")
    assert (auroc.method, auroc.draws) == ("DeLong", 2)


def test_few_patients_have_a_difference_and_no_interval() -> None:
    y, score = np.array([0, 1, 0, 1]), np.array([[1.0, 2.0, 3.0, 4.0]])
    for found in compare(["auroc", "ap"], y, Scored(score), Scored(-score), [0, 1, 2, 1]):
        assert found.value is not None
        assert found.value > 0
        assert (found.lo, found.p) == (None, None)
        assert "1 patients have positive items" in found.reason
    one_class = placement_difference([1, 1], Scored(score[:, :2]), Scored(score[:, 2:]), [0, 1])
    assert (one_class.value, one_class.reason) == (None, "one class only: 2 of 2 are positive")


def test_bad_input() -> None:
    y, first, second = heads(5)
    with pytest.raises(UsageError, match="scores of 1 and 2 draws; pairs of the same draws"):
        placement_difference(y, first, Scored(np.vstack([second.score] * 2)), np.arange(120))
    with pytest.raises(UnknownNameError, match="did you mean 'auroc'"):
        compare(["auro"], y, first, second, np.arange(120))
    with pytest.raises(UsageError, match="ask for 2 or more"):
        bootstrap_differences(["ap"], y, first, second, np.arange(120), draws=1)
