"""Many scorings at once: what single metrics, scikit-learn and the definition of placements give."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from scanbank.eval.metrics import youden_threshold
from scanbank.eval.ranked import ranked


def placements_variance(y: NDArray[np.int64], score: NDArray[np.float64]) -> float:
    """By the definition, pair by pair."""
    p, n = score[y == 1], score[y == 0]
    wins = (p[:, None] > n).astype(float) + 0.5 * (p[:, None] == n)
    return wins.mean(1).var(ddof=1) / len(p) + wins.mean(0).var(ddof=1) / len(n)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(2, 60), st.sampled_from([0.0, 0.1, 1.0, 2.0]))
def test_each_scoring_is_measured_as_it_would_be_alone(seed: int, fits: int, items: int, step: float) -> None:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, items)
    y[:2] = [0, 1]
    scores = rng.normal(size=(fits, items))
    if step:
        scores = np.round(scores / step) * step  # many ties, and -0.0 beside 0.0
    found = ranked(y, scores)
    several = 1 < y.sum() < items - 1
    for i, score in enumerate(scores):
        assert found.aurocs()[i] == pytest.approx(roc_auc_score(y, score), abs=1e-15)
        assert found.average_precisions()[i] == pytest.approx(average_precision_score(y, score), abs=1e-14)
        assert found.youden_thresholds()[i] == youden_threshold(y, score).value
        if several:
            assert found.auroc_variances()[i] == pytest.approx(placements_variance(y, score), abs=1e-14)
    assert np.isfinite(found.auroc_variances()).all() == several


def test_by_hand() -> None:
    y = np.array([1, 0, 1, 0])
    found = ranked(y, np.array([[4.0, 3.0, 2.0, 1.0], [1.0, 1.0, 1.0, 1.0]]))
    assert found.aurocs().tolist() == [0.75, 0.5]
    assert found.average_precisions().tolist() == pytest.approx([(1 + 2 / 3) / 2, 0.5])
    assert found.youden_thresholds().tolist() == [4.0, 1.0]
    # placements of positives 1 and 1/2, of negatives 1/2 and 1: variances 1/8, over 2 items each
    assert found.auroc_variances().tolist() == [0.125, 0.0]
