"""Experts by source."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from scanbank.heads import Bags, FittedHead, Keyed, LinearHead, RouterHead
from scanbank.store import EncoderSpec, FeatureKey, ViewSpec, parse_window


@dataclass(frozen=True)
class Cohort:
    bags: Bags
    y: np.ndarray
    sources: np.ndarray


def cohort(seed: int = 0, scans: int = 80, apart: float = 40.0, width: int = 6) -> Cohort:
    """Two hospitals whose slices lie `apart` along the third axis, and in which the finding points in opposite directions."""
    random = np.random.default_rng(seed)
    y, other = np.arange(scans) % 2, np.arange(scans) // 2 % 2
    sizes = random.integers(1, 6, scans)
    of = np.repeat(np.arange(scans), sizes)
    X = random.normal(size=(len(of), width))
    X[:, 0] += 2 * np.where(other == 0, 1, -1)[of] * (2 * y[of] - 1)
    X[:, 2] += apart * other[of]
    return Cohort(Bags(X, np.concatenate([[0], np.cumsum(sizes)])), y, np.where(other == 0, "Aachen", "Łódź"))


def expert(data: Cohort, rows: np.ndarray) -> LinearHead:
    bags = data.bags.of(rows)
    return LinearHead(normalize=None).fit(bags.X, data.y[rows][bags.owner])


@pytest.mark.parametrize("routing", ["soft", "hard"])
def test_a_source_that_is_plain_is_served_by_its_expert(routing: Any) -> None:
    data, asked = cohort(), cohort(1)
    head = RouterHead(routing, normalize=None).fit(data.bags, data.y, data.sources)
    assert head.sources_.tolist() == ["Aachen", "Łódź"]
    assert head.own_.tolist() == [1, 1]
    assert head.source_probabilities(asked.bags).argmax(axis=1).tolist() == (asked.sources == "Łódź").tolist()
    for name in head.sources_:
        slices = expert(data, np.flatnonzero(data.sources == name))
        rows = np.flatnonzero(asked.sources == name)
        bags = asked.bags.of(rows)
        expected = [expit(part).mean() for part in np.split(slices.decision_function(bags.X), bags.starts[1:-1])]
        assert head.predict_proba(bags)[:, 1] == pytest.approx(expected, abs=1e-9 if routing == "hard" else 1e-4)


def test_experts_know_what_one_head_cannot() -> None:
    data, asked = cohort(), cohort(1)
    one = RouterHead(normalize=None).fit(data.bags, data.y).decision_function(asked.bags)
    routed = RouterHead(normalize=None).fit(data.bags, data.y, data.sources).decision_function(asked.bags)
    assert roc_auc_score(asked.y, one) < 0.7
    assert roc_auc_score(asked.y, routed) > 0.95


def test_soft_routing_weighs_experts_by_the_predicted_source() -> None:
    data, asked = cohort(apart=1.0), cohort(1, apart=1.0)
    head = RouterHead(normalize=None, C=0.1).fit(data.bags, data.y, data.sources)
    gates = head.source_probabilities(asked.bags)
    assert gates.sum(axis=1) == pytest.approx(1.0)
    assert 0.05 < gates.min() < 0.5
    alone = []
    for name in head.sources_:
        rows = np.flatnonzero(data.sources == name)
        part = data.bags.of(rows)
        slices = LinearHead(0.1, None).fit(part.X, data.y[rows][part.owner]).decision_function(asked.bags.X)
        alone.append([expit(one).mean() for one in np.split(slices, asked.bags.starts[1:-1])])
    expected = (gates * np.array(alone).T).sum(axis=1)
    assert head.predict_proba(asked.bags)[:, 1] == pytest.approx(expected, abs=1e-9)
    hard = RouterHead("hard", normalize=None, C=0.1).fit(data.bags, data.y, data.sources)
    picked = np.array(alone)[gates.argmax(axis=1), np.arange(len(gates))]
    assert hard.predict_proba(asked.bags)[:, 1] == pytest.approx(picked, abs=1e-9)


@pytest.mark.parametrize("sub_bag", [None, 2])
def test_a_majority_is_a_share_of_votes(sub_bag: int | None) -> None:
    data, asked = cohort(), cohort(1)
    head = RouterHead(vote="majority", sub_bag=sub_bag, normalize=None).fit(data.bags, data.y)
    slices = expert(data, np.arange(80)).decision_function(asked.bags.X)
    step = sub_bag or 1
    expected = []
    for part in np.split(expit(slices), asked.bags.starts[1:-1]):
        runs = [part[at : at + step].mean() for at in range(0, len(part), step)]
        expected.append(np.mean(np.array(runs) > 0.5))
    assert head.predict_proba(asked.bags)[:, 1] == pytest.approx(expected, abs=1e-12)
    assert np.isfinite(head.decision_function(asked.bags)).all()


def test_a_source_that_lacks_a_class_is_served_by_a_head_of_all() -> None:
    data = cohort()
    sources = np.where((data.sources == "Łódź") & (data.y == 1), "", data.sources)
    head = RouterHead("hard", normalize=None).fit(data.bags, data.y, sources)
    assert dict(zip(head.sources_.tolist(), head.own_.tolist(), strict=True)) == {"Aachen": 1, "Łódź": 0}
    rows = np.flatnonzero(data.sources == "Łódź")
    bags = data.bags.of(rows)
    slices = expert(data, np.arange(80)).decision_function(bags.X)
    assert head.predict_proba(bags)[:, 1] == pytest.approx([expit(part).mean() for part in np.split(slices, bags.starts[1:-1])], abs=1e-9)


@pytest.mark.parametrize("sources", [None, "", "Aachen", "both"])
@pytest.mark.parametrize("classes", [2, 3])
def test_comes_back_to_the_bit(sources: str | None, classes: int, tmp_path: Path) -> None:
    data = cohort()
    y = np.array(["absent", "present", "unsure"])[np.random.default_rng(0).integers(classes, size=80)]
    given = data.sources if sources == "both" else None if sources is None else np.full(80, sources)
    key = FeatureKey("slice", EncoderSpec("toy@1", "1", 6), ViewSpec((parse_window("brain"),)))
    before = RouterHead(sub_bag=2).fit(data.bags, y, given)
    assert len(before.sources_) == {None: 1, "": 0, "Aachen": 1, "both": 2}[sources]
    FittedHead(before, key).save(tmp_path / "head")
    after = FittedHead.load(tmp_path / "head").estimator
    assert isinstance(after, RouterHead)
    assert after.sources_.tolist() == before.sources_.tolist()
    assert np.array_equal(after.decision_function(data.bags), before.decision_function(data.bags))
    assert FittedHead.load(tmp_path / "head").scores(Keyed(key, data.bags)).shape == ((80,) if classes == 2 else (80, 3))


def test_bad_input() -> None:
    data = cohort()
    with pytest.raises(ValueError, match="routing is 'firm'; choose one of 'soft', 'hard'"):
        RouterHead("firm").fit(data.bags, data.y)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="vote is 'veto'"):
        RouterHead(vote="veto").fit(data.bags, data.y)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="sub_bag is 0"):
        RouterHead(sub_bag=0).fit(data.bags, data.y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        RouterHead().fit(data.bags, data.y, data.sources[:-1])
