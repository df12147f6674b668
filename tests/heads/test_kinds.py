"""All fits of a study at once give what fits one by one give."""

from __future__ import annotations

import dataclasses
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from scanbank.heads import HEADS, Head, HeadKind, OneClassHead, Support, head_named
from scanbank.store.errors import UnknownNameError, UsageError

LONG = ("clip_adapter", "clap")
"""Trained for so many steps that their fits take seconds; others that are trained like them stand for them."""
NAMES = [pytest.param(name, marks=pytest.mark.slow) if name in LONG else name for name in HEADS]


def study(seed: int, items: int = 120, width: int = 32) -> tuple[NDArray[np.float32], list[Support], NDArray[np.int64]]:
    """Features in a narrow cone, with duplicates; supports of 1 to 20 a class, unbalanced ones and all; queries in no order.

    Class texts are near the features, and another pair for each support.
    """
    random = np.random.default_rng(seed)
    y = random.permutation(items) % 2
    X = (random.normal(size=(items, width)) + 5.0 + 0.5 * y[:, None]).astype(np.float32)
    X[7] = X[3]
    texts = [random.normal(size=(2, width)) + 5.0 + 0.5 * np.arange(2)[:, None] for _ in range(9)]
    train, queries = np.arange(80), random.permutation(np.arange(70, items))
    supports = []
    for shots in (1, 2, 5, 20):
        for _ in range(2):
            rows = np.concatenate([random.permutation(train[y[train] == c])[: shots + c] for c in (0, 1)])
            supports.append(Support(rows, y[rows], texts=texts[len(supports)], seed=len(supports)))
    return X, [*supports, Support(train, y[train], texts=texts[-1])], queries


def some(kind: HeadKind, supports: list[Support]) -> list[Support]:
    """A few, two of them of one size, of heads that are trained step by step."""
    return [supports[place] for place in (0, 2, 3, 4)] if kind.needs_texts or kind.name.endswith("_cls") else supports


def fitted(kind: HeadKind, X: NDArray[np.float32], support: Support) -> Head | OneClassHead:
    """As a study fits it, alone."""
    head = kind.make()
    if isinstance(head, OneClassHead):
        return head.fit(X[support.rows[support.y == 0]])
    told = {"prompts": support.texts, "random_state": support.seed}
    known = {name: value for name, value in told.items() if name in head.get_params()}
    return head.set_params(**known).fit(X[support.rows], support.y)


