"""The text sides of all kinds of encoders, opened at their embeddings."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from encoder_zoo import TEXTS
from scanbank.embed.text_tower import Pieces, TextTower
from scanbank.embed.torch_encoder import TorchEncoder
from text_encoders import LEARNABLE, learnable


@pytest.fixture(scope="module", params=LEARNABLE)
def encoder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TorchEncoder:
    return learnable(request.param, tmp_path_factory.mktemp("text"))


def tower_of(encoder: TorchEncoder) -> TextTower:
    assert encoder.text_tower is not None
    return encoder.text_tower


def test_its_own_embeddings_give_its_own_vectors(encoder: TorchEncoder) -> None:
    tower, texts = tower_of(encoder), [*TEXTS, "lungs"]
    pieces = tower.pieces(texts)
    with torch.no_grad():
        found = tower.encode_embedded(tower.embed(pieces), pieces).numpy()
    assert np.array_equal(found, encoder.encode_texts(texts).vector)
    assert tower.embed(pieces).shape == (*pieces.ids.shape, tower.embedding.embedding_dim)


def test_gradients_reach_the_embeddings_of_used_pieces_and_no_weight(encoder: TorchEncoder) -> None:
    tower = tower_of(encoder)
    pieces = tower.pieces(list(TEXTS))
    embeddings = tower.embed(pieces).detach().clone().requires_grad_()
    tower.encode_embedded(embeddings, pieces)[:, 0].sum().backward()
    assert embeddings.grad is not None
    first = embeddings.grad[:, tower.begins()].abs().sum(-1)
    assert (first > 0).all()
    assert all(weight.grad is None for weight in encoder.model.parameters())
    assert np.isfinite(encoder.encode_texts(["a head ct"]).vector).all()  # the hook is gone


def test_other_embeddings_give_other_vectors(encoder: TorchEncoder) -> None:
    """Those of another text of as many pieces give that text's vector."""
    tower = tower_of(encoder)
    one, other = tower.pieces(["a head ct"]), tower.pieces(["ct head a"])
    assert torch.equal(one.used, other.used)
    with torch.no_grad():
        found = tower.encode_embedded(tower.embed(other), one).numpy()
    np.testing.assert_allclose(found, encoder.encode_texts(["ct head a"]).vector, atol=1e-6)


def test_where_texts_begin(encoder: TorchEncoder) -> None:
    marked = encoder.spec.name.startswith(("open_clip", "ctclip"))  # [SOT], [CLS]
    assert tower_of(encoder).begins() == int(marked)


def test_room_for_more_pieces(encoder: TorchEncoder) -> None:
    tower = tower_of(encoder)
    first, short, whole = tower.begins(), tower.pieces(["a head ct"]), tower.pieces(["ct head a a head ct"])
    count = int(whole.used.sum()) - int(short.used.sum())
    roomy = short.with_room(first, count, tower.context)
    assert torch.equal(roomy.used, whole.used)
    with torch.no_grad():
        embedded = tower.embed(roomy)
        embedded[:, first : first + count] = tower.embed(tower.pieces(["ct head a"]))[:, first : first + count]
        found = tower.encode_embedded(embedded, roomy).numpy()
    np.testing.assert_allclose(found, encoder.encode_texts(["ct head a a head ct"]).vector, atol=1e-6)
    with pytest.raises(ValueError, match=rf"500 pieces of context make a text of 50\d, and the encoder takes {tower.context};"):
        short.with_room(0, 500, tower.context)


def test_other_embeddings_than_pieces_are_refused(encoder: TorchEncoder) -> None:
    tower = tower_of(encoder)
    pieces = tower.pieces(["a head ct"])
    with pytest.raises(ValueError, match="the text side embeds"):
        tower.encode_embedded(tower.embed(pieces)[:, :2], pieces)


def test_padding_is_what_comes_last() -> None:
    found = Pieces.padded_with(torch.tensor([[5, 0, 6, 0, 0], [1, 2, 3, 4, 5], [0, 0, 0, 0, 0]]), padding=0)
    assert found.used.tolist() == [[True, True, True, False, False], [True] * 5, [False] * 5]


def test_it_tells_what_fits_into_its_context(encoder: TorchEncoder) -> None:
    """By the first text of a growing series whose end changes nothing any more."""
    tower = tower_of(encoder)
    texts = [" ".join(["a head ct"] * count) for count in range(0, tower.context // 2, 1 if tower.context < 100 else 7)]
    told = encoder.encode_texts(texts).whole
    assert told is not None
    used = [int(tower.pieces([text]).used.sum()) for text in texts]
    for text, count, fits in zip(texts, used, told, strict=True):
        assert fits or count == tower.context, text
        assert not fits or count < tower.context or text == texts[int(told.sum()) - 1]  # one alone may fill it
    assert told[0]
    assert not told[-1]
    assert np.array_equal(told, np.sort(told)[::-1])
    assert encoder.encode_texts([]).whole is None
