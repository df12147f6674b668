"""What holds for every head that learns from normals alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.exceptions import NotFittedError

from scanbank.heads import HEADS, CentroidNormalHead, FittedHead, Keyed, KNNNormalHead, MahalanobisHead, OneClassHead, Support
from scanbank.heads.card import HeadFileError
from scanbank.store import EncoderSpec, FeatureKey, ViewSpec, parse_window

KEY = FeatureKey("slice", EncoderSpec("toy@1", "1", 8, weights="ab" * 32), ViewSpec((parse_window("brain"),)), "last")
ALL = [KNNNormalHead(), KNNNormalHead(n_neighbors=1), MahalanobisHead(), CentroidNormalHead()]
NAMES = [name for name, kind in HEADS.items() if kind.one_class]


def cohort(normals: int = 40) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Normals to learn from, other normals, and what lies elsewhere, of 8 features; exact in float16."""
    random = np.random.default_rng(0)
    around, away = np.full(8, 3.0), 8.0 * np.eye(8)[0]
    sets = [random.normal(size=(n, 8)) + around + shift for n, shift in ((normals, 0), (30, 0), (30, away))]
    learned, held, odd = (one.astype(np.float16).astype(np.float64) for one in sets)
    return learned, held, odd


@pytest.mark.parametrize("normals", [1, 2, 5, 40])
@pytest.mark.parametrize("head", ALL, ids=repr)
def test_what_lies_elsewhere_is_farther_than_other_normals(head: OneClassHead, normals: int) -> None:
    learned, held, odd = cohort(normals)
    head.fit(learned)
    near, far = head.anomaly(held), head.anomaly(odd)
    assert near.shape == (30,)
    assert (near >= 0).all()
    assert (near[:, None] < far).mean() > 0.85  # an AUROC


@pytest.mark.parametrize("head", ALL, ids=repr)
def test_signs_are_those_of_scikit_learn(head: OneClassHead) -> None:
    learned, held, odd = cohort()
    head.fit(learned)
    both = np.concatenate([held, odd])
    assert np.array_equal(head.score_samples(both), -head.anomaly(both))
    assert np.array_equal(head.decision_function(both), head.score_samples(both) - head.offset_)
    assert np.array_equal(head.predict(both), np.where(head.decision_function(both) >= 0, 1, -1))
    assert (head.predict(odd) == -1).mean() > (head.predict(held) == -1).mean() + 0.4


@pytest.mark.parametrize("head", [MahalanobisHead, CentroidNormalHead])
def test_a_share_of_the_normals_lies_beyond_the_offset(head: type[MahalanobisHead | CentroidNormalHead]) -> None:
    learned, _, _ = cohort()
    for share, beyond in ((0.0, 0), (0.1, 4), (0.5, 20)):
        assert (head(false_alarms=share).fit(learned).predict(learned) == -1).sum() == beyond


@pytest.mark.parametrize("head", ALL, ids=repr)
def test_order_and_precision_do_not_matter(head: OneClassHead) -> None:
    learned, held, _ = cohort()
    exact = head.fit(learned).anomaly(held)
    assert np.array_equal(head.fit(learned.astype(np.float16)).anomaly(held.astype(np.float32)), exact)
    assert head.fit(learned[::-1]).anomaly(held) == pytest.approx(exact, abs=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_those_with_the_finding_in_a_support_are_not_looked_at(name: str) -> None:
    learned, held, odd = cohort()
    X = np.concatenate([learned, odd, held])
    rows, queries = np.arange(70), np.arange(70, 100)
    both = Support(rows, (rows >= 40).astype(np.int64))
    normals = Support(rows[:40], np.zeros(40, dtype=np.int64))
    assert np.array_equal(HEADS[name].scores(X, [both], queries), HEADS[name].scores(X, [normals], queries))
    assert np.isnan(HEADS[name].probabilities(np.ones((2, 3)))).all()


@pytest.mark.parametrize("head", ALL, ids=repr)
def test_saved_and_loaded_it_says_the_same(head: OneClassHead, tmp_path: Path) -> None:
    learned, held, _ = cohort()
    before = FittedHead(head.fit(learned), KEY, {"finding": "bleed"}, "mean")
    before.save(tmp_path / "head")
    after = FittedHead.load(tmp_path / "head")
    assert type(after.estimator) is type(head)
    assert after.estimator.get_params() == head.get_params()
    assert np.array_equal(after.scores(Keyed(KEY, held, "mean")), head.anomaly(held))
    assert np.array_equal(after.estimator.predict(held), head.predict(held))
    card = tmp_path / "head" / "card.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {"columns": 2}))
    with pytest.raises(HeadFileError):
        FittedHead.load(tmp_path / "head")


@pytest.mark.parametrize("head", ALL, ids=repr)
def test_bad_input(head: OneClassHead) -> None:
    learned, held, _ = cohort()
    with pytest.raises(NotFittedError):
        head.__class__().anomaly(held)
    for wrong in (np.nan, np.inf):
        with pytest.raises(ValueError, match=r"NaN|infinity"):
            head.fit(np.where(np.eye(40, 8) > 0, wrong, learned))
    with pytest.raises(ValueError, match="features"):
        head.fit(learned).anomaly(held[:, :5])
    with pytest.raises(ValueError, match=r"false_alarms is 1\.0; give a share from 0 to less than 1"):
        head.__class__(false_alarms=1.0).fit(learned)
    with pytest.raises(ValueError, match="n_neighbors is 0; give 1 or more"):
        KNNNormalHead(0).fit(learned)
