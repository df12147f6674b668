"""Averages over findings: against scikit-learn on label matrices."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from scanbank.eval.averages import Part, macro, micro
from scanbank.eval.battery import DEFAULT, battery


def test_macro_leaves_out_what_has_no_value() -> None:
    found = macro([[0.5, 0.2, np.nan], [0.7, np.nan, np.nan]])
    np.testing.assert_array_equal(found.value, [0.6, 0.2, np.nan])
    assert found.findings.tolist() == [2, 1, 0]


def test_micro_and_macro_are_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    y, score = rng.integers(0, 2, (50, 3)), rng.normal(size=(2, 50, 3))
    threshold, chance = rng.normal(size=(2, 3)), rng.random((2, 50, 3))
    parts = [Part(y[:, k], score[:, :, k], threshold[:, k], chance[:, :, k]) for k in range(3)]
    pooled = micro(DEFAULT, parts).values
    each = [battery(DEFAULT, p.y, p.score, threshold=p.threshold, probability=p.probability).values for p in parts]
    for fit in range(2):
        called = score[fit] >= threshold[fit]
        for average, found in (("micro", {name: values[fit] for name, values in pooled.items()}), ("macro", {})):
            mean = found or {name: macro([one[name] for one in each]).value[fit] for name in DEFAULT}
            assert mean["auroc"] == pytest.approx(roc_auc_score(y, score[fit], average=average), abs=1e-12)
            assert mean["ap"] == pytest.approx(average_precision_score(y, score[fit], average=average), abs=1e-12)
            assert mean["f1"] == pytest.approx(f1_score(y, called, average=average), abs=1e-12)
        assert pooled["brier"][fit] == pytest.approx(((chance[fit] - y) ** 2).mean())


def test_findings_may_have_different_items_and_one_may_lack_something() -> None:
    parts = [
        Part([1, 1], [[0.9, 0.2]], [0.5], [[0.9, 0.2]]),  # of one class alone
        Part([0, 0, 1], [[0.1, 0.3, 0.4]], [np.nan], None),
    ]
    found = micro(["auroc", "f1", "brier"], parts)
    assert found.values["auroc"][0] == 5 / 6
    assert found.reasons["f1"] == ("no threshold: a finding has none",)
    assert found.reasons["brier"] == ("no probabilities: a finding has none",)
