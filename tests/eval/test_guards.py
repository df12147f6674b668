"""Each leak that is planted in a bank is found, counted and refused, or recorded where it is allowed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adapted_encoders import adapted
from eval_banks import SLICE, VOLUME, add_labels, add_vectors, add_volumes, toy_bank
from scanbank.eval.children import keep_child
from scanbank.eval.feature_choice import FeatureChoice
from scanbank.eval.guards import Guarded, check_leaks
from scanbank.eval.phantoms.cohort import cohort_named, sample_patient, sample_studies
from scanbank.eval.pooling import UnitFeatures, unit_features
from scanbank.eval.splits import split_units
from scanbank.eval.sweep import sweep
from scanbank.eval.trained_items import declare_trained_items
from scanbank.eval.units import Units, evaluation_units
from scanbank.store import Bank, EncoderSpec, FeatureKey
from scanbank.store.errors import UsageError
from scanbank.store.forget import forget

UNDECODED = "60 of 60 scans were not decoded here: their copies are known by vectors alone"


def put(bank: Bank, table: str, *rows: Mapping[str, Any]) -> None:
    with bank.commit(table) as commit:
        commit.append(table, rows)
    bank.refresh()


def study(bank: Bank, key=VOLUME) -> tuple[Units, np.ndarray, list[UnitFeatures]]:
    """60 patients with a volume each; three of five train, one tunes, one tests."""
    units = evaluation_units(bank, "bleed")
    sides = np.array(["train", "train", "train", "val", "test"])[np.arange(len(units)) % 5]
    return units, sides, [unit_features(bank, bank.features(key.name), units)]


def allowed(bank: Bank, units: Units, sides: np.ndarray, features: Sequence[UnitFeatures]) -> Guarded:
    """What is said where it is allowed; refused otherwise in the same words."""
    guarded = check_leaks(bank, units, sides, features, allow=True)
    with pytest.raises(UsageError) as refused:
        check_leaks(bank, units, sides, features, allow=False)
    for remark in guarded.remarks:
        if remark.startswith("allowed: "):
            assert remark.removeprefix("allowed: ") in str(refused.value)
    assert str(refused.value).endswith("or take it as it is with --allow-leak, which the run records")
    assert "\n" not in str(refused.value)
    return guarded


def test_a_sound_study_passes_and_says_what_it_could_not_look_at(bank: Bank) -> None:
    toy_bank(bank)
    assert check_leaks(bank, *study(bank), allow=False) == Guarded((UNDECODED,), ())
    put(bank, "contents", *({"volume": f"v{i}", "content": f"c{i}"} for i in range(60)))
    assert check_leaks(bank, *study(bank), allow=False) == Guarded((), ())


def test_patients_on_two_sides(bank: Bank) -> None:
    toy_bank(bank)
    units, sides, features = study(bank)
    patients = units.patients.copy()
    patients[[3, 4]] = "p0"  # train, val and test
    patients[7] = "p5"  # both train
    guarded = allowed(bank, replace(units, patients=patients), sides, features)
    assert guarded.recorded == ({"kind": "patient", "count": 1},)
    assert guarded.remarks == ("allowed: 1 patient on more than one side, such as p0", UNDECODED)
    sides[[3, 4]] = ""
    assert check_leaks(bank, replace(units, patients=patients), sides, features, allow=False).recorded == ()


def test_reconstructions_of_a_study_on_two_sides(bank: Bank) -> None:
    """As where a table gives the series of a study to two groups, and units are not of primary series alone."""
    toy_bank(bank)
    of_all = study(bank)
    rows = {row["volume"]: row for row in bank.snapshot.rows("volumes")}
    put(bank, "volumes", *(rows[volume] | {"study": "s0"} for volume in ("v1", "v4", "v9")))
    guarded = allowed(bank, *of_all)
    assert guarded.recorded == ({"kind": "study", "count": 1},)
    assert guarded.remarks[0] == "allowed: 1 study has volumes on more than one side, such as s0"


def test_equal_scans_on_two_sides(bank: Bank) -> None:
    toy_bank(bank)
    same = {0: "a", 4: "a", 9: "a", 1: "b", 2: "b", 3: "c", 8: "c"}  # b is train alone, c val alone
    put(bank, "contents", *({"volume": f"v{i}", "content": same.get(i, f"c{i}")} for i in range(60) if i != 30))
    put(bank, "contents", {"volume": "v31", "content": None})  # its source changed
    guarded = allowed(bank, *study(bank))
    assert guarded.recorded == ({"kind": "content", "count": 1},)
    assert guarded.remarks == (
        "allowed: 1 set of equal scans (3 scans) on more than one side, such as v0 and v4",
        "2 of 60 scans were not decoded here: their copies are known by vectors alone",
    )


def test_near_duplicates_by_any_of_the_sets(bank: Bank) -> None:
    toy_bank(bank)
    units, sides, (features,) = study(bank)
    X = features.X.copy()
    X[4], X[9] = X[0], X[3]
    other = replace(features, name="other", X=features.X.copy())
    other.X[14], other.X[9] = other.X[1], other.X[3]
    dull = replace(features, name="dull", X=np.ones_like(X))
    guarded = allowed(bank, units, sides, [replace(features, X=X), other, dull])
    assert guarded.recorded == ({"kind": "near_duplicate", "count": 3},)
    assert guarded.remarks[0] == (
        "allowed: 3 of 24 volumes of val and test are near duplicates of another patient's on an earlier side "
        "(2 by toy/brain/volume, 2 by other), such as v4 and v0"
    )
    assert "whether dull holds near duplicates cannot be told: half of its vectors have an equal one of another patient" in guarded.remarks


def test_vectors_shared_by_several_findings_are_found_by_their_rows(bank: Bank) -> None:
    toy_bank(bank)
    units, sides, (features,) = study(bank)
    backwards = replace(features, X=features.X[::-1].copy())
    backwards.X[59 - 4] = backwards.X[59 - 0]
    guarded = check_leaks(bank, units, sides, [backwards], allow=True, rows=np.arange(60)[::-1])
    assert guarded.recorded == ({"kind": "near_duplicate", "count": 1},)


@pytest.mark.parametrize(("level", "item"), [("volume", "v4"), ("slice", "v4s1"), ("study", "s4"), ("patient", "p4")])
def test_items_that_an_encoder_was_adapted_on(bank: Bank, level: str, item: str) -> None:
    toy_bank(bank)
    units, sides, features = study(bank)
    kept = item.replace("4", "0")  # it trains
    with bank.commit("adapted") as commit:
        declare_trained_items(commit, VOLUME.encoder, [item, item], level)
        declare_trained_items(commit, VOLUME.encoder, [kept], level)
    bank.refresh()
    guarded = allowed(bank, units, sides, features)
    assert guarded.recorded == ({"kind": "trained_on", "count": 1},)
    assert guarded.remarks[0] == "allowed: 1 of 12 test volumes are of patients that an encoder was trained on (1 by toy)"
    forget(bank, pseudonyms=["p4"])
    bank.refresh()
    assert bank.sql("SELECT item FROM trained_items").column(0).to_pylist() == [kept]


def test_what_the_parent_saw_counts_and_of_what_nobody_listed_nothing_is_claimed(bank: Bank) -> None:
    toy_bank(bank)
    units, sides, (features,) = study(bank)

    def by(spec: EncoderSpec) -> UnitFeatures:
        return replace(features, key=replace(features.key, encoder=spec))

    parent = EncoderSpec("base", "1", 8, weights="ab")
    child = EncoderSpec("base+lora", "1", 8, weights="cd", parent=parent.digest)
    random = EncoderSpec("base+random0", "1", 8, weights="ef")
    told = [r for r in check_leaks(bank, units, sides, [by(child), by(parent), by(random)], allow=False).remarks if r != UNDECODED]
    assert told == ["whether test volumes were among what base+lora, base was trained on cannot be told: nobody listed it"]
    with bank.commit("adapted") as commit:
        declare_trained_items(commit, parent, ["v4", "v9", "v3"], "volume")  # the last tunes
    bank.refresh()
    with pytest.raises(UsageError, match=r"2 of 12 test volumes .* \(2 by base, 2 by base\+lora\)"):
        check_leaks(bank, units, sides, [by(child), by(parent)], allow=False)
    with bank.commit("adapted") as commit:
        declare_trained_items(commit, child, ["v0"], "volume")
    bank.refresh()
    guarded = check_leaks(bank, units, sides, [by(child)], allow=True)
    assert guarded.recorded == ({"kind": "trained_on", "count": 2},)
    assert len(guarded.remarks) == 2  # the leak and what was not decoded: nothing is unknown any more


def test_tiny_knows_the_phantoms_it_was_trained_on(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scans 4 and 9 of the test side: one of a training patient's studies, and one of the same patient number of another seed."""
    toy_bank(bank)
    chest = cohort_named("chest")
    seen, unseen = (sample_studies(chest, sample_patient(chest, seed, 17))[-1].uid for seed in (20261124, 101))
    rows = {row["volume"]: row for row in bank.snapshot.rows("volumes")}
    for volume, study_uid in (("v4", seen), ("v9", unseen)):
        put(bank, "volumes", rows[volume] | {"kind": "dicom", "study": bank.key.pseudonym("study", study_uid)})
    units, sides, (features,) = study(bank)
    tiny = replace(features, key=replace(features.key, encoder=EncoderSpec("tiny@1", "1", 8, weights="x")))
    guarded = allowed(bank, units, sides, [tiny])
    assert guarded.recorded == ({"kind": "trained_on", "count": 1},)
    monkeypatch.setenv("XDG_CONFIG_HOME", "/nowhere")
    keyless = Bank.open(bank.path)
    (told,) = [remark for remark in check_leaks(keyless, units, sides, [tiny], allow=False).remarks if "tiny" in remark]
    assert told == "whether test volumes were among what tiny@1 was trained on cannot be told: the bank's key is not here"


