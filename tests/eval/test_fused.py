from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from eval_banks import SLICE, VOLUME, add_labels, add_vectors, add_volumes, toy_bank
from scanbank.eval.fused import fused
from scanbank.eval.pooling import unit_features
from scanbank.eval.units import evaluation_units
from scanbank.heads import MANY, Support
from scanbank.store import Bank
from scanbank.store.errors import UsageError


def test_sets_stand_side_by_side(bank: Bank) -> None:
    ordinals = add_volumes(bank, ["p0", "p1", "p2"])
    add_labels(bank, "a", {"v0": "1", "v1": "0", "v2": "0"})
    vectors = np.random.default_rng(0).normal(size=(2, 8)).astype(np.float32)
    add_vectors(bank, VOLUME, ordinals[:2], vectors)
    slices = np.random.default_rng(1).normal(size=(9, 4)).astype(np.float32)
    add_vectors(bank, SLICE, (ordinals[:, None] + 1 + np.arange(3)).ravel(), slices)
    units = evaluation_units(bank, "a")
    one, other = (unit_features(bank, bank.features(key.name), units) for key in (VOLUME, SLICE))
    found = fused([one, other])
    assert found.name == f"fusion({SLICE.name}/mean+{VOLUME.name})"
    assert (found.keys, found.pools, found.blocks.widths) == ((SLICE, VOLUME), ("mean", ""), (4, 8))
    assert found.present.tolist() == [True, True, False]
    np.testing.assert_allclose(found.blocks.X[:2], np.hstack([slices.reshape(3, 3, 4).mean(1)[:2], vectors]), rtol=1e-5, atol=1e-6)
    assert not found.blocks.X[2].any()
    turned = fused([other, one])
    assert (turned.name, turned.digest) == (found.name, found.digest)
    assert np.array_equal(turned.blocks.X, found.blocks.X)
    most = fused([one, unit_features(bank, bank.features(SLICE.name), units, "max")])
    assert most.digest != found.digest


def test_bad_input(bank: Bank) -> None:
    toy_bank(bank, 6)
    units = evaluation_units(bank, "bleed")
    one, other = (unit_features(bank, bank.features(key.name), units) for key in (VOLUME, SLICE))
    with pytest.raises(UsageError, match=f"needs two feature sets or more; {VOLUME.name} is given"):
        fused([one])
    with pytest.raises(UsageError, match=f"is given {VOLUME.name} more than once"):
        fused([one, other, one])
    fewer = unit_features(bank, bank.features(SLICE.name), units.of(np.arange(4)))
    with pytest.raises(UsageError, match=r"needs vectors of the same units; there are 4 in .*, 6 in"):
        fused([one, fewer])


def test_a_study_learns_from_them(bank: Bank) -> None:
    y = toy_bank(bank, 60, gap=3.0)
    units = evaluation_units(bank, "bleed")
    blocks = fused([unit_features(bank, bank.features(key.name), units) for key in (VOLUME, SLICE)]).blocks
    support = Support(np.arange(30), y[:30], Support(np.arange(30, 40), y[30:40]))
    for name in ("fusion", "late_fusion", "late_fusion_weighted"):
        scores = MANY[name].scores(blocks, [support], np.arange(40, 60))[0]
        assert roc_auc_score(y[40:], scores) > 0.8
