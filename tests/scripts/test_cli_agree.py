"""`scanbank agree` as a user meets it."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest
from sklearn.metrics import f1_score
from typer.testing import CliRunner, Result

from eval_banks import add_labels, add_volumes
from scanbank.scripts.cli import app
from scanbank.store import Bank

TRUTH, RULES = [1, 1, 1, 0, 0, 0, 0, 0, 1, 0], [1, 1, 0, 0, 0, 0, 1, 0, 1, 0]


def run(*words: object) -> Result:
    return CliRunner().invoke(app, ["agree", *(str(word) for word in words)])


def fails(code: int, pattern: str, *words: object) -> None:
    done = run(*words)
    assert done.exit_code == code, done.output
    assert re.search(pattern, done.stderr), done.stderr
    assert len([line for line in done.stderr.splitlines() if line.startswith("error:")]) == 1


@pytest.fixture
def full(bank: Bank) -> Path:
    add_volumes(bank, [f"p{i}" for i in range(10)])
    for source, values in (("table", TRUTH), ("rules", RULES)):
        add_labels(bank, "bleed", {f"s{i}": str(value) for i, value in enumerate(values)}, level="study", source=source)
    for source in ("table", "rules"):
        add_labels(bank, "mass", {f"s{i}": "0" for i in range(10)}, level="study", source=source)
    return bank.path


def test_the_table(full: Path) -> None:
    done = run(full, "--a", "table", "--b", "rules")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == (
        "b = rules against a = table, by study; unmentioned is absent, uncertain is unknown; 95% intervals by patient, 1000 draws"
    )
    rows = [re.split(r"\s{2,}", line.strip()) for line in lines[1:]]
    assert rows[0] == [
        "finding",
        "n",
        "a+",
        "b+",
        "TP",
        "FP",
        "FN",
        "TN",
        "unknown",
        "accuracy",
        "kappa",
        "sensitivity",
        "specificity",
        "F1",
    ]
    assert [row[0] for row in rows[1:]] == ["bleed", "mass", "micro", "macro"]
    assert rows[1][1:9] == ["10", "4", "4", "3", "1", "1", "5", "0"]
    assert re.fullmatch(r"0\.750 \(0\.\d{3}\.\.0\.\d{3}\)", rows[1][13])
    assert rows[2][10] == "-"
    assert "note: mass: no kappa, as both call all of them the same" in done.stderr
    assert "note: mass: no sensitivity, as the reference calls none of them present" in done.stderr


def test_json_csv_and_markdown_say_the_same(full: Path, tmp_path: Path) -> None:
    words = (full, "--a", "table", "--b", "rules", "--finding", "bleed", "--draws", 50)
    said = json.loads(run(*words, "--json", "-o", tmp_path / "t.csv").stdout)
    (row,) = said["results"]
    assert row["f1"] == pytest.approx(f1_score(TRUTH, RULES))
    assert row["f1_lo"] < row["f1"] < row["f1_hi"]
    assert said["settings"] | {"snapshot": ""} == {
        "a": "table",
        "b": "rules",
        "reference": "table",
        "unit": "study",
        "snapshot": "",
        "uncertain": "unknown",
        "unmentioned": "absent",
        "draws": 50,
        "seed": 0,
        "findings": {"bleed": "bleed"},
    }
    (of_csv,) = csv.DictReader((tmp_path / "t.csv").read_text("utf-8").splitlines())
    assert {name: of_csv[name] for name in ("a", "b", "unit", "unmentioned")} == {
        "a": "table",
        "b": "rules",
        "unit": "study",
        "unmentioned": "absent",
    }
    assert float(of_csv["kappa_lo"]) == row["kappa_lo"]
    assert run(*words, "-o", tmp_path / "t.md").exit_code == 0
    table = (tmp_path / "t.md").read_text("utf-8").splitlines()
    assert table[0].startswith("b = rules against a = table")
    assert table[2].startswith("| finding | n | a+ ")
    assert table[4].startswith("| bleed | 10 | 4 | 4 | 3 | 1 | 1 | 5 | 0 | 0.800 (")
    assert run(*words, "-o", tmp_path / "t.json").exit_code == 0
    assert json.loads((tmp_path / "t.json").read_text("utf-8")) == said


def test_nothing_is_written_to_the_bank(full: Path) -> None:
    before = Bank.open(full).log()
    assert run(full, "--a", "table", "--b", "rules", "--at", before[0].snapshot).exit_code == 0
    assert Bank.open(full).log() == before


def test_mistakes_are_one_line(full: Path, tmp_path: Path) -> None:
    fails(2, "source of labels 'rule' is unknown; did you mean 'rules'", full, "--a", "table", "--b", "rule")
    fails(2, "finding 'blod' is unknown", full, "--a", "table", "--b", "rules", "--finding", "blod")
    fails(2, "what uncertain counts as 'maybe' is unknown", full, "--a", "table", "--b", "rules", "--uncertain", "maybe")
    fails(2, "unit 'scan' is unknown", full, "--a", "table", "--b", "rules", "--unit", "scan")
    fails(2, r"expected a name that ends in .csv or .md or .json", full, "--a", "table", "--b", "rules", "-o", tmp_path / "t.txt")
    fails(2, "it lies in the bank", full, "--a", "table", "--b", "rules", "-o", full / "t.csv")
