"""`scanbank probe --save` and `scanbank predict` as a user meets them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from eval_banks import SLICE, VOLUME, toy_bank
from scanbank.scripts.cli import app
from scanbank.store import Bank


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def error_of(done: Result, code: int = 2) -> str:
    """The one line that a command ended with."""
    assert done.exit_code == code, done.output
    assert "Traceback" not in done.output
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    return line


@pytest.fixture
def full(bank: Bank) -> Path:
    toy_bank(bank)
    return bank.path


@pytest.fixture
def head(full: Path) -> Path:
    """The folder that a probe of one head on one set saved into."""
    folder = full.parent / "heads"
    done = run("probe", full, "--finding", "bleed", "--features", VOLUME.name, "--calibrate", "platt", "--save", folder, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["saved"] == [str(folder / "bleed.linear.toy-brain-volume")]
    return folder


def test_a_table_of_all_items(full: Path, head: Path, tmp_path: Path) -> None:
    done = run("predict", full, "--head", head)  # the only head within
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0].startswith("linear for bleed on toy/brain/volume, 60 volumes, called at ")
    assert lines[1].split() == ["item", "patient", "score", "probability", "called"]
    assert len(lines) == 62
    said = json.loads(run("predict", full, "--head", head / "bleed.linear.toy-brain-volume" / "card.json", "--json").stdout)
    assert said["head"]["finding"] == "bleed"
    assert [row["item"] for row in said["items"]] == [line.split()[0] for line in lines[2:]]
    for name in ("out.csv", "out.parquet"):
        told = run("predict", full, "--head", head, "--out", tmp_path / name)
        assert told.exit_code == 0, told.output
        assert f"60 rows in {tmp_path / name}" in told.stdout
    assert pq.read_table(tmp_path / "out.parquet").to_pylist() == said["items"]
    with (tmp_path / "out.csv").open() as file:
        assert [float(row["score"]) for row in csv.DictReader(file)] == [row["score"] for row in said["items"]]
    counted = json.loads(run("predict", full, "--head", head, "--json", "--out", tmp_path / "again.csv").stdout)
    assert (counted["rows"], "items" in counted) == (60, False)


def test_each_mistake_gets_one_line(full: Path, head: Path, tmp_path: Path) -> None:
    refused = error_of(run("predict", full, "--head", head, "--features", SLICE.name))
    assert VOLUME.digest[:8] in refused
    assert SLICE.digest[:8] in refused
    assert "'toy/brain/volumes' is unknown" in error_of(run("predict", full, "--head", head, "--features", "toy/brain/volumes"))
    assert "holds no head" in error_of(run("predict", full, "--head", tmp_path / "nothing"), 1)
    assert "ends in .parquet or .csv" in error_of(run("predict", full, "--head", head, "--out", tmp_path / "out.txt"))
    card = head / "bleed.linear.toy-brain-volume" / "card.json"
    card.write_text(card.read_text("utf-8").replace('"bleed"', '"blood"'), "utf-8")
    assert "card.json' is damaged" in error_of(run("predict", full, "--head", head), 1)
    assert "exists already" in error_of(run("probe", full, "--finding", "bleed", "--features", VOLUME.name, "--save", head))
    assert "lies in the bank" in error_of(run("probe", full, "--finding", "bleed", "--save", full / "heads"))
    assert "it is a file; name a folder" in error_of(run("probe", full, "--finding", "bleed", "--save", card))


def test_of_several_heads_one_is_named(full: Path, tmp_path: Path) -> None:
    assert run("probe", full, "--finding", "bleed", "--heads", "cosine", "--save", tmp_path / "heads").exit_code == 0
    assert "it holds 2 heads; name one of" in error_of(run("predict", full, "--head", tmp_path / "heads"))
