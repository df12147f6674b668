"""CQ500's folders and reads on small look-alikes, and its own table of reads where it is at hand."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from sklearn.metrics import cohen_kappa_score
from typer.testing import CliRunner

from dicom_files import write_series
from scanbank.eval.agree import agree_sources
from scanbank.scripts.cli import app
from scanbank.store import Bank
from scanbank.store.annotate import AnnotateOptions, AnnotateReport, annotate
from scanbank.store.errors import TableError
from scanbank.store.ingest import ingest
from scanbank.store.layouts import Layout, open_layout
from scanbank.store.layouts.cq500_reads import FINDINGS, Votes, majority

HEADER = "name,Category,R1:ICH,R2:ICH,R3:ICH,R1:MidlineShift,R2:MidlineShift,R3:MidlineShift\n"
ROWS = {
    0: "CQ500-CT-0,B1,1,1,0,0,0,1\n",
    1: "CQ500-CT-1,B2,0,1,0,1,1,1\n",
    12: "CQ500-CT-12,B2,1,0,,,,1\n",
}


def collection(folder: Path, *numbers: int, reads: str | None = None) -> Path:
    """Scans as the authors distribute them, two series each, whose headers name a patient of the archive's own and no accession."""
    for number in numbers:
        study = folder / "qct01" / f"CQ500CT{number} CQ500CT{number}" / "Unknown Study"
        for k, (series, step, count) in enumerate((("CT 5mm", 5.0, 2), ("CT Plain Thin", 1.25, 5))):
            named: dict[str, Any] = {"patient_id": f"CQ500CT{number}", "study_uid": f"1.2.{number}", "series_uid": f"1.2.{number}.{k}"}
            write_series(study / series, n=count, shape=(4, 4), step=step, prefix="CT", seed=2 * number + k, **named)
    if reads is not None:
        (folder / "reads.csv").write_text(reads)
    return folder


def take(bank: Bank, layout: Layout, *roots: Path, tables_taken: int = 1) -> list[AnnotateReport]:
    """Ingest as the command does, with the first tables: the majority, and the readers."""
    if roots:
        ingest(bank, roots, declare=layout.declare)
    tables = layout.tables([path for _, _, path in bank.local_map.first_files()])
    return [annotate(bank, one.path, one.table, AnnotateOptions(source=one.source or "table")) for one in tables[:tables_taken]]


def labels(bank: Bank, source: str = "table") -> dict[tuple[str, str], str]:
    """(study, finding) to status, the study by its number."""
    numbers = {bank.key.pseudonym("study", f"1.2.{number}"): str(number) for number in range(20)}
    rows = bank.sql(f"SELECT item, level, finding, status FROM latest_labels WHERE source = '{source}'").to_pylist()
    assert {row["level"] for row in rows} <= {"study"}
    return {(numbers[row["item"]], row["finding"]): row["status"] for row in rows}


@pytest.mark.parametrize(
    ("votes", "status"),
    [
        (("present", "present", "absent"), "present"),
        (("present", None, "present"), "present"),
        (("absent", "absent", None), "absent"),
        (("present", "absent", None), "uncertain"),
        (("present", "absent", "uncertain"), "uncertain"),
        (("uncertain", "uncertain", "present"), "uncertain"),
        (("present", None, None), None),
        ((None, None, None), None),
    ],
    ids=str,
)
def test_two_of_three_decide(votes: Votes, status: str | None) -> None:
    assert majority(votes) == status


def test_studies_get_the_majority_and_each_reader(bank: Bank, tmp_path: Path) -> None:
    root = collection(tmp_path / "cq500", 0, 1, 12, reads=HEADER + "".join(ROWS.values()))
    reports = take(bank, open_layout("cq500", [root]), root, tables_taken=4)
    assert [(r.matched, r.labels, r.unmatched) for r in reports] == [(3, 5, ()), (3, 5, ()), (3, 5, ()), (3, 5, ())]
    assert labels(bank) == {
        ("0", "hemorrhage"): "present",
        ("0", "midline_shift"): "absent",
        ("1", "hemorrhage"): "absent",
        ("1", "midline_shift"): "present",
        ("12", "hemorrhage"): "uncertain",
    }
    assert labels(bank, "cq500:R3") == {
        ("0", "hemorrhage"): "absent",
        ("0", "midline_shift"): "present",
        ("1", "hemorrhage"): "absent",
        ("1", "midline_shift"): "present",
        ("12", "midline_shift"): "present",
    }
    patients = {row["patient"] for row in bank.sql("SELECT patient FROM volumes").to_pylist()}
    assert patients == {bank.key.pseudonym("patient", f"CQ500-CT-{number}") for number in (0, 1, 12)}
    primary = bank.sql("SELECT spacing_z_mm, count(*) AS n FROM volumes WHERE is_primary GROUP BY ALL").to_pylist()
    assert primary == [{"spacing_z_mm": 1.25, "n": 3}]
    batches = bank.sql("SELECT DISTINCT a.value, v.study FROM attributes a JOIN volumes v ON v.volume = a.item WHERE a.name = 'batch'")
    assert sorted(row["value"] for row in batches.to_pylist()) == ["B1", "B2", "B2"]


