from __future__ import annotations

import pytest

from eval_banks import add_labels, add_volumes
from scanbank.eval.units import Units, evaluation_units, units_of_each
from scanbank.store import Bank
from scanbank.store.errors import UnknownNameError, UsageError


def test_only_primary_series_count_and_labels_of_studies_and_patients_reach_them(bank: Bank) -> None:
    add_volumes(bank, ["p0", "p0", "p1", "p2"], studies=["a", "a", "b", "c"])  # v0 is thinner than v1: the primary one
    add_labels(bank, "bleed", {"a": "1", "b": "0"}, level="study")
    add_labels(bank, "bleed", {"p2": "-"}, level="patient")
    units = evaluation_units(bank, "bleed")
    assert (units.items, units.y.tolist(), units.patients.tolist()) == (("v0", "v2", "v3"), [1, 0, 0], ["p0", "p1", "p2"])
    assert units.unit == "volume"
    assert units.slices.tolist() == [[o + 1, 3] for o in units.ordinals.tolist()]


def test_uncertain_labels_are_unknown_and_not_negative(bank: Bank) -> None:
    add_volumes(bank, ["p0", "p1", "p2", "p3"])
    add_labels(bank, "bleed", {"v0": "1", "v1": "?", "v2": "0"})
    units = evaluation_units(bank, "bleed")
    assert (units.items, units.unknown) == (("v0", "v2"), 1)


def test_volumes_go_first_where_both_are_labelled(bank: Bank) -> None:
    add_volumes(bank, ["p0", "p1"])
    add_labels(bank, "bleed", {"v0": "1", "v1": "0"})
    add_labels(bank, "bleed", {"v0s1": "1", "v1s2": "0", "v0s0": "?"}, level="slice")
    assert evaluation_units(bank, "bleed").items == ("v0", "v1")
    by_slice = evaluation_units(bank, "bleed", "slice")
    assert (by_slice.items, by_slice.volumes.tolist(), by_slice.unknown) == (("v0s1", "v1s2"), ["v0", "v1"], 1)
    assert by_slice.slices.tolist() == [[o, 1] for o in by_slice.ordinals.tolist()]


def test_a_class_is_told_from_all_others(bank: Bank) -> None:
    add_volumes(bank, ["p0", "p1", "p2"])
    add_labels(bank, "part", {"v0": "=head", "v1": "=chest", "v2": "=hand"})
    assert evaluation_units(bank, "part=chest").y.tolist() == [0, 1, 0]
    with pytest.raises(UsageError, match="part=chest, part=hand, part=head"):
        evaluation_units(bank, "part")
    with pytest.raises(UnknownNameError, match="did you mean 'chest'"):
        evaluation_units(bank, "part=chst")


def test_of_several_sources_the_tables_goes_first(bank: Bank) -> None:
    add_volumes(bank, ["p0", "p1"])
    add_labels(bank, "bleed", {"v0": "1", "v1": "0"}, source="rules")
    assert evaluation_units(bank, "bleed").source == "rules"
    add_labels(bank, "bleed", {"v0": "0", "v1": "1"}, source="reader")
    with pytest.raises(UsageError, match="--source: reader, rules"):
        evaluation_units(bank, "bleed")
    add_labels(bank, "bleed", {"v0": "0", "v1": "1"})
    assert evaluation_units(bank, "bleed").source == "table"
    assert evaluation_units(bank, "bleed", source="rules").y.tolist() == [1, 0]


def test_what_cannot_be_evaluated_says_why(bank: Bank) -> None:
    add_volumes(bank, ["p0", "p0"], studies=["a", "a"])
    with pytest.raises(UnknownNameError, match="--labels FILE"):
        evaluation_units(bank, "bleed")
    add_labels(bank, "bleed", {"v0": "1"})
    with pytest.raises(UsageError, match="one class only: all 1 labelled volumes are present"):
        evaluation_units(bank, "bleed")
    add_labels(bank, "shift", {"v0": "?"})
    with pytest.raises(UsageError, match="all 1 labels of its primary series are uncertain"):
        evaluation_units(bank, "shift")
    add_labels(bank, "edema", {"v1": "1"})
    with pytest.raises(UsageError, match="none of its labels is for a primary series"):
        evaluation_units(bank, "edema")


def test_a_name_with_a_quote_is_only_a_name(bank: Bank) -> None:
    add_volumes(bank, ["p0", "p1"])
    add_labels(bank, "crow's feet", {"v0": "1", "v1": "0"}, source="o'table")
    assert evaluation_units(bank, "crow's feet", source="o'table").y.tolist() == [1, 0]


def test_several_findings_together_are_each_by_itself(bank: Bank) -> None:
    add_volumes(bank, ["p0", "p1", "p2"])
    add_labels(bank, "bleed", {"v2": "1", "v0": "0", "v1": "?"})
    add_labels(bank, "part", {"v0": "=head", "v1": "=chest", "v2": "=hand"}, source="rules")
    add_labels(bank, "shift", {"v0": "1"})
    bleed, chest, shift, hand = units_of_each(bank, ["bleed", "part=chest", "shift", "part=hand"])
    for name, found in (("bleed", bleed), ("part=chest", chest), ("part=hand", hand)):
        assert isinstance(found, Units)
        alone = evaluation_units(bank, name)
        assert (found.items, found.y.tolist(), found.source, found.unknown) == (
            alone.items,
            alone.y.tolist(),
            alone.source,
            alone.unknown,
        )
    assert isinstance(shift, UsageError)
    assert "one class only" in str(shift)
