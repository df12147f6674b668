"""All fits of a study at once give what fits one by one give."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from scanbank.heads import HEADS, Support, head_named
from scanbank.store.errors import UnknownNameError, UsageError


def study(seed: int, items: int = 120, width: int = 32) -> tuple[NDArray[np.float32], list[Support], NDArray[np.int64]]:
    """Features in a narrow cone, with duplicates; supports of 1 to 20 a class, unbalanced ones and all; queries in no order."""
    random = np.random.default_rng(seed)
    y = random.permutation(items) % 2
    X = (random.normal(size=(items, width)) + 5.0 + 0.5 * y[:, None]).astype(np.float32)
    X[7] = X[3]
    train, queries = np.arange(80), random.permutation(np.arange(70, items))
    supports = []
    for shots in (1, 2, 5, 20):
        for _ in range(3):
            rows = np.concatenate([random.permutation(train[y[train] == c])[: shots + c] for c in (0, 1)])
            supports.append(Support(rows, y[rows]))
    return X, [*supports, Support(train, y[train])], queries


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", HEADS)
def test_together_is_as_one_by_one(name: str, seed: int) -> None:
    X, supports, queries = study(seed)
    kind = HEADS[name]
    single = np.stack([kind.make().fit(X[s.rows], s.y).decision_function(X[queries]) for s in supports])
    assert kind.scores(X, supports, queries) == pytest.approx(single, abs=1e-9, rel=1e-9)
    assert dataclasses.replace(kind, together=None).scores(X, supports, queries) == pytest.approx(single, abs=1e-9, rel=1e-9)


@pytest.mark.parametrize("name", HEADS)
def test_a_fit_depends_on_its_own_support_alone(name: str) -> None:
    X, supports, queries = study(3)
    whole = HEADS[name].scores(X, supports, queries)
    turned = HEADS[name].scores(X, supports[::-1], queries[::-1])
    assert turned[::-1, ::-1] == pytest.approx(whole, abs=1e-9, rel=1e-9)
    assert np.array_equal(HEADS[name].scores(X, supports, queries), whole)  # to the bit, from call to call
    alone = HEADS[name].scores(X, supports[4:5], queries[:9])
    assert alone[0] == pytest.approx(whole[4, :9], abs=1e-9, rel=1e-9)


@pytest.mark.parametrize("name", HEADS)
def test_rows_that_nobody_names_may_hold_anything(name: str) -> None:
    X, supports, queries = study(0)
    X = np.vstack([X, np.full((1, X.shape[1]), np.nan, dtype=np.float32)])
    assert np.isfinite(HEADS[name].scores(X, supports, queries)).all()


@pytest.mark.parametrize("name", HEADS)
def test_values_are_the_same_to_the_bit_in_any_order_and_in_parts(name: str) -> None:
    X, supports, queries = study(4)
    patients = [Support(s.rows, s.y, s.tuning, s.rows // 2, seed=number) for number, s in enumerate(supports)]
    tuned = [dataclasses.replace(s, tuning=Support(np.arange(80, 100), np.arange(80, 100) % 2)) for s in patients[::2]]
    supports = [*patients, *tuned]
    whole = HEADS[name].scores(X, supports, queries)
    order = np.random.default_rng(5).permutation(len(supports))
    assert np.array_equal(HEADS[name].scores(X, [supports[i] for i in order], queries), whole[order])
    half = len(supports) // 2
    parts = [HEADS[name].scores(X, part, queries) for part in (supports[:half], supports[half:])]
    assert np.array_equal(np.concatenate(parts), whole)
    assert np.array_equal(HEADS[name].scores(X, supports[3:4], queries)[0], whole[3])


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
    names = ["linear", "lowshot_lipro", "linear_cls", "cosine_cls", "cosine", "knn", "knn_l2", "prototype", "ridge", "lda"]
    assert list(HEADS) == names
    with pytest.raises(UnknownNameError, match=r"head 'prototypes' is unknown; did you mean 'prototype'\?"):
        head_named("prototypes")


@pytest.mark.parametrize("name", HEADS)
def test_probabilities_follow_from_decision_values(name: str) -> None:
    X, supports, queries = study(2)
    fitted = HEADS[name].make().fit(X[supports[5].rows], supports[5].y)
    found = HEADS[name].probabilities(fitted.decision_function(X[queries]))
    assert found == pytest.approx(fitted.predict_proba(X[queries])[:, 1], abs=1e-12)
