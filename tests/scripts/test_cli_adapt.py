"""The commands adapt and study, by what they print and how they end."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

from adapt_banks import scans_bank
from fault_banks import homes
from scanbank.embed.adapt.card import read_card
from scanbank.embed.adapt.recipe import Recipe
from scanbank.eval.adapt_objectives import pointing
from scanbank.scripts.cli import app
from scanbank.scripts.cli_adapt import adapt
from scanbank.scripts.cli_study import _uris as uris
from scanbank.store import Bank
from scanbank.store.errors import UsageError
from scanbank.store.key import SecretKey
from siglip_folders import siglip_folder


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With its key and local map in homes of its own."""
    folder = tmp_path_factory.mktemp("adapt")
    with homes(folder):
        made = scans_bank(folder, 20)
        (folder / "config" / "scanbank" / "keys").mkdir(parents=True, mode=0o700)
        (folder / "key").rename(folder / "config" / "scanbank" / "keys" / f"{made.card['key']}.key")
    return made.path


@pytest.fixture(autouse=True)
def _at_home(bank: Path) -> Iterator[None]:
    with homes(bank.parent):
        yield


def run(*words: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(word) for word in words])
    return result.exit_code, result.output


def test_a_dry_run_lists_what_would_train(bank: Path) -> None:
    code, said = run("adapt", bank, "--encoder", "tiny", "--method", "partial", "--layers", "upper:1", "--dry-run")
    assert code == 0
    assert "image.mixers.1.mix.weight" in said
    assert "would train" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--encoder", "tiny", "--method", "adapters", "--dry-run"], "methods that fit: lora, partial, full"),
        (["--encoder", "intensity"], "no method of adaptation fits it"),
        (["--encoder", "tiny", "--method", "lorra"], "did you mean 'lora'"),
        (["--encoder", "tiny", "--layers", "lower:0", "--dry-run"], "expected a fraction"),
        (["--encoder", "tiny"], "no finding is named"),
        (["--encoder", "tiny", "--finding", "bleed", "--window", "brain,bone"], "joi"),
        (["--encoder", "tiny", "--finding", "bleed", "--unit", "voxel"], "unit 'voxel' is unknown"),
        (["--encoder", "tiny", "--finding", "bleed", "--recipe", "no.yaml"], "cannot be read"),
        (["--encoder", "adapted:none", "--finding", "bleed"], "none"),
    ],
)
def test_mistakes_end_with_one_line(bank: Path, words: list[str], said: str) -> None:
    code, output = run("adapt", bank, *words)
    assert code in (1, 2)
    assert said in output
    assert "Traceback" not in output


def test_backbones_may_have_a_configuration_after_a_comma() -> None:
    assert uris(["tiny,ctclip:a.pt,config.json", "timm:resnet18+random0"]) == ("tiny", "ctclip:a.pt,config.json", "timm:resnet18+random0")
    with pytest.raises(UsageError, match="names no encoder"):
        uris([" , "])


def test_a_study_of_a_finding_that_is_none(bank: Path) -> None:
    code, said = run("study", "ct-clip-ich", bank, "--backbones", "tiny", "--windows", "brain", "--finding", "blede")
    assert code == 2
    assert "did you mean 'bleed'" in said


def test_options_that_are_not_given_leave_a_recipe_as_it_is() -> None:
    shared = {field.name for field in fields(Recipe)} & set(inspect.signature(adapt).parameters)
    assert {"seed", "rank", "epochs", "method"} <= shared
    assert {inspect.signature(adapt).parameters[name].default for name in shared} == {None}


@pytest.fixture(scope="module")
def child(bank: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The folder of a parent, and what adapting it printed."""
    folder = tmp_path_factory.mktemp("siglip")
    parent, places = siglip_folder(folder / "mine"), ("--cache", folder / "cache", "--work", folder / "work")
    asked = ("--encoder", f"siglip:{parent}", "--finding", "bleed", "--method", "lora", "--epochs", 1, "--name", "child", *places)
    with homes(bank.parent):
        result = CliRunner().invoke(app, [str(word) for word in ("adapt", bank, *asked, "--probe", "cosine", "--json", "--workers", "1")])
    assert result.exit_code == 0, result.output
    return parent, json.loads(result.stdout)


def test_one_answer_as_json_holds_the_child_and_its_probe(child: tuple[Path, dict[str, Any]]) -> None:
    said = child[1]
    assert said["child"] == "adapted:child"
    (probe,) = said["probe"]
    assert {row["head"] for row in probe["results"]} == {"cosine"}


def test_the_validation_is_the_auroc_of_scikit_learn(bank: Path, child: tuple[Path, dict[str, Any]]) -> None:
    """That of a head begun anew is not kept: what is compared is the probe, on the child's vectors as the bank has them."""
    opened, said = Bank.open(bank), child[1]
    rows = opened.sql("SELECT p.score, l.value FROM predictions p JOIN labels l ON l.item = p.item WHERE l.finding = 'bleed'").to_pylist()
    (found,) = [row for row in said["probe"][0]["results"] if row["metric"] == "auroc"]
    assert found["mean"] == pytest.approx(roc_auc_score([row["value"] for row in rows], [row["score"] for row in rows]))


def test_points_between_are_opened_where_the_user_says_their_parent_is(bank: Path, child: tuple[Path, dict[str, Any]]) -> None:
    code, said = run("wise", bank, "child", "--alphas", "0.5", "--workers", "1")
    assert code == 1
    assert "--parent siglip:PATH" in said
    code, said = run("wise", bank, "child", "--alphas", "0.5", "--workers", "1", "--parent", f"siglip:{child[0]}")
    assert code == 0, said
    assert "0.5 of adapted:child: adapted:child-wise0.5" in said
    for alphas in ("0.25,2", "nan"):
        code, said = run("wise", bank, "child", "--alphas", alphas, "--parent", f"siglip:{child[0]}")
        assert code == 2
        assert "expected a number between 0 and 1" in said
    assert "wise0.25" not in run("lineage", bank)[1]
    code, said = run("wise", bank, "child", "--probe", "lineer")
    assert code == 2
    assert "did you mean 'linear'" in said


def test_a_parent_whose_weights_changed_is_told(bank: Path, child: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    changed = siglip_folder(tmp_path / "mine", seed=1)
    code, said = run("embed", bank, "--encoder", f"adapted:child,siglip:{changed}", "--workers", "1")
    assert code == 1
    assert "its parent's weights changed: expected sha256" in said
    code, said = run("wise", bank, "child", "--alphas", "0.75", "--parent", f"siglip:{changed}")
    assert code == 1
    assert "its parent's weights changed" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--finding", "bleed", "--probe", "lineer"], "did you mean 'linear'"),
        (["--method", "contrastive", "--probe", "linear"], "name some by --finding"),
        (["--finding", "bleed", "--probe", "linear", "--no-embed"], "leave --no-embed out"),
        (["--finding", "bleed", "--cache-gb", "inf"], "expected a number of gigabytes"),
        (["--finding", "bleed", "--alpha", "nan"], "--alpha nan: expected a number over 0"),
        (["--finding", "bleed", "--seed", str(2**70)], "expected a whole number below 2**63"),
    ],
)
def test_mistakes_are_told_before_anything_is_made(bank: Path, words: list[str], said: str) -> None:
    code, output = run("adapt", bank, "--encoder", "tiny", *words)
    assert code == 2
    assert said in output


