"""Adapted encoders made by hand: weights of a method moved by noise from a seed, so that no training is needed."""

from __future__ import annotations

from typing import Any

import torch

from scanbank.embed import open_encoder
from scanbank.embed.adapt.artifact import Artifact
from scanbank.embed.adapt.card import Card
from scanbank.embed.adapt.fit import backbone_of
from scanbank.embed.adapt.methods.base import changed
from scanbank.embed.adapt.methods.kinds import METHODS
from scanbank.embed.adapt.moving import Moving
from scanbank.embed.torch_encoder import TorchEncoder

LORA = Moving("lora", sides=("text",), rank=2)
UPPER = Moving("partial", sides=("text",), layers="upper:1")


def adapted(name: str, uri: str = "tiny@1", moving: Moving = UPPER, *, seed: int = 0, scale: float = 0.05, **card: Any) -> Artifact:
    """An artifact of `uri`, whose parameters that move had noise of this scale added."""
    encoder = open_encoder(uri)
    assert isinstance(encoder, TorchEncoder)
    METHODS[moving.method].prepare(backbone_of(encoder), moving)
    drawn = torch.Generator().manual_seed(seed)
    tensors = {key: value + scale * torch.randn(value.shape, generator=drawn) for key, value in changed(encoder.model).items()}
    told = {"recipe": {"seed": seed}, "data": {"split": "split-a", "train": 6, "val": 2}, "scanbank": "0.1.0"} | card
    return Artifact.made(Card(name, encoder.spec, uri, moving, **told), tensors)
