from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from eval_banks import add_labels, add_volumes
from scanbank.eval.draws import draw_supports
from scanbank.eval.units import Units, evaluation_units
from scanbank.store import Bank
from scanbank.store.errors import UsageError


@pytest.fixture
def units(bank: Bank) -> Units:
    """40 volumes: 10 patients with two scans that have the finding, 20 patients with one that has not."""
    add_volumes(bank, [f"p{i // 2}" for i in range(20)] + [f"q{i}" for i in range(20)])
    add_labels(bank, "a", {f"v{i}": str(int(i < 20)) for i in range(40)})
    return evaluation_units(bank, "a")


def test_k_of_each_class_from_k_patients_nested_over_shots(units: Units) -> None:
    train = np.arange(2, 38)
    draws, remarks = draw_supports(units, train, "s", (1, 5, 9), 10)
    assert remarks == []
    assert len({d.name for d in draws}) == 30
    held = {(d.shots, d.repeat): d for d in draws}
    for (k, repeat), draw in held.items():
        rows = draw.support.rows
        assert set(rows.tolist()) <= set(train.tolist())
        assert len(set(rows.tolist())) == len(rows)
        np.testing.assert_array_equal(draw.support.y, units.y[rows])
        assert Counter(draw.support.y.tolist()) == {0: k, 1: k}
        for c in (0, 1):
            assert len(set(units.patients[rows[units.y[rows] == c]].tolist())) == k
        assert set(held[1, repeat].support.rows.tolist()) <= set(rows.tolist())
    assert len({tuple(d.support.rows.tolist()) for d in draws if d.shots == 5}) == 10


def test_every_patient_is_drawn_about_as_often(units: Units) -> None:
    """Of 10 patients with two scans each, 3 are drawn: over 600 repeats each 180 times, give or take five standard deviations."""
    draws, _ = draw_supports(units, np.arange(40), "s", (3,), 600)
    counts = Counter(p for d in draws for p in units.patients[d.support.rows[d.support.y == 1]].tolist())
    assert len(counts) == 10
    assert max(abs(n - 180) for n in counts.values()) < 5 * (600 * 0.3 * 0.7) ** 0.5


def test_too_few_patients_give_second_slices_and_a_remark(units: Units) -> None:
    (draw,), remarks = draw_supports(replace(units, unit="slice"), np.arange(40), "s", (13,), 1)
    per_patient = Counter(units.patients[draw.support.rows[draw.support.y == 1]].tolist())
    assert sorted(per_patient.values()) == [1] * 7 + [2] * 3
    assert remarks == ["13 shots from 10 training patients with 'a' present: some give more than one slice"]


def test_too_few_patients_are_too_few_where_units_are_volumes(units: Units) -> None:
    told = (
        "13 shots, each of another patient, are more than .* split 's' has: 20 volumes of 10 patients with 'a' present; ask for at most 10"
    )
    with pytest.raises(UsageError, match=told):
        draw_supports(units, np.arange(40), "s", (1, 13), 1)
    draws, remarks = draw_supports(units, np.arange(40), "s", (1, 10), 1)
    assert (len(draws), remarks) == (2, [])


def test_all_is_the_training_side_once(units: Units) -> None:
    draws, _ = draw_supports(units, np.arange(5, 30), "s", (None,), 10)
    assert [(d.shots, d.repeat, d.support.rows.tolist()) for d in draws] == [(None, 0, list(range(5, 30)))]


def test_a_draw_follows_from_the_seed_and_hardly_from_the_pool(units: Units) -> None:
    train = np.arange(40)
    (one,), _ = draw_supports(units, train, "s", (5,), 1)
    (same,), _ = draw_supports(units, train, "s", (5,), 1)
    assert (one.name, one.support.rows.tolist()) == (same.name, same.support.rows.tolist())
    (seeded,), _ = draw_supports(units, train, "s", (5,), 1, seed=1)
    assert seeded.name != one.name
    assert seeded.support.rows.tolist() != one.support.rows.tolist()
    gone = int(one.support.rows[0])
    (less,), _ = draw_supports(units, np.delete(train, gone), "s", (5,), 1)
    assert less.name != one.name
    assert len(set(one.support.rows.tolist()) - set(less.support.rows.tolist())) == 1


def test_more_than_the_class_is_refused(units: Units) -> None:
    with pytest.raises(UsageError, match=r"21 shots are more than .*: 20 slices of 20 patients with 'a' absent and .*; ask for at most 20"):
        draw_supports(replace(units, unit="slice"), np.arange(40), "s", (1, 21), 1)
    with pytest.raises(UsageError, match="one class only: 0 volumes of 0 patients with 'a' absent and 20 volumes of 10 patients with"):
        draw_supports(units, np.arange(20), "s", (None,), 1)


def test_normals_are_those_of_the_draws_of_both_classes(units: Units) -> None:
    train = np.arange(2, 38)
    both, _ = draw_supports(units, train, "s", (1, 5, 9), 4)
    normals, remarks = draw_supports(units, train, "s", (1, 5, 9), 4, of="normals")
    assert remarks == []
    for one, other in zip(both, normals, strict=True):
        rows = other.support.rows
        assert (other.shots, other.repeat) == (one.shots, one.repeat)
        assert not other.support.y.any()
        assert rows.tolist() == one.support.rows[one.support.y == 0].tolist()
        assert len(set(units.patients[rows].tolist())) == len(rows) == other.shots
    names = {draw.name for draw in (*both, *normals)}
    assert len(names) == 24


def test_normals_do_not_need_the_other_class(units: Units) -> None:
    train = np.arange(15, 40)
    (many,), _ = draw_supports(units, train, "s", (18,), 1, of="normals")
    assert len(many.support.rows) == 18
    (every,), _ = draw_supports(units, train, "s", (None,), 10, of="normals")
    assert every.support.rows.tolist() == list(range(20, 40))
    (alone,), _ = draw_supports(units, train[5:], "s", (None,), 1, of="normals")
    assert (alone.name, alone.support.rows.tolist()) == (every.name, every.support.rows.tolist())
    with pytest.raises(UsageError, match=r"21 shots, each of another patient, .*: 20 volumes of 20 patients with 'a' absent; .* most 20$"):
        draw_supports(units, train, "s", (21,), 1, of="normals")
    with pytest.raises(UsageError, match="split 's' has no normals: 0 volumes of 0 patients with 'a' absent"):
        draw_supports(units, np.arange(20), "s", (None,), 1, of="normals")
