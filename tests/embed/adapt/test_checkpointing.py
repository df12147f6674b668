"""Blocks that are computed again for their gradients give the same ones."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from torch import Tensor

from scanbank.embed.adapt.checkpointing import checkpointed
from scanbank.embed.adapt.methods.kinds import METHODS
from scanbank.embed.adapt.moving import Moving
from small_towers import backbone, image_vectors, side_vectors, small_encoder
from toy_towers import gradients


@pytest.mark.parametrize(
    ("kind", "moving"),
    [
        ("ctclip", Moving("lora", rank=2, dropout=0.5)),
        ("vit", Moving("partial", layers="upper:2")),
        ("open_clip", Moving("lora", ("image", "text"), rank=2, dropout=0.5)),
        ("tiny", Moving("adapters", ("text",), bottleneck=2)),
        ("resnet", Moving("partial", layers="lower:0.5")),
    ],
    ids=lambda one: one if isinstance(one, str) else one.method,
)
def test_gradients_are_the_same(kind: str, moving: Moving, tmp_path: Path) -> None:
    encoder = small_encoder(kind, tmp_path)
    one = backbone(encoder)
    modules = METHODS[moving.method].prepare(one, moving)
    blocks = list(one.blocks(moving).values())
    for module in modules:
        module.training = True
    with torch.no_grad():
        for parameter in encoder.model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)))
    found: list[dict[str, Tensor]] = []
    losses: list[float] = []
    for around in (nullcontext(), checkpointed(blocks)):
        torch.manual_seed(7)
        with around:
            vectors = side_vectors(encoder, kind, moving.sides)
            loss = (vectors * torch.linspace(-1, 1, vectors.shape[1])).sum()
            loss.backward()
        losses.append(loss.item())
        found.append(gradients(encoder.model))
    assert losses[0] == losses[1]
    assert found[0]
    torch.testing.assert_close(found[1], found[0], atol=1e-7, rtol=1e-5)
    assert not any("forward" in vars(block) for block in blocks)  # as they were


def test_without_gradients_nothing_is_kept(tmp_path: Path) -> None:
    encoder = small_encoder("vit", tmp_path)
    blocks = list(backbone(encoder).blocks(Moving("partial")).values())
    with torch.no_grad(), checkpointed(blocks):
        inside = image_vectors(encoder, "vit")
    with torch.no_grad():
        assert torch.equal(inside, image_vectors(encoder, "vit"))
