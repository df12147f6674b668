"""Contexts that are learned before class texts."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from scanbank.embed.registry import open_encoder
from scanbank.embed.torch_encoder import TorchEncoder
from scanbank.embed.weights import weights_digest
from scanbank.eval.contexts import ARRAYS, CARD, Context, ContextFileError
from scanbank.eval.coop import COOP, CoOp, CoOpKind, TextSide, learn_context
from scanbank.heads import Support, zero_shot
from scanbank.heads.vectors import softmax, unit
from scanbank.store.errors import EncoderError, UsageError
from text_encoders import LEARNABLE, learnable

TAILS = ("normal", "with hemorrhage")
SHORT = CoOp(tokens=3, epochs=30, rate=0.02)


@pytest.fixture(scope="module", params=LEARNABLE)
def encoder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TorchEncoder:
    return learnable(request.param, tmp_path_factory.mktemp("coop"))


@pytest.fixture(scope="module")
def tiny() -> TorchEncoder:
    found = open_encoder("tiny", device="cpu")
    assert isinstance(found, TorchEncoder)
    return found


def rows(encoder: TorchEncoder, items: int = 12, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Vectors that lean towards the wrong class text a little, and their classes."""
    random = np.random.default_rng(seed)
    y = np.arange(items) % 2
    texts = encoder.encode_texts(list(TAILS)).vector
    return texts[1 - y] + random.normal(size=(items, encoder.spec.dim)) / np.sqrt(encoder.spec.dim), y


def loss(encoder: TorchEncoder, context: Context, X: np.ndarray, y: np.ndarray) -> float:
    scale = encoder.spec.logit_scale or 100.0
    chances = softmax(scale * unit(X) @ context.vectors(encoder).astype(np.float64).T)
    return float(-np.log(chances[np.arange(len(y)), y]).mean())


@pytest.mark.parametrize("class_specific", [False, True])
def test_the_loss_falls_and_the_encoder_stays_as_it_is(encoder: TorchEncoder, class_specific: bool) -> None:
    X, y = rows(encoder)
    digest, width = weights_digest(encoder.model), encoder.text_tower.embedding.embedding_dim if encoder.text_tower else 0
    settings = dataclasses.replace(SHORT, class_specific=class_specific)
    before = learn_context(encoder, X, y, TAILS, dataclasses.replace(settings, epochs=0))
    after = learn_context(encoder, X, y, TAILS, settings)
    assert before.embeddings.shape == after.embeddings.shape == ((2, 3, width) if class_specific else (3, width))
    assert loss(encoder, after, X, y) < loss(encoder, before, X, y) - 3e-4  # of a CT-CLIP's logit scale of 2.7; others fall further
    assert weights_digest(encoder.model) == digest
    assert all(weight.grad is None and not weight.requires_grad for weight in encoder.model.parameters())


@pytest.mark.parametrize("class_specific", [False, True])
def test_words_to_start_from_are_that_prompt_before_the_first_step(encoder: TorchEncoder, class_specific: bool) -> None:
    X, y = rows(encoder)
    settings = CoOp(start="a head ct", epochs=0, class_specific=class_specific)
    found = learn_context(encoder, X, y, TAILS, settings)
    prompts = encoder.encode_texts([f"a head ct {tail}" for tail in TAILS]).vector
    wanted = zero_shot(prompts[1], prompts[0], 50.0).decision_function(X)
    vectors = found.vectors(encoder)
    assert zero_shot(vectors[1], vectors[0], 50.0).decision_function(X) == pytest.approx(wanted, abs=1e-5)
    moved = learn_context(encoder, X, y, TAILS, dataclasses.replace(settings, epochs=20))
    assert moved.embeddings.shape == found.embeddings.shape
    assert not np.array_equal(moved.embeddings, found.embeddings)


def test_the_published_loop(tiny: TorchEncoder) -> None:
    """The recipe in plain PyTorch, with torch's optimizer and schedule, on the modules of `tiny`."""
    X, y = rows(tiny)
    settings = CoOp(tokens=4, epochs=25)
    model: Any = tiny.model
    ids = [model.pieces([tail])[0].tolist() for tail in TAILS]
    context = torch.from_numpy(np.random.default_rng(3).normal(0, 0.02, (4, 128)).astype(np.float32)).requires_grad_()
    images = torch.from_numpy(X / np.linalg.norm(X, axis=1, keepdims=True))

    def vectors() -> torch.Tensor:
        made = []
        for row in ids:
            text = model.text
            x = torch.cat([context, text.embedding(torch.tensor(row))]) + text.position[: 4 + len(row)]
            x = text.norm(text.layers(x[None]))
            made.append(torch.nn.functional.normalize(text.head(x.mean(1)), dim=-1)[0])
        return torch.stack(made)

    optimizer = torch.optim.SGD([context], lr=0.002, momentum=0.9, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 25)
    for epoch in range(25):
        if epoch == 0:
            optimizer.param_groups[0]["lr"] = 1e-5
        logits = (tiny.spec.logit_scale or 0.0) * images @ vectors().double().T
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(logits, torch.from_numpy(y)).backward()
        optimizer.step()
        if epoch == 0:
            optimizer.param_groups[0]["lr"] = 0.002
        else:
            schedule.step()
    found = learn_context(tiny, X, y, TAILS, settings, seed=3)
    np.testing.assert_allclose(found.embeddings, context.detach().numpy(), atol=2e-5)
    with torch.no_grad():
        np.testing.assert_allclose(found.vectors(tiny), vectors().numpy(), atol=1e-4)


