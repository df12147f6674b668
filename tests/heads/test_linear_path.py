"""The penalty that is chosen, and by whom, against scikit-learn on the same folds."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import normalize

from scanbank.heads import LinearPathHead, Support
from scanbank.heads.auroc import aurocs
from scanbank.heads.folds import patient_folds, row_keys
from scanbank.heads.linear_path import PATH, linear_scores, lowshot_scores
from scanbank.heads.vectors import unit


def data(items: int, width: int, seed: int = 0):
    random = np.random.default_rng(seed)
    y = random.permutation(np.arange(items) % 2)
    return random.normal(size=(items, width)) + 1.0 + 0.8 * np.eye(2, width)[y], y


def theirs(X, y, C: float, weight=None) -> LogisticRegression:
    return LogisticRegression(C=C, solver="newton-cholesky", tol=1e-10, max_iter=1000, class_weight=weight).fit(normalize(X), y)


@pytest.mark.parametrize("weight", [None, "balanced"])
@pytest.mark.parametrize(("items", "width"), [(20, 30), (80, 12)])  # in the rows' weights, and in the features'
def test_chosen_on_tuning_rows_by_auroc_and_the_stronger_of_equals(items: int, width: int, weight) -> None:
    X, y = data(items, width)
    y[: items // 4] = 0
    T, called = data(40, width, seed=1)
    values = [roc_auc_score(called, theirs(X, y, C, weight).decision_function(normalize(T))) for C in PATH]
    head = LinearPathHead(class_weight=weight).fit_tuned(X, y, tuning=(T, called))
    assert (head.chosen_by_, head.C_) == ("tuning", PATH[int(np.argmax(np.round(values, 12)))])
    assert head.predict_proba(T) == pytest.approx(theirs(X, y, head.C_, weight).predict_proba(normalize(T)), abs=1e-6)


@pytest.mark.parametrize(("items", "width"), [(40, 60), (80, 12)])
def test_chosen_by_folds_that_keep_patients_together(items: int, width: int) -> None:
    X, y = data(items, width)
    patients = np.arange(items) // 2
    folds = patient_folds(row_keys(unit(X)), y, patients, 5)
    assert folds is not None
    assert all(len(set(folds[patients == p])) == 1 for p in patients)
    assert all(set(y[folds == fold]) == {0, 1} for fold in range(5))
    U, values = normalize(X), []
    for C in PATH:
        fits = [theirs(X[folds != k], y[folds != k], C) for k in range(5)]
        values.append(np.mean([roc_auc_score(y[folds == k], fit.decision_function(U[folds == k])) for k, fit in enumerate(fits)]))
    head = LinearPathHead().fit_tuned(X, y, patients=patients)
    assert (head.chosen_by_, head.C_) == ("cross-validation", PATH[int(np.argmax(np.round(values, 12)))])
    assert head.predict_proba(X) == pytest.approx(theirs(X, y, head.C_).predict_proba(normalize(X)), abs=1e-6)


def test_too_few_patients_leave_the_fixed_penalty() -> None:
    X, y = data(8, 12)
    head = LinearPathHead(fixed=3.0).fit(X, y)
    assert (head.chosen_by_, head.C_) == ("fixed", 3.0)
    assert head.predict_proba(X) == pytest.approx(theirs(X, y, 3.0).predict_proba(normalize(X)), abs=1e-6)


def test_tuning_rows_count_for_linear_and_not_for_lowshot() -> None:
    X, y = data(80, 24)
    rows, beside, asked = np.arange(30), np.arange(30, 50), np.arange(50, 80)
    support = Support(rows, y[rows], Support(beside, y[beside]))
    tuned = LinearPathHead().fit_tuned(X[rows], y[rows], tuning=(X[beside], y[beside]))
    alone = LinearPathHead().fit(X[rows], y[rows])
    assert linear_scores(X, [support], asked, "cpu")[0] == pytest.approx(tuned.decision_function(X[asked]), abs=1e-9)
    assert lowshot_scores(X, [support], asked, "cpu")[0] == pytest.approx(alone.decision_function(X[asked]), abs=1e-9)


def test_next_to_no_losses_leave_the_prior() -> None:
    X, y = data(40, 5)
    y = (np.arange(40) < 10).astype(int)
    assert LinearPathHead(path=(1e-9,)).fit(X, y).predict_proba(X)[:, 1] == pytest.approx(0.25, abs=1e-6)


def test_aurocs_are_scikit_learns_with_ties_too() -> None:
    random = np.random.default_rng(0)
    y = np.stack([random.permutation(np.arange(30) % 3 == 0) for _ in range(20)]).astype(np.int64)
    scores = np.concatenate([random.normal(size=(10, 30)), random.integers(-2, 3, (10, 30)).astype(float)])
    assert aurocs(y, scores) == pytest.approx([roc_auc_score(a, b) for a, b in zip(y, scores, strict=True)], abs=1e-12)
