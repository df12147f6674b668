import json

import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from scanbank.embed.tiny.image import ImageConfig
from scanbank.embed.tiny.model import TinyModel, load, save
from scanbank.embed.tiny.text import TextConfig, pieces_of

WORDS = ["[PAD]", "[UNK]", "no", "left", "effusion", "nod", "##ule"]


def words() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece({word: place for place, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer


@pytest.fixture
def model() -> TinyModel:
    torch.manual_seed(0)
    image = ImageConfig(((-1.0, 1.0),), (0.0,), widths=(4, 8, 16, 16), blocks=(1, 1), grid=(1, 1), dim=8)
    return TinyModel(image, TextConfig(len(WORDS), width=8, layers=1, heads=2, context=6, dim=8), words()).eval()


def test_pieces_by_hand():
    assert pieces_of(words(), ["No left nodule", "effusion"], 8).tolist() == [[2, 3, 5, 6], [4, 0, 0, 0]]
    assert pieces_of(words(), ["no " * 9], 4).tolist() == [[2, 2, 2, 2]]
    assert pieces_of(words(), [""], 4).tolist() == [[1]]


def test_a_text_does_not_depend_on_its_neighbours(model):
    with torch.inference_mode():
        alone = model.encode_texts(["effusion"])
        among = model.encode_texts(["effusion", "no left nodule"])[:1]
    torch.testing.assert_close(alone, among, atol=1e-6, rtol=0)
    torch.testing.assert_close(alone.norm(dim=-1), torch.ones(1))


def test_the_order_of_words_counts(model):
    with torch.inference_mode():
        one, two = model.encode_texts(["no left effusion", "effusion left no"])
    assert not torch.allclose(one, two, atol=1e-4)


def test_a_release_is_read_back_as_it_was(model, tmp_path):
    save(model, tmp_path / "9", {"note": "a test"})
    again, card = load(tmp_path / "9")
    assert card["note"] == "a test"
    assert (again.image_config, again.text_config) == (model.image_config, model.text_config)
    for name, value in model.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value, rtol=0, atol=0)
    assert json.loads((tmp_path / "9" / "card.json").read_text())["text"]["context"] == 6
