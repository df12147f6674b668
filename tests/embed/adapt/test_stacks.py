from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import timm
import torch
from torch import nn
from torchvision import models

from scanbank.embed.adapt.stacks import Stack, chosen_blocks, stacks_of
from scanbank.embed.ctclip import CTCLIP
from scanbank.store.errors import UnknownNameError, UsageError
from small_ctclip import CONFIG

STACKS = (Stack("a", ("a.0", "a.1", "a.2", "a.3", "a.4")), Stack("b", ("b.x.0", "b.x.1", "b.y.0")))


def test_shares_of_each_stack() -> None:
    assert chosen_blocks(STACKS, "lower:0.5") == ("a.0", "a.1", "a.2", "b.x.0", "b.x.1")
    assert chosen_blocks(STACKS, "upper:0.5") == ("a.2", "a.3", "a.4", "b.x.1", "b.y.0")
    assert chosen_blocks(STACKS, "upper:2") == ("a.3", "a.4", "b.x.1", "b.y.0")
    assert chosen_blocks(STACKS, "lower:9") == chosen_blocks(STACKS, "all") == chosen_blocks(STACKS, "lower:1.0")
    assert chosen_blocks(STACKS, "lower:.01") == ("a.0", "b.x.0")  # at least one of each
    assert chosen_blocks(STACKS, "lower:1") == ("a.0", "b.x.0")  # a number, not a share


def test_names() -> None:
    assert chosen_blocks(STACKS, "b, a.1") == ("b.x.0", "b.x.1", "b.y.0", "a.1")
    assert chosen_blocks(STACKS, "b.x,b.x.0,") == ("b.x.0", "b.x.1")
    with pytest.raises(UnknownNameError, match=r"block 'a\.9' is unknown; did you mean 'a\.[0-4]'"):
        chosen_blocks(STACKS, "a.1,a.9")


@pytest.mark.parametrize("layers", ["lower:0", "upper:1.5", "lower:-1", "middle:0.5", "lower:", "", ",", "lower:0.0", "upper:half"])
def test_layers_that_cannot_be(layers: str) -> None:
    with pytest.raises(UsageError, match="--layers"):
        chosen_blocks(STACKS, layers)


def test_both_transformers_of_ctclip() -> None:
    model = CTCLIP(replace(CONFIG, spatial_depth=4, temporal_depth=2))
    spatial, temporal = (f"visual_transformer.enc_{name}_transformer.layers" for name in ("spatial", "temporal"))
    stacks = stacks_of(model, ("visual_transformer", "to_visual_latent"))
    assert [(stack.name, len(stack.blocks)) for stack in stacks] == [(spatial, 4), (temporal, 2)]
    assert chosen_blocks(stacks, "lower:0.5") == (f"{spatial}.0", f"{spatial}.1", f"{temporal}.0")
    assert [stack.name for stack in stacks_of(model, ("text_transformer",))] == ["text_transformer.encoder.layer"]


def test_a_transformer_of_one_layer() -> None:
    model = CTCLIP(replace(CONFIG, spatial_depth=1, temporal_depth=1))
    assert [len(stack.blocks) for stack in stacks_of(model, ("visual_transformer",))] == [1, 1]


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda: timm.create_model("vit_tiny_patch16_224"), [("blocks", "blocks.0", "blocks.11", 12)]),
        (lambda: timm.create_model("swin_tiny_patch4_window7_224"), [("layers", "layers.0.blocks.0", "layers.3.blocks.1", 12)]),
        (lambda: timm.create_model("convnext_atto"), [("stages", "stages.0.blocks.0", "stages.3.blocks.1", 12)]),
        (lambda: timm.create_model("resnet18"), [("", "layer1.0", "layer4.1", 8)]),
        (lambda: models.swin_t(), [("features", "features.1.0", "features.7.1", 12)]),
        (lambda: models.shufflenet_v2_x0_5(), [("", "stage2.0", "stage4.3", 16)]),
        (lambda: models.mobilenet_v3_small(), [("features", "features.1", "features.11", 11)]),
        (lambda: models.vgg11(), []),
    ],
    ids=["vit", "swin", "convnext", "resnet", "swin-torchvision", "shufflenet", "mobilenet", "vgg"],
)
def test_stages_are_one_stack(build: Any, expected: list[tuple[str, str, str, int]]) -> None:
    with torch.device("meta"):
        model = build()
    assert [(stack.name, stack.blocks[0], stack.blocks[-1], len(stack.blocks)) for stack in stacks_of(model, ("",))] == expected


def test_what_is_no_block() -> None:
    """Lists of plain layers, and roots that are parameters or are not there."""
    model = nn.Module()
    model.head = nn.Sequential(nn.Sequential(nn.Linear(2, 2), nn.ReLU()), nn.Sequential(nn.Linear(2, 2), nn.ReLU()))
    model.token = nn.Parameter(torch.zeros(2))
    assert stacks_of(model, ("", "token", "nothing")) == ()


def test_lists_beside_each_other_of_other_classes() -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(2, 2)

    class Mixer(Block):
        pass

    class Down(Block):
        pass

    model = nn.Module()
    model.first, model.second = nn.Sequential(Down(), Block(), Block()), nn.Sequential(Block())
    model.mixers, model.lone = nn.ModuleList([Mixer(), Mixer()]), nn.Sequential(Down())
    assert stacks_of(model, ("",)) == (Stack("", ("first.1", "first.2", "second.0")), Stack("mixers", ("mixers.0", "mixers.1")))
