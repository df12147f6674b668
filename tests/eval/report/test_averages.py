from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from eval_banks import VOLUME, add_labels, toy_bank
from scanbank.eval.averaging import MACRO, MICRO
from scanbank.eval.feature_choice import FeatureChoice
from scanbank.eval.measuring import Measuring
from scanbank.eval.prompts import Said, Wording
from scanbank.eval.protocol import Protocol
from scanbank.eval.report.averages import found_averages
from scanbank.eval.report.curves import reliability_bins
from scanbank.eval.report.rows import ALL, measured_runs
from scanbank.eval.report.scores import last_scores
from scanbank.eval.report.studies import FoundStudy, found_studies
from scanbank.eval.report.styles import styles
from scanbank.eval.sweep import sweep_all
from scanbank.eval.zeroshot import zeroshot_all
from scanbank.store import Bank
from toy_texts import Toy, opened

BOTH = ["bleed", "lump"]
FAST: Any = {"choice": FeatureChoice((VOLUME.name,))}


@pytest.fixture
def two(bank: Bank) -> Bank:
    toy_bank(bank)
    add_labels(bank, "lump", {f"v{i}": str(int(i % 4 == 1)) for i in range(60) if i % 7})
    return bank


def averages(bank: Bank) -> tuple[list[FoundStudy], FoundStudy, FoundStudy]:
    """The findings' studies, and the macro and the micro average over them."""
    runs = measured_runs(bank)
    studies = found_studies(bank, runs)
    macro, micro = found_averages(runs, studies)
    assert (macro.finding, micro.finding) == (MACRO, MICRO)
    return studies, macro, micro


def test_zero_shot_stands_in_the_average_of_a_sweep(two: Bank) -> None:
    sweep_all(two, BOTH, ["cosine"], [1, None], 2, **FAST)
    zeroshot_all(two, BOTH, opened_by=opened(Toy()), **FAST)
    zeroshot_all(two, BOTH, wording=Wording(Said(("There is {finding}.",), ("No {finding}",))), opened_by=opened(Toy()), **FAST)
    studies, average, micro = averages(two)
    assert len(studies) == 2
    means = {
        (method.head, method.prompts, shots): cell.mean for (method, shots, metric), cell in average.cells.items() if metric == "auroc"
    }
    usual, other = ("zeroshot", "", 0.0), ("zeroshot", "“There is {finding}.” against “No {finding}”", 0.0)
    assert means.keys() == {("cosine", "", 1.0), ("cosine", "", ALL), usual, other}
    values = two.sql("SELECT value FROM metrics WHERE head = 'zeroshot' AND metric = 'auroc' AND finding NOT LIKE '(%'").column(0)
    assert {(method.head, method.prompts) for method, _, _ in micro.cells} == {key[:2] for key in means}
    assert means[usual] == pytest.approx(np.mean(values.to_pylist()), abs=1e-12)  # the toy's texts differ in presence and absence alone


def test_zero_shot_alone_has_an_average_too(two: Bank) -> None:
    zeroshot_all(two, BOTH, single=True, opened_by=opened(Toy()), **FAST)
    studies, average, micro = averages(two)
    assert average.over == ("bleed", "lump")
    assert {method.head for study in (average, micro) for method, _, _ in study.cells} == {"zeroshot_single"}
    brier = next(cell for (_, _, metric), cell in average.cells.items() if metric == "brier")
    assert (brier.mean, brier.reason) == (None, "no finding has a value")
    scores = last_scores(two, studies[0])
    assert [one.method.head for one in scores] == ["zeroshot_single"]
    assert reliability_bins(scores, styles(studies[0].methods)) == []


def test_a_probe_of_the_same_findings_joins_a_sweep(two: Bank) -> None:
    measuring = Measuring(("auroc",), "none")
    for command, shots in (("sweep", 1), ("probe", None)):
        sweep_all(two, BOTH, ["cosine"], [shots], 1, command=command, protocol=Protocol(measuring=measuring), **FAST)
    _, average, _ = averages(two)
    assert {shots for _, shots, _ in average.cells} == {1.0, ALL}
