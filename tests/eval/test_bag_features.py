from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from eval_banks import SLICE, VOLUME, add_labels, add_vectors, add_volumes, toy_bank
from scanbank.eval import bag_features
from scanbank.eval.bag_features import unit_bags
from scanbank.eval.pooling import unit_features
from scanbank.eval.units import evaluation_units
from scanbank.heads import MANY, Support
from scanbank.store import Bank, EncoderSpec, FeatureKey
from scanbank.store.errors import UsageError
from scanbank.store.feature_rows import FeatureRows


@pytest.mark.parametrize("block", [1, 7, 1000])
def test_slices_come_by_scan_in_order_whatever_their_order_and_blocks(bank: Bank, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(bag_features, "BLOCK_ROWS", block)
    ordinals = add_volumes(bank, ["p0", "p1", "p2", "p3"], slices=5)
    add_labels(bank, "a", {"v0": "1", "v2": "0", "v3": "0"})
    every = (ordinals[:, None] + 1 + np.arange(5)).ravel()
    rng = np.random.default_rng(0)
    order = rng.permutation(20)
    vectors = rng.normal(size=(20, 4)).astype(np.float32)
    keep = order[order != 17]  # a slice of v3 is missing
    add_vectors(bank, SLICE, every[keep], vectors[keep])
    units = evaluation_units(bank, "a")
    found = unit_bags(bank, bank.features(SLICE.name), units)
    assert (found.name, found.key, found.present.tolist()) == (SLICE.name, SLICE, [True, True, False])
    assert found.bags.sizes.tolist() == [5, 5, 0]
    assert np.array_equal(found.bags.X, vectors.reshape(4, 5, 4)[[0, 2]].reshape(-1, 4))


def test_means_of_bags_are_pooled_vectors(bank: Bank) -> None:
    toy_bank(bank, 12)
    units = evaluation_units(bank, "bleed")
    bags = unit_bags(bank, bank.features(SLICE.name), units, "flat")
    assert bags.name == "flat"
    pooled = unit_features(bank, bank.features(SLICE.name), units)
    np.testing.assert_allclose(np.add.reduceat(bags.bags.X, bags.bags.starts[:-1]) / 3, pooled.X, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("block", [1, 5, 1000])
def test_steps_along_depth_without_their_padding(bank: Bank, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(bag_features, "BLOCK_ROWS", block)
    ordinals = add_volumes(bank, ["p0", "p1", "p2", "p3"])
    add_labels(bank, "a", {"v0": "1", "v1": "0", "v2": "0", "v3": "1"})
    depth = np.random.default_rng(0).normal(size=(3, 4, 8)).astype(np.float32)
    mask = np.array([[True] * 4, [True, True, False, False], [False, True, True, True]])
    key = FeatureKey("depth", VOLUME.encoder, VOLUME.view)
    with bank.commit("test") as commit:
        commit.append_features(key, FeatureRows(depth, np.zeros((3, 4), np.float32), mask), ordinals[[3, 0, 1]])
    bank.refresh()
    found = unit_bags(bank, bank.features(key.name), evaluation_units(bank, "a"))
    assert found.present.tolist() == [True, True, False, True]
    assert found.bags.sizes.tolist() == [2, 3, 0, 4]
    assert np.array_equal(found.bags.X, np.concatenate([depth[1, :2], depth[2, 1:], depth[0]]))


def test_of_a_part_of_the_slices_all_that_are_taken(bank: Bank) -> None:
    ordinals = add_volumes(bank, ["p0", "p1"], slices=5)
    add_labels(bank, "a", {"v0": "1", "v1": "0"})
    vectors = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    some = FeatureKey("slice", SLICE.encoder, replace(SLICE.view, slices="middle:3"))
    add_vectors(bank, some, np.concatenate([ordinals[0] + [2, 3, 4], ordinals[1] + [2, 3]]), vectors)
    found = unit_bags(bank, bank.features(some.name), evaluation_units(bank, "a"))
    assert found.present.tolist() == [True, False]
    assert np.array_equal(found.bags.X, vectors[:3])


def test_a_slice_is_a_bag_of_its_own_and_half_precision_stays(bank: Bank) -> None:
    ordinals = add_volumes(bank, ["p0", "p1"], slices=2)
    add_labels(bank, "a", {"v0s0": "1", "v0s1": "0", "v1s1": "1"}, level="slice")
    half = FeatureKey("slice", EncoderSpec("flat", "2", 4, precision="float16"), SLICE.view)
    vectors = np.arange(12, dtype=np.float32).reshape(3, 4)
    add_vectors(bank, half, np.array([ordinals[1] + 2, ordinals[0] + 1, ordinals[0] + 2]), vectors)
    found = unit_bags(bank, bank.features(half.name), evaluation_units(bank, "a"))
    assert found.bags.X.dtype == np.float16
    assert found.bags.sizes.tolist() == [1, 1, 1]
    assert np.array_equal(found.bags.X, vectors[[1, 2, 0]])


def test_other_kinds_are_refused(bank: Bank) -> None:
    toy_bank(bank, 6)
    with pytest.raises(UsageError, match="is of kind 'volume'; heads on bags for volumes need kind slice or depth"):
        unit_bags(bank, bank.features(VOLUME.name), evaluation_units(bank, "bleed"))


def test_a_study_learns_from_them(bank: Bank) -> None:
    y = toy_bank(bank, 60, gap=3.0)
    found = unit_bags(bank, bank.features(SLICE.name), evaluation_units(bank, "bleed"))
    scores = MANY["mean_probability"].scores(found.bags, [Support(np.arange(30), y[:30])], np.arange(30, 60))[0]
    assert ((scores > 0) == y[30:]).mean() > 0.9
