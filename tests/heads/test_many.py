"""Heads on bags, blocks and sources as a study names them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bag_cohorts import shifted
from scanbank.heads import (
    MANY,
    AttentionMILHead,
    Bags,
    Blocks,
    FlattenHead,
    FusionHead,
    LateFusionHead,
    RouterHead,
    SliceHead,
    SliceTransformerHead,
    Sourced,
    Support,
    many,
    many_named,
)
from scanbank.store.errors import UnknownNameError, UsageError

FAST = [name for name in MANY if name not in ("attention_mil", "slice_transformer")]


def study(name: str) -> tuple[Any, list[Support], np.ndarray]:
    """Features of the sort that a head takes, supports with validation rows, and queries in no order."""
    data = shifted(40)
    sources = np.array(["a", "b"])[np.random.default_rng(2).integers(2, size=40)]
    of_scans = np.add.reduceat(data.bags.X, data.bags.starts[:-1]) / data.bags.sizes[:, None]
    features = {Bags: data.bags, Blocks: Blocks(of_scans, (3, 5)), Sourced: Sourced(data.bags, sources)}[MANY[name].takes]
    tuning = Support(np.arange(30, 34), data.y[30:34])
    supports = [Support(np.arange(n), data.y[:n], tuning, seed=n) for n in (8, 20)]
    return features, supports, np.array([39, 31, 35, 36])


def by_hand(name: str, features: Any, support: Support, queries: np.ndarray) -> np.ndarray:
    train, asked, seed = features.of(support.rows), features.of(queries), {"random_state": support.seed}
    if isinstance(train, Blocks):
        head = (FusionHead if name == "fusion" else LateFusionHead)(train.widths).fit(train.X, support.y)
        if name == "late_fusion_weighted":
            assert support.tuning
            assert isinstance(head, LateFusionHead)
            head.tune(features.of(support.tuning.rows).X, support.tuning.y)
        return head.decision_function(asked.X)
    if isinstance(train, Sourced):
        router = RouterHead("hard" if name == "router_hard" else "soft").fit(train.bags, support.y, train.sources)
        return router.decision_function(asked.bags)
    heads: dict[str, Any] = {
        "mean_probability": SliceHead(),
        "max": SliceHead("max"),
        "flatten": FlattenHead(),
        "attention_mil": AttentionMILHead(**seed),
        "slice_transformer": SliceTransformerHead(**seed),
    }
    return heads[name].fit(train, support.y).decision_function(asked)


@pytest.mark.parametrize("name", MANY)
def test_scores_are_those_of_the_estimators(name: str) -> None:
    features, supports, queries = study(name)
    found = MANY[name].scores(features, supports[:1], queries)
    assert found[0] == pytest.approx(by_hand(name, features, supports[0], queries), abs=1e-12)


@pytest.mark.parametrize("name", FAST)
def test_a_fit_depends_on_its_own_support_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    features, supports, queries = study(name)
    whole = MANY[name].scores(features, supports, queries)
    assert np.array_equal(MANY[name].scores(features, supports[1:], queries)[0], whole[1])
    assert np.array_equal(MANY[name].scores(features, supports[::-1], queries)[::-1], whole)
    monkeypatch.setattr(many, "_QUERIES", 1)
    assert MANY[name].scores(features, supports, queries) == pytest.approx(whole, abs=1e-9)


def test_validation_rows_teach_weights() -> None:
    features, supports, queries = study("late_fusion_weighted")
    one, even = (MANY[name].scores(features, supports, queries) for name in ("late_fusion_weighted", "late_fusion"))
    assert not np.allclose(one, even)


def test_of_very_many_slices_each_scan_gives_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    features, supports, queries = study("mean_probability")
    monkeypatch.setattr(many, "_SLICES", 50)  # the first support has fewer, the second more
    found = MANY["mean_probability"].scores(features, supports, queries)
    train = features.of(supports[1].rows)
    assert len(features.of(supports[0].rows).X) <= 50 < len(train.X)
    expected = SliceHead(sub_bag=2, random_state=20).fit(train, supports[1].y).decision_function(features.of(queries))
    assert found[1] == pytest.approx(expected, abs=1e-12)
    assert found[0] == pytest.approx(by_hand("mean_probability", features, supports[0], queries), abs=1e-12)


def test_bad_input() -> None:
    features, supports, queries = study("fusion")
    kind = many_named("fusion")
    with pytest.raises(UsageError, match="head 'max' learns from Bags; Blocks are given"):
        MANY["max"].scores(features, supports, queries)
    with pytest.raises(UsageError, match="support 0 has others"):
        kind.scores(features, [Support(np.arange(3), np.ones(3, dtype=int))], queries)
    with pytest.raises(UsageError, match=r"items 3\.\.40 are asked for; the features have 40"):
        kind.scores(features, supports, np.array([3, 40]))
    with pytest.raises(UsageError, match="learns weights on validation rows; support 0 has none"):
        MANY["late_fusion_weighted"].scores(features, [replace(supports[0], tuning=None)], queries)
    broken = features.X.copy()
    broken[queries[0], 1] = np.inf
    with pytest.raises(UsageError, match="1 feature vectors of the 4 items asked for hold NaN or infinity"):
        kind.scores(Blocks(broken, (3, 5)), supports, queries)
    with pytest.raises(UnknownNameError, match=r"head 'routers' is unknown; did you mean 'router'\?"):
        many_named("routers")
    assert kind.scores(features, supports, queries[:0]).shape == (2, 0)
    assert all(MANY[name].name == name and MANY[name].summary for name in MANY)
