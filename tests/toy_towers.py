"""A dual encoder of a few weights, with depths, temperature and bias, for what trains backbones."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from scanbank.embed.adapt.objective import Batch, Part
from scanbank.embed.torch_encoder import Features, TorchEncoder
from scanbank.embed.towers import Towers
from scanbank.store.specs import EncoderSpec, ViewSpec
from scanbank.store.windows import PRESETS

DIM, SHAPE = 4, (3, 2, 2)
"""Of vectors, and (Z, Y, X) of volumes: each plane is a step along depth."""


class ToyModel(nn.Module):
    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.image = nn.Sequential(nn.Linear(SHAPE[1] * SHAPE[2], 6), nn.Tanh(), nn.Dropout(dropout), nn.Linear(6, DIM))
        self.text = nn.Sequential(nn.Linear(16, 6), nn.Tanh(), nn.Dropout(dropout), nn.Linear(6, DIM))
        self.log_scale, self.bias = nn.Parameter(torch.tensor(1.0)), nn.Parameter(torch.tensor(-0.5))

    def volumes(self, voxels: Tensor) -> Features:
        depth = self.image(voxels[:, 0].flatten(2))
        mask = torch.ones(depth.shape[:2], dtype=torch.bool)
        return Features(functional.normalize(depth.mean(1), dim=-1), functional.normalize(depth, dim=-1), mask)

    def texts(self, texts: list[str]) -> Tensor:
        counts = torch.zeros(len(texts), 16)
        for row, text in zip(counts, texts, strict=True):
            for letter in text.encode():
                row[letter % 16] += 1
        return functional.normalize(self.text(counts.to(self.log_scale.dtype)), dim=-1)


def toy(*, dropout: float = 0.0, trains: tuple[str, ...] = ("image", "text"), named: bool = True, seed: int = 0) -> TorchEncoder:
    """An encoder whose sides in `trains` train, in training mode, in float64; `named` says whether its temperature and bias are told."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = ToyModel(dropout).double()
    towers = Towers(("image",), ("text",), "log_scale" if named else "", "bias" if named else "")
    spec = EncoderSpec("toy", "1", DIM, unit_length=True, mean=(0.0,), std=(1.0,))
    view = ViewSpec(windows=(PRESETS["ctclip"],), shape=SHAPE)
    encoder = TorchEncoder(
        spec, view, model, torch.device("cpu"), volumes=model.volumes, texts=model.texts, gives_depth=True, towers=towers
    )
    for side in trains:
        model.get_submodule(side).train().requires_grad_(requires_grad=True)
    return encoder


def toy_batch(rows: list[int]) -> Batch:
    """The volumes of these numbers, which always look the same."""
    one = [torch.randn(1, *SHAPE, generator=torch.Generator().manual_seed(row), dtype=torch.float64) for row in rows]
    return Batch(tuple(rows), torch.stack(one), torch.arange(len(rows)))


def toy_parts(rows: list[int], size: int) -> list[Part]:
    """A step on these volumes in parts."""

    def part(some: list[int]) -> Part:
        return Part(len(some), lambda: toy_batch(some))

    return [part(rows[start : start + size]) for start in range(0, len(rows), size)]


def gradients(*modules: nn.Module) -> dict[str, Tensor]:
    """By name, of all that have one; they are taken away."""
    found: dict[str, Tensor] = {}
    for number, module in enumerate(modules):
        for name, parameter in module.named_parameters():
            if parameter.grad is not None:
                found[f"{number}.{name}"], parameter.grad = parameter.grad, None
    return found


def model_of(encoder: TorchEncoder) -> Any:
    """Its model, whose modules may be named without further ado."""
    return encoder.model