def test_a_bundled_child_knows_its_parents_phantoms_too(bank: Bank) -> None:
    """Scans 4, 7 and 9 of the test side: of the parent's cohort, of the child's, and of neither."""
    toy_bank(bank)
    chest = cohort_named("chest")
    rows = {row["volume"]: row for row in bank.snapshot.rows("volumes")}
    for volume, seed in (("v4", 20261124), ("v7", 20261126), ("v9", 101)):
        study_uid = sample_studies(chest, sample_patient(chest, seed, 17))[-1].uid
        put(bank, "volumes", rows[volume] | {"kind": "dicom", "study": bank.key.pseudonym("study", study_uid)})
    units, _, (features,) = study(bank)
    sides = np.where(np.isin(units.items, ["v4", "v7", "v9"]), "test", "train")
    vocabfine = EncoderSpec("tiny-vocabfine@1", "1", 8, weights="x", parent="0" * 32)
    guarded = allowed(bank, units, sides, [replace(features, key=replace(features.key, encoder=vocabfine))])
    told = [one["count"] for one in guarded.recorded if one["kind"] == "trained_on"]
    assert told == [2]
    assert not any("nobody listed" in remark for remark in guarded.remarks)


def test_a_copy_that_names_its_parent_saw_whom_that_saw(bank: Bank) -> None:
    toy_bank(bank)
    units, sides, (features,) = study(bank)
    child = EncoderSpec("adapted:child", "1", 8, weights="x", parent="0" * 32, adapter="ff")
    seen = units.items[np.flatnonzero(sides == "test")[0]]
    with bank.commit("adapted") as commit:
        declare_trained_items(commit, child, [seen], "volume")
    bank.refresh()
    copy = replace(features, key=replace(features.key, encoder=EncoderSpec("tiny:copy", "1", 8, weights="y", parent=child.digest)))
    with pytest.raises(UsageError, match="by tiny:copy"):
        check_leaks(bank, units, sides, [copy], allow=False)