def test_rows_without_scans_are_no_labels_and_scans_without_rows_are_told_of(bank: Bank, tmp_path: Path) -> None:
    root = collection(tmp_path / "cq500", 0, 7, 8, reads=HEADER + ROWS[0] + ROWS[1] + "somebody,B1,1,1,1,1,1,1\n")
    layout = open_layout("cq500", [root])
    (first,) = take(bank, layout, root)
    assert {key[0] for key in labels(bank)} == {"0"}
    assert (first.rows, first.matched) == (1, 1)
    assert [line for line, _ in first.unmatched] == [4]
    assert "somebody" not in first.unmatched[0][1]
    tables = layout.tables([path for _, _, path in bank.local_map.first_files()])
    assert tables[0].remarks == ("scans of CQ500 that have no row, and so no labels: 2",)
    assert [len(one.absent.rows) if one.absent else 0 for one in tables] == [1, 1, 1, 1]


def test_scans_that_come_later_are_labelled_by_reading_again(bank: Bank, tmp_path: Path) -> None:
    root = collection(tmp_path / "cq500", 0, reads=HEADER + ROWS[0] + ROWS[1])
    take(bank, open_layout("cq500", [root]), root)
    collection(root, 1)
    assert [report.labels for report in take(bank, open_layout("cq500", [root]), root)] == [2]
    assert {key[0] for key in labels(bank)} == {"0", "1"}
    # Rows alone find scans that are in the bank already.
    root.joinpath("reads.csv").write_text(HEADER + ROWS[0] + ROWS[1].replace(",1,1,1\n", ",0,0,1\n"))
    assert [report.labels for report in take(bank, open_layout("cq500", [], [root / "reads.csv"]))] == [1]
    assert labels(bank)["1", "midline_shift"] == "absent"


def test_folders_name_scans_whose_headers_do_not(bank: Bank, tmp_path: Path) -> None:
    for number in (3, 4):
        for series in "ab":
            folder = tmp_path / "cq500" / f"CQ500CT{number}" / series
            write_series(folder, n=2, shape=(4, 4), patient_id="", study_uid="", series_uid=f"1.{number}.{ord(series)}", seed=number)
    (tmp_path / "reads.csv").write_text(HEADER + "CQ500-CT-3,B1,1,1,1,0,0,0\nCQ500-CT-4,B1,0,0,0,0,0,0\n")
    take(bank, open_layout("cq500", [tmp_path]), tmp_path / "cq500")
    rows = bank.sql("SELECT DISTINCT study, patient FROM volumes ORDER BY ALL").to_pylist()
    assert sorted(row["patient"] for row in rows) == sorted(bank.key.pseudonym("patient", f"CQ500-CT-{number}") for number in (3, 4))
    bleeding = bank.sql("SELECT count(*) AS n FROM labels l JOIN volumes v ON v.volume = l.item WHERE finding = 'hemorrhage' AND value = 1")
    assert bleeding.to_pylist() == [{"n": 2}]  # both series


@pytest.mark.parametrize(
    ("reads", "said"),
    [
        (HEADER + ROWS[0] + ROWS[0].replace("1,1,0,0", "1,0,0,0"), "lines 2 and 3 are of one scan and differ"),
        (HEADER.replace("R3:ICH", "R4:ICH") + ROWS[0], "'hemorrhage' is read by R1, R2, R4; expected R1, R2 and R3"),
        (HEADER.replace("R3:ICH", "R2:ICH") + ROWS[0], "column 'R2:ICH' is there twice"),
        (HEADER + ROWS[0].replace("1,1,0,", "1,yes,0,"), "line 2: hemorrhage holds 'yes'"),
        (HEADER + "p1,B1,1,1,1,1,1,1\n", "no row names a scan of CQ500"),
        (HEADER + "CQ500-CT-0,B1,1\n", "line 2 has 3 cells, expected 8"),
        (HEADER, "no row names a scan of CQ500"),
        ("name,hemorrhage\nCQ500-CT-0,1\n", "no table of CQ500's reads"),
    ],
    ids=["contradiction", "fourth reader", "column twice", "word", "other names", "cut off", "empty", "other table"],
)
def test_a_table_that_cannot_be_understood_is_an_error(tmp_path: Path, reads: str, said: str) -> None:
    (tmp_path / "reads.csv").write_text(reads)
    with pytest.raises(TableError, match=r"reads\.csv") as error:
        open_layout("cq500", [], [tmp_path / "reads.csv"])
    assert said in str(error.value)


