"""The tables beside the checkout, with the options their README gives; counted by pandas or by the csv module instead."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from scanbank.store.csv_table import ParsedTable, TableOptions, read_table

IDS = {"path", "group", "patient_id", "slice_number", "name", "filename", "AccessionNo", "report_text", "Reports", "Category", "label"}
CASES: list[tuple[str, Literal["labels", "reports"], TableOptions, str, int, int]] = [
    ("ct_ich/labels.csv", "labels", TableOptions(), "patient_id", 12, 7),
    ("ct_ich/slice_labels.csv", "labels", TableOptions(), "patient_slice", 355, 7),
    ("head_ct/labels.csv", "labels", TableOptions(), "path", 50, 1),
    ("covid_ct/labels.csv", "labels", TableOptions(), "path", 40, 1),
    ("brain_mri/labels.csv", "labels", TableOptions(), "path", 222, 1),
    ("iu_xray_reports/gold14.csv", "labels", TableOptions(rename={"filename": "accession"}), "accession", 955, 15),
    ("cq500_labels/reads.csv", "labels", TableOptions(rename={"name": "patient_id"}, ignore=("Category",)), "patient_id", 491, 42),
    ("chexpert_labeler/labeled_reports.csv", "reports", TableOptions(rename={"Reports": "report"}), "none", 4, 14),
    (
        "ct_rate_reports/reports_labels.csv",
        "reports",
        TableOptions(rename={"AccessionNo": "accession", "report_text": "report"}),
        "accession",
        400,
        18,
    ),
]


def records(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def counts(table: ParsedTable) -> Counter[tuple[str, str]]:
    return Counter((cell.finding, cell.status) for row in table.rows for cell in row.labels)


@pytest.mark.parametrize(("name", "want", "options", "kind", "rows", "findings"), CASES, ids=[case[0] for case in CASES])
def test_binary_tables(
    shared_data: Path, name: str, want: Literal["labels", "reports"], options: TableOptions, kind: str, rows: int, findings: int
):
    table = read_table(shared_data / name, options, want=want)
    assert (table.key_kind, len(table.rows), len(table.findings)) == (kind, rows, findings)
    meaning = {1.0: "present", 0.0: "absent", -1.0: "uncertain"}
    expected = Counter(
        (column, meaning[float(cell)])
        for record in records(shared_data / name)
        for column, cell in record.items()
        if column not in IDS and cell
    )
    assert counts(table) == expected
    assert table.has_reports == (want == "reports")


def test_findings_of_ct_ich(shared_data: Path):
    table = read_table(shared_data / "ct_ich/slice_labels.csv", TableOptions(), want="labels")
    row = next(row for row in table.rows if row.line == 13)
    assert row.key == ("patient_052", 13)
    assert {cell.finding for cell in row.labels if cell.status == "present"} == {"epidural", "hemorrhage", "fracture"}


def test_paths_are_those_of_the_files(shared_data: Path):
    for name in ("head_ct", "covid_ct", "brain_mri"):
        table = read_table(shared_data / name / "labels.csv", TableOptions(), want="labels")
        files = {file.resolve() for file in (shared_data / name / "images").rglob("*") if file.is_file()}
        assert {row.key for row in table.rows} == files
        assert all(row.ids["group"] for row in table.rows)


def test_mednist_is_categorical(shared_data: Path):
    table = read_table(shared_data / "mednist/labels.csv", TableOptions(classes=("label",)), want="labels")
    categories = Counter(cell.category for row in table.rows for cell in row.labels)
    assert categories == dict.fromkeys(["AbdomenCT", "BreastMRI", "CXR", "ChestCT", "Hand", "HeadCT"], 100)
    assert (table.findings, table.classes, [row for row in table.rows if row.ids]) == ((), ("label",), [])


def test_iu_reports_have_two_sections(shared_data: Path):
    path = shared_data / "iu_xray_reports/reports.csv"
    options = TableOptions(rename={"uid": "accession"}, ignore=("MeSH", "Problems", "image", "indication", "comparison"))
    table = read_table(path, options, want="reports")
    assert (table.key_kind, len(table.rows), table.findings) == ("accession", 955, ())
    for section in ("findings", "impression"):
        assert [row.report.get(section, "") for row in table.rows] == [record[section].strip() for record in records(path)]


def test_chexpert_samples_have_no_header(shared_data: Path):
    table = read_table(shared_data / "chexpert_labeler/sample_reports.csv", TableOptions(columns=("report",)), want="reports")
    assert [row.line for row in table.rows] == [1, 2, 5, 6]
    assert table.rows[1].report["report"].endswith("2. Cardiomegaly without overt edema.")
    labeled = read_table(shared_data / "chexpert_labeler/labeled_reports.csv", TableOptions(rename={"Reports": "report"}), want="reports")
    assert [row.report for row in labeled.rows] == [row.report for row in table.rows]
    assert [(c.finding, c.status) for c in labeled.rows[2].labels] == [
        ("Lung Opacity", "present"),
        ("Consolidation", "uncertain"),
        ("Atelectasis", "uncertain"),
    ]
