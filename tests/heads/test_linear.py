"""The linear head against scikit-learn's logistic regression, solved by another method (L-BFGS, Newton-CG)."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler, normalize

from scanbank.heads import LinearHead
from scanbank.store.errors import UsageError


def data(items: int, width: int, classes: int = 2, seed: int = 0):
    random = np.random.default_rng(seed)
    y = np.arange(items) % classes
    return random.normal(size=(items, width)) + 2.0 + 0.7 * np.eye(classes, width)[y], y


@pytest.mark.parametrize("C", [0.01, 1.0, 100.0])
@pytest.mark.parametrize(("items", "width"), [(6, 40), (200, 12)])
@pytest.mark.parametrize("kind", ["l2", "standard", None])
def test_probabilities_are_scikit_learns(C: float, items: int, width: int, kind: Literal["l2", "standard"] | None) -> None:
    X, y = data(items, width)
    queries, _ = data(50, width, seed=1)
    head = LinearHead(C=C, normalize=kind).fit(X, y)
    prepare = {"l2": normalize, "standard": StandardScaler().fit(X).transform, None: np.asarray}[kind]
    exact = LogisticRegression(C=C, solver="lbfgs", tol=1e-12, max_iter=20_000).fit(prepare(X), y)
    assert head.predict_proba(queries) == pytest.approx(exact.predict_proba(prepare(queries)), abs=1e-6)


def test_three_classes_are_multinomial() -> None:
    X, y = data(120, 10, classes=3)
    exact = LogisticRegression(C=5.0, solver="newton-cg", tol=1e-12, max_iter=1000).fit(normalize(X), y)
    assert LinearHead(C=5.0).fit(X, y).predict_proba(X) == pytest.approx(exact.predict_proba(normalize(X)), abs=1e-6)


def test_all_penalty_gives_the_prior() -> None:
    X, y = data(40, 5)
    y = (np.arange(40) < 10).astype(int)
    assert LinearHead(C=1e-9).fit(X, y).predict_proba(X)[:, 1] == pytest.approx(0.25, abs=1e-6)


def test_a_feature_that_never_changes_is_left_out() -> None:
    X, y = data(30, 4)
    head = LinearHead(normalize="standard").fit(np.hstack([X, np.full((30, 1), 7.0)]), y)
    assert head.coef_[0, 4] == pytest.approx(0.0, abs=1e-9)
    assert np.isfinite(head.predict_proba(np.hstack([X, np.full((30, 1), 8.0)]))).all()


def test_convergence_is_checked() -> None:
    X, y = data(60, 30)
    with pytest.raises(UsageError, match=r"did not converge: its gradient is .* after 1 iterations.*raise max_iter \(1\)"):
        LinearHead(C=1e4, max_iter=1).fit(X, y)


def test_a_penalty_that_leaves_nothing_of_the_losses_is_told_of() -> None:
    X, y = data(20, 8)
    with pytest.raises(UsageError, match=r"did not converge.*C is 1e-20, under which losses are lost in rounding.*choose 1e-12 or more"):
        LinearHead(C=1e-20).fit(X, y)
    assert LinearHead(C=1e-12).fit(X, y).predict_proba(X)[:, 1] == pytest.approx(y.mean(), abs=1e-6)


def test_bad_parameters() -> None:
    X, y = data(10, 4)
    with pytest.raises(ValueError, match=r"normalize is 'L2'; choose one of 'l2', 'standard', None"):
        LinearHead(normalize="L2").fit(X, y)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="'C' parameter"):
        LinearHead(C=-1.0).fit(X, y)
