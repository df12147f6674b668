"""Many fits on many rows: what scikit-learn gives one by one, at the same objective."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from scanbank.heads.primal import Rows, primal_fits


def problem(seed: int, rows: int, width: int, findings: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Correlated features far from the origin, as embeddings are, and findings from rare to common."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, width)) @ (rng.normal(size=(width, width)) * np.geomspace(1, 0.01, width)) + 2
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    values = (X - X.mean(0)) @ rng.normal(size=(width, findings)) * 10 + np.linspace(-4, 0, findings)
    y = (rng.random((rows, findings)) < 1 / (1 + np.exp(-values))).astype(np.int64)
    y[:2] = [[0], [1]]
    return X, y


def test_each_is_scikit_learns_at_every_penalty_with_unknown_labels_and_weights() -> None:
    X, y = problem(0, 600, 24, 3)
    penalties = [1e-3, 1.0, 100.0, 1e5]
    weight = np.random.default_rng(1).choice([0.0, 1.0, 2.5], size=y.shape)
    fits = [(t, C) for t in range(3) for C in penalties]
    columns = [t for t, _ in fits]
    found = primal_fits(
        Rows.of(torch.from_numpy(X)),
        torch.from_numpy(y[:, columns].astype(np.float64)),
        torch.from_numpy(weight[:, columns]),
        torch.tensor([C for _, C in fits], dtype=torch.float64),
        1e-9,
    )
    assert float(found.gradients.max()) <= 1e-9
    for i, (t, C) in enumerate(fits):
        known = weight[:, t] > 0
        theirs = LogisticRegression(C=C, tol=1e-8, max_iter=1000, solver="newton-cholesky").fit(
            X[known], y[known, t], sample_weight=weight[known, t]
        )
        ours = 1 / (1 + np.exp(-(X @ found.coefficients[i].numpy() + float(found.intercepts[i]))))
        np.testing.assert_allclose(ours, theirs.predict_proba(X)[:, 1], atol=1e-6, err_msg=str((t, C)))


def test_single_precision_is_near_and_fits_do_not_touch_each_other() -> None:
    X, y = problem(3, 800, 16, 2)
    labels, C = torch.from_numpy(y.astype(np.float64)), torch.tensor([1.0, 1000.0], dtype=torch.float64)
    exact = primal_fits(Rows.of(torch.from_numpy(X)), labels, torch.ones_like(labels), C, 1e-10)
    single = primal_fits(Rows.of(torch.from_numpy(X).float()), labels.float(), torch.ones_like(labels).float(), C.float(), 1e-6)
    for i in range(2):
        alone = primal_fits(Rows.of(torch.from_numpy(X)), labels[:, i : i + 1], torch.ones_like(labels[:, :1]), C[i : i + 1], 1e-10)
        values = X @ exact.coefficients[i].numpy() + float(exact.intercepts[i])
        np.testing.assert_allclose(X @ alone.coefficients[0].numpy() + float(alone.intercepts[0]), values, atol=1e-6)
        near = X @ single.coefficients[i].double().numpy() + float(single.intercepts[i])
        np.testing.assert_allclose(1 / (1 + np.exp(-near)), 1 / (1 + np.exp(-values)), atol=1e-3)


def test_an_infinite_penalty_leaves_the_prior() -> None:
    X, y = problem(0, 200, 8, 1)
    labels = torch.from_numpy(y.astype(np.float64))
    found = primal_fits(Rows.of(torch.from_numpy(X)), labels, torch.ones_like(labels), torch.tensor([1e-12], dtype=torch.float64), 1e-12)
    assert float(found.coefficients.abs().max()) < 1e-9
    assert float(found.intercepts[0]) == pytest.approx(np.log(y.mean() / (1 - y.mean())), abs=1e-8)
