from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf

from scanbank.heads import HEADS, MahalanobisHead, Support
from scanbank.heads.ledoit_wolf import LEAST, ledoit_wolf


def normals(n: int, width: int, seed: int = 0) -> NDArray[np.float64]:
    """Rows in a cone, of correlated features whose spreads differ."""
    random = np.random.default_rng(seed)
    return random.normal(size=(n, width)) @ (random.normal(size=(width, width)) / np.sqrt(width) + np.diag(np.geomspace(2, 0.1, width))) + 4


@pytest.mark.parametrize(("n", "width"), [(5, 64), (30, 64), (63, 64), (64, 64), (65, 64), (400, 64), (12, 1)])
def test_distances_are_those_of_scikit_learns_covariance(n: int, width: int) -> None:
    X, asked = normals(n, width), normals(50, width, 1)
    theirs = LedoitWolf().fit(X)
    assert n > width or theirs.shrinkage_ > LEAST
    wanted = np.sqrt(theirs.mahalanobis(asked))
    assert MahalanobisHead().fit(X).anomaly(asked) == pytest.approx(wanted, rel=1e-9)
    together = HEADS["mahalanobis"].scores(np.concatenate([X, asked]), [Support(np.arange(n), np.zeros(n, np.int64))], n + np.arange(50))
    assert together[0] == pytest.approx(wanted, rel=1e-9)
    weight, level = ledoit_wolf(X - X.mean(axis=0))
    assert weight == pytest.approx(theirs.shrinkage_, rel=1e-9)
    assert level == pytest.approx(np.trace(np.cov(X.T, bias=True).reshape(width, width)) / width, rel=1e-9)


def test_the_covariance_of_two_normals_has_an_inverse() -> None:
    """Ledoit and Wolf's weight is 0 there: of the least weight w, along their difference u the variance is (1 - w) |u|^2 / 4 + a."""
    X = np.array([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0]])
    a = LEAST / 3  # the mean variance is 1/3
    found = MahalanobisHead().fit(X).anomaly([[1.0, 0.0, 0.0], [2.0, 0.0, 0.0], [1.0, 1.0, 0.0]])
    assert found == pytest.approx([0.0, 1 / np.sqrt(1 - LEAST + a), 1 / np.sqrt(a)], abs=1e-9)


@pytest.mark.parametrize("n", [1, 4, 9])
def test_equal_normals_tell_no_spread(n: int) -> None:
    head = MahalanobisHead().fit(np.tile([[1.0, 2.0, 3.0, 4.0]], (n, 1)))
    assert head.anomaly([[1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 6.0, 8.0]]) == pytest.approx([0.0, 5.0])


def test_a_feature_that_never_varies_does_not_break_it() -> None:
    X = np.concatenate([normals(200, 4), np.full((200, 1), 7.0)], axis=1)
    assert np.isfinite(MahalanobisHead().fit(X).anomaly(X + np.eye(1, 5, 4))).all()


def test_fits_of_few_and_many_rows_stand_beside_each_other() -> None:
    X = np.concatenate([normals(90, 16), normals(700, 16, 1)])
    sizes = (3, 90, 1, 10, 16)
    supports = [Support(np.arange(n), np.zeros(n, np.int64)) for n in sizes]
    queries = np.arange(60, 790)
    whole = HEADS["mahalanobis"].scores(X, supports, queries)
    for n, found in zip(sizes, whole, strict=True):
        assert found == pytest.approx(MahalanobisHead().fit(X[:n]).anomaly(X[queries]), rel=1e-9, abs=1e-9)
    assert np.array_equal(HEADS["mahalanobis"].scores(X, supports[::-1], queries)[::-1], whole)
    assert np.array_equal(HEADS["mahalanobis"].scores(X, supports[3:4], queries)[0], whole[3])
