"""Learning rates: by step, and by depth."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from scanbank.embed.adapt.groups import parameter_groups
from scanbank.embed.adapt.training import Training
from scanbank.embed.towers import Towers


def test_the_rate_rises_and_falls() -> None:
    how = Training(warmup=0.2)
    rates = [how.rate_at(step, 10) for step in range(10)]
    assert rates[:2] == [0.5, 1.0]
    # half a cosine over the 8 steps that are left: 0.5 (1 + cos(pi t / 8))
    assert rates[2:] == pytest.approx([0.5 * (1 + math.cos(math.pi * t / 8)) for t in range(8)])
    assert rates[2] == 1.0


def test_without_a_warm_up_it_begins_at_the_top() -> None:
    assert Training(warmup=0).rate_at(0, 5) == 1.0


def test_blocks_learn_the_slower_the_lower_they_are() -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.act = nn.Linear(4, 4), nn.GELU()

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patch_embed = nn.Linear(4, 4)
            self.blocks = nn.ModuleList(Block() for _ in range(3))
            self.norm = nn.LayerNorm(4)

    objective = nn.Linear(4, 1)
    how = Training(learning_rate=1.0, head_rate=7.0, layer_decay=0.5, weight_decay=0.1)
    groups = parameter_groups(Net(), Towers(), objective, how)
    rates = {name: group["rate"] for group in groups for name in group["names"]}
    assert rates["blocks.2.inner.weight"] == 1.0
    assert rates["blocks.1.inner.weight"] == 0.5
    assert rates["blocks.0.inner.weight"] == 0.25
    assert rates["patch_embed.weight"] == 0.125
    assert rates["norm.weight"] == 1.0
    assert rates["objective.weight"] == 7.0
    decays = {name: group["weight_decay"] for group in groups for name in group["names"]}
    assert {decays[name] for name in decays if name.endswith("bias") or name.startswith("norm")} == {0.0}
    assert decays["blocks.0.inner.weight"] == 0.1
    torch.optim.AdamW(groups)  # as the loop uses them
