"""Heads that are kept: they refuse other features, and come back as they were or not at all."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from sklearn.exceptions import NotFittedError

from scanbank.heads import (
    CLAPHead,
    CLIPAdapterHead,
    CosineClsHead,
    CosineHead,
    FittedHead,
    Head,
    Keyed,
    KNNHead,
    LDAHead,
    LinearClsHead,
    LinearHead,
    LinearPathHead,
    LPPlusPlusHead,
    PrototypeHead,
    RidgeHead,
    TipAdapterFHead,
    TipAdapterHead,
    ZeroShotHead,
)
from scanbank.heads.card import HeadFileError
from scanbank.store import Bank, EncoderSpec, FeatureKey, ViewSpec, parse_window
from scanbank.store.errors import UsageError
from scanbank.store.feature_rows import FeatureRows

KEY = FeatureKey(
    "slice", EncoderSpec("toy@1", "1", 6, weights="ab" * 32, mean=(0.5,), std=(0.25,)), ViewSpec((parse_window("brain"),)), "last"
)
PROMPTS = np.random.default_rng(5).normal(size=(2, 6))
HEADS: list[Head] = [
    CosineHead(scale=3.0),
    KNNHead(n_neighbors=3),
    PrototypeHead(),
    LinearHead(C=2.5),
    LinearHead(normalize="standard"),
    LinearHead(normalize=None),
    LinearHead(class_weight="balanced"),
    LinearPathHead(path=(1.0, 10.0)),
    LinearClsHead(random_state=2),
    CosineClsHead(random_state=3),
    KNNHead(metric="l2", weights="temperature", temperature=0.5),
    RidgeHead(alpha=2.0),
    LDAHead(shrinkage=0.25),
    ZeroShotHead(PROMPTS, scale=7.0),
    ZeroShotHead(PROMPTS.tolist()),
    TipAdapterHead(PROMPTS, alpha=2.0),
    TipAdapterFHead(PROMPTS, epochs=2),
    CLIPAdapterHead(PROMPTS, epochs=2, random_state=3),
    LPPlusPlusHead(PROMPTS, epochs=20),
    CLAPHead(PROMPTS, epochs=2),
]


def data() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    return random.normal(size=(30, 6)) + np.arange(30)[:, None] % 2, np.arange(30) % 2


def fitted(head: Head | None = None) -> FittedHead:
    X, y = data()
    return FittedHead((head or PrototypeHead()).fit(X, y), KEY, {"finding": "hemorrhage", "support": [3, 4]}, "mean")


@pytest.mark.parametrize(
    "labels", [np.array([0, 1]), np.array(["absent", "présent"]), np.array([False, True]), np.array([-1.0, 2.0])], ids=str
)
@pytest.mark.parametrize("head", HEADS, ids=repr)
def test_comes_back_to_the_bit(head: Head, labels: np.ndarray, tmp_path: Path) -> None:
    X, y = data()
    before = FittedHead(head.fit(X, labels[y]), KEY, {"finding": "hemorrhage", "auroc": 0.75}, "mean")
    before.save(tmp_path / "new" / "head")
    after = FittedHead.load(tmp_path / "new" / "head")
    assert (after.key, after.card, after.pool) == (KEY, before.card, "mean")
    assert after.key.digest == KEY.digest
    assert np.array_equal(after.scores(Keyed(KEY, X, "mean")), before.estimator.decision_function(X))
    assert isinstance(after.estimator, Head)
    assert isinstance(before.estimator, Head)
    assert np.array_equal(after.estimator.predict_proba(X), before.estimator.predict_proba(X))
    assert after.estimator.predict(X).tolist() == before.estimator.predict(X).tolist()
    again = after.estimator.__class__(**after.estimator.get_params()).fit(X, labels[y])  # its parameters came back too
    assert np.array_equal(again.decision_function(X), before.estimator.decision_function(X))
    assert sorted(p.name for p in (tmp_path / "new" / "head").iterdir()) == ["card.json", "head.safetensors"]
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["head"]


def test_vectors_of_another_width_and_such_as_are_no_numbers_are_refused() -> None:
    head, (X, _) = fitted(), data()
    with pytest.raises(UsageError, match=r"was fitted on vectors \(N, 6\) and cannot score \(30, 5\)"):
        head.scores(Keyed(KEY, X[:, :5], "mean"))
    with pytest.raises(UsageError, match=r"was fitted on vectors \(N, 6\) and cannot score \(6,\)"):
        head.scores(Keyed(KEY, X[0], "mean"))
    X[[2, 5], 0] = np.nan, np.inf
    with pytest.raises(UsageError, match=r"2 of 30 vectors of 'toy@1/brain/slice/last/mean' .* hold NaN or infinity; embed those items"):
        head.scores(Keyed(KEY, X, "mean"))


def test_scores_a_feature_set(bank: Bank) -> None:
    X, y = data()
    key = dataclasses.replace(KEY, layer="")
    vectors = X.astype(np.float32)
    with bank.commit("vectors") as commit:
        commit.append_features(key, FeatureRows(vectors), np.arange(30))
    bank.refresh()
    features = bank.features(key.name)
    head = FittedHead(PrototypeHead().fit(vectors, y), key)
    assert np.array_equal(head.scores(features), head.estimator.decision_function(vectors))
    with pytest.raises(UsageError, match="cannot score 'toy@1/brain/slice'"):
        dataclasses.replace(head, pool="mean").scores(features)


@pytest.mark.parametrize(
    ("change", "pool", "named"),
    [
        ({"kind": "volume"}, "mean", "toy@1/brain/volume/last/mean"),
        ({"layer": "first"}, "mean", "toy@1/brain/slice/first/mean"),
        ({"encoder": dataclasses.replace(KEY.encoder, weights="cd" * 32)}, "mean", "toy@1/brain/slice/last/mean"),
        ({"view": ViewSpec((parse_window("lung"),))}, "mean", "toy@1/lung/slice/last/mean"),
        ({}, "max", "toy@1/brain/slice/last/max"),
        ({}, "", "toy@1/brain/slice/last"),
    ],
)
def test_refuses_other_features(change: dict[str, Any], pool: str, named: str) -> None:
    other = dataclasses.replace(KEY, **change)
    with pytest.raises(UsageError) as caught:
        fitted().scores(Keyed(other, data()[0], pool))
    assert f"fitted on 'toy@1/brain/slice/last/mean' (key {KEY.digest[:8]})" in str(caught.value)
    assert f"cannot score {named!r} (key {other.digest[:8]})" in str(caught.value)


def test_needs_a_fitted_head_of_ours_and_a_plain_card(tmp_path: Path) -> None:
    with pytest.raises(NotFittedError):
        FittedHead(KNNHead(), KEY)
    with pytest.raises(UsageError, match="the card of a head holds what JSON cannot"):
        dataclasses.replace(fitted(), card={"made": tmp_path}).save(tmp_path / "head")
    with pytest.raises(UsageError, match="the card of a head holds what JSON cannot"):
        dataclasses.replace(fitted(), card={"auroc": float("nan")}).save(tmp_path / "head")
    assert list(tmp_path.iterdir()) == []


def test_what_was_chosen_and_weights_by_class_come_back(tmp_path: Path) -> None:
    X, y = data()
    head = LinearPathHead(path=(1.0, 10.0), class_weight={0: 1.0, 1: 2.5}).fit(X, y)
    FittedHead(head, KEY).save(tmp_path / "head")
    after = FittedHead.load(tmp_path / "head").estimator
    assert isinstance(after, LinearPathHead)
    assert (after.C_, after.chosen_by_, after.class_weight) == (head.C_, "cross-validation", {0: 1.0, 1: 2.5})


def test_a_card_from_before_a_parameter_is_read_with_its_default(tmp_path: Path) -> None:
    X, _ = data()
    before = fitted(KNNHead())
    before.save(tmp_path / "head")
    path = tmp_path / "head" / "card.json"
    card = json.loads(path.read_text("utf-8"))
    del card["digest"]
    path.write_text(json.dumps({**card, "params": {"n_neighbors": 5}}), "utf-8")
    after = FittedHead.load(tmp_path / "head")
    assert np.array_equal(after.estimator.decision_function(X), before.estimator.decision_function(X))


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    fitted().save(tmp_path / "head")
    before = (tmp_path / "head" / "card.json").read_bytes()
    with pytest.raises(UsageError, match="exists already"):
        fitted(KNNHead()).save(tmp_path / "head")
    assert (tmp_path / "head" / "card.json").read_bytes() == before


@pytest.mark.parametrize("name", ["card.json", "head.safetensors"])
def test_every_damage_is_one_clear_error(name: str, tmp_path: Path) -> None:
    fitted(KNNHead()).save(tmp_path / "head")
    path = tmp_path / "head" / name
    whole = path.read_bytes()
    for broken in (b"", whole[: len(whole) // 2], whole[:-1], b"\x80\x04" + whole, b"[]", b"{}"):
        path.write_bytes(broken)
        with pytest.raises(HeadFileError, match=r"damaged|is of format"):
            FittedHead.load(tmp_path / "head")
    flipped = bytearray(whole)
    flipped[-20] ^= 1
    (tmp_path / "head" / "head.safetensors").write_bytes(flipped)
    with pytest.raises(HeadFileError):
        FittedHead.load(tmp_path / "head")
    path.unlink()
    with pytest.raises(HeadFileError, match=r"holds no head: No such file"):
        FittedHead.load(tmp_path / "head")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, "is of format 2; this version reads 1"),
        ({"head": "os.system"}, "head 'os.system' is not known to this version"),
        ({"params": {}}, r"has parameters \[\]"),
        ({"params": {"n_neighbors": [1]}}, "plain values of"),
        ({"params": {"n_neighbors": 3, "__class__": "x"}}, "has parameters"),
        ({"classes": [1]}, "two names or more"),
        ({"classes": [[0, 1], [1, 2]]}, "two names or more"),
        ({"width": "6"}, "and width '6'"),
        ({"key": {}}, "is damaged"),
        ({"key": 3}, "is damaged"),
        ({"pool": None, "key": None}, "is damaged"),
        ({"card": [1]}, "is damaged"),
        ({"card": {"threshold": 0.5}}, "it is not what was written"),
        ({"pool": "max"}, "it is not what was written"),
    ],
)
def test_what_a_card_may_say(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    fitted(KNNHead()).save(tmp_path / "head")
    path = tmp_path / "head" / "card.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **changes}), "utf-8")
    with pytest.raises(HeadFileError, match=message):
        FittedHead.load(tmp_path / "head")


def test_a_head_has_its_own_arrays_only() -> None:
    from scanbank.heads.card import described, rebuilt

    data, arrays = described(fitted(KNNHead()).estimator)
    arrays = safetensors.numpy.load(safetensors.numpy.save(arrays))
    for wrong in (
        {"vectors_": arrays["vectors_"]},
        {**arrays, "fit": arrays["codes_"]},
        {**arrays, "codes_": arrays["codes_"].astype(np.float32)},
        {**arrays, "vectors_": np.full((30, 6), np.nan)},
    ):
        with pytest.raises(HeadFileError, match=r"finite ones of \['codes_', 'vectors_'\] are wanted"):
            rebuilt(data, wrong)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("codes_", np.full(30, 2)),
        ("codes_", np.full(30, -1)),
        ("codes_", np.zeros(29, np.int64)),
        ("vectors_", np.ones((30, 7))),
        ("vectors_", np.ones((0, 6))),
    ],
    ids=["class 2 of 2", "negative class", "a code short", "another width", "no rows"],
)
def test_arrays_of_a_file_fit_together(name: str, wrong: np.ndarray) -> None:
    """What a compiled walk is given is never beyond its arrays, whatever a file says."""
    from scanbank.heads.card import described, rebuilt

    data, arrays = described(fitted(KNNHead()).estimator)
    with pytest.raises(HeadFileError, match="arrays of KNNHead do not fit together"):
        rebuilt(data, {**arrays, name: wrong})
