"""Calibrators against scikit-learn and plain optimisers, as JSON, and where there is little to learn from."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from scanbank.eval.battery import battery
from scanbank.eval.calibration import (
    CALIBRATORS,
    Platt,
    Temperature,
    calibrator_from,
    fit_calibrator,
)
from scanbank.store.errors import UnknownNameError, UsageError
from validation_sides import validation_of


def overconfident(seed: int, items: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and decision values that are three times what log odds would be, less 1."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(size=items)
    return (rng.random(items) < 1 / (1 + np.exp(-odds))).astype(int), 3 * odds - 1


def test_temperature_is_the_best_of_all() -> None:
    y, score = overconfident(0)
    found = fit_calibrator("temperature", validation_of(y, score))
    losses = [
        log_loss(y, found.probabilities(score) if t is None else Temperature((), t).probabilities(score)) for t in (None, 1.0, 2.9, 6.0)
    ]
    assert losses[0] == min(losses)
    # log loss is that of a logistic regression through the origin
    regression = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10, max_iter=1000).fit(score[:, None], y)
    assert 1 / found.temperature == pytest.approx(regression.coef_[0, 0], rel=1e-5)
    assert found.remarks == ()


def test_platt_is_scikit_learns() -> None:
    y, score = overconfident(1)
    found = fit_calibrator("platt", validation_of(y, score))

    class Given(LogisticRegression):
        def decision_function(self, X):
            return X[:, 0]

    given = Given().fit(score[:, None], y)
    whole: dict[str, Any] = {"ensemble": False}
    theirs = CalibratedClassifierCV(FrozenEstimator(given), method="sigmoid", cv=2, **whole).fit(score[:, None], y)
    np.testing.assert_allclose(found.probabilities(score), theirs.predict_proba(score[:, None])[:, 1], atol=1e-4)
    # and its gradient is 0 against Platt's targets
    target = np.where(y, (y.sum() + 1) / (y.sum() + 2), 1 / (len(y) - y.sum() + 2))

    def loss(w: np.ndarray) -> float:
        value = w[0] * score + w[1]
        return float(np.sum(np.logaddexp(0, value) - target * value))

    best = minimize(loss, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 4000})
    assert [found.slope, found.intercept] == pytest.approx(best.x, abs=1e-5)


def test_isotonic_is_scikit_learns_with_its_warning() -> None:
    y, score = overconfident(2, 300)
    score = np.round(score, 1)
    found = fit_calibrator("isotonic", validation_of(y, score))
    asked = np.linspace(-20, 20, 501)
    theirs = IsotonicRegression(out_of_bounds="clip").fit(score, y).predict(asked)
    np.testing.assert_allclose(found.probabilities(asked), theirs, atol=1e-12)
    assert found.remarks == ("isotonic: fitted on 300 items; below 1000 it overfits, and platt or temperature do better",)
    assert fit_calibrator("isotonic", validation_of(*overconfident(3, 1000))).remarks == ()


@pytest.mark.parametrize("name", CALIBRATORS)
def test_calibrated_probabilities_are_nearer_to_what_happens(name: str) -> None:
    found = fit_calibrator(name, validation_of(*overconfident(4, 1500)))
    y, score = overconfident(5, 1500)
    before, after = (
        battery(["auroc", "brier", "ece"], y, [score], probability=[p]).values
        for p in (1 / (1 + np.exp(-score)), found.probabilities(score))
    )
    assert after["ece"][0] < before["ece"][0] / 2
    assert after["brier"][0] < before["brier"][0]
    assert (np.diff(found.probabilities(np.sort(score))) >= 0).all()
    assert found.probabilities(np.zeros((2, 3))).shape == (2, 3)


@pytest.mark.parametrize("name", CALIBRATORS)
def test_json_and_back(name: str) -> None:
    found = fit_calibrator(name, validation_of(*overconfident(6, 50)))
    again = calibrator_from(json.loads(json.dumps(found.to_dict(), allow_nan=False)))
    assert again == found
    assert again.probabilities([0.3]).tolist() == found.probabilities([0.3]).tolist()


@pytest.mark.parametrize("name", CALIBRATORS)
@pytest.mark.parametrize("score", [[1.0, 2.0, 3.0, 4.0], [4.0, 3.0, 2.0, 1.0], [2.0] * 4, [1e9, 2e9, 3e9, 4e9], [1e-9, 2e-9, 4e-9, 3e-9]])
def test_scores_that_separate_or_tell_nothing_give_finite_numbers(name: str, score: list[float]) -> None:
    found = fit_calibrator(name, validation_of([0, 0, 1, 1], score))
    chance = found.probabilities(score)
    assert ((chance >= 0) & (chance <= 1)).all()
    json.dumps(found.to_dict(), allow_nan=False)


def test_remarks_say_what_is_odd() -> None:
    separate = fit_calibrator("temperature", validation_of([0, 0, 1, 1], [-2.0, -1.0, 1.0, 2.0]))
    assert "separate the classes" in separate.remarks[0]
    assert "tell nothing" in fit_calibrator("temperature", validation_of([1, 1, 0, 0], [-2.0, -1.0, 1.0, 2.0])).remarks[0]
    assert "slope is negative" in fit_calibrator("platt", validation_of([1, 1, 0, 0], [1.0, 2.0, 3.0, 4.0])).remarks[0]
    constant = fit_calibrator("platt", validation_of([1, 0, 0, 0], [1.0] * 4))
    assert "all scores of the validation side are equal" in constant.remarks[0]
    # targets 2/3 and three times 1/5
    assert constant.probabilities([7.0]) == pytest.approx([(2 / 3 + 3 / 5) / 4])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"calibrator": "plat"}, "calibration 'plat' is unknown; did you mean 'platt'"),
        ({"calibrator": "platt", "version": 2, "remarks": [], "slope": 1.0, "intercept": 0.0}, "format 2; this version reads 1"),
        ({"calibrator": "platt", "version": 1, "remarks": [], "slope": 1.0}, "cannot be read"),
        ({"calibrator": "platt", "version": 1, "remarks": [], "slope": float("nan"), "intercept": 0.0}, "not finite"),
        ({"calibrator": "temperature", "version": 1, "remarks": [], "temperature": "hot"}, "cannot be read"),
    ],
)
def test_bad_files(data: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        calibrator_from(data)


def test_unknown_name() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'isotonic'"):
        fit_calibrator("isotonics", validation_of([0, 1], [1.0, 2.0]))
    assert Platt((), 1.0, 0.0).probabilities([0.0]) == 0.5