def test_slices_of_a_patient_are_no_duplicates(bank: Bank) -> None:
    add_volumes(bank, [f"p{i}" for i in range(20)])
    ordinals = bank.sql("SELECT ordinal FROM slices ORDER BY ordinal").column(0).to_numpy()
    add_labels(bank, "bleed", {f"v{i}s{k}": str(i % 2) for i in range(20) for k in range(3)}, level="slice")
    X = np.repeat(np.random.default_rng(0).normal(size=(20, 4)), 3, axis=0)  # all three are equal
    add_vectors(bank, SLICE, ordinals, X)
    units, _, features = study(bank, SLICE)
    sides = split_units(bank, units).sides
    assert check_leaks(bank, units, sides, features, allow=False).recorded == ()


def test_duplicates_of_real_images(bank: Bank, shared_data: Path) -> None:
    """Of brain_mri, whose 222 files are patients of their own here: 27 of the 90 that tune or test are copies of an earlier one."""
    with np.load(shared_data / "embeddings" / "mobilenet_v1_brain_mri.npz") as stored:
        order = np.argsort(stored["path"])
        paths, X = stored["path"][order], stored["vector"][order]
    ordinals = add_volumes(bank, paths.tolist())
    add_labels(bank, "tumor", {f"v{i}": str(int("/yes/" in path)) for i, path in enumerate(paths)})
    key = replace(VOLUME, encoder=EncoderSpec("mobilenet_v1", "1", 1024, weights="unknown"))
    add_vectors(bank, key, ordinals, X)
    units = evaluation_units(bank, "tumor")
    sides = np.array(["test", "val", "train", "train", "train"])[np.arange(len(units)) % 5]
    guarded = allowed(bank, units, sides, [unit_features(bank, bank.features(key.name), units)])
    assert guarded.recorded == ({"kind": "near_duplicate", "count": 27},)
    assert guarded.remarks[-1] == "whether test volumes were among what mobilenet_v1 was trained on cannot be told: nobody listed it"


