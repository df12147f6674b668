"""Pieces of texts: equal to transformers' BertTokenizer, from either file, from beside the checkpoint or the cache."""

import pytest
import torch
from huggingface_hub import constants
from tokenizers import Tokenizer
from tokenizers.models import BPE
from transformers import BertTokenizer

from scanbank.embed.ctclip.tokenizer import CxrBertTokenizer, find_tokenizer
from scanbank.store.errors import EncoderError

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "card", "##io", "##mega", "##ly", "is", "not", "present", ".", ",", "pleural"]
PIECES += ["effusion", "cafe", "2", "##5", "mm", "(", ")", "肺", "##s", "no", "-", "x", "##x"]
TEXTS = [
    "Cardiomegaly is not present.",
    "CARDIOMEGALY  IS\tPRESENT",
    "",
    "Pleural effusions, 25 mm (no pleural effusion).",
    "Café 肺肺 cardio-mega\u0000 ​présent unseenword",
    "[SEP] is [MASK] no [UNK]",
    "x" * 120 + " " + "x" * 99,
    "no " * 700,
]


@pytest.fixture
def vocabulary(tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join(PIECES) + "\n", "utf-8")
    return path


@pytest.fixture
def hub_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    root = tmp_path / "hub" / "models--microsoft--BiomedVLP-CXR-BERT-specialized"
    (root / "refs").mkdir(parents=True)
    (root / "refs" / "main").write_text("0123abcd")
    (root / "snapshots" / "0123abcd").mkdir(parents=True)
    return root / "snapshots" / "0123abcd"


@pytest.mark.parametrize("longest", [512, 8])
def test_equals_transformers(vocabulary, hub_cache, longest):
    library = BertTokenizer(str(vocabulary), do_lower_case=True)
    expected = library(TEXTS, return_tensors="pt", padding="longest", truncation=True, max_length=longest)
    ids, mask = find_tokenizer(vocabulary.parent, longest)(TEXTS)
    assert torch.equal(ids, expected["input_ids"])
    assert torch.equal(mask, expected["attention_mask"])
    assert ids.shape == (8, longest)
    assert ids[0, :8].tolist() == [2, 5, 6, 7, 8, 9, 10, 11] if longest == 512 else [2, 5, 6, 7, 8, 9, 10, 3]


def test_texts_are_padded_to_the_longest_only(vocabulary, hub_cache):
    ids, mask = find_tokenizer(vocabulary.parent, 512)(["no", ""])
    assert ids.tolist() == [[2, 24, 3], [2, 3, 0]]
    assert mask.tolist() == [[1, 1, 1], [1, 1, 0]]


def test_the_other_file_gives_the_same(vocabulary, hub_cache, tmp_path):
    expected = find_tokenizer(vocabulary.parent, 512)(TEXTS)
    library = BertTokenizer(str(vocabulary), do_lower_case=False)
    library.backend_tokenizer.enable_truncation(4)  # what the file says of cutting and case is not what CT-CLIP does
    vocabulary.unlink()
    library.backend_tokenizer.save(str(tmp_path / "tokenizer.json"))
    for found, wanted in zip(find_tokenizer(tmp_path, 512)(TEXTS), expected, strict=True):
        assert torch.equal(found, wanted)


def test_never_more_than_the_published_512(vocabulary, hub_cache):
    assert find_tokenizer(vocabulary.parent, 4096)(TEXTS)[0].shape == (8, 512)


def test_places_in_order(tmp_path, vocabulary, hub_cache):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with pytest.raises(EncoderError, match=r"need the tokenizer of microsoft.*looked beside the checkpoint.*hf download") as caught:
        find_tokenizer(elsewhere, 512)
    assert "\n" not in str(caught.value)
    with pytest.raises(EncoderError, match=r"looked vocab.txt or tokenizer.json of microsoft"):
        find_tokenizer(None, 512)
    (hub_cache / "vocab.txt").write_text("\n".join(PIECES), "utf-8")
    assert find_tokenizer(None, 512).size == len(PIECES)
    (elsewhere / "vocab.txt").write_text("\n".join(PIECES[:8]), "utf-8")
    assert find_tokenizer(elsewhere, 512).size == 8


def test_damaged_and_foreign_files_are_told(tmp_path, hub_cache):
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(EncoderError, match="cannot be read as a tokenizer"):
        find_tokenizer(tmp_path, 512)
    Tokenizer(BPE()).save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(EncoderError, match="holds no word pieces but BPE"):
        find_tokenizer(tmp_path, 512)
    (tmp_path / "vocab.txt").write_bytes(b"\xff\xfe[PAD]")
    with pytest.raises(EncoderError, match="cannot be read as a tokenizer"):
        find_tokenizer(tmp_path, 512)
    (tmp_path / "vocab.txt").write_text("a\nb\n")
    with pytest.raises(EncoderError, match=r"lacks \[PAD\], \[UNK\], \[CLS\], \[SEP\]"):
        find_tokenizer(tmp_path, 512)
    with pytest.raises(EncoderError, match=r"lacks \[SEP\]"):
        CxrBertTokenizer({"[PAD]": 0, "[UNK]": 1, "[CLS]": 2})
