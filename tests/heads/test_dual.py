"""Many fits at once by their rows' weights: what scikit-learn gives one by one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from scanbank.heads.dual import MAX_STEPS, TOLERANCE, DualFits, dual_fits, together

Solve = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], DualFits]


def at_once(K: torch.Tensor, y: torch.Tensor, C: torch.Tensor) -> DualFits:
    """As on a GPU."""
    return together(K, y, C[:, None].expand_as(y), MAX_STEPS, None, TOLERANCE)


both = pytest.mark.parametrize("solve", [dual_fits, at_once], ids=["compiled", "together"])


def rows(seed: int, fits: int, n: int, width: int, gap: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.stack([rng.permutation(np.arange(n) % 2) for _ in range(fits)])
    X = rng.normal(size=(fits, n, width))
    X[..., 0] += gap * y
    return X / np.linalg.norm(X, axis=-1, keepdims=True), y


@both
@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 5), st.integers(2, 40), st.integers(1, 64), st.sampled_from([1e-3, 0.1, 1.0, 100.0, 1e4]))
def test_each_is_scikit_learns(solve: Solve, seed: int, fits: int, n: int, width: int, C: float) -> None:
    X, y = rows(seed, fits, n, width, 0.5)
    K = torch.from_numpy(X @ X.transpose(0, 2, 1))
    found = solve(K, torch.from_numpy(y).double(), torch.full((fits,), C, dtype=torch.float64))
    assert float(found.gradients.max()) < 1e-8
    for i in range(fits):
        theirs = LogisticRegression(C=C, tol=1e-9, max_iter=50_000).fit(X[i], y[i])
        values = found.weights[i].numpy() @ X[i] @ X[i].T + float(found.intercepts[i])
        ours = 1 / (1 + np.exp(-values))
        np.testing.assert_allclose(ours, theirs.predict_proba(X[i])[:, 1], atol=1e-5)


@both
def test_the_gradient_is_that_of_the_objective_and_fits_do_not_touch_each_other(solve: Solve) -> None:
    X, y = rows(0, 6, 20, 512, 2.0)
    K, labels = torch.from_numpy(X @ X.transpose(0, 2, 1)), torch.from_numpy(y).double()
    C = torch.tensor([0.01, 1.0, 100.0, 1e6, 1.0, 0.1], dtype=torch.float64)
    found = solve(K, labels, C)
    w, b = (found.weights[:, None] @ torch.from_numpy(X))[:, 0].requires_grad_(), found.intercepts.clone().requires_grad_()
    values = (torch.from_numpy(X) @ w[..., None])[..., 0] + b[:, None]
    loss = (w**2).sum() / 2 + (C[:, None] * torch.nn.functional.binary_cross_entropy_with_logits(values, labels, reduction="none")).sum()
    loss.backward()
    assert w.grad is not None
    assert b.grad is not None
    assert float((w.grad.abs().amax(1) / (20 * C)).max()) < 1e-9
    assert float((b.grad.abs() / (20 * C)).max()) < 1e-9
    for i in range(6):
        alone = solve(K[i : i + 1], labels[i : i + 1], C[i : i + 1])
        assert float((alone.weights[0] - found.weights[i]).abs().max() / C[i]) < 1e-9


@both
@pytest.mark.parametrize("seed", [3, 76, 209, 254])
@pytest.mark.parametrize("C", [1e4, 1e6])
def test_a_gradient_that_grows_in_mid_course_ends_no_fit(seed: int, C: float, solve: Solve) -> None:
    X, y = rows(seed, 5, 7, 3, 0.5)
    found = solve(torch.from_numpy(X @ X.transpose(0, 2, 1)), torch.from_numpy(y).double(), torch.full((5,), C, dtype=torch.float64))
    assert float(found.gradients.max()) < 1e-8


@both
def test_limits_are_known(solve: Solve) -> None:
    X, y = rows(1, 1, 30, 8, 1.0)
    y[0, :10] = 1
    K = torch.from_numpy(X @ X.transpose(0, 2, 1))
    # an infinite penalty leaves the intercept alone: the log odds of the classes
    found = solve(K, torch.from_numpy(y).double(), torch.tensor([1e-12], dtype=torch.float64))
    odds = np.log(y.sum() / (30 - y.sum()))
    assert float(found.intercepts[0]) == pytest.approx(odds, abs=1e-9)
    # two rows of opposite classes: the plane between them
    K = torch.tensor([[[1.0, -1.0], [-1.0, 1.0]]], dtype=torch.float64)
    found = solve(K, torch.tensor([[0.0, 1.0]], dtype=torch.float64), torch.tensor([1.0], dtype=torch.float64))
    assert float(found.intercepts[0]) == pytest.approx(0, abs=1e-12)
    a = float(found.weights[0, 1])
    assert a == pytest.approx(1 / (1 + np.exp(2 * a)), abs=1e-12)  # a = 1 - p(2 a)
    assert float(found.weights[0, 0]) == pytest.approx(-a, abs=1e-12)


@both
def test_equal_rows_of_both_classes_and_rows_of_zeros_are_fitted_too(solve: Solve) -> None:
    X = torch.zeros(1, 4, 3, dtype=torch.float64)
    y = torch.tensor([[0.0, 1.0, 1.0, 1.0]], dtype=torch.float64)
    found = solve(X @ X.transpose(1, 2), y, torch.tensor([10.0], dtype=torch.float64))
    assert float(found.intercepts[0]) == pytest.approx(np.log(3), abs=1e-9)
