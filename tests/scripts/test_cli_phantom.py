"""`scanbank phantom` as a user meets it, and its cohorts in a bank."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from scanbank.scripts.cli import app
from scanbank.store import Bank

pytestmark = pytest.mark.long


def run(*words: str | Path | int) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def fails(code: int, text: str, *words: str | Path | int) -> None:
    """The command ends with `code` and one line on stderr that holds `text`."""
    done = run("phantom", *words)
    assert done.exit_code == code, done.output
    assert text in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_cohort_goes_into_a_bank_as_it_is(tmp_path: Path, bank: Bank) -> None:
    out = tmp_path / "out"
    done = run("phantom", out, "--cohort", "chest", "--patients", 2, "--seed", 1, "--workers", 1, "--no-masks")
    assert done.exit_code == 0, done.output
    assert "2 patients, 3 studies" in done.stdout
    tables = ("--labels", out / "labels.csv", "--reports", out / "reports.csv")
    done = run("ingest", bank.path, out / "dicom", *tables)
    assert done.exit_code == 0, done.output
    assert "labels.csv: 3 of 3 rows matched" in done.stdout
    assert "reports.csv: 3 of 3 rows matched" in done.stdout
    assert run("embed", bank.path, "--encoder", "intensity", "--window", "lung").exit_code == 0
    status = json.loads(run("status", bank.path, "--json").stdout)
    card = json.loads((out / "cohort.json").read_text())
    assert status["items"]["patients"] == 2
    assert status["items"]["studies"] == 3
    assert status["items"]["slices"] == card["images"] == status["feature_sets"][0]["items"]
    assert status["items"]["snippets"] > 0
    assert {row["finding"]: row["present"] for row in status["labels"]} == card["findings"]
    assert status["references"] == {"resolved": 3}
    bank.refresh()
    found = bank.sql('SELECT series, study, series_number, first_image, last_image, z_mm FROM "references"').to_pylist()
    with (out / "references.csv").open(encoding="utf-8") as file:
        true = {(bank.key.pseudonym("series", row["series_uid"]), int(row["image"])): float(row["z_mm"]) for row in csv.DictReader(file)}
    assert {(row["series"], row["first_image"]): round(row["z_mm"], 2) for row in found} == true


def test_json(tmp_path: Path) -> None:
    done = run("phantom", tmp_path / "out", "--cohort", "chest", "--patients", 1, "--workers", 1, "--no-masks", "--json")
    told = json.loads(done.stdout)
    assert (told["cohort"], told["seed"], told["patients"], told["masks"]) == ("chest", 0, 1, 0)
    assert done.stderr == ""


def test_mistakes_are_one_line(tmp_path: Path) -> None:
    out = tmp_path / "out"
    fails(2, "cohort 'chset' is unknown; did you mean 'chest'?", out, "--cohort", "chset")
    fails(2, "patients is 0; expected 1 or more", out, "--cohort", "chest", "--patients", 0)
    fails(2, "seed is -3; expected 0 or more", out, "--cohort", "chest", "--seed", -3)
    fails(1, "MB are needed", out, "--cohort", "chest", "--patients", 10**9)
    assert not out.exists()
    out.write_text("x")
    fails(2, "is a file", out, "--cohort", "chest", "--force")
    out.unlink()
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    fails(2, "is not empty and holds no phantom cohort", out, "--cohort", "chest", "--force")
    assert (out / "notes.txt").read_text() == "mine"


def test_seed_is_a_number(tmp_path: Path) -> None:
    done = run("phantom", tmp_path / "out", "--cohort", "chest", "--seed", "one")
    assert done.exit_code == 2
    assert "--seed" in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_no_permission(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    fails(1, "permission denied; choose a folder", tmp_path / "closed" / "out", "--cohort", "chest", "--patients", 1)


@pytest.mark.parametrize("end", [signal.SIGINT, pytest.param(signal.SIGKILL, marks=pytest.mark.slow)])
def test_no_process_is_left(tmp_path: Path, end: signal.Signals) -> None:
    """Ctrl-C removes what was written; after a kill the folder tells that it is not finished."""
    out = tmp_path / "out"
    words = ["phantom", str(out), "--cohort", "chest", "--patients", "60", "--seed", "6", "--workers", "2", "--no-masks"]
    command = [sys.executable, "-m", "scanbank.scripts.cli", *words]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        deadline = time.monotonic() + 60
        while not any((out / "dicom").glob("*/*/*/*.dcm")) and time.monotonic() < deadline:
            time.sleep(0.02)
        if end is signal.SIGINT:
            os.killpg(process.pid, end)  # as a terminal does
        else:
            process.kill()
        _, told = process.communicate(timeout=60)
        group = process.pid
    deadline = time.monotonic() + 30
    while _lives(group) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _lives(group)
    if end is signal.SIGINT:
        assert process.returncode == 1
        assert told.splitlines()[-1].startswith("interrupted:")
        assert not out.exists()
    else:
        fails(2, "was not finished; choose another folder, or replace it with --force", out, "--cohort", "chest")


def _lives(group: int) -> bool:
    """Whether a process group has a member that is no zombie."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, of_group = path.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(of_group) == group and state != "Z":
            return True
    return False
