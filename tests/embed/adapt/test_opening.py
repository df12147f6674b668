"""Adapted encoders that a bank keeps are opened from it, wherever it names them, and their parents as ever."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adapted_encoders import LORA, UPPER, adapted
from scanbank.embed import open_encoder
from scanbank.embed.adapt.artifact import write_artifact
from scanbank.embed.adapt.card import read_card
from scanbank.embed.adapt.child import child_of
from scanbank.embed.adapt.keeping import free_name
from scanbank.embed.adapt.moving import Moving
from scanbank.embed.adapt.opening import kept_named, open_in, within
from scanbank.embed.named import bank_name, is_named, open_named
from scanbank.eval.children import keep_child
from scanbank.store import Bank
from scanbank.store.errors import BankDamagedError, EncoderError, UnknownNameError, UsageError
from siglip_folders import siglip_folder

TEXTS = ["A nodule in the left lung.", "No effusion."]


def texts(encoder: Any) -> Any:
    return encoder.encode_texts(TEXTS).vector


@pytest.mark.parametrize("where", ["folder", "s3"])
def test_a_bank_opens_what_it_keeps_and_its_children(where: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    bank = Bank.create(str(tmp_path / "bank") if where == "folder" else request.getfixturevalue("s3_url"))
    first = adapted("first", moving=LORA)
    spec = keep_child(bank, first, [])
    assert spec == first.spec
    opened = within(bank)("adapted:first")
    assert opened.spec == spec
    assert np.array_equal(texts(opened), texts(child_of(open_encoder("tiny"), first)))
    write_artifact(tmp_path / "first", first)
    second = adapted("second", f"adapted:{tmp_path / 'first'}", UPPER, seed=1)
    keep_child(bank, second, [])
    grandchild = within(bank)("adapted:second+bf16")
    assert grandchild.spec == replace(second.spec, name="adapted:second+bf16")
    assert within(bank)("tiny@1").spec.name == "tiny@1"
    assert str(tmp_path) not in bank.sql("SELECT string_agg(card) AS c FROM encoders").column(0)[0].as_py()


def test_its_name_is_typed_as_any_uri(bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = adapted("one")
    keep_child(bank, one, [])
    assert open_in(bank, "adapted:one").spec == one.spec
    assert open_in(bank, "adapted:one+bf16", device="cpu").spec.name == "adapted:one+bf16"
    assert open_in(bank, "tiny").spec.name == "tiny@1"
    with pytest.raises(UsageError, match="leave --random-weights out"):
        open_in(bank, "adapted:one", random_weights=1)
    with pytest.raises(UnknownNameError, match=r"adapted encoder 'adapted:two' is unknown; .*adapted:one"):
        open_in(bank, "adapted:two")
    write_artifact(tmp_path / "runs" / "7", adapted("other"))
    monkeypatch.chdir(tmp_path)
    assert open_in(bank, "adapted:runs/7").spec.name == "adapted:other"
    assert bank_name("adapted:runs/7") == bank_name("adapted:runs/7,tiny@1") == "adapted:other"
    assert is_named("adapted:runs/7", "adapted:other")
    assert open_named("adapted:other", typed="adapted:runs/7").spec.name == "adapted:other"


def test_names_are_given_once(bank: Bank) -> None:
    keep_child(bank, adapted("one"), [])
    keep_child(bank, adapted("one"), [])
    assert bank.sql("SELECT name FROM encoders ORDER BY name").column(0).to_pylist() == ["adapted:one", "tiny@1"]
    with pytest.raises(UsageError, match=r"keeps another encoder 'adapted:one' .*; choose another --name, such as one-2"):
        keep_child(bank, adapted("one", seed=1), [])
    assert (free_name(bank, "one"), free_name(bank, "two")) == ("one-2", "two")
    assert kept_named(bank, "one").spec == kept_named(bank, "adapted:one").spec == adapted("one").spec
    assert kept_named(bank, adapted("one").spec.digest[:8]).name == "adapted:one"


def test_a_parent_in_a_folder_is_named_with_the_child(bank: Bank, tmp_path: Path) -> None:
    folder = siglip_folder(tmp_path / "models" / "mine")
    artifact = adapted("one", f"siglip:{folder}", Moving("partial", layers="upper:1"))
    keep_child(bank, artifact, [])
    assert read_card(bank.sql("SELECT card FROM encoders WHERE card IS NOT NULL").column(0)[0].as_py(), "card")[0].uri == "siglip:mine"
    with pytest.raises(EncoderError, match="'siglip:mine' has no weights on this machine"):
        open_in(bank, "adapted:one")
    assert open_in(bank, f"adapted:one,siglip:{folder}").spec == artifact.spec
    typed = partial(open_named, typed=f"adapted:one,siglip:{folder}")
    assert within(bank, typed)("adapted:one").spec == artifact.spec
    siglip_folder(folder, seed=5)
    with pytest.raises(EncoderError, match="its parent's weights changed: expected sha256"):
        open_in(bank, f"adapted:one,siglip:{folder}")


def test_what_the_opener_has_loaded_goes_first_where_it_is_the_same(bank: Bank) -> None:
    one = adapted("one")
    keep_child(bank, one, [])
    loaded = within(bank)("adapted:one")
    assert within(bank, {"adapted:one": loaded}.__getitem__)("adapted:one") is loaded
    other = open_encoder("intensity")
    openers = {"adapted:one": other, "tiny@1": open_encoder("tiny")}
    assert within(bank, openers.__getitem__)("adapted:one").spec == one.spec


def test_an_adapter_that_is_gone_is_told(bank: Bank) -> None:
    one = adapted("one")
    keep_child(bank, one, [])
    with bank.commit("drop") as commit:
        commit.drop_artifacts({one.sha256})
    bank.refresh()
    with pytest.raises(EncoderError, match=r"its adapter is not in .* any more"):
        within(bank)("adapted:one")


@pytest.mark.parametrize(
    "spec", ["{}", "[" * 50_000, "null", '{"name": "adapted:one", "version": "1", "dim": 4}'], ids=["empty", "deep", "null", "other"]
)
def test_a_table_that_says_something_else_is_damage(bank: Bank, spec: str) -> None:
    with bank.commit("edited") as commit:
        commit.append("encoders", [{"encoder": "ab", "name": "adapted:one", "adapter": "cd", "spec": spec, "card": "{}"}])
    bank.refresh()
    with pytest.raises(BankDamagedError, match="the row of 'adapted:one' describes another encoder"):
        within(bank)("adapted:one")
