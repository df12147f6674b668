"""`scanbank sweep` and `scanbank zeroshot` as a user meets them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from eval_banks import VOLUME, add_labels, add_vectors, add_volumes, toy_bank
from scanbank.embed.registry import open_encoder
from scanbank.scripts.cli import app
from scanbank.store import Bank, FeatureKey, ViewSpec, Window

pytestmark = pytest.mark.long


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


def test_normals_alone_are_drawn_on_request(full: Path) -> None:
    done = run("sweep", full, "--finding", "bleed", "--support", "normals", "--shots", "1,5", "--repeats", "2", "--features", VOLUME.name)
    assert done.exit_code == 0, done.output
    rows = [re.split(r"\s{2,}", line.strip()) for line in done.stdout.splitlines() if line.startswith("toy/brain/volume")]
    assert [row[1] for row in rows] == ["knn_normal", "mahalanobis", "centroid_normal"] * 3
    drawn = Bank.open(full).sql("SELECT DISTINCT l.value FROM draws d JOIN labels l ON l.item = d.item").column("value").to_pylist()
    assert drawn == [0]


def test_several_seeds_are_a_run_each_and_nothing_is_fitted_twice(full: Path) -> None:
    words = ("sweep", full, "--finding", "bleed", "--features", VOLUME.name, "--heads", "cosine", "--shots", "1,5", "--repeats", "2")
    alone = json.loads(run(*words, "--seed", "1", "--json").stdout)
    both = json.loads(run(*words, "--seed", "0,1", "--json").stdout)
    assert [(said["settings"]["seed"], said["fitted"]) for said in both] == [(0, 4), (1, 0)]
    assert both[1]["results"] == alone["results"]
    assert both[1]["run"] == alone["run"] != both[0]["run"]
    lines = run(*words, "--seed", "0,1").stdout.splitlines()
    assert [line.split(", ")[1:3] for line in lines[:2]] == [["split patients-0", "seed 0"], ["split patients-1", "seed 1"]]
    assert [line.split()[0] for line in lines if "toy/brain/volume" in line] == ["0", "1"] * 3
    assert any(line.split()[:3] == ["seed", "features", "head"] for line in lines)


def test_other_thresholds_and_calibrated_probabilities_are_told(full: Path) -> None:
    words = ("sweep", full, "--finding", "bleed", "--features", VOLUME.name, "--heads", "cosine", "--shots", "5", "--repeats", "2")
    done = run(*words, "--threshold", "sensitivity=0.95", "--calibrate", "temperature")
    assert done.exit_code == 0, done.output
    assert "calls at the threshold of the validation side by sensitivity=0.95" in done.stdout
    assert "probabilities calibrated on the validation side by temperature" in done.stdout
    done = run("report", full, "-o", full.parent / "report.html", "--markdown", full.parent / "report.md")
    assert done.exit_code == 0, done.output
    text = (full.parent / "report.md").read_text("utf-8")
    assert "threshold of the rule sensitivity=0.95" in text
    assert r"calibrated on the validation side (temperature)" in text


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
        (
            ("sweep", "--finding", "bleed", "--support", "normals", "--heads", "linear,knn"),
            "heads linear, knn need both classes, and these",
        ),
        (("sweep", "--finding", "bleed", "--support", "normal"), "support 'normal' is unknown; did you mean 'normals'"),
        (("sweep", "--finding", "bleed", "--unit", "pixel"), "unit 'pixel'"),
        (("sweep", "--finding", "bleed", "--seed", "0,-1"), "--seed holds '-1'"),
        (("sweep", "--finding", "bleed", "--threshold", "sensitivity"), "such as sensitivity=0.95"),
        (("probe", "--finding", "bleed", "--calibrate", "plat"), "did you mean 'platt'"),
        (("sweep", "--finding", "bleed", "--window", "bone"), "there are: flat/brain/slice, toy/brain/volume"),
        (("zeroshot", "--finding", "bled"), "did you mean 'bleed'"),
        (("zeroshot", "--finding", "bleed", "--prompt", "x", "--negative", "x"), "two different texts"),
        (("zeroshot", "--finding", "bleed", "--single", "--negative", "x"), "--single scores presence alone, and --negative"),
        (("zeroshot", "--finding", "bleed", "--prompts", "x.json", "--prompt", "x"), "leave --prompt and --negative out"),
        (("zeroshot", "--finding", "bleed", "--prompts", "/none.json"), "prompts '/none.json' cannot be read: No such file"),
        (("zeroshot", "--finding", "bleed", "--metrics", "auc"), "metric 'auc' is unknown; did you mean 'auroc'"),
        (("zeroshot", "--finding", "bleed", "--intervals", "some"), "kind of intervals 'some' is unknown"),
        (("sweep", "--finding", "bleed", "--prompts", "/none.json"), "prompts '/none.json' cannot be read: No such file"),
        (("probe", "--finding", "bleed", "--heads", "cop"), "did you mean 'coop'"),
    ],
)
def test_each_mistake_gets_one_line(full: Path, words: tuple[str, ...], pattern: str) -> None:
    done = run(words[0], full, *words[1:])
    assert done.exit_code == 2, done.output
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert re.search(pattern, line), line
    assert "Traceback" not in done.output


@pytest.fixture
def told(bank: Bank) -> Path:
    """20 patients with a volume each and two findings, and vectors that lean towards what `tiny` makes of texts about them."""
    tiny = open_encoder("tiny", device="cpu")
    ordinals = add_volumes(bank, [f"p{i}" for i in range(20)])
    for finding, every in (("hemorrhage", 2), ("fracture", 4)):
        add_labels(bank, finding, {f"v{i}": str(int(i % every == 0)) for i in range(20)})
    texts = tiny.encode_texts(["hemorrhage is present.", "hemorrhage is not present."]).vector[np.arange(20) % 2]
    noise = np.random.default_rng(0).normal(size=texts.shape) / np.sqrt(tiny.spec.dim)
    add_vectors(bank, FeatureKey("volume", tiny.spec, VOLUME.view), ordinals, texts + noise)
    return bank.path


def test_zeroshot_of_several_findings_with_prompts_from_a_file(told: Path, tmp_path: Path) -> None:
    path = tmp_path / "prompts.json"
    said = {"present": ["{finding} is present.", "There is {finding}."], "absent": ["no {finding}"]}
    path.write_text(
        json.dumps({"templates": said, "findings": {"fracture": {"present": ["A bone is broken."], "absent": ["Bones are whole."]}}})
    )
    words = ("--finding", "all", "--prompts", path, "--everyone", "--metrics", "auroc,brier", "--intervals", "none")
    done = run("zeroshot", told, *words, "--json")
    assert done.exit_code == 0, done.output
    answers = json.loads(done.stdout)
    assert [answer["settings"]["prompt"] for answer in answers] == ["A bone is broken.", ["hemorrhage is present.", "There is hemorrhage."]]
    assert {row["metric"] for answer in answers for row in answer["results"]} == {"auroc", "brier"}
    assert {row["lo"] for answer in answers for row in answer["results"]} == {None}
    held = Bank.open(told).sql("SELECT text FROM prompts ORDER BY text").column(0).to_pylist()
    assert held == ["A bone is broken.", "Bones are whole.", "There is hemorrhage.", "hemorrhage is present.", "no hemorrhage"]
    again = run("zeroshot", told, *words)
    assert "all of it was there already" in again.stdout
    path.write_text(json.dumps({"findings": {"fracture": said}}))
    lacking = run("zeroshot", told, *words)
    assert lacking.exit_code == 2
    assert "says nothing of finding 'hemorrhage', only of 'fracture'" in lacking.stderr


def test_zeroshot_by_presence_alone_has_no_brier_score(told: Path) -> None:
    done = run("zeroshot", told, "--finding", "hemorrhage,fracture", "--single", "--everyone", "--prompt", "a {finding}", "--json")
    assert done.exit_code == 0, done.output
    first, second = json.loads(done.stdout)
    assert (first["settings"]["prompt"], first["settings"]["negative"]) == ("a hemorrhage", None)
    assert second["settings"]["prompt"] == "a fracture"
    (brier,) = [row for row in first["results"] if row["metric"] == "brier"]
    assert (brier["mean"], brier["reason"]) == (None, "no probabilities: the head gives none")
    assert {row["head"] for row in first["results"]} == {"zeroshot_single"}
    done = run("zeroshot", told, "--finding", "hemorrhage,fracture", "--prompt", "blood", "--negative", "none")
    assert done.exit_code == 2
    assert "'blood' would stand for 'hemorrhage' and for 'fracture'; write {finding}" in done.stderr


def test_a_sweep_takes_the_words_of_a_file(told: Path, tmp_path: Path) -> None:
    path = tmp_path / "prompts.json"
    path.write_text(json.dumps({"templates": {"present": ["{finding}, seen on CT", "a {finding}"], "absent": ["no {finding}"]}}))
    words = ("--finding", "hemorrhage", "--shots", "1", "--repeats", "2", "--metrics", "auroc", "--prompts", path)
    done = run("sweep", told, *words, "--heads", "tip_adapter", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["settings"]["texts"] == {
        "present": ["hemorrhage, seen on CT", "a hemorrhage"],
        "absent": "no hemorrhage",
    }
    done = run("sweep", told, *words, "--heads", "coop")
    assert done.exit_code == 2
    assert "'coop' learns a context before one text of presence and one of absence" in done.stderr
    done = run("probe", told, "--finding", "hemorrhage", "--heads", "linear", "--prompts", path)
    assert done.exit_code == 2
    assert "prompts are for heads that learn from class texts, and none of linear does" in done.stderr


def test_heads_lists_all_that_a_sweep_knows() -> None:
    listed = {row["head"]: row["summary"] for row in json.loads(run("heads", "--json").stdout)}
    assert {"linear", "tip_adapter", "attention_mil", "coop", "coop_csc"} <= set(listed)
    assert all(listed.values())
    assert re.search(r"^coop +zero-shot behind a context", run("heads").stdout, flags=re.MULTILINE)


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
        assert done.exit_code == 2
        assert said in done.stderr
