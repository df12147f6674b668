"""The command line as a user meets it: output, exit codes, one line for each mistake."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from dicom_files import write_series
from scanbank.scripts.cli import app
from scanbank.store import Bank

COMMANDS = (
    "demo",
    "predict",
    "init",
    "ingest",
    "embed",
    "phantom",
    "sweep",
    "zeroshot",
    "search",
    "report",
    "status",
    "sql",
    "log",
    "import",
    "export",
)


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def fails(code: int, pattern: str, *words: str | Path) -> None:
    """The command ends with `code` and one line on stderr that fits `pattern`."""
    done = run(*words)
    assert done.exit_code == code, done.output
    assert re.search(pattern, done.stderr), done.stderr
    assert "Traceback" not in done.output
    errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert len(errors) == 1


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    for i in range(2):
        write_series(tmp_path / "scans" / str(i), n=4, patient_id=f"p{i}", series_uid=f"1.2.{i}", seed=i)
    return tmp_path / "scans"


@pytest.fixture
def full(bank: Bank, scans: Path) -> Bank:
    assert run("ingest", bank.path, scans).exit_code == 0
    assert run("embed", bank.path, "--encoder", "intensity", "--window", "brain", "--window", "lung").exit_code == 0
    bank.refresh()
    return bank


@pytest.mark.parametrize("command", [(), *((c,) for c in COMMANDS)])
def test_every_command_has_help(command: tuple[str, ...]) -> None:
    done = run(*command, "--help")
    assert done.exit_code == 0
    assert "Usage:" in done.output


def test_version() -> None:
    assert re.fullmatch(r"scanbank \d+\.\d+\.\d+\n", run("--version").output)


def test_main_job(bank: Bank, scans: Path, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("patient_id,bleed\np0,1\np1,0\n")
    done = run("ingest", bank.path, scans, "--labels", tmp_path / "labels.csv")
    assert done.exit_code == 0
    assert "2 new volumes, 8 slices" in done.stdout
    assert "2 of 2 rows matched" in done.stdout
    done = run("embed", bank.path, "--encoder", "intensity", "--window", "brain", "--json")
    assert json.loads(done.stdout)["sets"] == {"intensity/brain/slice": 8}
    status = json.loads(run("status", bank.path, "--json").stdout)
    assert status["items"] == {"patients": 2, "studies": 2, "volumes": 2, "slices": 8, "snippets": 0}
    assert [s["name"] for s in status["feature_sets"]] == ["intensity/brain/slice"]
    assert [(row["finding"], row["present"], row["absent"]) for row in status["labels"]] == [("bleed", 1, 1)]
    assert "intensity/brain/slice" in run("status", bank.path).stdout


@pytest.mark.parametrize("tries", [1, pytest.param(20, marks=pytest.mark.slow)])
def test_formats_decode_side_by_side_in_a_fresh_process(bank: Bank, scans: Path, tries: int) -> None:
    """Threads that decode must not be the first to import the readers' libraries: two at once break some of them."""
    rng = np.random.default_rng(0)
    for i in range(3):
        nibabel.save(nibabel.Nifti1Image(rng.normal(size=(6, 6, 4)).astype(np.float32), np.eye(4)), scans / f"{i}.nii.gz")
    assert run("ingest", bank.path, scans).exit_code == 0
    for number in range(tries):
        words = ("embed", str(bank.path), "--encoder", "intensity", "--window", f"0..{80 + number}", "--workers", "4")
        done = subprocess.run([sys.executable, "-m", "scanbank.scripts.cli", *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_failures_end_with_1_and_are_listed_with_their_paths(bank: Bank, scans: Path) -> None:
    (scans / "text.dcm").write_text("no scan")
    done = run("ingest", bank.path, scans)
    assert done.exit_code == 1
    assert f"1 failed; `scanbank status {bank.path} --failures` lists them" in done.stderr
    listed = run("status", bank.path, "--failures")
    assert str(scans / "text.dcm") in listed.stdout
    (row,) = json.loads(run("status", bank.path, "--failures", "--json").stdout)
    assert (row["stage"], row["path"]) == ("ingest", str(scans / "text.dcm"))


def test_unmatched_rows_end_with_1_and_their_lines(full: Bank, tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text("patient_id,bleed\np0,1\nx,1\ny,1\nz,1\np1,0\nw,1\n")
    done = run("ingest", full.path, "--labels", tmp_path / "l.csv")
    assert done.exit_code == 1
    assert "l.csv: lines 3-5, 7: no patient has its patient_id" in done.stderr


def test_options_need_fit_one_table_of_several(full: Bank, tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text("patient_id,kind,site\np0,a,x\np1,b,x\n")
    (tmp_path / "r.csv").write_text("SeriesUID,text,note\n1.2.0,Nodule.,?\n")
    tables = ("--labels", tmp_path / "l.csv", "--reports", tmp_path / "r.csv")
    renames = ("--rename", "SeriesUID=series_uid", "--rename", "text=report", "--ignore", "note")
    done = run("ingest", full.path, *tables, *renames, "--classes", "kind", "--attributes", "site")
    assert done.exit_code == 0, done.output
    fails(2, "did you mean 'kind'", "ingest", full.path, *tables, *renames, "--classes", "knd", "--attributes", "site")


@pytest.mark.parametrize("format", ["csv", "json", "table", "parquet"])
def test_sql_formats(full: Bank, tmp_path: Path, format: str) -> None:
    query = "SELECT volume, slices, flags FROM volumes ORDER BY ordinal"
    out = tmp_path / "answer"
    assert run("sql", full.path, query, "--format", format, "-o", out).exit_code == 0
    expected = full.sql(query).to_pylist()
    if format == "parquet":
        assert pq.read_table(out).to_pylist() == expected
    elif format == "json":
        assert json.loads(out.read_text()) == expected
    else:
        lines = out.read_text().splitlines()
        assert len(lines) == 3
        assert all(row["volume"] in line for row, line in zip(expected, lines[1:], strict=True))
    if format != "parquet":
        assert expected[0]["volume"] in run("sql", full.path, query, "--format", format).stdout


def test_log_and_at(full: Bank) -> None:
    entries = json.loads(run("log", full.path, "--json").stdout)
    assert [entry["message"].split(":")[0] for entry in entries] == ["embed", "ingest", "init"]
    then = json.loads(run("status", full.path, "--at", entries[1]["snapshot"], "--json").stdout)
    assert then["feature_sets"] == []
    assert then["items"]["volumes"] == 2


def test_each_mistake_gets_one_line_and_loses_nothing(full: Bank, scans: Path, tmp_path: Path) -> None:
    before = full.snapshot.id
    (tmp_path / "empty").mkdir()
    fails(2, "no scans in", "ingest", full.path, tmp_path / "empty")
    fails(2, "no such file or folder", "ingest", full.path, tmp_path / "nowhere")
    fails(2, "nothing to ingest", "ingest", full.path)
    fails(2, "is not a bank", "status", tmp_path / "empty")
    fails(2, "did you mean 'brain'", "embed", full.path, "--encoder", "intensity", "--window", "brian")
    fails(2, "did you mean 'intensity'", "embed", full.path, "--encoder", "intensty")
    fails(2, "is a bank already", "init", full.path)
    fails(2, "expected one SELECT", "sql", full.path, "DROP VIEW volumes")
    fails(2, "find_me", "sql", full.path, "SELECT find_me FROM volumes")
    fails(2, "THEIRS=OURS", "ingest", full.path, scans, "--rename", "x")
    fails(2, "expected a tag or the beginning", "status", full.path, "--at", "nonsense")
    for text, words in (
        ("who,bleed\np0,1\n", "'who'"),
        ("patient_id,bleed\np0,maybe\np1,1\n", "line 2.*maybe"),
        ("patient_id,bleed\np0,1\np0,0\n", "lines 2 and 3"),
        ("", "empty"),
    ):
        (tmp_path / "l.csv").write_text(text)
        fails(2, words, "ingest", full.path, scans, "--labels", tmp_path / "l.csv")
    card = full.path / "bank.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {"format": 7}))
    fails(2, "format 7; this scanbank reads up to format 2", "status", full.path)
    card.write_text(json.dumps(json.loads(card.read_text()) | {"format": 1}))
    full.refresh()
    assert full.snapshot.id == before


def test_typers_own_misuse_ends_with_2() -> None:
    for words in (("embed",), ("nonsense",), ("ingest", "b", "--images", "pile"), ("sql", "b", "SELECT 1", "--format", "xml")):
        assert run(*words).exit_code == 2


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="needs a folder that nobody may write to")
def test_no_permission_is_one_line() -> None:
    fails(1, r"creating the bank /sys/kernel/bank failed", "init", "/sys/kernel/bank")


def test_json_of_ingest_counts(bank: Bank, scans: Path) -> None:
    counts: dict[str, Any] = json.loads(run("ingest", bank.path, scans, "--json").stdout)["scans"]
    assert (counts["volumes"], counts["slices"], counts["known"], counts["failed"]) == (2, 8, 0, 0)


def test_text_is_scrubbed_kept_or_left_out(full: Bank, tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text('patient_id,report\np0,"Seen by Dr. Miller on 2019-03-04. No bleed."\n')
    table = ("ingest", full.path, "--reports", tmp_path / "r.csv")
    shown = ("sql", full.path, "SELECT text FROM snippets", "--format", "csv")
    fails(2, "--keep-text keeps reports as they are and --no-text keeps none; give one of them", *table, "--keep-text", "--no-text")
    assert "0 new report snippets of 1 reports" in run(*table, "--no-text").stdout
    assert run(*shown).stdout.split() == ["text"]
    assert "1 new report snippets of 1 reports" in run(*table).stdout
    assert "Seen by Dr. [NAME] on [DATE]. No bleed." in run(*shown).stdout
    assert run(*table, "--keep-text").exit_code == 0
    assert "Seen by Dr. Miller on 2019-03-04. No bleed." in run(*shown).stdout
