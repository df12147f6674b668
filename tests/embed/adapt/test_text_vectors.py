from __future__ import annotations

import pytest
import torch

from scanbank.embed.adapt.text_vectors import TextVectors, side_trains
from scanbank.store.errors import UsageError
from toy_towers import model_of, toy

TEXTS = [f"text {number}" for number in range(70)]


def test_which_side_trains() -> None:
    assert [side_trains(toy(trains=trains), side) for trains in ((), ("text",), ("image",)) for side in ("image", "text")] == [
        *(False, False),
        *(False, True),
        *(True, False),
    ]


def test_a_side_that_trains_has_gradients() -> None:
    encoder = toy(trains=("text",))
    vectors = TextVectors(encoder, TEXTS)
    assert vectors.of(TEXTS[:3]).requires_grad
    with torch.no_grad():
        model_of(encoder).text[0].bias += 1
        torch.testing.assert_close(vectors.of(TEXTS[:3]).double(), model_of(encoder).texts(TEXTS[:3]), atol=1e-6, rtol=0)


def test_a_side_that_does_not_is_encoded_once() -> None:
    encoder = toy(trains=("image",))
    before = model_of(encoder).texts(TEXTS)
    vectors = TextVectors(encoder, TEXTS)
    calls: list[int] = []
    model_of(encoder).text.register_forward_hook(lambda *given: calls.append(len(given[2])))
    found = vectors.of([TEXTS[0], TEXTS[69], TEXTS[0]])
    torch.testing.assert_close(found.double(), before[[0, 69, 0]], atol=1e-6, rtol=0)
    assert not found.requires_grad
    vectors.of([TEXTS[69], TEXTS[0]])
    assert len(calls) == 2  # groups of the same texts, whatever was asked for first
    assert torch.equal(TextVectors(encoder, TEXTS[::-1]).of([TEXTS[69]]), found[1:2])


def test_it_is_made_in_float32_whatever_a_step_is_computed_in() -> None:
    encoder = toy(trains=())
    encoder.model.float()
    with torch.autocast("cpu", torch.bfloat16):
        found = TextVectors(encoder, TEXTS).of(TEXTS)
    assert torch.equal(found, TextVectors(encoder, TEXTS).of(TEXTS))


def test_an_encoder_without_texts() -> None:
    encoder = toy()
    encoder.offers = frozenset({"volume"})
    with pytest.raises(UsageError, match="encoder 'toy' takes no texts to learn from; what fits it is supervision by labels"):
        TextVectors(encoder, TEXTS)
