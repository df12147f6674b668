"""What is said of findings, as heads that learn from class texts take it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eval_banks import VOLUME, add_labels, add_vectors, add_volumes, toy_bank
from scanbank.embed.registry import open_encoder
from scanbank.embed.torch_encoder import TorchEncoder
from scanbank.eval.coop import CoOp, learn_context
from scanbank.eval.feature_choice import FeatureChoice
from scanbank.eval.prompts import Said, Wording
from scanbank.eval.sweep import sweep_all
from scanbank.heads import HEADS, Support, zero_shot
from scanbank.heads.vectors import unit
from scanbank.store import Bank, EncoderSpec, FeatureKey, ViewSpec, Window
from scanbank.store.errors import EncoderError, UsageError
from toy_texts import Toy, opened

VIEW = ViewSpec((Window(0, 80),))
SAID = ("hemorrhage is present.", "hemorrhage is not present.")


@pytest.fixture(scope="module")
def tiny() -> TorchEncoder:
    found = open_encoder("tiny", device="cpu")
    assert isinstance(found, TorchEncoder)
    return found


@pytest.fixture
def told(bank: Bank, tiny: TorchEncoder) -> Bank:
    """30 patients with a volume each, every other with the finding, and vectors that lean towards what is said of it."""
    ordinals = add_volumes(bank, [f"p{i}" for i in range(30)])
    y = np.arange(30) % 2
    add_labels(bank, "hemorrhage", {f"v{i}": str(label) for i, label in enumerate(y)})
    texts = tiny.encode_texts([SAID[1], SAID[0]]).vector
    noise = np.random.default_rng(0).normal(size=(30, tiny.spec.dim)) / np.sqrt(tiny.spec.dim)
    add_vectors(bank, FeatureKey("volume", tiny.spec, VIEW), ordinals, texts[y] + noise)
    return bank


def predictions(bank: Bank, run: str) -> dict[str, float]:
    rows = bank.sql(f"SELECT item, score FROM predictions WHERE run = '{run}' ORDER BY item").to_pylist()
    return {row["item"]: row["score"] for row in rows}


def drawn(bank: Bank) -> tuple[list[int], np.ndarray]:
    """Numbers of the only draw's volumes, and their labels."""
    items = sorted(int(row["item"][1:]) for row in bank.sql("SELECT item FROM draws").to_pylist())
    return items, np.array(items) % 2


def vectors(bank: Bank, tiny: TorchEncoder) -> np.ndarray:
    return bank.features(f"{tiny.spec.name}/brain/volume").vectors().astype(np.float64)


def test_heads_learn_from_the_words_of_a_file(told: Bank, tiny: TorchEncoder) -> None:
    """Other words are another run; an ensemble is the mean of its unit vectors."""
    opened: Any = {"opened_by": lambda _: tiny}
    present, absent = ("blood in the head", "hemorrhage"), ("no blood", "nothing bleeds")
    (usual,) = sweep_all(told, ["hemorrhage"], ["tip_adapter"], [2], 1, **opened)
    (own,) = sweep_all(told, ["hemorrhage"], ["tip_adapter"], [2], 1, wording=Wording(Said(present, absent)), **opened)
    assert usual.run != own.run
    (row,) = told.sql(f"SELECT settings FROM runs WHERE run = '{own.run}'").to_pylist()
    assert json.loads(row["settings"])["texts"] == {"present": list(present), "absent": list(absent)}
    assert told.features(f"{tiny.spec.name}/prompt").rows == 2 + 4
    X, (items, y) = vectors(told, tiny), drawn(told)
    sides = {row["item"]: row["side"] for row in told.sql("SELECT item, side FROM splits").to_pylist()}
    val = np.array(sorted(int(item[1:]) for item, side in sides.items() if side == "val"))
    for result, texts in ((usual, ((SAID[1],), (SAID[0],))), (own, (absent, present))):
        made = [unit(unit(np.stack([tiny.encode_texts([t]).vector[0] for t in of]).astype(np.float64)).mean(axis=0)) for of in texts]
        scale = tiny.spec.logit_scale or 0.0
        support = Support(np.array(items), y, Support(val, val % 2), texts=np.stack(made), logit_scale=scale)
        found = predictions(told, result.run)
        asked = np.array([int(item[1:]) for item in found])
        assert list(found.values()) == pytest.approx(HEADS["tip_adapter"].scores(X, [support], asked)[0], abs=1e-6)
    (again,) = sweep_all(told, ["hemorrhage"], ["tip_adapter"], [2], 1, wording=Wording(Said(present, absent)), **opened)
    assert (again.run, again.made) == (own.run, 0)


