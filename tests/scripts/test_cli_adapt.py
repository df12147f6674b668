"""The commands adapt and study, by what they print and how they end."""

from __future__ import annotations

import inspect
from dataclasses import fields
from pathlib import Path

import pytest
from typer.testing import CliRunner

from adapt_banks import scans_bank
from scanbank.embed.adapt.recipe import Recipe
from scanbank.scripts.cli import app
from scanbank.scripts.cli_adapt import adapt
from scanbank.scripts.cli_study import _uris as uris
from scanbank.store.errors import UsageError


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return scans_bank(tmp_path_factory.mktemp("adapt"), 20).path


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
