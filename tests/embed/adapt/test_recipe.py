"""Recipes: settings as data."""

from __future__ import annotations

from pathlib import Path

import pytest

from scanbank.embed.adapt.recipe import Recipe, read_recipe
from scanbank.store.errors import UnknownNameError, UsageError


def test_a_file_gives_settings(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text("method: partial\nlayers: lower:0.5\nlearning_rate: 1e-4\nepochs: 3\nweight_decay: 0\n")
    recipe = read_recipe(path)
    assert (recipe.moving.method, recipe.moving.layers, recipe.moving.sides) == ("partial", "lower:0.5", ("image",))
    assert (recipe.training.learning_rate, recipe.training.epochs, recipe.training.weight_decay) == (1e-4, 3, 0.0)
    assert Recipe.from_dict(recipe.to_dict()) == recipe


def test_what_a_method_learns_says_what_moves_by_default() -> None:
    assert Recipe().moving.method == "lora"
    assert Recipe().learns == "labels"
    text = Recipe(method="vocabfine")
    assert (text.learns, text.moving.method, text.moving.sides) == ("vocabfine", "full", ("image", "text"))
    assert Recipe(method="contrastive", moves="lora", sides="image").moving.sides == ("image",)


def test_options_go_before_the_file() -> None:
    assert Recipe(epochs=3).with_({"epochs": 5, "rank": None}) == Recipe(epochs=5)


def test_rates_suit_what_moves() -> None:
    rates = {method: Recipe(method=method).training.learning_rate for method in ("lora", "adapters", "partial", "full")}
    assert rates["full"] < rates["partial"] < rates["lora"] < rates["adapters"]
    assert Recipe(learning_rate=0.5).training.learning_rate == 0.5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("methd: lora", "key 'methd' is unknown; did you mean 'method'?"),
        ("method: lorra", "method 'lorra' is unknown; did you mean 'lora'?"),
        ("epochs: many", "epochs is 'many'; expected a whole number"),
        ("epochs: 2.5", "epochs is 2.5; expected a whole number"),
        ("checkpointing: 1", "checkpointing is 1; expected true or false"),
        ("epochs: true", "epochs is True; expected a whole number"),
        ("warmup: fast", "warmup is 'fast'; expected a number"),
        ("warmup: 1", "--warmup 1.0: expected a share"),
        ("epochs: 0", "--epochs 0: expected 1 or more"),
        ("learning_rate: -1", "--learning-rate -1.0: expected a number from 0"),
        ("learning_rate: .nan", "expected a number from 0"),
        ("- lora", "holds a list; expected lines of"),
        ("lora", "holds a text; expected lines of"),
        ("a: [", "cannot be read"),
        ("", "holds nothing; expected lines of"),
        ("planes: 0", "--planes 0: expected 1 or more"),
        ("rank: -3", "--rank -3: expected 1 or more"),
        ("alpha: .nan", "--alpha nan: expected a number over 0"),
        ("alpha: .inf", "--alpha inf: expected a number over 0"),
        ("alpha: 0", "--alpha 0.0: expected a number over 0"),
        ("dropout: 1", "--dropout 1.0: expected a share"),
        ("label_smoothing: .nan", "smoothing nan: expected a share"),
        ("mixup: -1", "mixup -1.0: expected a number from 0"),
        ("sigma_mm: 0", "sigma_mm 0.0: expected a number over 0"),
        ("method: null", "method is None; expected a text"),
        ("seed: 100000000000000000000", "expected a whole number below 2**63"),
        pytest.param(f"learning_rate: 1{'0' * 400}", "expected a number", id="a number over all floats"),
        pytest.param(f"epochs: 1{'0' * 5000}", "line 1: epochs is '1000", id="a number of 5,001 digits"),
        ("epochs: 1\nmethod: 2024-99-99", "line 2: method is '2024-99-99'"),
        ("method: lora\nmethod: full", "line 2: 'method' is there twice"),
        ("layers: [a, b]", "line 1: expected `name: value`"),
        ("? [a, b]\n: 1", "line 1: expected `name: value`"),
        pytest.param("rank: &a [x, x]\nmethod: [*a, *a]", "line 1: expected `name: value`", id="an anchor, of which bombs are made"),
        pytest.param(f"method: {'[' * 5000}", "nested too deep", id="nested deep"),
        pytest.param("#" * 2**20 + "\nmethod: lora", "has more than 1048576 bytes", id="large"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(text)
    with pytest.raises(UsageError) as error:
        read_recipe(path)
    assert said in str(error.value)


def test_what_is_no_text_is_no_recipe(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_bytes(b"\xff\xfem\x00")
    with pytest.raises(UsageError, match="cannot be read"):
        read_recipe(path)


def test_a_recipe_of_a_card_can_be_given_again() -> None:
    assert Recipe().to_dict()["learning_rate"] is None
    assert Recipe.from_dict(Recipe().to_dict()) == Recipe()


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_recipe(tmp_path / "none.yaml")


def test_tags_of_yaml_make_no_objects(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    for text in ("!!python/object/apply:os.system ['true']", "!!python/name:os.system", "!!python/object/new:os.system x"):
        path.write_text(f"method: {text}")
        with pytest.raises(UsageError, match=r"cannot be read|expected `name: value`"):
            read_recipe(path)
    assert issubclass(UnknownNameError, UsageError)
