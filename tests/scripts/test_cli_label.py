"""`scanbank label` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from scanbank.eval.labels import finding_set
from scanbank.scripts.cli import app
from scanbank.store import Bank


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def error_of(done: Result) -> str:
    """The one line that a command ended with."""
    assert done.exit_code == 2, done.output
    assert "Traceback" not in done.output
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    return line


@pytest.fixture
def full(bank: Bank, tmp_path: Path) -> Path:
    table = tmp_path / "reports.csv"
    table.write_text("study_uid,report\n1,Acute subdural hematoma.\n2,No hemorrhage. Skull fracture?\n")
    done = run("ingest", bank.path, "--reports", table, "--create-studies")
    assert done.exit_code == 0, done.output
    return bank.path


def test_a_set_that_comes_along(full: Path) -> None:
    source = f"rules:{finding_set('neuro16').source}"
    shown = run("label", full, "--findings", "neuro16", "--dry-run")
    assert shown.exit_code == 0, shown.output
    assert f"2 reports, 32 labels would be written as source {source}" in shown.stdout
    done = run("label", full, "--findings", "neuro16")
    assert f"2 reports, 32 labels written as source {source}" in done.stdout
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("hemorrhage")]
    assert line.split() == ["hemorrhage", "1", "1", "0", "0"]
    again = json.loads(run("label", full, "--findings", "neuro16", "--json").stdout)
    assert (again["source"], again["changed"], again["written"]) == (source, 0, False)
    assert again["counts"]["skull_fracture"] == {"present": 0, "absent": 0, "uncertain": 1, "unmentioned": 1}


def test_a_file_of_ones_own(full: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nfindings:\n  - name: bleed\n    mentions: [hematoma, hemorrhage]\n")
    done = json.loads(run("label", full, "--findings", path, "--json").stdout)
    assert done["counts"] == {"bleed": {"present": 1, "absent": 1, "uncertain": 0, "unmentioned": 0}}
    assert done["source"].startswith("rules:mine@")


def test_what_is_wrong_is_said(full: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nfindings:\n  - name: bleed\n    mention: [hematoma]\n")
    assert "line 4, findings[0]: key 'mention' is unknown; did you mean 'mentions'?" in error_of(run("label", full, "--findings", path))
    assert "finding set 'neuro' is unknown; did you mean 'neuro16'?" in error_of(run("label", full, "--findings", "neuro"))
    assert "method 'rule' is unknown; did you mean 'rules'?" in error_of(run("label", full, "--findings", "neuro16", "--method", "rule"))
    empty = Bank.create(tmp_path / "empty")
    assert "holds no report text to label" in error_of(run("label", empty.path, "--findings", "neuro16"))
