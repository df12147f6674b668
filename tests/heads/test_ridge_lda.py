"""Ridge and LDA heads against scikit-learn's."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import RidgeClassifier
from sklearn.preprocessing import normalize

from scanbank.heads import LDAHead, RidgeHead


def data(items: int, width: int, classes: int = 2, seed: int = 0):
    random = np.random.default_rng(seed)
    y = np.arange(items) % classes
    return random.normal(size=(items, width)) + 2.0 + 0.7 * np.eye(classes, width)[y], y


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(("items", "width"), [(9, 40), (200, 12)])
@pytest.mark.parametrize("weight", [None, "balanced"])
def test_ridge_is_scikit_learns(classes: int, items: int, width: int, weight: Literal["balanced"] | None) -> None:
    X, y = data(items, width, classes)
    y[: items // 3] = 0
    queries, _ = data(30, width, seed=1)
    theirs = RidgeClassifier(alpha=0.3, class_weight=weight, solver="svd").fit(normalize(X), y)
    head = RidgeHead(alpha=0.3, class_weight=weight).fit(X, y)
    assert head.decision_function(queries) == pytest.approx(theirs.decision_function(normalize(queries)), abs=1e-9)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(("items", "width"), [(24, 40), (200, 12)])
@pytest.mark.parametrize("shrinkage", ["auto", 0.2, 1.0], ids=str)
def test_lda_is_scikit_learns(classes: int, items: int, width: int, shrinkage: float | Literal["auto"]) -> None:
    X, y = data(items, width, classes)
    queries, _ = data(30, width, seed=1)
    theirs = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage).fit(normalize(X), y)
    head = LDAHead(shrinkage=shrinkage).fit(X, y)
    assert head.predict_proba(queries) == pytest.approx(theirs.predict_proba(normalize(queries)), abs=1e-6)


def test_lda_of_one_row_a_class_is_the_nearest_mean() -> None:
    head = LDAHead().fit([[1.0, 0.0], [0.0, 1.0]], [0, 1])
    assert head.decision_function([[1.0, 1.0], [0.0, 3.0]]) == pytest.approx([0.0, 1.0])


def test_lda_of_equal_rows_is_the_nearest_mean_though_their_mean_is_rounded() -> None:
    one, other = np.random.default_rng(0).normal(size=(2, 12))
    equal = LDAHead().fit([one, one, one, other, other, other], [0, 0, 0, 1, 1, 1])
    queries, _ = data(10, 12, seed=1)
    assert equal.decision_function(queries) == pytest.approx(LDAHead().fit([one, other], [0, 1]).decision_function(queries))


def test_bad_parameters() -> None:
    X, y = data(10, 4)
    with pytest.raises(ValueError, match="alpha is 0; give more than 0"):
        RidgeHead(alpha=0).fit(X, y)
    with pytest.raises(ValueError, match="shrinkage is 2; give 'auto'"):
        LDAHead(shrinkage=2).fit(X, y)
    with pytest.raises(ValueError, match="class_weight is 'even'; give None, 'balanced', or a mapping"):
        RidgeHead(class_weight="even").fit(X, y)  # pyright: ignore[reportArgumentType]
