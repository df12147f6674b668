"""Tip-Adapter: values by hand, its limits, and settings chosen on validation rows."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from scanbank.heads import HEADS, Support, TipAdapterHead, ZeroShotHead
from scanbank.heads.tip_adapter import ALPHAS, BETAS


def cohort(classes: int = 2, items: int = 60, width: int = 16, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vectors in a cone, labels, and class texts that know something of them."""
    random = np.random.default_rng(seed)
    y = np.arange(items) % classes
    means = random.normal(size=(classes, width))
    X = random.normal(size=(items, width)) + 2.0 + 0.8 * means[y]
    return X, y, means + random.normal(size=means.shape) + 1.0


def test_by_hand() -> None:
    """Rows (1, 0) of class 0 and (0, 2) of class 1; prompts (0.6, 0.8) and (0, 1); the query (8, 6) is (0.8, 0.6).

    Cosines with prompts 0.96 and 0.6, with rows 0.8 and 0.6; beta 2, alpha 3: 9.6 + 3 exp(-0.4) and 6 + 3 exp(-0.8).
    """
    head = TipAdapterHead([[3, 4], [0, 5]], scale=10.0, alpha=3.0, beta=2.0).fit([[1, 0], [0, 2]], [0, 1])
    wanted = np.array([9.6 + 3 * np.exp(-0.4), 6 + 3 * np.exp(-0.8)])
    assert head.decision_function([[8, 6]]) == pytest.approx([wanted[1] - wanted[0]])
    assert head.predict_proba([[8, 6]])[0] == pytest.approx(np.exp(wanted) / np.exp(wanted).sum())


@pytest.mark.parametrize("classes", [2, 3])
def test_alpha_0_is_zero_shot(classes: int) -> None:
    X, y, texts = cohort(classes)
    zero_shot = ZeroShotHead(texts, scale=30.0).fit(X, y)
    assert np.array_equal(TipAdapterHead(texts, scale=30.0, alpha=0.0).fit(X, y).decision_function(X), zero_shot.decision_function(X))


def test_a_large_beta_leaves_the_vote_to_the_row_itself() -> None:
    X, y, texts = cohort(3)
    head = TipAdapterHead(texts, alpha=1e6, beta=1e5).fit(X, y)
    assert (head.predict(X) == y).all()


@pytest.mark.parametrize("seed", range(4))
def test_a_study_chooses_alpha_and_beta_by_auroc_on_tuning_rows(seed: int) -> None:
    X, y, texts = cohort(seed=seed)
    rows, tuning, queries = np.arange(8), np.arange(8, 40), np.arange(40, 60)
    best, kept = -1.0, None
    for alpha in ALPHAS:
        for beta in BETAS:
            head = TipAdapterHead(texts, scale=20.0, alpha=alpha, beta=beta).fit(X[rows], y[rows])
            found = roc_auc_score(y[tuning], head.decision_function(X[tuning]).round(9))
            if found > best + 1e-9:
                best, kept = found, head
    assert kept is not None
    support = Support(rows, y[rows], tuning=Support(tuning, y[tuning]), texts=texts, logit_scale=20.0)
    plain = Support(rows, y[rows], texts=texts, logit_scale=20.0)
    scores = HEADS["tip_adapter"].scores(X, [support, plain], queries)
    assert scores[0] == pytest.approx(kept.decision_function(X[queries]), abs=1e-9)
    assert scores[1] == pytest.approx(TipAdapterHead(texts, scale=20.0).fit(X[rows], y[rows]).decision_function(X[queries]), abs=1e-9)


@pytest.mark.parametrize("setting", [{"alpha": -1.0}, {"beta": np.inf}, {"alpha": np.nan}])
def test_bad_settings(setting: dict[str, float]) -> None:
    X, y, texts = cohort()
    with pytest.raises(ValueError, match="give a number from 0"):
        TipAdapterHead(texts, **setting).fit(X, y)
