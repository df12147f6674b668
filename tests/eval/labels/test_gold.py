"""Rules against labels that radiologists gave: floors below what docs/labels.md reports."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from scanbank.eval.labels import finding_set, label_reports
from scanbank.eval.phantoms.cohort import cohort_named, sample_patient, sample_studies
from scanbank.eval.phantoms.reports.write import write_report


def f1(found: Sequence[Mapping[str, str]], gold: Sequence[Mapping[str, int]], names: Sequence[str]) -> dict[str, float]:
    """F1 of `present` by finding, of those that any report has, and `micro` over all."""
    counts: dict[str, tuple[int, int]] = {}
    for name in names:
        agreed = sum(one[name] == "present" and truth[name] == 1 for one, truth in zip(found, gold, strict=True))
        said = sum(one[name] == "present" for one in found) + sum(truth[name] for truth in gold)
        counts[name] = agreed, said
    scores = {name: 2 * agreed / said for name, (agreed, said) in counts.items() if sum(truth[name] for truth in gold)}
    return scores | {"micro": 2 * sum(agreed for agreed, _ in counts.values()) / sum(said for _, said in counts.values())}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_ct_rate_reports(shared_data: Path) -> None:
    found = finding_set("chest18")
    table = rows(shared_data / "ct_rate_reports" / "reports_labels.csv")
    assert len(table) == 400
    gold = [{finding.name: int(row[finding.title]) for finding in found.findings} for row in table]
    scores = f1(label_reports([row["report_text"] for row in table], "chest18"), gold, found.names)
    micro = scores.pop("micro")
    assert micro >= 0.92
    assert len(scores) == 18
    assert sum(scores.values()) / 18 >= 0.90


def test_iu_reports(shared_data: Path) -> None:
    found = finding_set("cxr14")
    gold = rows(shared_data / "iu_xray_reports" / "gold14.csv")
    texts = {
        row["uid"]: f"FINDINGS: {row['findings']}\nIMPRESSION: {row['impression']}"
        for row in rows(shared_data / "iu_xray_reports/reports.csv")
    }
    assert len(gold) == 955
    column = {name.lower(): name for name in gold[0]}
    truth = [{name: int(row[column[name]]) for name in found.names} for row in gold]
    scores = f1(label_reports([texts[row["filename"].removeprefix("CXR")] for row in gold], "cxr14"), truth, found.names)
    assert scores["micro"] >= 0.90


def test_chexpert_samples(shared_data: Path) -> None:
    statuses = {"1.0": "present", "0.0": "absent", "-1.0": "uncertain", "": "unmentioned"}
    table = rows(shared_data / "chexpert_labeler" / "labeled_reports.csv")
    found = label_reports([row["Reports"] for row in table], "chexpert14")
    for row, labels in zip(table, found, strict=True):
        assert labels == {name.lower().replace(" ", "_"): statuses[value] for name, value in row.items() if name != "Reports"}


HEAD = {"fracture": "skull_fracture"} | {
    name: name for name in ("midline_shift", "mass_effect", "infarct", "hydrocephalus", "pneumocephalus")
}
HEAD |= dict.fromkeys(("intraparenchymal", "subarachnoid", "intraventricular", "subdural", "epidural"), "hemorrhage")
CHEST = {
    "nodule": "lung_nodule",
    "consolidation": "consolidation",
    "pleural_effusion": "pleural_effusion",
    "cardiomegaly": "cardiomegaly",
    "pericardial_effusion": "pericardial_effusion",
    "emphysema": "emphysema",
    "coronary_calcification": "coronary_artery_wall_calcification",
    "lymphadenopathy": "lymphadenopathy",
    "medical_device": "medical_material",
}


@pytest.mark.parametrize(("cohort", "name", "ours"), [("head", "neuro16", HEAD), ("chest", "chest18", CHEST)], ids=["head", "chest"])
def test_phantom_reports(cohort: str, name: str, ours: Mapping[str, str]) -> None:
    """Reports whose statements are known: what is stated as present is found, and nothing else is."""
    texts, gold = [], []
    for number in range(1, 81):
        before = None
        for study in sample_studies(cohort_named(cohort), sample_patient(cohort_named(cohort), 11, number)):
            report, before = write_report(study, before, ()), study
            if study.language == "en":
                texts.append(report.text)
                said = {ours.get(one.finding) for one in report.statements if one.status == "present"}
                gold.append({finding: int(finding in said) for finding in ours.values()})
    scores = f1(label_reports(texts, name), gold, tuple(dict.fromkeys(ours.values())))
    assert scores["micro"] >= 0.95
    assert min(scores.values()) >= 0.85
