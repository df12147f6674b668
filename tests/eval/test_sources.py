from __future__ import annotations

import pytest

from eval_banks import add_labels, add_volumes
from scanbank.eval.sources import unit_sources
from scanbank.eval.units import evaluation_units
from scanbank.store import Bank
from scanbank.store.errors import UnknownNameError


def say(bank: Bank, name: str, values: dict[str, str], level: str = "volume", source: str = "table") -> None:
    with bank.commit("attributes") as commit:
        commit.append("attributes", [{"item": i, "level": level, "name": name, "value": v, "source": source} for i, v in values.items()])
    bank.refresh()


def test_a_table_goes_before_a_header_and_unknown_is_empty(bank: Bank) -> None:
    add_volumes(bank, ["p0", "p0", "p1", "p2"])
    add_labels(bank, "a", {"v0": "1", "v1": "0", "v2": "0", "v3": "1"})
    units = evaluation_units(bank, "a")
    assert unit_sources(bank, units).tolist() == ["", "", "", ""]
    say(bank, "manufacturer", {"v0": "siemens", "v2": "ge"}, source="header")
    assert unit_sources(bank, units).tolist() == ["siemens", "", "ge", ""]
    say(bank, "site", {"p0": "Nord"}, level="patient")  # said of a patient, it holds for all scans
    assert unit_sources(bank, units).tolist() == ["Nord", "Nord", "", ""]
    say(bank, "site", {"v0": "Süd", "v2": "West"}, source="header")
    assert unit_sources(bank, units).tolist() == ["Nord", "Nord", "West", ""]
    say(bank, "source", {"v3": "D"})
    assert unit_sources(bank, units).tolist() == ["", "", "", "D"]
    assert unit_sources(bank, units, "manufacturer").tolist() == ["siemens", "", "ge", ""]
    with pytest.raises(UnknownNameError, match=r"attribute 'manufacturers' is unknown; did you mean 'manufacturer'\?"):
        unit_sources(bank, units, "manufacturers")


def test_a_slice_has_the_source_of_its_scan(bank: Bank) -> None:
    add_volumes(bank, ["p0", "p1"])
    add_labels(bank, "a", {"v0s0": "1", "v0s2": "0", "v1s1": "1"}, level="slice")
    say(bank, "source", {"v0": "A", "v1": "B"})
    assert unit_sources(bank, evaluation_units(bank, "a")).tolist() == ["A", "A", "B"]