@pytest.mark.parametrize("suffix", ["", "+bf16"])
def test_a_child_that_a_bank_keeps_is_not_evaluated_on_what_it_saw(bank: Bank, suffix: str) -> None:
    """Its parent `tiny` has no vectors here: what it saw is told by the card alone."""
    toy_bank(bank)
    units, sides, (features,) = study(bank)
    spec = keep_child(bank, adapted("one"), ["v3", "v4", "v9"])  # v3 tunes, the others are of the test side
    named = replace(spec, name=spec.name + suffix)
    of_child = replace(features, key=replace(features.key, encoder=named))
    with pytest.raises(UsageError, match=re.escape(f"(2 by adapted:one{suffix})")):
        check_leaks(bank, units, sides, [of_child], allow=False)
    guarded = check_leaks(bank, units, sides, [of_child], allow=True)
    assert guarded.recorded == ({"kind": "trained_on", "count": 2},)
    assert not any("nobody listed it" in remark for remark in guarded.remarks)


def test_a_probe_on_vectors_of_a_child_is_refused_where_it_saw_the_test_side(bank: Bank) -> None:
    y = toy_bank(bank)
    spec = keep_child(bank, adapted("one"), [f"v{i}" for i in range(60)])
    key = FeatureKey("volume", spec, VOLUME.view)
    ordinals = bank.features(VOLUME.name).items()
    add_vectors(bank, key, ordinals, np.random.default_rng(0).normal(size=(60, spec.dim)) + y[:, None])
    with pytest.raises(UsageError, match=r"test volumes are of patients that an encoder was trained on \(\d+ by adapted:one\)"):
        sweep(bank, "bleed", ["prototype"], [1], repeats=1, choice=FeatureChoice((key.name,)))
    assert sweep(bank, "bleed", ["prototype"], [1], repeats=1, choice=FeatureChoice((VOLUME.name,)))
