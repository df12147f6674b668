from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval_banks import add_labels, add_volumes
from scanbank.eval.splits import SHARES, check_sides, split_each, split_units, stratified
from scanbank.eval.units import evaluation_units
from scanbank.store import Bank
from scanbank.store.errors import UnknownNameError, UsageError


def patients(n: int) -> list[str]:
    return [f"p{i:03d}" for i in range(n)]


@given(st.integers(0, 60), st.lists(st.integers(0, 60), max_size=4), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_every_patient_has_one_side_and_findings_spread_by_the_shares(n: int, positives: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels: dict[str, list[str]] = {p: [] for p in patients(n)}
    for f, count in enumerate(positives):
        found = set(rng.permutation(n)[: min(count, n)].tolist())
        for i, p in enumerate(labels):
            labels[p].append(f"f{f}: {'present' if i in found else 'absent'}")
    sides = stratified(patients(n), labels, seed, {})
    assert set(sides) == set(labels)
    assert set(sides.values()) <= set(SHARES)
    if len(positives) == 1:
        for label in ("f0: present", "f0: absent"):
            counts = Counter(sides[p] for p in labels if label in labels[p])
            total = sum(counts.values())
            assert all(abs(counts[side] - share * total) <= 1.2 for side, share in SHARES.items())


def test_shares_are_60_20_20_for_each_finding_of_many() -> None:
    rng = np.random.default_rng(0)
    has = rng.random((300, 12)) < np.linspace(0.05, 0.5, 12)
    labels = {p: [f"{f}: {'present' if has[i, f] else 'absent'}" for f in range(12)] for i, p in enumerate(patients(300))}
    sides = stratified(patients(300), labels, 0, {})
    held = np.array([sides[p] for p in patients(300)])
    assert np.bincount(np.unique(held, return_inverse=True)[1]).tolist() == pytest.approx([60, 180, 60], abs=4)
    for f in range(12):
        total = int(has[:, f].sum())
        for side, share in SHARES.items():
            assert abs(int(has[held == side, f].sum()) - share * total) <= 4


def test_a_rare_finding_can_be_learned_then_tested_then_tuned() -> None:
    labels = {p: ["f: present" if i < 3 else "f: absent"] for i, p in enumerate(patients(30))}
    assert sorted(stratified(patients(30), labels, 0, {})[p] for p in patients(3)) == ["test", "train", "val"]
    labels = {p: ["f: present" if i < 2 else "f: absent"] for i, p in enumerate(patients(30))}
    assert sorted(stratified(patients(30), labels, 0, {})[p] for p in patients(2)) == ["test", "train"]


def test_who_has_a_side_keeps_it_and_newcomers_fill_the_gaps() -> None:
    given_sides = dict.fromkeys(patients(12), "train")
    sides = stratified(patients(20), {}, 0, given_sides)
    assert Counter(sides.values()) == {"val": 4, "test": 4}
    assert not set(sides) & set(given_sides)


def test_the_seeded_split_is_by_patient_stored_and_the_same_for_every_finding(bank: Bank) -> None:
    names = [f"p{i // 2}" for i in range(60)]  # two studies each
    add_volumes(bank, names)
    add_labels(bank, "a", {f"v{i}": str(int(i < 20)) for i in range(60)})
    add_labels(bank, "b", {f"v{i}": str(i % 2) for i in range(60)})
    units = evaluation_units(bank, "a")
    split = split_units(bank, units)
    assert split.name == "patients-0"
    by_patient = dict(zip(units.patients.tolist(), split.sides.tolist(), strict=True))
    assert Counter(by_patient.values()) == {"train": 18, "val": 6, "test": 6}
    assert [by_patient[p] for p in units.patients.tolist()] == split.sides.tolist()
    with bank.commit("split") as commit:
        commit.append("splits", split.rows)
    bank.refresh()
    assert {r["item"]: r["side"] for r in split.rows} == by_patient
    again = split_units(bank, evaluation_units(bank, "b"))
    assert again.rows == ()
    np.testing.assert_array_equal(again.sides, split.sides)
    assert split_units(bank, units, seed=1).sides.tolist() != split.sides.tolist()
    # of later scans, those of known patients go with them, whatever else comes
    add_volumes(bank, ["p3", "new"], first=60)
    add_labels(bank, "a", {"v60": "1", "v61": "0"})
    units = evaluation_units(bank, "a")
    later = split_units(bank, units)
    np.testing.assert_array_equal(later.sides[:60], split.sides)
    assert later.sides[60] == by_patient["p3"]
    assert [row["item"] for row in later.rows] == ["new"]


def test_labels_of_slices_count_for_the_balance(bank: Bank) -> None:
    add_volumes(bank, [f"p{i}" for i in range(20)])
    add_labels(bank, "a", {f"v{i}s{k}": str(int(i < 5 and k == 1)) for i in range(20) for k in range(3)}, level="slice")
    units = evaluation_units(bank, "a")
    split = split_units(bank, units)
    positive = Counter(split.sides[units.y == 1].tolist())
    assert positive == {"train": 3, "test": 1, "val": 1}


def put_user(bank: Bank, sides: dict[str, str], level: str = "patient") -> None:
    with bank.commit("split") as commit:
        commit.append("splits", [{"split": "user", "item": item, "level": level, "side": side} for item, side in sides.items()])
    bank.refresh()


def test_the_users_split_goes_first_and_must_be_by_patient(bank: Bank) -> None:
    add_volumes(bank, ["p0", "p0", "p1", "p2", "p3"])
    add_labels(bank, "a", {f"v{i}": str(i % 2) for i in range(5)})
    put_user(bank, {"p0": "train", "p1": "val", "p2": "test"})
    units = evaluation_units(bank, "a")
    split = split_units(bank, units)
    assert (split.name, split.sides.tolist()) == ("user", ["train", "train", "val", "test", ""])
    assert split_units(bank, units, "patients-0").name == "patients-0"
    put_user(bank, {"v1": "test"}, level="volume")
    with pytest.raises(UsageError, match=r"1 patient on more than one side, such as p0.*`group`.*--split patients-0.*--allow-leak"):
        split_units(bank, units)
    assert split_units(bank, units, allow_leak=True).sides.tolist() == ["train", "test", "val", "test", ""]
    with pytest.raises(UnknownNameError, match="did you mean 'user'"):
        split_units(bank, units, "usr")


def test_an_empty_side_is_named_with_the_way_out(bank: Bank) -> None:
    add_volumes(bank, ["p0", "p1", "p2"])
    add_labels(bank, "a", {f"v{i}": str(i % 2) for i in range(3)})
    put_user(bank, {"p0": "train", "p1": "train", "p2": "test"})
    units = evaluation_units(bank, "a")
    split = split_units(bank, units)
    with pytest.raises(UsageError, match=r"leaves val empty for 'a' \(2 train, 1 test, 0 val, of 3 volumes of 3 patients\); give.*`split`"):
        check_sides(units, split)
    check_sides(units, split, ("train", "test"))


def test_each_finding_has_the_split_it_would_have_alone(bank: Bank) -> None:
    add_volumes(bank, [f"p{i}" for i in range(12)])
    add_labels(bank, "a", {f"v{i}": str(i % 2) for i in range(8)})
    add_labels(bank, "b", {f"v{i}": str(i % 2) for i in range(4, 12)})
    with bank.commit("sides") as commit:  # of `a` alone
        commit.append("splits", [{"split": "user", "item": f"v{i}", "level": "volume", "side": "test"} for i in range(3)])
    bank.refresh()
    units = [evaluation_units(bank, finding) for finding in ("a", "b")]
    found, alone = split_each(bank, units), [split_units(bank, one) for one in units]
    assert [split.name for split in found] == ["user", "patients-0"]
    for one, other in zip(found, alone, strict=True):
        assert (one.name, one.sides.tolist(), one.rows) == (other.name, other.sides.tolist(), other.rows)
