"""Agreement of two sources of a bank: the policy, and what is left out."""

from __future__ import annotations

import pytest
from sklearn.metrics import cohen_kappa_score

from eval_banks import add_labels, add_volumes
from scanbank.eval.agree import agree_sources
from scanbank.eval.label_policy import LabelPolicy
from scanbank.store import Bank

FIRST = "1100?-1?"
SECOND = "10011-??"


@pytest.fixture
def full(bank: Bank) -> Bank:
    add_volumes(bank, [f"p{i}" for i in range(9)])
    add_labels(bank, "bleed", {f"s{i}": status for i, status in enumerate(FIRST)}, level="study", source="table")
    add_labels(bank, "bleed", {f"s{i}": status for i, status in enumerate(SECOND)} | {"s8": "1"}, level="study", source="rules")
    add_labels(bank, "mass", {f"s{i}": "1" if i == 2 else "0" for i in range(8)}, level="study", source="table")
    add_labels(bank, "mass", {f"s{i}": "1" if i in (2, 3) else "0" for i in range(8)}, level="study", source="rules")
    return bank


@pytest.mark.parametrize(
    ("policy", "first", "second"),
    [
        (LabelPolicy(), [1, 1, 0, 0, 0], [1, 0, 0, 1, 0]),
        (LabelPolicy(uncertain="present"), [1, 1, 0, 0, 1, 0, 1, 1], [1, 0, 0, 1, 1, 0, 1, 1]),
        (LabelPolicy(uncertain="absent", unmentioned="unknown"), [1, 1, 0, 0, 0, 1, 0], [1, 0, 0, 1, 1, 0, 0]),
    ],
    ids=str,
)
def test_the_policy_says_what_counts(full: Bank, policy: LabelPolicy, first: list[int], second: list[int]) -> None:
    found = agree_sources(full, "table", "rules", ["bleed"], policy=policy)
    ((line, out),) = found.lines
    assert line.estimates["kappa"].value == pytest.approx(cohen_kappa_score(first, second))
    assert line.items == len(first)
    assert (out.unknown, out.only_first, out.only_second) == (8 - len(first), 0, 1)
    assert found.settings["uncertain"] == policy.uncertain
    assert found.settings["unmentioned"] == policy.unmentioned


def test_several_findings_have_averages(full: Bank) -> None:
    found = agree_sources(full, "table", "rules")
    assert [line.finding for line, _ in found.lines] == ["bleed", "mass", "micro", "macro"]
    bleed, mass, micro, macro = (line for line, _ in found.lines)
    assert micro.items == bleed.items + mass.items == 13
    assert [(out.unknown, out.only_second) for _, out in found.lines] == [(3, 1), (0, 0), (3, 1), (3, 1)]
    values = [line.estimates["f1"].value or 0.0 for line in (bleed, mass)]
    assert macro.estimates["f1"].value == pytest.approx(sum(values) / 2)
    assert found.settings["findings"] == {"bleed": "bleed", "mass": "mass"}
    assert found.settings["unit"] == "study"
    assert found.settings["reference"] == "table"
    assert found.remarks == ("over all findings, of each study: 3 are left out as unknown, 1 by b alone",)


def test_sources_change_places(full: Bank) -> None:
    ((one, _),) = agree_sources(full, "table", "rules", ["mass"]).lines
    ((other, _),) = agree_sources(full, "rules", "table", ["mass"]).lines
    assert (one.tp, one.fp, one.fn, one.tn) == (1, 1, 0, 6)
    assert (other.tp, other.fp, other.fn, other.tn) == (1, 0, 1, 6)
    assert one.estimates["kappa"].value == other.estimates["kappa"].value
