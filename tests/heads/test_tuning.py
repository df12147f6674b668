"""Settings chosen on validation rows."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from scanbank.heads import Support
from scanbank.heads.tuning import aurocs, best_setting
from scanbank.store.errors import UsageError


def test_aurocs_are_scikit_learns_with_ties() -> None:
    random = np.random.default_rng(0)
    y = random.integers(0, 2, 60)
    scores = random.integers(0, 7, size=(20, 60)).astype(float)
    assert aurocs(scores, y) == pytest.approx([roc_auc_score(y, row) for row in scores], abs=1e-12)


def test_the_first_of_equals_is_best() -> None:
    rows, y = np.arange(4), np.array([0, 1, 0, 1])
    scores = np.array([[1.0, 1, 1, 1], [0, 2, 1, 3], [0, 20, 10, 30], [3, 2, 1, 0]])
    assert best_setting(scores, Support(rows, y)) == 1


def test_one_class_chooses_nothing() -> None:
    with pytest.raises(UsageError, match="cannot be chosen by AUROC on 3 validation rows of one class"):
        best_setting(np.zeros((2, 3)), Support(np.arange(3), np.ones(3, dtype=np.int64)))
