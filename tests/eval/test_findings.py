"""Tests of how findings are named."""

from __future__ import annotations

import pytest

from scanbank.eval.findings import asked_findings
from scanbank.store import Bank
from scanbank.store.errors import UsageError


def labelled(bank: Bank, *findings: str) -> Bank:
    with bank.commit("labels") as commit:
        commit.append("volumes", [{"volume": "v", "ordinal": 0, "study": "s", "patient": "p", "slices": 1}])
        row = {"item": "v", "level": "volume", "status": "present", "source": "table"}
        commit.append("labels", [row | {"finding": finding} for finding in findings])
    bank.refresh()
    return bank


def test_a_set_is_its_findings_that_have_labels_in_the_sets_order(bank: Bank) -> None:
    labelled(bank, "pleural_effusion", "Lung nodule", "edema", "size, large")
    assert asked_findings(bank, ["chest18"]) == ("Lung nodule", "pleural_effusion")
    assert asked_findings(bank, ["edema,chest18"]) == ("edema", "Lung nodule", "pleural_effusion")
    assert asked_findings(bank, ["all", "size, large"]) == ("size, large", "Lung nodule", "edema", "pleural_effusion")
    with pytest.raises(UsageError, match=r"none of the findings of neuro16; `scanbank label BANK --findings neuro16`"):
        asked_findings(bank, ["neuro16"])


def test_a_finding_of_a_sets_name_is_the_finding(bank: Bank) -> None:
    assert asked_findings(labelled(bank, "chest18", "lung_nodule"), ["chest18"]) == ("chest18",)