def test_what_the_terms_of_contrastive_need_is_told_with_a_command_that_helps(bank: Path, tmp_path: Path) -> None:
    table = tmp_path / "reports.csv"
    rows = (f'{bank.parent}/scans/s{i}.nii.gz,"FINDINGS: {"A bleed" if i % 2 else "No bleed"} {i}."' for i in range(20))
    table.write_text("path,report\n" + "\n".join(rows) + "\n")
    assert run("ingest", bank, "--reports", table)[0] == 0
    recipe = tmp_path / "r.yaml"
    recipe.write_text("method: contrastive\nprompt_weight: 0.5\n")
    code, said = run("adapt", bank, "--encoder", "tiny", "--recipe", recipe)
    assert code == 2
    assert "prompt_weight is for findings, and none is named: give --finding" in said
    recipe.write_text("method: contrastive\npointer_weight: 0.5\n")
    code, said = run("adapt", bank, "--encoder", "tiny", "--recipe", recipe, "--window", "brain")
    assert code == 2
    assert f"`scanbank embed {bank} --encoder tiny@1 --window=brain` first" in said
    assert "decoding" not in said


def contrastive(bank: Path, folder: Path, finding: str, terms: str) -> Bank:
    """The bank with a child `three` of tiny, which learned from reports in parts of a batch."""
    recipe = folder / "r.yaml"
    recipe.write_text(f"method: contrastive\nbatch: 4\nmicro: 2\nepochs: 1\nmoves: lora\n{terms}")
    what = ("--encoder", "tiny@1", "--recipe", recipe, "--finding", finding, "--name", "three", "--cache", folder / "cache")
    code, said = run("adapt", bank, *what)
    assert code == 0, said
    opened = Bank.open(bank)
    assert {one.key.kind for one in opened.feature_sets if one.key.encoder.name == "adapted:three"} >= {"volume", "depth", "text"}
    return opened


def test_reports_and_prompts_are_learned_at_once(tmp_path: Path) -> None:
    bank, table = scans_bank(tmp_path, 20).path, tmp_path / "reports.csv"
    rows = (f'{tmp_path}/scans/s{i}.nii.gz,"FINDINGS: {"A bleed" if i % 2 else "No bleed"} {i}."' for i in range(20))
    table.write_text("path,report\n" + "\n".join(rows) + "\n")
    assert run("ingest", bank, "--reports", table)[0] == 0
    opened = contrastive(bank, tmp_path, "bleed", "prompt_weight: 0.5\n")
    cards = [row["card"] for row in opened.snapshot.latest("encoders", "name", "card") if row["name"] == "adapted:three"]
    assert read_card(cards[0], "card")[0].recipe["wordings"] == 4


@pytest.mark.slow
def test_the_three_terms_are_learned_at_once(tmp_path: Path) -> None:
    """On phantoms, whose reports refer to images."""
    cohort, bank = tmp_path / "cohort", tmp_path / "bank"
    key = ("--key-file", tmp_path / "key")
    SecretKey(bytes(range(32))).write(tmp_path / "key")  # ids follow from it, and sides from ids
    assert run("phantom", cohort, "--cohort", "chest", "--patients", "14", "--seed", "9", "--no-masks")[0] == 0
    assert run("init", bank, *key)[0] == 0
    tables = ("--labels", cohort / "labels.csv", "--reports", cohort / "reports.csv")
    assert run("ingest", bank, cohort / "dicom", *tables, *key)[0] == 0
    assert run("embed", bank, "--encoder", "tiny@1")[0] == 0
    opened = contrastive(bank, tmp_path, "nodule", "prompt_weight: 0.5\npointer_weight: 0.5\n")
    assert any(pointing(opened, opened.sql("SELECT ordinal FROM volumes ORDER BY ordinal").column(0).to_numpy()))
