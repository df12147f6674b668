from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dicom_files import write_series
from scanbank.scripts.cli import app
from scanbank.store import Bank
from scanbank.store.ingest import ingest


@pytest.fixture
def three(bank: Bank, tmp_path: Path) -> Bank:
    for i in range(3):
        write_series(tmp_path / "scans" / str(i), n=4, patient_id=f"p{i}", study_uid=f"1.{i}", series_uid=f"1.{i}.1", seed=i)
    ingest(bank, [tmp_path / "scans"])
    bank.tag("held")
    return bank


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["forget", *map(str, words)])


def patients(bank: Bank) -> int:
    bank.refresh()
    return bank.sql("FROM patients").num_rows


def test_without_yes_nothing_is_erased_and_what_would_be_is_said(three: Bank) -> None:
    log = three.log()
    done = run(three.path, "--patient", "p1")
    assert done.exit_code == 0
    assert re.search(r"^would erase +1 volumes, 1 studies, 4 slices$", done.stdout, re.MULTILINE)
    assert re.search(r"^tags +held$", done.stdout, re.MULTILINE)
    assert "--yes" in done.stderr
    assert patients(three) == 3
    assert three.log() == log


def test_several_patients_at_once(three: Bank) -> None:
    done = run(three.path, "--patient", "p0", "--pseudonym", three.key.pseudonym("patient", "p2"), "--yes", "--json")
    assert done.exit_code == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["done"], said["volumes"], said["slices"], said["tags"]) == (True, 2, 8, ["held"])
    assert said["rows"]["slices"] == 8
    assert patients(three) == 1
    assert [entry.message for entry in three.log()] == ["forget"]


@pytest.mark.parametrize(
    ("words", "pattern"),
    [
        (("--patient", "nobody", "--yes"), "no patient of the bank has that id"),
        (("--pseudonym", "ab", "--yes"), "--pseudonym ab: no patient"),
        (("--patient", "p0", "--patient", "nobody", "--yes"), "no patient of the bank has that id"),
        ((), "whom to forget is not said"),
    ],
)
def test_whom_the_bank_does_not_know_is_one_line_and_exit_code_2(three: Bank, words: tuple[str, ...], pattern: str) -> None:
    done = run(three.path, *words)
    assert done.exit_code == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert re.search(pattern, line)
    assert patients(three) == 3


def test_the_key_is_found_where_it_is_said_to_be(three: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = tmp_path / "the.key"
    three.key.write(key)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "elsewhere"))
    missing = run(three.path, "--patient", "p1", "--yes")
    assert (missing.exit_code, "no key at" in missing.stderr) == (1, True)
    assert run(three.path, "--patient", "p1", "--yes", "--key-file", key).exit_code == 0
    assert patients(three) == 2
