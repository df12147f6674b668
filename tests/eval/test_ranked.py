"""Many scorings at once: what single metrics, scikit-learn and the definition of placements give."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from scanbank.eval.metrics import youden_threshold
from scanbank.eval.ranked import areas, ranked


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
    own = areas(y, scores)
    for i, score in enumerate(scores):
        assert found.aurocs()[i] == pytest.approx(roc_auc_score(y, score), abs=1e-15)
        assert found.average_precisions()[i] == pytest.approx(average_precision_score(y, score), abs=1e-14)
        assert found.youden_thresholds()[i] == youden_threshold(y, score).value
    assert own.auroc.tolist() == found.aurocs().tolist()  # both are the nearest float64
    assert own.ap == pytest.approx(found.average_precisions(), abs=1e-15)


def test_by_hand() -> None:
    y = np.array([1, 0, 1, 0])
    found = ranked(y, np.array([[4.0, 3.0, 2.0, 1.0], [1.0, 1.0, 1.0, 1.0]]))
    assert found.aurocs().tolist() == [0.75, 0.5]
    assert found.average_precisions().tolist() == pytest.approx([(1 + 2 / 3) / 2, 0.5])
    assert found.youden_thresholds().tolist() == [4.0, 1.0]


def test_a_score_that_is_no_number_ends_the_walk_all_the_same() -> None:
    """No metric is made of such scores, but a loop without end would be worse."""
    scores = np.array([[np.nan, 1.0, np.nan], [3.0, 2.0, 1.0]])
    assert areas(np.array([1, 0, 0]), scores).auroc[1] == 1.0