def test_repeated_rows_count_once_and_other_columns_are_left(tmp_path: Path) -> None:
    (tmp_path / "reads.csv").write_text(HEADER.replace("\n", ",Comment,\n") + ROWS[0].replace("\n", ",looks bad,\n") * 2)
    (table, *_) = open_layout("cq500", [tmp_path]).tables([tmp_path / "CQ500CT0 CQ500CT0" / "a.dcm"])
    assert len(table.table.rows) == 1
    assert table.remarks == ("columns that are none of CQ500's and were left: Comment, (no name)",)
    assert {cell.finding for cell in table.table.rows[0].labels} == {"hemorrhage", "midline_shift"}


def test_reads_are_looked_for_and_there_is_one_table_of_them(tmp_path: Path) -> None:
    collection(tmp_path, 0)
    (tmp_path / "notes.csv").write_bytes(b"PK\x03\x04")
    with pytest.raises(TableError, match=r"there is no reads\.csv.*name it with --labels"):
        open_layout("cq500", [tmp_path])
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "renamed.csv").write_text(HEADER + ROWS[0])
    with pytest.raises(TableError, match="2 tables of reads"):
        open_layout("cq500", [tmp_path])
    assert open_layout("cq500", [tmp_path / "a"])


def test_long_names_are_read_in_linear_time(tmp_path: Path) -> None:
    text = "CQ500-CT-" + "1" * 1_000_000
    (tmp_path / "reads.csv").write_text(HEADER + ROWS[0] + f"{text},B1,1,1,1,1,1,1\n")
    (table, *_) = open_layout("cq500", [tmp_path]).tables([])
    assert table.table.faults == ((3, "its name is none of CQ500's; expected one such as CQ500-CT-0"),)


def test_the_command_reads_a_collection(tmp_path: Path) -> None:
    root = collection(tmp_path / "cq500", 0, 1, reads=HEADER + "".join(ROWS.values()))
    run = CliRunner().invoke
    assert run(app, ["init", str(tmp_path / "bank")]).exit_code == 0
    assert run(app, ["ingest", str(tmp_path / "bank"), str(root), "--layout", "cq50"]).exit_code == 2
    assert run(app, ["ingest", str(tmp_path / "bank"), str(root), "--layout", "cq500", "--ignore", "Category"]).exit_code == 2
    done = run(app, ["ingest", str(tmp_path / "bank"), str(root), "--layout", "cq500", "--create-studies"])
    assert done.exit_code == 0, done.output
    for said in (
        "table: 2 of 2 rows matched, 4 new labels",
        "cq500:R2: 2 of 2 rows matched, 4 new labels",
        "cq500:R3: 1 of 1 rows matched",
    ):
        assert f"reads.csv as {said}" in done.output
    bank = Bank.open(tmp_path / "bank")
    assert bank.sql("SELECT count(DISTINCT item) AS n FROM latest_labels").to_pylist() == [{"n": 3}]


def test_the_authors_table(bank: Bank, shared_data: Path) -> None:
    path = shared_data / "cq500_labels" / "reads.csv"
    layout = open_layout("cq500", [], [path])
    for one in layout.tables([])[:3]:
        assert one.absent
        annotate(bank, one.path, one.absent, AnnotateOptions(source=one.source or "table", create_studies=True))
    with path.open(encoding="utf-8", newline="") as file:
        records = list(csv.DictReader(file))
    found = bank.sql("SELECT source, finding, count(*) AS n, sum(value) AS present FROM labels GROUP BY ALL").to_pylist()
    assert {row["n"] for row in found} == {len(records)} == {491}
    present = {(row["source"], row["finding"]): row["present"] for row in found}
    for theirs, ours in FINDINGS.items():
        votes = [[int(record[f"R{reader}:{theirs}"]) for reader in (1, 2, 3)] for record in records]
        assert present["table", ours] == sum(sum(three) >= 2 for three in votes)
        assert [present[f"cq500:R{reader}", ours] for reader in (1, 2)] == [sum(three[reader - 1] for three in votes) for reader in (1, 2)]
    # As many as studies of this collection report: 205 of 491 with hemorrhage (doi:10.1186/s41747-023-00330-3).
    assert (present["table", "hemorrhage"], present["table", "intraparenchymal"], present["table", "epidural"]) == (205, 134, 13)
    agreed = agree_sources(bank, "cq500:R1", "cq500:R2", ["hemorrhage"], draws=2)
    one, two = ([int(record[f"R{reader}:ICH"]) for record in records] for reader in (1, 2))
    assert agreed.lines[0][0].estimates["kappa"].value == pytest.approx(cohen_kappa_score(one, two))