def scored(kind: HeadKind, X: NDArray[np.float32], support: Support, queries: NDArray[np.int64]) -> NDArray[np.float64]:
    """As a study scores with it, alone."""
    head = fitted(kind, X, support)
    return head.anomaly(X[queries]) if isinstance(head, OneClassHead) else head.decision_function(X[queries])


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", NAMES)
def test_together_is_as_one_by_one(name: str, seed: int) -> None:
    X, supports, queries = study(seed)
    kind = HEADS[name]
    supports = some(kind, supports)
    single = np.stack([scored(kind, X, s, queries) for s in supports])
    assert kind.scores(X, supports, queries) == pytest.approx(single, abs=1e-9, rel=1e-9)
    assert dataclasses.replace(kind, together=None).scores(X, supports, queries) == pytest.approx(single, abs=1e-9, rel=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_a_fit_depends_on_its_own_support_alone(name: str) -> None:
    X, supports, queries = study(3)
    supports = some(HEADS[name], supports)
    whole = HEADS[name].scores(X, supports, queries)
    turned = HEADS[name].scores(X, supports[::-1], queries[::-1])
    assert turned[::-1, ::-1] == pytest.approx(whole, abs=1e-9, rel=1e-9)
    assert np.array_equal(HEADS[name].scores(X, supports, queries), whole)  # to the bit, from call to call
    alone = HEADS[name].scores(X, supports[2:3], queries[:9])
    assert alone[0] == pytest.approx(whole[2, :9], abs=1e-9, rel=1e-9)


@pytest.mark.parametrize("name", HEADS)
def test_rows_that_nobody_names_may_hold_anything(name: str) -> None:
    X, supports, queries = study(0)
    X = np.vstack([X, np.full((1, X.shape[1]), np.nan, dtype=np.float32)])
    assert np.isfinite(HEADS[name].scores(X, some(HEADS[name], supports), queries)).all()


@pytest.mark.parametrize("name", NAMES)
def test_values_are_the_same_in_any_order_and_in_parts(name: str) -> None:
    """Of heads that are trained with class texts, to rounding: what a product of small matrices adds first depends on where they lie."""
    X, supports, queries = study(4)
    supports = some(HEADS[name], supports)
    patients = [dataclasses.replace(s, patients=s.rows // 2, seed=number) for number, s in enumerate(supports)]
    tuned = [dataclasses.replace(s, tuning=Support(np.arange(80, 100), np.arange(80, 100) % 2)) for s in patients[::2]]
    supports = [*patients, *tuned]
    whole = HEADS[name].scores(X, supports, queries)
    order = np.random.default_rng(5).permutation(len(supports))
    same = partial(np.testing.assert_allclose, rtol=1e-9, atol=1e-12) if HEADS[name].needs_texts else np.testing.assert_array_equal
    same(HEADS[name].scores(X, [supports[i] for i in order], queries), whole[order])
    half = len(supports) // 2
    parts = [HEADS[name].scores(X, part, queries) for part in (supports[:half], supports[half:])]
    same(np.concatenate(parts), whole)
    same(HEADS[name].scores(X, supports[3:4], queries)[0], whole[3])


def test_empty_studies() -> None:
    X, supports, queries = study(0)
    for kind in HEADS.values():
        assert kind.scores(X, [], queries).shape == (0, len(queries))
        assert kind.scores(X, supports[:2], queries[:0]).shape == (2, 0)


def test_bad_input() -> None:
    X, supports, queries = study(0)
    kind = head_named("cosine")
    rows = np.array([0, 1])
    with pytest.raises(UsageError, match=r"'cosine' needs both classes; support 1 has 0 absent and 2 present"):
        kind.scores(X, [supports[0], Support(rows, np.array([1, 1]))], queries)
    with pytest.raises(UsageError, match="'mahalanobis' learns from absent rows; support 0 has none"):
        head_named("mahalanobis").scores(X, [Support(rows, np.array([1, 1]))], queries)
    with pytest.raises(UsageError, match="labels other than 0 and 1"):
        kind.scores(X, [Support(rows, np.array([0, 2]))], queries)
    with pytest.raises(UsageError, match="one label a row"):
        kind.scores(X, [Support(rows, np.array([0, 1, 1]))], queries)
    with pytest.raises(UsageError, match=r"rows -1\.\.\d+ are asked for; the features have 120"):
        kind.scores(X, supports, np.array([-1]))
    with pytest.raises(UsageError, match=r"are of shape \(120,\)"):
        kind.scores(X[:, 0], supports, queries)
    X[queries[0], 0] = np.inf
    with pytest.raises(UsageError, match="1 of 120 feature vectors hold NaN or infinity"):
        kind.scores(X, supports, queries)


def test_names() -> None:
    texts = ["tip_adapter", "tip_adapter_f", "clip_adapter", "lp++", "clap"]
    assert [name for name, kind in HEADS.items() if kind.needs_texts] == texts
    assert {"linear", "lowshot_lipro", "cosine", "knn", "prototype"} <= set(HEADS)
    with pytest.raises(UnknownNameError, match=r"head 'prototypes' is unknown; did you mean 'prototype'\?"):
        head_named("prototypes")


@pytest.mark.parametrize("name", HEADS)
def test_probabilities_follow_from_decision_values(name: str) -> None:
    X, supports, queries = study(2)
    found = HEADS[name].probabilities(scored(HEADS[name], X, supports[5], queries))
    head = fitted(HEADS[name], X, supports[5])
    if isinstance(head, OneClassHead):
        assert np.isnan(found).all()  # a distance from normals is no probability
    else:
        assert found == pytest.approx(head.predict_proba(X[queries])[:, 1], abs=1e-12)


@pytest.mark.parametrize("texts", [np.ones((2, 5)), np.ones((1, 4)), np.full((2, 4), np.nan)], ids=["wide", "one", "nan"])
def test_class_texts_are_two_finite_ones_as_wide_as_the_features(texts: np.ndarray) -> None:
    support = Support(np.arange(2), np.array([0, 1]), texts=texts)
    with pytest.raises(UsageError, match=r"class texts of support 0 are of shape .* 'tip_adapter' wants finite ones of \(2, 4\)"):
        head_named("tip_adapter").scores(np.eye(4), [support], np.arange(4))
