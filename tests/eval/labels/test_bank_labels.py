from __future__ import annotations

import json
from pathlib import Path

import pytest

from eval_banks import add_labels, add_volumes
from scanbank.eval.labels import finding_set
from scanbank.eval.labels.bank_labels import label_by_rules, write_labels
from scanbank.eval.labels.bank_reports import bank_reports
from scanbank.eval.units import evaluation_units
from scanbank.store import Bank
from scanbank.store.annotate import AnnotateOptions, annotate
from scanbank.store.csv_table import read_table
from scanbank.store.csv_types import TableOptions
from scanbank.store.errors import UsageError

CHEST = finding_set("chest18")
REPORTS = {
    "a": "FINDINGS: Nodule of 6 mm in the left upper lobe.\nIMPRESSION: Lung nodule.",
    "b": "HISTORY: nodule?\nFINDINGS: Clear lungs. No nodule.\nIMPRESSION: Normal.",
    "c": "Possible nodule at the right base.",
}


def take_in(bank: Bank, folder: Path, reports: dict[str, str]) -> None:
    path = folder / "reports.csv"
    lines = [f'{study},"{text}"' for study, text in reports.items()]
    path.write_text("\n".join(["study_uid,report", *lines]) + "\n")
    annotate(bank, path, read_table(path, TableOptions(), want="reports"), AnnotateOptions(create_studies=True))
    bank.refresh()


def nodules(bank: Bank, source: str) -> dict[str, tuple[str, float | None]]:
    """Study of REPORTS to (status, value)."""
    studies = {bank.key.pseudonym("study", name): name for name in REPORTS}
    query = f"SELECT item, status, value FROM labels WHERE finding = 'lung_nodule' AND source = '{source}'"
    return {studies[row["item"]]: (row["status"], row["value"]) for row in bank.sql(query).to_pylist()}


def test_reports_are_labelled_in_one_commit(bank: Bank, tmp_path: Path) -> None:
    take_in(bank, tmp_path, REPORTS)
    before = len(bank.log())
    shown = label_by_rules(bank, CHEST, write=False)
    assert (shown.reports, shown.changed, shown.written) == (3, 3 * 18, False)
    assert bank.sql("SELECT count(*) AS n FROM labels").column("n")[0].as_py() == 0
    done = label_by_rules(bank, CHEST)
    assert (done.source, done.reports, done.changed, done.withdrawn, done.written) == (f"rules:{CHEST.source}", 3, 54, 0, True)
    assert done.counts["lung_nodule"] == {"present": 1, "absent": 1, "uncertain": 1, "unmentioned": 0}
    assert nodules(bank, done.source) == {"a": ("present", 1.0), "b": ("absent", 0.0), "c": ("uncertain", None)}
    unmentioned = bank.sql("SELECT DISTINCT value FROM labels WHERE finding = 'hiatal_hernia'").column("value").to_pylist()
    assert unmentioned == [0.0]
    (run,) = bank.sql("SELECT run, command, settings FROM runs").to_pylist()
    assert run["command"] == "label"
    told = json.loads(run["settings"])
    assert (told["digest"], told["policy"]) == (CHEST.digest, "unmentioned is absent, uncertain is left out")
    assert len(bank.log()) == before + 1


def test_what_is_labelled_already_is_written_once(bank: Bank, tmp_path: Path) -> None:
    take_in(bank, tmp_path, REPORTS)
    first = label_by_rules(bank, CHEST)
    again = label_by_rules(bank, CHEST)
    assert (again.changed, again.withdrawn, again.written) == (0, 0, False)
    assert again.counts == first.counts
    take_in(bank, tmp_path, {"b": "FINDINGS: A nodule has appeared.\nIMPRESSION: Nodule."})
    done = label_by_rules(bank, CHEST)
    assert done.changed == 3  # the nodule, and what clear lungs had denied
    assert nodules(bank, done.source) == {"a": ("present", 1.0), "b": ("present", 1.0), "c": ("uncertain", None)}


def test_labels_of_a_report_that_is_taken_back_are_unknown(bank: Bank, tmp_path: Path) -> None:
    take_in(bank, tmp_path, REPORTS)
    label_by_rules(bank, CHEST)
    path = tmp_path / "reports.csv"
    path.write_text('study_uid,report\na,"Nodule."\n')
    annotate(bank, path, read_table(path, TableOptions(), want="reports"), AnnotateOptions(no_text=True))
    bank.refresh()
    done = label_by_rules(bank, CHEST)
    assert (done.reports, done.changed, done.withdrawn) == (2, 0, 18)
    studies = bank.sql("SELECT DISTINCT item FROM labels").column("item").to_pylist()
    assert nodules(bank, done.source)["a"] == ("uncertain", None)
    assert len(studies) == 3
    assert label_by_rules(bank, CHEST).withdrawn == 0


def test_labels_of_studies_reach_their_volumes(bank: Bank, tmp_path: Path) -> None:
    studies = [bank.key.pseudonym("study", name) for name in REPORTS]
    add_volumes(bank, ["p", "q", "r"], studies=studies)
    take_in(bank, tmp_path, REPORTS)
    add_labels(bank, "lung_nodule", {"v0": "0", "v1": "1"})
    source = label_by_rules(bank, CHEST).source
    units = evaluation_units(bank, "lung_nodule", source=source)
    assert (units.items, units.y.tolist(), units.unknown) == (("v0", "v1"), [1, 0], 1)
    assert evaluation_units(bank, "lung_nodule").y.tolist() == [0, 1]  # those of a table still go first


def test_a_bank_without_reports(bank: Bank) -> None:
    with pytest.raises(UsageError, match="holds no report text to label"):
        label_by_rules(bank, CHEST)


def test_studies_that_are_not_in_the_bank_get_no_labels(bank: Bank, tmp_path: Path) -> None:
    take_in(bank, tmp_path, REPORTS)
    labels = dict.fromkeys(CHEST.names, "absent")
    known = bank.key.pseudonym("study", "a")
    done = write_labels(bank, "other", CHEST, {known: labels, "unknown": labels}, {})  # pyright: ignore[reportArgumentType]
    assert (done.source, done.changed) == (f"other:{CHEST.source}", 18)


def test_a_report_is_put_together_again(bank: Bank, tmp_path: Path) -> None:
    take_in(bank, tmp_path, REPORTS)
    texts = {report.study: report.text for report in bank_reports(bank)}
    assert texts[bank.key.pseudonym("study", "a")] == ("FINDINGS:\nNodule of 6 mm in the left upper lobe.\n\nIMPRESSION:\nLung nodule.")
    assert texts[bank.key.pseudonym("study", "c")] == REPORTS["c"]
