"""Several feature sets in one head: early and late."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from scanbank.heads import Blocks, FittedHead, FusionHead, Keyed, LateFusionHead, LinearHead
from scanbank.heads.late_fusion import mixture_weights
from scanbank.store import EncoderSpec, FeatureKey, ViewSpec, parse_window
from scanbank.store.errors import UsageError

HEADS: list[Any] = [FusionHead(), FusionHead(normalize="l2"), LateFusionHead()]


def sets(seed: int = 0, items: int = 90, classes: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """A set of 4 that tells the class, one of 10 of another scale that tells it less, one of 2 that tells nothing."""
    random = np.random.default_rng(seed)
    y = np.arange(items) % classes
    good = random.normal(size=(items, 4)) + 1.5 * np.eye(classes, 4)[y]
    fair = 50 * (random.normal(size=(items, 10)) + 0.5 * np.eye(classes, 10)[y]) + 7
    return np.hstack([good, fair, random.normal(size=(items, 2))]), y


WIDTHS = (4, 10, 2)


@pytest.mark.parametrize("head", HEADS, ids=repr)
def test_sklearns_own_checks(head: Any) -> None:
    results = check_estimator(head, on_skip=None)
    assert {r["check_name"] for r in results if r["status"] != "passed"} <= {"check_array_api_input", "check_classifier_data_not_an_array"}


@pytest.mark.parametrize("classes", [2, 3])
def test_of_one_set_is_the_linear_head(classes: int) -> None:
    X, y = sets(classes=classes)
    asked = sets(1, classes=classes)[0]
    standard = LinearHead(C=50.0 / 16, normalize="standard").fit(X, y).predict_proba(asked)
    assert FusionHead(C=50.0).fit(X, y).predict_proba(asked) == pytest.approx(standard, abs=1e-6)
    assert FusionHead((16,), C=50.0).fit(X, y).predict_proba(asked) == pytest.approx(standard, abs=1e-6)
    plain = LinearHead(C=3.0).fit(X, y).predict_proba(asked)
    assert FusionHead(normalize="l2", C=3.0).fit(X, y).predict_proba(asked) == pytest.approx(plain, abs=1e-6)
    assert LateFusionHead(C=3.0).fit(X, y).predict_proba(asked) == pytest.approx(plain, abs=1e-9)


def test_is_scikit_learns_on_balanced_standardised_sets() -> None:
    X, y = sets()
    asked = sets(1)[0]
    share = np.sqrt(3 * np.repeat(WIDTHS, WIDTHS))
    scaler = StandardScaler().fit(X)
    exact = LogisticRegression(C=20.0, solver="newton-cg", tol=1e-10, max_iter=1000).fit(scaler.transform(X) / share, y)
    found = FusionHead(WIDTHS, C=20.0).fit(X, y).predict_proba(asked)
    assert found == pytest.approx(exact.predict_proba(scaler.transform(asked) / share), abs=1e-6)
    assert make_pipeline(StandardScaler(), FusionHead(WIDTHS, C=20.0)).fit(X, y).predict_proba(asked) == pytest.approx(found, abs=1e-6)


def test_late_fusion_is_the_mean_of_the_heads() -> None:
    X, y = sets()
    asked = sets(1)[0]
    parts = [(slice(0, 4)), (slice(4, 14)), (slice(14, 16))]
    alone = [LinearHead(C=5.0).fit(X[:, part], y).predict_proba(asked[:, part]) for part in parts]
    head = LateFusionHead(WIDTHS, C=5.0).fit(X, y)
    assert head.weights_ == pytest.approx([1 / 3] * 3)
    assert head.predict_proba(asked) == pytest.approx(np.mean(alone, axis=0), abs=1e-9)
    X_val, y_val = sets(2)
    head.tune(X_val, y_val)
    assert (head.weights_ >= 0).all()
    assert head.weights_.sum() == pytest.approx(1.0)
    assert head.weights_[0] > 0.6 > 0.2 > head.weights_[2]
    assert head.predict_proba(asked) == pytest.approx(np.average(alone, axis=0, weights=head.weights_), abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_weights_are_those_of_a_general_optimiser(seed: int) -> None:
    likelihood = np.random.default_rng(seed).uniform(0.01, 1, size=(60, 3)) * [1.0, 0.9, 0.6]
    found = mixture_weights(np.log(likelihood))

    def loss(w: np.ndarray) -> float:
        return -float(np.log(likelihood @ w).mean())

    one = {"type": "eq", "fun": lambda w: w.sum() - 1}
    exact = minimize(loss, np.full(3, 1 / 3), bounds=[(0, 1)] * 3, constraints=[one], method="SLSQP", options={"ftol": 1e-12})
    assert (found >= 0).all()
    assert found.sum() == pytest.approx(1.0)
    assert loss(found) <= exact.fun + 2e-6


def test_a_set_that_is_always_worse_gets_nothing() -> None:
    assert mixture_weights(np.log(np.array([[0.9, 0.1], [0.8, 0.2]]))) == pytest.approx([1, 0], abs=1e-3)
    assert mixture_weights(np.array([[-2000.0, -2000.0], [-5000.0, -5000.0]])) == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize("head", HEADS, ids=repr)
def test_comes_back_to_the_bit(head: Any, tmp_path: Path) -> None:
    X, y = sets()
    key = FeatureKey("volume", EncoderSpec("toy@1", "1", 16), ViewSpec((parse_window("brain"),)))
    before: Any = clone(head)
    before.set_params(widths=WIDTHS).fit(X, y)
    if isinstance(before, LateFusionHead):
        before.tune(*sets(2))
    FittedHead(before, key).save(tmp_path / "head")
    after = FittedHead.load(tmp_path / "head")
    assert np.array_equal(after.scores(Keyed(key, X)), before.decision_function(X))


@pytest.mark.parametrize("head", [FusionHead, LateFusionHead])
@pytest.mark.parametrize("widths", [(4, 10), (4.5, 11.5), (0, 16), (-4, 20), 3, ("a", "b")], ids=repr)
def test_widths_that_do_not_fit(head: Any, widths: Any) -> None:
    X, y = sets()
    with pytest.raises(ValueError, match="whose sum is the width of the features, 16, are wanted"):
        head(widths).fit(X, y)


def test_bad_input() -> None:
    X, y = sets()
    with pytest.raises(ValueError, match="normalize is 'log'"):
        FusionHead(normalize="log").fit(X, y)  # pyright: ignore[reportArgumentType]
    with pytest.raises(UsageError, match=r"validation rows have labels \[2\]; the heads learned \[0, 1\]"):
        LateFusionHead(WIDTHS).fit(X, y).tune(X, np.where(y, 2, 0))
    with pytest.raises(ValueError, match="whose sum is the width of the features, 16"):
        Blocks(X, (4, 10))
    blocks = Blocks(X, WIDTHS)
    assert np.array_equal(blocks.of(np.array([3, 1])).X, X[[3, 1]])
    assert dataclasses.replace(blocks, X=np.where(np.arange(90)[:, None] == 5, np.nan, X)).bad() == 1
