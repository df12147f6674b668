"""`scanbank search` as a user meets it, with a small open_clip model of random weights."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from dicom_files import write_series
from scanbank.scripts.cli import app
from scanbank.store import Bank

pytestmark = pytest.mark.long

MODEL = "open_clip:ViT-S-32-alt"


def run(*words: str | Path | int) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def fails(code: int, pattern: str, *words: str | Path | int) -> None:
    done = run(*words)
    assert done.exit_code == code, done.output
    assert re.search(pattern, done.stderr), done.stderr
    assert "Traceback" not in done.output
    assert len([line for line in done.stderr.splitlines() if line.startswith("error:")]) == 1


@pytest.fixture
def full(bank: Bank, tmp_path: Path) -> Bank:
    """Three scans of two patients: two series of one study, and one of another."""
    for i, patient in enumerate(("a", "a", "b")):
        write_series(
            tmp_path / "scans" / str(i), n=3, shape=(32, 32), patient_id=patient, study_uid=f"1.{ord(patient)}", series_uid=f"2.{i}", seed=i
        )
    assert run("ingest", bank.path, tmp_path / "scans").exit_code == 0
    done = run("embed", bank.path, "--encoder", MODEL, "--random-weights", 0, "--window", "brain", "--device", "cpu")
    assert done.exit_code == 0, done.output
    assert run("embed", bank.path, "--encoder", "intensity", "--window", "lung").exit_code == 0
    bank.refresh()
    return bank


def test_main_job(full: Bank, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    done = run("search", full.path, "left pleural effusion", "-k", 2, "--png", sheet, "--json", "--device", "cpu")
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert answer["features"] == f"{MODEL}+random0/brain,224x224px,cubic/slice/mean"
    assert [hit["rank"] for hit in answer["hits"]] == [1, 2]
    assert (answer["searched"], answer["studies"], answer["without_vector"]) == (2, 2, 0)
    assert {hit["volume"] for hit in answer["hits"]} <= set(full.sql("SELECT volume FROM volumes WHERE is_primary").column(0).to_pylist())
    for hit in answer["hits"]:
        assert -1 <= hit["score"] <= 1
        (at,) = (
            full.sql(f"SELECT z_mm FROM slices WHERE volume = '{hit['volume']}' AND index = {hit['places'][0]['index']}")
            .column(0)
            .to_pylist()
        )
        assert hit["places"][0]["z_mm"] == at
    with Image.open(sheet) as image:
        assert image.format == "PNG"
    # a table for people, and what is found among all series is at least as good
    listed = run("search", full.path, "left pleural effusion", "--device", "cpu")
    assert listed.exit_code == 0
    assert all(hit["volume"][:12] in listed.stdout for hit in answer["hits"])
    assert "10 asked for, 2 listed" in listed.stderr
    every = json.loads(run("search", full.path, "left pleural effusion", "--all-series", "--json", "--device", "cpu").stdout)
    assert every["searched"] == 3
    assert len(every["hits"]) == 2
    assert every["hits"][0]["score"] >= answer["hits"][0]["score"]


def test_mistakes_cost_one_line(full: Bank, tmp_path: Path) -> None:
    fails(2, "intensity has no text side.*--encoder open_clip:ViT-S-32-alt", "search", full.path, "x", "--encoder", "intensity")
    fails(2, "query is empty", "search", full.path, " ")
    fails(2, "query is empty.*--like", "search", full.path)
    fails(2, "give one of them", "search", full.path, "x", "--like", "y")
    fails(2, "2 statements", "search", full.path, "x", "--where", "true; SELECT 1")
    fails(2, "scan 'nothing' is unknown", "search", full.path, "--like", "nothing")
    fails(2, "reports belong to studies", "search", full.path, "x", "--find", "report", "--per", "scan")
    fails(2, "holds no reports", "search", full.path, "x", "--find", "snippet")
    fails(2, "holds no reports", "search", full.path, "x", "--bm25")
    fails(2, "Choose one of|choose one of", "search", full.path, "x", "--encoder", "tiny")
    fails(2, "no feature set has window 'bone'", "search", full.path, "x", "--window", "bone")
    fails(2, "did you mean 'lung'", "search", full.path, "x", "--picture-window", "lnug")
    fails(2, "ends in .png", "search", full.path, "x", "--png", tmp_path / "sheet.jpg")
    fails(2, "its folder does not exist", "search", full.path, "x", "--png", tmp_path / "none" / "sheet.png")
    (tmp_path / "folder.png").mkdir()
    fails(2, "it is a folder", "search", full.path, "x", "--png", tmp_path / "folder.png")
    assert run("search", full.path, "x", "-k", 0).exit_code == 2


def test_a_bank_with_nothing_to_search_says_what_to_do(bank: Bank) -> None:
    fails(2, "holds no volumes; `scanbank ingest` some first", "search", bank.path, "x")


def test_scans_and_slices_are_searched_by(full: Bank, tmp_path: Path) -> None:
    scan = full.sql("SELECT volume FROM volumes WHERE is_primary ORDER BY ordinal").column(0).to_pylist()[0]
    sheet, path = tmp_path / "slices.png", sorted((tmp_path / "scans" / "2").iterdir())[0]
    done = run(
        "search", full.path, "--like", path, "--find", "slice", "--per", "scan", "--json", "--png", sheet, "--encoder", f"{MODEL}+random0"
    )
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert len(found["hits"]) == 2  # the other two scans
    assert all(re.fullmatch("[0-9a-f]{32}", hit["slice"]) and hit["places"][0]["score"] == hit["score"] for hit in found["hits"])
    with Image.open(sheet) as image:
        assert image.format == "PNG"
    # a baseline without a text side finds scans that are alike
    alike = run("search", full.path, "--like", scan, "--encoder", "intensity", "--where", "slices = 3 AND is_primary")
    assert alike.exit_code == 0, alike.output
    assert "intensity/lung" in alike.stdout
    assert "10 asked for, 1 listed" in alike.stderr


def test_a_new_scan_is_searched_by_with_two_encoders(full: Bank, tmp_path: Path) -> None:
    write_series(tmp_path / "new", n=3, shape=(32, 32), patient_id="n", study_uid="9.1", series_uid="9.2", seed=9)
    uri = f"{MODEL}+random0"
    done = run("search", full.path, "--like", tmp_path / "new", "--encoder", uri, "--encoder", "intensity", "-k", 2)
    assert done.exit_code == 0, done.output
    assert f"{uri}/brain,224x224px,cubic/slice/mean + intensity/lung" in done.stdout
    assert "places" in done.stdout
    assert len(full.sql("SELECT * FROM volumes")) == 3


def test_reports_alone_are_searched_by_words(bank: Bank, tmp_path: Path) -> None:
    table = tmp_path / "reports.csv"
    table.write_text('accession,report\n1,"Findings: A cyst in the liver."\n2,"Findings: No effusion."\n3,"Findings: Large effusion."\n')
    assert run("ingest", bank.path, "--reports", table, "--create-studies").exit_code == 0
    for _ in range(2):  # the second time from counts that are kept
        done = run("search", bank.path, "effusion", "--bm25", "--find", "report", "--json")
        assert done.exit_code == 0, done.output
        found = json.loads(done.stdout)
        assert [hit["sentence"]["text"] for hit in found["hits"]] == ["No effusion.", "Large effusion."]
        assert (found["features"], found["searched"]) == ("bm25", 3)
    sheet = tmp_path / "sheet.png"
    listed = run("search", bank.path, "effusion", "--bm25", "--find", "snippet", "--png", sheet)
    assert listed.exit_code == 0, listed.output
    assert "ranked by the words of reports alone" in listed.stderr
    with Image.open(sheet) as image:
        assert image.format == "PNG"
    fails(2, "holds no scans to list.*--find report", "search", bank.path, "effusion", "--bm25")
    fails(2, "holds no vectors|has no vectors of report texts", "search", bank.path, "effusion", "--find", "report")
