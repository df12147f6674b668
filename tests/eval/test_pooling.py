from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from eval_banks import SLICE, VOLUME, add_labels, add_vectors, add_volumes
from scanbank.eval import pooling
from scanbank.eval.feature_choice import FeatureChoice, choose_features
from scanbank.eval.pooling import unit_features
from scanbank.eval.units import evaluation_units
from scanbank.store import Bank, EncoderSpec, FeatureKey
from scanbank.store.errors import UsageError
from scanbank.store.feature_rows import FeatureRows


@pytest.mark.parametrize("block", [1, 7, 1000])
def test_slices_are_pooled_whatever_their_order_and_blocks(bank: Bank, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(pooling, "BLOCK_ROWS", block)
    ordinals = add_volumes(bank, ["p0", "p1", "p2", "p3"], slices=5)
    add_labels(bank, "a", {"v0": "1", "v2": "0", "v3": "0"})
    every = (ordinals[:, None] + 1 + np.arange(5)).ravel()
    rng = np.random.default_rng(0)
    order = rng.permutation(20)
    vectors = rng.normal(size=(20, 4)).astype(np.float32) - 3  # all negative: a maximum that began at 0 would show
    keep = order[order != 17]  # a slice of v3 is missing
    add_vectors(bank, SLICE, every[keep], vectors[keep])
    units = evaluation_units(bank, "a")
    by_volume = vectors.reshape(4, 5, 4)[[0, 2, 3]]
    for pool, expected in (
        ("mean", by_volume.mean(axis=1)),
        ("max", by_volume.max(axis=1)),
        ("top2", np.sort(by_volume, axis=1)[:, -2:].mean(axis=1)),
        ("top9", by_volume.mean(axis=1)),
    ):
        found = unit_features(bank, bank.features(SLICE.name), units, pool)
        assert (found.name, found.pool, found.present.tolist()) == (f"{SLICE.name}/{pool}", pool, [True, True, False])
        np.testing.assert_allclose(found.X[:2], expected[:2], rtol=1e-6)
        assert not found.X[2].any()


def test_vectors_of_volumes_stay_as_they_are(bank: Bank) -> None:
    ordinals = add_volumes(bank, ["p0", "p1", "p2"])
    add_labels(bank, "a", {"v0": "1", "v1": "0", "v2": "0"})
    vectors = np.random.default_rng(0).normal(size=(2, 8)).astype(np.float32)
    add_vectors(bank, VOLUME, ordinals[[2, 0]], vectors)
    found = unit_features(bank, bank.features(VOLUME.name), evaluation_units(bank, "a"))
    assert (found.name, found.pool, found.present.tolist()) == (VOLUME.name, "", [True, False, True])
    np.testing.assert_array_equal(found.X[[2, 0]], vectors)


def test_sets_are_named_by_name_digest_or_pooling(bank: Bank) -> None:
    twin = FeatureKey("slice", EncoderSpec("flat", "1", 4, weights="b"), SLICE.view)
    for key, dim in ((VOLUME, 8), (SLICE, 4), (twin, 4)):
        add_vectors(bank, key, np.array([0]), np.ones((1, dim)))
    one, two = (f"{SLICE.name}@{key.digest[:8]}" for key in (SLICE, twin))

    def names(choice: FeatureChoice, unit: str = "volume") -> list[tuple[str, str]]:
        return [(c.name, c.pool) for c in choose_features(bank, unit, choice)]  # pyright: ignore[reportArgumentType]

    assert names(FeatureChoice()) == sorted([(one, "mean"), (two, "mean"), (VOLUME.name, "mean")])
    assert names(FeatureChoice(), "slice") == sorted([(one, "mean"), (two, "mean")])
    assert names(FeatureChoice((f"{one}/max", one, one))) == [(one, "max"), (one, "mean")]
    assert names(FeatureChoice((VOLUME.digest[:10],))) == [(VOLUME.name, "mean")]
    assert names(FeatureChoice(encoder="toy", window="brain")) == [(VOLUME.name, "mean")]
    with pytest.raises(UsageError, match="several feature sets have the name"):
        names(FeatureChoice((SLICE.name,)))
    with pytest.raises(UsageError, match="has no vectors of slices; those that have: flat"):
        names(FeatureChoice((VOLUME.name,)), "slice")


@pytest.mark.parametrize("block", [1, 5, 1000])
def test_steps_along_depth_and_tokens_are_pooled_too(bank: Bank, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(pooling, "BLOCK_ROWS", block)
    ordinals = add_volumes(bank, ["p0", "p1"], slices=3)
    add_labels(bank, "a", {"v0": "1", "v1": "0"})
    rng = np.random.default_rng(0)
    depth, tokens = rng.normal(size=(2, 4, 8)).astype(np.float32), rng.normal(size=(6, 4, 3)).astype(np.float32)
    mask = np.array([[True] * 4, [True, True, False, False]])
    of_volumes = FeatureKey("depth", VOLUME.encoder, VOLUME.view)
    of_slices = FeatureKey("tokens", SLICE.encoder, SLICE.view, "block1")
    with bank.commit("test") as commit:
        commit.append_features(of_volumes, FeatureRows(depth, np.zeros((2, 4), np.float32), mask), ordinals)
        commit.append_features(of_slices, FeatureRows(tokens, grid=(2, 2)), (ordinals[:, None] + 1 + np.arange(3)).ravel())
    bank.refresh()
    units = evaluation_units(bank, "a")
    found = unit_features(bank, bank.features(of_volumes.name), units, "max")
    np.testing.assert_allclose(found.X, [depth[0].max(0), depth[1, :2].max(0)], rtol=1e-6)
    assert found.name == f"{of_volumes.name}/max"
    by_volume = tokens.reshape(2, 12, 3)
    for pool, expected in (("mean", by_volume.mean(1)), ("top3", np.sort(by_volume, axis=1)[:, -3:].mean(1))):
        found = unit_features(bank, bank.features(of_slices.name), units, pool)
        assert found.present.all()
        np.testing.assert_allclose(found.X, expected, rtol=1e-5)
    assert [c.name for c in choose_features(bank, "volume", FeatureChoice())] == sorted([of_volumes.name, of_slices.name])


@pytest.mark.parametrize(("policy", "third"), [("middle:3", False), ("every:4mm", True)])
def test_of_a_part_of_the_slices_all_that_are_there_are_pooled(bank: Bank, policy: str, third: bool) -> None:
    ordinals = add_volumes(bank, ["p0", "p1", "p2"], slices=5)
    places = {0: [0, 2, 4, 6, 8], 1: [0, 2, 4, 6, 8], 2: [0, 1, 2, 3, 3.5]}  # every 4 mm: three slices of the first two, one of the third
    with bank.commit("heights") as commit:
        commit.append(
            "slices",
            [
                {"slice": f"v{i}s{k}", "ordinal": int(ordinals[i]) + 1 + k, "volume": f"v{i}", "index": k, "z_mm": float(z)}
                for i, heights in places.items()
                for k, z in enumerate(heights)
            ],
        )
    bank.refresh()
    add_labels(bank, "a", {"v0": "1", "v1": "0", "v2": "0"})
    vectors = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    some = FeatureKey("slice", SLICE.encoder, replace(SLICE.view, slices=policy))
    taken = np.concatenate([ordinals[0] + 1 + np.array([1, 2, 3]), ordinals[1] + 1 + np.array([1, 2]), ordinals[2] + 1 + np.array([0])])
    add_vectors(bank, some, taken, vectors)
    found = unit_features(bank, bank.features(some.name), evaluation_units(bank, "a"))
    assert found.present.tolist() == [True, False, third]
    np.testing.assert_allclose(found.X[0], vectors[:3].mean(0), rtol=1e-6)
