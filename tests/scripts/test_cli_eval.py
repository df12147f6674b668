"""`scanbank sweep` and `scanbank zeroshot` as a user meets them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from eval_banks import VOLUME, add_vectors, toy_bank
from scanbank.scripts.cli import app
from scanbank.store import Bank, ViewSpec, Window


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def full(bank: Bank) -> Path:
    toy_bank(bank)
    return bank.path


def test_sweep_prints_a_table_of_methods_and_shots(full: Path) -> None:
    done = run("sweep", full, "--finding", "bleed", "--heads", "cosine,knn", "--shots", "1,5,all", "--repeats", "3")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == (
        "bleed, split patients-0, volumes present + absent: "
        "train 12 + 24 of 36 patients, val 4 + 8 of 12 patients, test 4 + 8 of 12 patients"
    )
    (heading,) = {line for line in lines if line.startswith("features")}
    assert re.split(r"\s{2,}", heading.strip()) == ["features", "head", "1 shot", "5 shots", "all"]
    rows = [re.split(r"\s{2,}", line.strip()) for line in lines if line.startswith("toy/brain/volume")]
    assert [row[1] for row in rows] == ["cosine", "knn"] * 3
    assert all(re.fullmatch(r"[01]\.\d{3} ± 0\.\d{3}", cell) for row in rows for cell in row[2:4])
    assert all(re.fullmatch(r"[01]\.\d{3}( \([01]\.\d{3}\.\.[01]\.\d{3}\))?", row[4]) for row in rows)
    assert [line.strip() for line in lines if line.strip() in ("AUROC", "AP", "F1")] == ["AUROC", "AP", "F1"]


def test_sweep_as_json_holds_what_the_bank_holds(full: Path) -> None:
    done = run(
        "sweep", full, "--finding", "bleed", "--heads", "cosine", "--shots", "2,all", "--repeats", "2", "--json", "--features", VOLUME.name
    )
    said = json.loads(done.stdout)
    rows = Bank.open(full).sql("SELECT shots, avg(value) AS mean FROM metrics WHERE metric = 'ap' GROUP BY shots").to_pylist()
    mean = {"all" if row["shots"] is None else row["shots"]: row["mean"] for row in rows}
    assert {r["shots"]: r["mean"] for r in said["results"] if r["metric"] == "ap"} == pytest.approx(mean)
    assert said["settings"]["heads"] == ["cosine"]
    assert Bank.open(full).sql("SELECT run FROM runs").to_pylist() == [{"run": said["run"]}]


@pytest.mark.parametrize(
    ("words", "pattern"),
    [
        (("sweep", "--finding", "bleeding"), "did you mean 'bleed'"),
        (("sweep", "--finding", "bleed", "--heads", "liner"), "did you mean 'linear'"),
        (("sweep", "--finding", "bleed", "--shots", "1,x"), "--shots holds 'x'"),
        (("sweep", "--finding", "bleed", "--shots", "0"), "--shots holds '0'"),
        (("sweep", "--finding", "bleed", "--shots", "9" * 5000), "--shots holds '999"),
        (("sweep", "--finding", "bleed", "--shots", ","), "--shots holds nothing"),
        (("sweep", "--finding", "bleed", "--shots", "999"), "999 shots, each of another patient, are more than"),
        (("sweep", "--finding", "bleed", "--unit", "pixel"), "unit 'pixel'"),
        (("sweep", "--finding", "bleed", "--window", "bone"), "there are: flat/brain/slice, toy/brain/volume"),
        (("zeroshot", "--finding", "bled"), "did you mean 'bleed'"),
        (("zeroshot", "--finding", "bleed", "--prompt", "x", "--negative", "x"), "two different texts"),
    ],
)
def test_each_mistake_gets_one_line(full: Path, words: tuple[str, ...], pattern: str) -> None:
    done = run(words[0], full, *words[1:])
    assert done.exit_code == 2, done.output
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert re.search(pattern, line), line
    assert "Traceback" not in done.output


def test_zeroshot_without_a_text_side_says_what_to_do(bank: Bank, tmp_path: Path) -> None:
    from dicom_files import write_series

    for i in range(10):
        write_series(tmp_path / "scans" / str(i), n=3, patient_id=f"p{i}", series_uid=f"1.2.{i}", seed=i)
    (tmp_path / "labels.csv").write_text("patient_id,bleed\n" + "".join(f"p{i},{i % 2}\n" for i in range(10)))
    assert run("ingest", bank.path, tmp_path / "scans", "--labels", tmp_path / "labels.csv").exit_code == 0
    assert run("embed", bank.path, "--encoder", "intensity", "--window", "brain").exit_code == 0
    done = run("zeroshot", bank.path, "--finding", "bleed")
    assert done.exit_code == 2
    assert "zero-shot needs an encoder with a text side" in done.stderr
    done = run("sweep", bank.path, "--finding", "bleed", "--shots", "1,2", "--repeats", "2", "--heads", "cosine")
    assert done.exit_code == 0, done.output
    assert "intensity/brain/slice/mean" in done.stdout


def test_names_with_commas_are_understood(bank: Bank) -> None:
    toy_bank(bank)
    key = replace(VOLUME, view=ViewSpec((Window(0, 80),), spacing_mm=(4.0, 3.0, 3.0), shape=(8, 9, 9)))
    assert "," in key.name
    add_vectors(bank, key, np.array([row["ordinal"] for row in bank.sql("SELECT ordinal FROM volumes").to_pylist()]), np.eye(60, 8))
    for asked in ([f"{key.name},{VOLUME.name}"], [f"{VOLUME.name}, {key.name}"], [key.name, VOLUME.name]):
        words = [word for name in asked for word in ("--features", name)]
        done = run("sweep", bank.path, "--finding", "bleed", "--heads", "knn", "--shots", "1", "--repeats", "1", "--json", *words)
        assert done.exit_code == 0, done.output
        assert {r["features"] for r in json.loads(done.stdout)["results"]} == {key.name, VOLUME.name}
    done = run("sweep", bank.path, "--finding", "bleed", "--features", f"{key.name},toy/x/volume")
    assert done.exit_code == 2
    assert "'toy/x/volume' is unknown" in done.stderr


def test_a_seeded_split_may_be_named(full: Path) -> None:
    done = run("sweep", full, "--finding", "bleed", "--heads", "knn", "--shots", "1", "--repeats", "1", "--split", "patients-7")
    assert done.exit_code == 0, done.output
    assert "split patients-7" in done.stdout
    assert run("sweep", full, "--finding", "bleed", "--split", "patients-x").exit_code == 2


def test_a_device_that_is_not_here_is_named(full: Path) -> None:
    for device, said in (("banana", "device 'banana' is unknown"), ("cuda:9", "device 'cuda:9' is not here")):
        done = run("zeroshot", full, "--finding", "bleed", "--device", device)
        assert done.exit_code in (1, 2)
        assert said in done.stderr
