"""Encoders of every kind of architecture that can be adapted, with random weights, as small as they get."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import open_clip
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from torch import Tensor

from encoder_zoo import TINY_CLIP
from scanbank.embed.adapt.methods.base import Backbone
from scanbank.embed.encoders.ctclip_models import as_encoder as ctclip_encoder
from scanbank.embed.encoders.tiny_models import as_encoder as tiny_encoder
from scanbank.embed.registry import open_encoder
from scanbank.embed.tiny.image import ImageConfig
from scanbank.embed.tiny.model import TinyModel
from scanbank.embed.tiny.text import TextConfig
from scanbank.embed.torch_encoder import TorchEncoder
from siglip_folders import siglip_folder
from small_ctclip import CONFIG, CONFIGS, small

TEXTS = ["no effusion", "left nodule"]
_WORDS = ["[PAD]", "[UNK]", "no", "left", "effusion", "nodule"]


def _tiny(folder: Path) -> TorchEncoder:
    del folder
    tokenizer = Tokenizer(models.WordLevel({word: place for place, word in enumerate(_WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()  # pyright: ignore[reportAttributeAccessIssue]
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()  # pyright: ignore[reportAttributeAccessIssue]
    torch.manual_seed(0)
    image = ImageConfig(((-1.0, 1.0),), (0.0,), widths=(4, 8, 16, 16), blocks=(1, 1), grid=(1, 1), dim=8)
    model = TinyModel(image, TextConfig(len(_WORDS), width=8, layers=2, heads=2, context=6, dim=8), tokenizer)
    with torch.no_grad():  # mixers and blocks begin at zero: nothing would come through them
        for value in model.parameters():
            value.add_(0.05 * torch.randn_like(value))
    return tiny_encoder(model, "tiny@small", "small")


def _open_clip(folder: Path) -> TorchEncoder:
    name = "scanbank-small-towers"
    (folder / f"{name}.json").write_text(json.dumps(TINY_CLIP | {"text_cfg": TINY_CLIP["text_cfg"] | {"layers": 2}}))
    open_clip.add_model_config(folder / f"{name}.json")
    return _opened(f"open_clip:{name}+random0")


def _siglip(folder: Path) -> TorchEncoder:
    place = folder / "small-siglip"
    return _opened(f"siglip:{place if place.is_dir() else siglip_folder(place)}")


def _opened(uri: str) -> TorchEncoder:
    encoder = open_encoder(uri, device="cpu")
    assert isinstance(encoder, TorchEncoder)
    return encoder


SMALL: dict[str, tuple[Callable[[Path], TorchEncoder], tuple[int, ...]]] = {
    "tiny": (_tiny, (1, 4, 32, 32)),
    "ctclip": (lambda _: ctclip_encoder(small(), "ctclip:small"), (1, CONFIG.frames, *CONFIG.image_size)),
    "ctclip-deep": (lambda _: ctclip_encoder(small(CONFIGS["deep"]), "ctclip:deep"), (1, CONFIG.frames, *CONFIG.image_size)),
    "vit": (lambda _: _opened("timm:test_vit+random0"), (3, 160, 160)),
    "resnet": (lambda _: _opened("timm:test_resnet+random0"), (3, 48, 48)),
    "open_clip": (_open_clip, (3, 32, 32)),
    "siglip": (_siglip, (3, 32, 32)),
}
"""How to make each, and the shape of its pixels; it is the same each time."""


def small_encoder(kind: str, folder: Path) -> TorchEncoder:
    return SMALL[kind][0](folder)


def backbone(encoder: TorchEncoder) -> Backbone:
    assert encoder.towers is not None
    return Backbone(encoder.model, encoder.towers, encoder.spec.name)


def pixels(kind: str, count: int = 2) -> Tensor:
    return torch.rand(count, *SMALL[kind][1], generator=torch.Generator().manual_seed(1))


def image_vectors(encoder: TorchEncoder, kind: str, count: int = 2) -> Tensor:
    given = pixels(kind, count)
    return encoder.forward("volume" if given.ndim == 5 else "slice", given)


def text_vectors(encoder: TorchEncoder) -> Tensor:
    return encoder.forward("text", list(TEXTS))


def side_vectors(encoder: TorchEncoder, kind: str, sides: Sequence[str]) -> Tensor:
    """Of images, of texts, or of both."""
    vectors = [image_vectors(encoder, kind)] if "image" in sides else []
    return torch.cat([*vectors, *([text_vectors(encoder)] if "text" in sides else [])])


def untyped(encoder: TorchEncoder) -> Any:
    """Its model, whose modules may be named without further ado."""
    return encoder.model