def test_coop_learns_before_the_words(told: Bank, tiny: TorchEncoder) -> None:
    (result,) = sweep_all(told, ["hemorrhage"], ["coop"], [1], 1, opened_by=lambda _: tiny)
    items, y = drawn(told)
    X = vectors(told, tiny)
    found = predictions(told, result.run)
    asked = np.array([int(item[1:]) for item in found])
    seed = seed_of(told)
    context = learn_context(tiny, X[items], y, SAID[::-1], CoOp(), seed)
    absent, present = context.vectors(tiny)
    scale = tiny.spec.logit_scale or 0.0
    assert list(found.values()) == pytest.approx(zero_shot(present, absent, scale).decision_function(X[asked]), abs=1e-6)
    there, not_there = tiny.encode_texts(list(SAID)).vector
    usual = zero_shot(there, not_there, scale).decision_function(X[asked])
    assert np.abs(np.array(list(found.values())) - usual).max() > 0.1
    (again,) = sweep_all(told, ["hemorrhage"], ["coop"], [1], 1, opened_by=lambda _: tiny)
    assert again.made == 0


def seed_of(bank: Bank) -> int:
    import hashlib

    (name,) = {row["draw"] for row in bank.sql("SELECT draw FROM draws").to_pylist()}
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "little")


def test_what_coop_cannot_learn_from(told: Bank, tiny: TorchEncoder) -> None:
    several = Wording(Said(("blood", "hemorrhage"), ("no blood",)))
    with pytest.raises(UsageError, match="'coop' learns a context before one text of presence and one of absence"):
        sweep_all(told, ["hemorrhage"], ["cosine", "coop"], [1], 1, wording=several, opened_by=lambda _: tiny)
    assert told.sql("SELECT * FROM metrics").num_rows == 0  # nothing was fitted before


def test_a_context_is_not_saved_as_a_head(told: Bank, tiny: TorchEncoder, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'coop' is a context of an encoder, which a study does not save: .*learn_context"):
        sweep_all(told, ["hemorrhage"], ["coop"], [None], 1, command="probe", opened_by=lambda _: tiny, save=tmp_path / "heads")
    assert not (tmp_path / "heads").exists()
    assert told.sql("SELECT * FROM metrics").num_rows == 0


def test_coop_needs_a_text_side_that_can_be_learned_through(bank: Bank) -> None:
    toy_bank(bank)
    before = bank.snapshot.id
    with pytest.raises(EncoderError, match=r"'toy' has no text side whose embeddings can be learned; choose one that has, such as tiny"):
        sweep_all(bank, ["bleed"], ["coop"], [1], 1, choice=FeatureChoice((VOLUME.name,)), opened_by=opened(Toy()))
    with pytest.raises(UsageError, match=r"needs an encoder with a text side, and none of the bank's feature sets here has one \(flat\)"):
        sweep_all(bank, ["bleed"], ["coop"], [1], 1, choice=FeatureChoice(encoder="flat"), opened_by=opened(Toy()))
    assert Bank.open(bank.path).snapshot.id == before


def test_words_that_no_head_reads_are_refused(told: Bank, tiny: TorchEncoder) -> None:
    with pytest.raises(UsageError, match="prompts are for heads that learn from class texts, and none of cosine, knn does"):
        sweep_all(told, ["hemorrhage"], ["cosine", "knn"], [1], 1, wording=Wording())
    with pytest.raises(UsageError, match="prompts of hemorrhage say nothing of absence"):
        sweep_all(told, ["hemorrhage"], ["tip_adapter"], [1], 1, wording=Wording(Said(("blood",))), opened_by=lambda _: tiny)


def test_a_set_whose_encoder_reads_no_texts_is_left_out(told: Bank, tiny: TorchEncoder) -> None:
    mute = FeatureKey("volume", EncoderSpec("mute", "1", 4), VIEW)
    ordinals = np.array([row["ordinal"] for row in told.sql("SELECT ordinal FROM volumes ORDER BY ordinal").to_pylist()])
    add_vectors(told, mute, ordinals, np.random.default_rng(1).normal(size=(30, 4)))

    def open_one(name: str) -> TorchEncoder:
        if name == "mute":
            raise EncoderError("encoder 'mute': its weights are not here")
        return tiny

    (result,) = sweep_all(told, ["hemorrhage"], ["tip_adapter", "cosine"], [1], 1, opened_by=open_one)
    assert {(row.head, row.features) for row in result.summary()} == {
        ("tip_adapter", f"{tiny.spec.name}/brain/volume"),
        ("cosine", f"{tiny.spec.name}/brain/volume"),
        ("cosine", "mute/brain/volume"),
    }
    assert "encoder 'mute': its weights are not here" in result.remarks
