"""The commands lineage, export-encoder, refresh, and the others where they meet an adapted encoder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from adapted_encoders import adapted
from dicom_files import write_series
from scanbank.embed import open_encoder
from scanbank.embed.adapt.moving import Moving
from scanbank.eval.children import keep_child
from scanbank.scripts.cli import app
from scanbank.store import Bank
from scanbank.store.ingest import ingest

SMALL = ("--spacing", "2x1x1", "--shape", "16x24x32", "--no-depth", "--workers", "1")


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def family(bank: Bank, tmp_path: Path) -> Bank:
    """Two scans with vectors by `tiny`, and a child of it that was trained on the first."""
    for i in range(2):
        write_series(tmp_path / "scans" / str(i), n=4, patient_id=f"p{i}", study_uid=f"1.{i}", series_uid=f"1.{i}.1", seed=i)
    ingest(bank, [tmp_path / "scans"])
    assert run("embed", bank.path, "--encoder", "tiny", *SMALL).exit_code == 0
    seen = bank.sql("SELECT volume FROM volumes ORDER BY ordinal LIMIT 1").column(0).to_pylist()
    artifact = adapted("child", moving=Moving("partial", layers="upper:1"), epochs=[{"epoch": 1, "loss": 0.5, "score": 0.75}], best=1)
    keep_child(bank, artifact, seen)
    return bank


def test_a_child_takes_its_parents_place_and_the_tree_shows_it(family: Bank, tmp_path: Path) -> None:
    path = family.path
    gone = shutil.move(tmp_path / "scans" / "1", tmp_path / "elsewhere")
    stopped = run("refresh", path, "--from", "tiny", "--to", "adapted:child", "--as", "production", "--workers", 1)
    assert stopped.exit_code == 1
    assert "lacking: volume" in stopped.stderr
    assert "alias production stays where it was" in stopped.stderr
    shutil.move(gone, tmp_path / "scans" / "1")
    done = run("refresh", path, "--from", "tiny", "--to", "child", "--as", "production", "--workers", 1, "--json")
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["complete"], told["encoded"], told["lacking"]) == (True, 1, [])
    name = told["aliases"]["production"]
    assert name.startswith("adapted:child/")
    tree = run("lineage", path)
    lines = [line.lstrip("│├└─ ") for line in tree.stdout.splitlines()]
    assert lines[0].startswith("tiny@1 ")
    assert lines[1].startswith("tiny@1/") and lines[1].endswith(": 2 vectors")  # noqa: PT018
    told_of_child = "(partial; split split-a; train 6; val 2; trained on 1 items of the bank; epoch 1 of 1 (loss 0.5, score 0.75))"
    assert lines[2] == f"adapted:child {adapted_digest(family)[:8]} {told_of_child}"
    assert lines[3] == f"{name}: 2 vectors  <- production"
    members = json.loads(run("lineage", path, "--json").stdout)
    assert [(one["name"], one["kept"], len(one["sets"])) for one in members] == [("tiny@1", False, 1), ("adapted:child", True, 1)]
    found = run("search", path, "nodule", "--features", "production", "--json")
    assert found.exit_code == 0, found.stderr
    assert json.loads(found.stdout)["features"] == name
    assert json.loads(run("status", path, "--json").stdout)["bytes"]["artifacts"] > 1000


def adapted_digest(bank: Bank) -> str:
    return Bank.open(bank.name).sql("SELECT encoder FROM encoders WHERE name = 'adapted:child'").column(0)[0].as_py()


def test_embed_opens_a_banks_own_child_and_resumes(family: Bank) -> None:
    done = run("embed", family.path, "--encoder", "adapted:child", *SMALL, "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["volumes"] == 2
    assert json.loads(run("embed", family.path, "--encoder", "adapted:child", *SMALL, "--json").stdout)["skipped"] == 2
    wrong = run("embed", family.path, "--encoder", "adapted:kid", *SMALL)
    assert wrong.exit_code == 2
    assert "adapted encoder 'adapted:kid' is unknown" in wrong.stderr


def test_a_child_is_written_as_a_release_of_tiny(family: Bank, tmp_path: Path) -> None:
    done = run("export-encoder", family.path, "child", tmp_path / "out", "--json")
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["encoder"], told["opens_as"]) == ("adapted:child", f"tiny:{tmp_path}/out")
    assert open_encoder(told["opens_as"]).offers == {"volume", "text"}
    again = run("export-encoder", family.path, "child", tmp_path / "out")
    assert again.exit_code == 2
    assert "exists already" in again.stderr
    assert run("export-encoder", family.path, "child", tmp_path / "adapter", "--adapter").exit_code == 0
    assert open_encoder(f"adapted:{tmp_path / 'adapter'}").spec.name == "adapted:child"


def test_forgetting_who_it_was_trained_on_says_so_and_takes_its_adapter(family: Bank) -> None:
    shown = run("forget", family.path, "--patient", "p0")
    assert "adapters      adapted:child (trained on the patient; their vectors of others stay)" in shown.stdout
    kept = run("forget", family.path, "--patient", "p0", "--keep-adapters")
    assert "stay          adapters trained on the patient: adapted:child" in kept.stdout
    assert run("forget", family.path, "--patient", "p0", "--yes").exit_code == 0
    gone = run("embed", family.path, "--encoder", "adapted:child", *SMALL)
    assert gone.exit_code != 0
    assert "adapted" in gone.stderr


def test_misuse_is_told_in_a_line(family: Bank) -> None:
    wrong = run("refresh", family.path, "--from", "tinny", "--to", "adapted:child")
    assert (wrong.exit_code, wrong.stderr.count("\n")) == (2, 1)
    assert "did you mean 'tiny@1'" in wrong.stderr
    same = run("refresh", family.path, "--from", "tiny", "--to", "tiny@1")
    assert same.exit_code == 2
    assert "refreshed by itself" in same.stderr
    none = run("lineage", family.path.parent / "none")
    assert none.exit_code == 2
