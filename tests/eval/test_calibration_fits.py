"""Temperatures and sigmoids of many fits: plain optimisers' for each, whatever stands beside."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from sklearn.linear_model import LogisticRegression

from scanbank.eval import portions
from scanbank.eval.calibration_fits import scales, sigmoids


def study(seed: int, fits: int = 9, items: int = 50) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and scores of fits that are good, bad, far apart, in small numbers and in large ones."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(items) % 2
    gap, spread = rng.normal(1, 1, (fits, 1)), 10.0 ** rng.integers(-3, 4, (fits, 1))
    return y, spread * (rng.normal(size=(fits, items)) + gap * (2 * y - 1))


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000))
def test_temperatures_are_the_best_of_all(seed: int) -> None:
    y, scores = study(seed)
    for scale, score in zip(scales(y, scores), scores, strict=True):
        margin = np.where(y == 1, 1, -1) * score / score.std()
        if (margin >= 0).all() or margin.sum() <= 0:
            continue
        found = minimize_scalar(
            lambda at, margin=margin: float(np.logaddexp(0, -margin * np.exp(at)).sum()), bounds=(-12, 12), method="bounded"
        )
        assert np.logaddexp(0, -margin * scale * score.std()).sum() <= found.fun + 1e-9 * abs(found.fun)


def test_temperatures_where_none_is_best() -> None:
    y = np.array([0, 0, 1, 1])
    found = scales(y, np.array([[-1.0, -2.0, 3.0, 4.0], [1.0, 2.0, -3.0, -4.0], [0.0] * 4, [-1e9, 1.0, 2.0, 3.0]]))
    assert found[0] == 1
    assert (found[1:3] < 1e-4).all()
    assert 0 < found[3] < np.inf


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000))
def test_sigmoids_are_logistic_regressions_of_platts_targets(seed: int) -> None:
    y, scores = study(seed, fits=3)
    slopes, intercepts = sigmoids(y, scores)
    high, low = (y.sum() + 1) / (y.sum() + 2), 1 / (len(y) - y.sum() + 2)
    target = np.where(y == 1, high, low)
    weight = np.concatenate([target, 1 - target])  # a target between 0 and 1 is an item of each class with its share
    for slope, intercept, score in zip(slopes, intercepts, scores, strict=True):
        twice = np.concatenate([score, score])[:, None] / score.std()
        regression = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(twice, np.repeat([1, 0], len(y)), sample_weight=weight)
        assert slope * score.std() == pytest.approx(regression.coef_[0, 0], rel=1e-4, abs=1e-4)
        assert intercept == pytest.approx(regression.intercept_[0], rel=1e-4, abs=1e-4)


def test_a_fit_does_not_depend_on_those_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    y, scores = study(5, fits=40)
    together = scales(y, scores), *sigmoids(y, scores)
    for fit in range(40):
        alone = scales(y, scores[fit : fit + 1]), *sigmoids(y, scores[fit : fit + 1])
        assert [of[0] for of in alone] == [of[fit] for of in together]
    monkeypatch.setattr(portions, "SCORES", 120)  # two fits at once
    for of, parts in zip(together, (scales(y, scores), *sigmoids(y, scores)), strict=True):
        np.testing.assert_array_equal(of, parts)
    assert scales(y, scores[:0]).shape == sigmoids(y, scores[:0])[0].shape == (0,)
