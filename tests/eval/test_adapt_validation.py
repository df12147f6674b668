"""What tells after each epoch whether an adaptation got better, by hand and by scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from scanbank.eval.adapt_validation import mean_auroc, reciprocal_rank


def test_reciprocal_rank_by_hand() -> None:
    """Reports look along axes 0, 1, 1: the first finds its scan at once, the second after one other, the third has the second's words."""
    images = np.array([[1, 0], [1, 0.5], [0, 1]], np.float32)
    words = np.array([[1, 0], [0, 2], [0, 1]], np.float32)
    assert reciprocal_rank(images, words, ["a", "b", "c"]) == pytest.approx((1 + 1 / 2 + 1) / 3)
    assert reciprocal_rank(images, words, ["a", "b", "b"]) == 1.0  # the first scan whose report says the same counts


def test_mean_auroc_is_that_of_the_labels_that_are_known() -> None:
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 2, (30, 3)).astype(np.float32)
    targets[rng.random((30, 3)) < 0.3] = np.nan
    scores = rng.normal(size=(30, 3)).astype(np.float32)
    known = [~np.isnan(targets[:, f]) for f in range(3)]
    expected = np.mean([roc_auc_score(targets[k, f], scores[k, f]) for f, k in enumerate(known)])
    assert mean_auroc(targets, scores) == pytest.approx(expected)
