"""Both sides of `tiny` in one module, and its files: weights as safetensors, settings and word pieces as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, final

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor, nn

from ..text_tower import Pieces, TextTower
from .image import ImageConfig, ImageEncoder
from .text import TextConfig, TextEncoder, pieces_of, whole


@final
class TinyModel(nn.Module):
    """A dual encoder with the scale and bias of SigLIP's logits (Zhai et al. 2023): scale * cosine + bias."""

    def __init__(self, image: ImageConfig, text: TextConfig, tokenizer: Tokenizer) -> None:
        super().__init__()
        self.image_config, self.text_config = image, text
        self.tokenizer = tokenizer
        self.image = ImageEncoder(image)
        self.text = TextEncoder(text)
        # A scan bears a dozen statements at once ("no effusion", "a nodule"), near-orthogonal to each other: its cosine with each is 0.3
        # at most, which has to tell. With SigLIP's start of 10 and -10 all of them stay false, and nothing is learned for long.
        self.log_scale = nn.Parameter(torch.tensor(3.0))
        self.bias = nn.Parameter(torch.tensor(-3.0))
        # How likely a text is of any scan ("no pneumothorax" is of most): without it the vectors of scans spend themselves on saying so.
        # It orders no scans, so that only training needs it.
        self.prior = nn.Linear(text.dim, 1)

    def logits(self, volumes: Tensor, texts: Tensor) -> Tensor:
        """(V, T) of unit vectors (V, D) and (T, D)."""
        return self.log_scale.exp() * volumes @ texts.T + self.bias + self.prior(texts)[:, 0]

    def pieces(self, texts: list[str]) -> Tensor:
        return pieces_of(self.tokenizer, texts, self.text_config.context)

    def encode_texts(self, texts: list[str]) -> Tensor:
        """Unit vectors (B, D)."""
        return self.text(self.pieces(texts).to(self.bias.device))

    def text_tower(self) -> TextTower:
        """The text side, for whoever learns embeddings."""

        def pieces(texts: list[str]) -> Pieces:
            return Pieces.padded_with(self.pieces(texts).to(self.bias.device), padding=0)

        def fit(texts: list[str]) -> list[bool]:
            return whole(self.tokenizer, texts, self.text_config.context)

        return TextTower(pieces, lambda given: self.text(given.ids), self.text.embedding, self.text_config.context, fit)


def save(model: TinyModel, folder: Path, card: dict[str, Any]) -> None:
    """Write a release: `model.safetensors`, `tokenizer.json`, `card.json` (settings and whatever `card` says of the training)."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}, folder / "model.safetensors")
    model.tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    settings = {"image": asdict(model.image_config), "text": asdict(model.text_config)}
    (folder / "card.json").write_text(json.dumps(settings | card, indent=1) + "\n")


def load(folder: Path) -> tuple[TinyModel, dict[str, Any]]:
    """A release and its card.

    Raises:
        OSError: a file is missing.
    """
    card = json.loads((folder / "card.json").read_text())
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    model = TinyModel(ImageConfig(**_tuples(card["image"])), TextConfig(**card["text"]), tokenizer)
    model.load_state_dict(load_file(folder / "model.safetensors"))
    return model, card


def _tuples(settings: dict[str, Any]) -> dict[str, Any]:
    """JSON knows lists only."""
    return {
        k: tuple(tuple(v) if isinstance(v, list) else v for v in value) if isinstance(value, list) else value
        for k, value in settings.items()
    }
