"""From a bank to a child in it: what is learned, from whom, and what the bank knows of it afterwards."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from adapt_banks import net_encoder, scans_bank
from scanbank.embed.adapt.card import check_child_name
from scanbank.embed.adapt.opening import within
from scanbank.embed.adapt.recipe import Recipe
from scanbank.embed.torch_encoder import TorchEncoder
from scanbank.eval.adapt_data import Learned, adapt_items
from scanbank.eval.adapt_run import Child, child_name, run
from scanbank.eval.adapting import Place, adaptable, plan, prepared
from scanbank.eval.sweep import sweep
from scanbank.store import Bank
from scanbank.store.errors import UnknownNameError, UsageError
from scanbank.store.progress import Silent

FULL = Recipe(method="full", epochs=12, batch=8, learning_rate=1e-2, warmup=0.0, patience=0)
ASKED = Learned(("bleed",))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a bank whose child `net-full-bleed` is there."""
    return tmp_path_factory.mktemp("adapt")


@pytest.fixture(scope="module")
def bank(folder: Path) -> Bank:
    return scans_bank(folder)


def adapted(bank: Bank, folder: Path, recipe: Recipe = FULL, asked: Learned = ASKED, side: str = "volume", name: str = "") -> Child:
    encoder = net_encoder(side)
    ready = prepared(bank, encoder, recipe, asked, encoder.view)
    place = Place(folder / "work", folder / "cache")
    return run(ready, encoder.spec.name, name or child_name(encoder.spec, recipe, asked), lambda: net_encoder(side), place, Silent())


@pytest.fixture(scope="module")
def child(bank: Bank, folder: Path) -> Child:
    return adapted(bank, folder)


def test_the_child_learned_and_has_features_of_its_own(bank: Bank, child: Child) -> None:
    assert child.encoder.spec.name == "adapted:net-volume-full-bleed"
    assert child.encoder.spec.parent == net_encoder().spec.digest
    assert child.adapted is not None
    assert not child.adapted.failed
    losses = [one["loss"] for one in child.card.epochs]
    assert min(losses) < 0.7 * losses[0]
    best = child.card.epochs[child.card.best - 1]["score"]
    assert best == max(one["score"] for one in child.card.epochs)
    features = bank.features("adapted:net-volume-full-bleed/-200..200/volume")
    assert len(features.items()) == 30


def test_the_child_opened_from_the_bank_gives_the_vectors_that_it_embedded(bank: Bank, child: Child) -> None:
    again = within(bank, lambda _: net_encoder())(child.encoder.spec.name)
    voxels = np.random.default_rng(0).normal(size=(2, 1, 4, 8, 8)).astype(np.float32)
    np.testing.assert_array_equal(again.encode_volumes(voxels).vector, child.encoder.encode_volumes(voxels).vector)
    assert isinstance(again, TorchEncoder)
    assert again.spec == child.encoder.spec


def test_the_same_is_not_made_again_and_another_of_its_name_is_refused(bank: Bank, child: Child, folder: Path) -> None:
    again = adapted(bank, folder)
    assert again.adapted is None
    assert again.encoder.spec == child.encoder.spec
    with pytest.raises(UsageError, match="of other settings or data; choose another --name"):
        adapted(bank, folder, replace(FULL, seed=5), name="net-volume-full-bleed")


def test_whom_it_saw_is_written_down_and_tests_on_them_are_refused(bank: Bank, child: Child) -> None:
    items = adapt_items(bank, ASKED)
    seen = {row["item"] for row in bank.sql("SELECT item FROM trained_items").to_pylist()}
    assert seen == {items.items[row] for row in [*items.train, *items.val]}
    assert len(seen) < 30
    told = sweep(bank, "bleed", ["cosine"], [None], choice=None)  # the split that it was trained by
    assert told.study.split.name == "patients-0"
    with pytest.raises(UsageError, match="patients that an encoder was trained on"):
        sweep(bank, "bleed", ["cosine"], [None], split="patients-7")


def test_slices_of_scans_train_an_encoder_of_slices(bank: Bank, folder: Path) -> None:
    found = adapted(bank, folder, replace(FULL, planes=2, epochs=2), side="slice")
    assert found.adapted is not None
    assert found.adapted.asked.trained_in.slices == "even:2"
    assert found.card.view is not None
    assert found.card.view.slices == "source"  # embedded whole
    assert len(bank.features("adapted:net-slice-full-bleed/-200..200/slice").items()) == 30 * 4


