"""Vectors that are not there, or are no numbers, are told of with their items."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from eval_banks import VOLUME, toy_bank
from scanbank.eval.feature_checks import check_finite, lacking_vectors
from scanbank.eval.guards import check_leaks
from scanbank.eval.pooling import unit_features
from scanbank.eval.units import evaluation_units
from scanbank.store import Bank
from scanbank.store.errors import UsageError
from scanbank.store.features import SETS

SIDES = np.array(["train", "train", "train", "val", "test"])[np.arange(60) % 5]


def test_nan_and_infinity_are_told_with_the_ids_of_their_items(bank: Bank) -> None:
    """As another program may have left them in the bank: what is written through a commit is checked."""
    toy_bank(bank)
    units = evaluation_units(bank, "bleed")
    check_finite(units, [unit_features(bank, bank.features(VOLUME.name), units)])
    with bank.commit("harm") as commit:
        vector = commit.root[f"{SETS}/{VOLUME.digest}/vector"]
        for row, value in ((3, np.nan), (7, np.inf), (8, -np.inf), (50, np.nan)):
            vector[row, 2] = value
    with bank.commit("elsewhere") as commit:
        commit.root[f"{SETS}/{VOLUME.digest}"].attrs["stamp"] = "new"
    bank.refresh()
    features = unit_features(bank, bank.features(VOLUME.name), units)
    told = (
        r"4 of 60 volumes have NaN or infinity in toy/brain/volume: v3, v7, v8 and 1 more; embed them again, or leave this feature set out"
    )
    with pytest.raises(UsageError, match=told):
        check_finite(units, [features])
    with pytest.raises(UsageError, match=told):
        check_leaks(bank, units, SIDES, [features], allow=True)
    backwards = replace(features, X=features.X[::-1], present=features.present[::-1])
    with pytest.raises(UsageError, match=told):
        check_finite(units, [backwards], np.arange(60)[::-1])
    absent = features.present.copy()
    absent[[3, 7, 8, 50]] = False
    check_finite(units, [replace(features, present=absent)])


def test_what_a_set_lacks_is_counted_by_side(bank: Bank) -> None:
    toy_bank(bank)
    units = evaluation_units(bank, "bleed")
    features = unit_features(bank, bank.features(VOLUME.name), units)
    assert lacking_vectors(units, SIDES, [features]) == []
    present = features.present.copy()
    present[[0, 1, 4]] = False
    told = lacking_vectors(units, SIDES, [features, replace(features, name="other", present=present)])
    assert told == ["3 of 60 volumes have no vector in other (2 of 36 train, 1 of 12 test): left out of all sets"]
    with pytest.raises(UsageError, match="toy/brain/volume has no vector of any of the 12 val and 12 test volumes; embed them"):
        lacking_vectors(units, SIDES, [replace(features, present=SIDES == "train")])
    sides = np.where(SIDES == "train", "train", "")
    assert lacking_vectors(units, sides, [replace(features, present=SIDES == "train")]) == []