def test_as_a_head_of_a_study(tiny: TorchEncoder) -> None:
    X, y = rows(tiny, 40)
    supports = [Support(np.arange(s, s + n), y[s : s + n], words=TAILS, seed=s) for s, n in ((0, 4), (4, 8), (2, 12))]
    kind, features = CoOpKind("short", "for a test", SHORT), TextSide(X, tiny)
    scores = kind.scores(features, supports, np.arange(20, 40))
    assert scores.shape == (3, 20)
    assert np.array_equal(kind.scores(features, supports[::-1], np.arange(20, 40)), scores[::-1])
    assert np.array_equal(kind.scores(features, supports[1:2], np.arange(20, 40))[0], scores[1])
    one = supports[1]
    context = learn_context(tiny, X[one.rows], one.y, TAILS, SHORT, one.seed)
    absent, present = context.vectors(tiny)
    alone = zero_shot(present, absent, tiny.spec.logit_scale or 100.0).decision_function(X[20:])
    assert scores[1] == pytest.approx(alone, abs=1e-9)


def test_what_a_study_may_name(tiny: TorchEncoder) -> None:
    assert {name: (kind.settings.tokens, kind.settings.class_specific) for name, kind in COOP.items()} == {
        "coop": (16, False),
        "coop_csc": (16, True),
    }
    assert COOP["coop"].spec["params"] == dataclasses.asdict(CoOp())
    X, y = rows(tiny)
    with pytest.raises(UsageError, match="'coop' learns a context before one text of presence and one of absence"):
        COOP["coop"].scores(TextSide(X, tiny), [Support(np.arange(12), y)], np.arange(12))


def test_a_seed_is_all_that_chance_knows(tiny: TorchEncoder) -> None:
    X, y = rows(tiny, 40)  # more than a batch
    settings = dataclasses.replace(SHORT, epochs=3)
    state = torch.get_rng_state()
    first = learn_context(tiny, X, y, TAILS, settings, seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(first.embeddings, learn_context(tiny, X, y, TAILS, settings, seed=1).embeddings)
    assert not np.array_equal(first.embeddings, learn_context(tiny, X, y, TAILS, settings, seed=2).embeddings)


def test_a_context_comes_back_and_belongs_to_its_encoder(tiny: TorchEncoder, tmp_path: Path) -> None:
    X, y = rows(tiny)
    context = learn_context(tiny, X, y, TAILS, dataclasses.replace(SHORT, epochs=2, class_specific=True))
    context.save(tmp_path / "new" / "context")
    found = Context.load(tmp_path / "new" / "context")
    assert dataclasses.replace(found, embeddings=context.embeddings) == context
    assert np.array_equal(found.embeddings, context.embeddings)
    assert np.array_equal(found.vectors(tiny), context.vectors(tiny))
    assert sorted(p.name for p in (tmp_path / "new").rglob("*")) == [CARD, "context", ARRAYS]
    with pytest.raises(UsageError, match="exists already"):
        context.save(tmp_path / "new" / "context")
    with pytest.raises(UsageError, match=r"was learned on encoder 'tiny@1' .*'tiny@1\+random1' .* has other embeddings"):
        found.vectors(open_encoder("tiny+random1", device="cpu"))


@pytest.mark.parametrize("name", [CARD, ARRAYS])
def test_damage_is_one_clear_error(name: str, tiny: TorchEncoder, tmp_path: Path) -> None:
    X, y = rows(tiny)
    learn_context(tiny, X, y, TAILS, CoOp(tokens=1, epochs=0)).save(tmp_path / "context")
    path = tmp_path / "context" / name
    whole = path.read_bytes()
    for broken in (b"", whole[: len(whole) // 2], b"[]", b"{}"):
        path.write_bytes(broken)
        with pytest.raises(ContextFileError, match=r"damaged|is of format"):
            Context.load(tmp_path / "context")
    path.unlink()
    with pytest.raises(ContextFileError, match="holds no context: No such file"):
        Context.load(tmp_path / "context")


@pytest.mark.parametrize("change", [{"format": 2}, {"texts": ["one"]}, {"texts": "ab"}, {"start": None}])
def test_a_card_that_says_other_things(change: dict[str, object], tiny: TorchEncoder, tmp_path: Path) -> None:
    X, y = rows(tiny)
    learn_context(tiny, X, y, TAILS, CoOp(tokens=1, epochs=0, class_specific=True)).save(tmp_path / "context")
    path = tmp_path / "context" / CARD
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ContextFileError):
        Context.load(tmp_path / "context")


def test_bad_input(tiny: TorchEncoder) -> None:
    X, y = rows(tiny)
    with pytest.raises(UsageError, match="one text a class is wanted"):
        learn_context(tiny, X, y, [*TAILS, "a third"])
    with pytest.raises(UsageError, match=r"finite vectors \(n, 128\)"):
        learn_context(tiny, X[:, :5], y, TAILS)
    with pytest.raises(UsageError, match="0 tokens"):
        CoOp(tokens=0)
    with pytest.raises(EncoderError, match="500 pieces of context make a text"):
        learn_context(tiny, X, y, TAILS, CoOp(tokens=500))
    with pytest.raises(EncoderError, match="'intensity' has no text side"):
        learn_context(open_encoder("intensity"), X, y, TAILS)