def test_shots_are_those_of_a_sweep(bank: Bank, folder: Path) -> None:
    found = adapted(bank, folder, replace(FULL, epochs=1), replace(ASKED, shots=2, repeat=1))
    assert found.encoder.spec.name == "adapted:net-volume-full-bleed-2shots-1"
    assert found.card.data["items"]["train"] == 4
    drawn = {row["item"] for row in bank.sql("SELECT item FROM draws WHERE shots = 2 AND repeat = 1").to_pylist()}
    assert not drawn or drawn <= {row["item"] for row in bank.sql("SELECT item FROM trained_items").to_pylist()}


def test_scans_that_are_gone_cost_themselves(tmp_path: Path) -> None:
    bank = scans_bank(tmp_path, 30)
    for name in ("s0", "s1"):
        (tmp_path / "scans" / f"{name}.nii.gz").unlink()
    found = adapted(bank, tmp_path, replace(FULL, epochs=1))
    assert found.adapted is not None
    lost = len(found.adapted.failed)
    assert found.card.data["items"]["train"] + found.card.data["items"]["val"] == len(found.adapted.seen)
    items = adapt_items(bank, ASKED)
    assert len(found.adapted.seen) == len(items.train) + len(items.val) - lost


def test_all_scans_gone(tmp_path: Path) -> None:
    bank = scans_bank(tmp_path, 20)
    for file in (tmp_path / "scans").iterdir():
        file.unlink()
    with pytest.raises(UsageError, match=r"none of the .* scans to train on can be had"):
        adapted(bank, tmp_path)


def test_what_would_train_is_listed(bank: Bank) -> None:
    listed = plan(net_encoder(), replace(FULL, method="partial", layers="lower:0.5"))
    assert listed == [("blocks.0.inner.weight", (8, 8), 64), ("blocks.0.inner.bias", (8,), 8)]


@pytest.mark.parametrize(
    ("recipe", "asked", "said"),
    [
        (FULL, Learned(()), "no finding is named"),
        (FULL, Learned(("blede",)), "did you mean 'bleed'"),
        (FULL, Learned(("bleed",), split="patients-x"), "patients-x"),
        (FULL, Learned(("bleed",), shots=1000), "1000 shots"),
        (Recipe(method="adapters"), ASKED, None),
        (replace(FULL, method="partial", layers="lower:2.5"), ASKED, "expected a fraction"),
        (replace(FULL, method="partial", layers="blocks.7"), ASKED, "block 'blocks.7' is unknown"),
        (Recipe(method="vocabfine"), ASKED, "takes no texts"),
        (Recipe(method="vocabfine", sides="image"), ASKED, "takes no texts"),
    ],
)
def test_mistakes_are_told(bank: Bank, folder: Path, recipe: Recipe, asked: Learned, said: str | None) -> None:
    if said is None:
        assert adapted(bank, folder, replace(recipe, epochs=1)).adapted is not None
        return
    with pytest.raises((UsageError, UnknownNameError)) as error:
        adapted(bank, folder, recipe, asked, name="never")
    assert said in str(error.value)


def test_an_encoder_without_weights_here_is_told_what_fits(bank: Bank) -> None:
    from scanbank.embed import open_encoder

    with pytest.raises(UsageError, match="no method of adaptation fits it"):
        adaptable(open_encoder("intensity"))


def test_labels_of_one_class_on_a_side(tmp_path: Path) -> None:
    bank = scans_bank(tmp_path, 20)
    rows = bank.sql("SELECT DISTINCT patient FROM volumes ORDER BY patient").column(0).to_pylist()
    present = set(
        bank.sql("SELECT DISTINCT v.patient FROM labels l JOIN volumes v ON v.volume = l.item WHERE l.value = 1").column(0).to_pylist()
    )
    with bank.commit("split") as commit:
        sides = ({"split": "odd", "item": one, "level": "patient", "side": "train" if one in present else "val"} for one in rows)
        commit.append("splits", list(sides))
    bank.refresh()
    with pytest.raises(UsageError, match="the training side has present alone of 'bleed'"):
        adapt_items(bank, Learned(("bleed",), split="odd"))


@pytest.mark.parametrize(
    ("parent", "window", "name"),
    [
        ("tiny@1", "brain", "tiny@1-lora-bleed-brain"),
        ("timm:resnet18+random0", "", "timm-resnet18-random0-lora-bleed"),
        ("open_clip:ViT-B-32/laion2b+bf16", "-200..200", "open_clip-ViT-B-32-lora-bleed--200..200"),
    ],
)
def test_children_have_names_that_can_be_kept(parent: str, window: str, name: str) -> None:
    found = child_name(replace(net_encoder().spec, name=parent), Recipe(), ASKED, window)
    assert found == name
    check_child_name(found)


def test_a_name_that_cannot_be_kept_is_told_before_anything_is_trained(bank: Bank, folder: Path) -> None:
    with pytest.raises(UsageError, match="cannot be called 'a/b'"):
        adapted(bank, folder, name="a/b")
    assert not list((folder / "work").glob("*"))
