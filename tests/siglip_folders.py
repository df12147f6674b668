"""A SigLIP model of random weights in a folder, as `save_pretrained` lays one out."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast, SiglipConfig, SiglipModel

WORDS = ("a", "head", "ct", "with", "hemorrhage", "normal", "no", "lung", "the", "are", "clear", "lungs")
SIZE = 32
LENGTH = 16


def siglip_folder(folder: Path, *, seed: int = 0, size: int = SIZE, safe: bool = True) -> Path:
    """Config, weights, tokenizer and preprocessor of a small model; texts are cut at 16 tokens."""
    tokenizer = _tokenizer()
    side = {"hidden_size": 24, "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 2}
    config = SiglipConfig(
        text_config=side | {"vocab_size": len(tokenizer), "max_position_embeddings": LENGTH, "projection_size": 24, "pad_token_id": 0},
        vision_config=side | {"image_size": size, "patch_size": 16},
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = SiglipModel(config)
        with torch.no_grad():
            model.logit_scale.fill_(2.5)
            model.logit_bias.fill_(-7.25)
    folder.mkdir(parents=True, exist_ok=True)
    if safe:
        model.save_pretrained(folder)
    else:
        config.architectures = ["SiglipModel"]
        config.save_pretrained(folder)
        torch.save(model.state_dict(), folder / "pytorch_model.bin")
    tokenizer.save_pretrained(folder)
    prepared = {"image_processor_type": "SiglipImageProcessor", "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (folder / "preprocessor_config.json").write_text(json.dumps(prepared | {"size": {"height": size, "width": size}}))
    return folder


def _tokenizer() -> PreTrainedTokenizerFast:
    vocabulary = {word: i for i, word in enumerate(("<pad>", "</s>", "<unk>", *WORDS))}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    words.normalizer = normalizers.Lowercase()  # pyright: ignore[reportAttributeAccessIssue]
    words.pre_tokenizer = pre_tokenizers.Whitespace()  # pyright: ignore[reportAttributeAccessIssue]
    ending = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    words.post_processor = ending  # pyright: ignore[reportAttributeAccessIssue]
    return PreTrainedTokenizerFast(
        tokenizer_object=words,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        model_max_length=LENGTH,
        model_input_names=["input_ids"],
    )
