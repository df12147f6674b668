"""The trained heads against plain PyTorch loops of the published recipes, one fit at a time, with torch's own layers and optimizers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from scanbank.heads import CLAPHead, CLIPAdapterHead, Head, LPPlusPlusHead, TipAdapterFHead

Logits = Callable[[Tensor], Tensor]
SCALE = 40.0


def cohort(classes: int, shots: int, width: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Unit rows (n, D), their classes (n,), unit class texts (C, D) and unit queries (20, D), float64."""
    random = np.random.default_rng([classes, shots, width])
    y = np.arange(classes * shots) % classes
    means = random.normal(size=(classes, width))
    rows = random.normal(size=(len(y), width)) + 1.5 + means[y]
    texts = random.normal(size=means.shape) + 1.5
    queries = random.normal(size=(20, width)) + 1.5
    unit = (functional.normalize(torch.from_numpy(each), dim=-1) for each in (rows, texts, queries))
    rows, texts, queries = unit
    return rows, torch.from_numpy(y), texts, queries


def tip_adapter_f(rows: Tensor, y: Tensor, texts: Tensor) -> Logits:
    alpha, beta, epochs = 1.0, 5.5, 20
    keys = nn.Linear(*reversed(rows.shape), bias=False, dtype=torch.float64)
    keys.weight = nn.Parameter(rows.clone())
    values = functional.one_hot(y).double()
    optimizer = torch.optim.AdamW(keys.parameters(), lr=0.001, eps=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)

    def logits(x: Tensor) -> Tensor:
        return SCALE * x @ texts.T + alpha * torch.exp(-(beta - beta * keys(x))) @ values

    for _ in range(epochs):
        optimizer.zero_grad()
        functional.cross_entropy(logits(rows), y).backward()
        optimizer.step()
        schedule.step()
    return logits


def clip_adapter(rows: Tensor, y: Tensor, texts: Tensor) -> Logits:
    width, ratio, epochs = rows.shape[1], 0.2, 200
    adapter: Any = nn.Sequential(
        nn.Linear(width, width // 4, bias=False), nn.ReLU(), nn.Linear(width // 4, width, bias=False), nn.ReLU()
    ).double()
    random = np.random.default_rng(7)
    for layer in (adapter[0], adapter[2]):  # torch's own range, drawn as the head draws
        bound = 1 / np.sqrt(layer.in_features)
        layer.weight.data = bound * torch.from_numpy(random.uniform(-1, 1, tuple(layer.weight.shape)))
    optimizer = torch.optim.SGD(adapter.parameters(), lr=0.002, momentum=0.9, weight_decay=5e-4)

    def logits(x: Tensor) -> Tensor:
        return SCALE * functional.normalize(ratio * adapter(x) + (1 - ratio) * x, dim=-1) @ texts.T

    train(logits, rows, y, optimizer, epochs)
    return logits


def clap(rows: Tensor, y: Tensor, texts: Tensor) -> Logits:
    start = 10 * texts
    prototypes = nn.Parameter(start.clone())
    optimizer = torch.optim.SGD([prototypes], lr=0.1, momentum=0.9)
    zero_shot = torch.softmax(SCALE * rows @ texts.T, -1)
    member = functional.one_hot(y).double()
    multipliers = torch.diag(zero_shot.T @ member) / member.sum(0)

    def logits(x: Tensor) -> Tensor:
        return SCALE * x @ functional.normalize(prototypes, dim=-1).T

    def penalty() -> Tensor:
        return torch.mean(multipliers * (prototypes - start).pow(2).sum(-1))

    train(logits, rows, y, optimizer, 300, penalty)
    return logits


def lp_plus_plus(rows: Tensor, y: Tensor, texts: Tensor) -> Logits:
    member = functional.one_hot(y).double()
    probe = nn.Linear(rows.shape[1], len(texts), dtype=torch.float64)
    probe.weight.data, probe.bias.data = member.T @ rows, torch.zeros(len(texts), dtype=torch.float64)
    own = torch.stack([(rows[y == c] @ texts[c]).mean() for c in range(len(texts))])
    alpha = (250 * own.mean() * torch.ones(len(texts), dtype=torch.float64)).requires_grad_()
    rate = 4 * len(rows) / float(torch.linalg.eigvalsh(rows.T @ rows).max())
    alpha_rate = len(rows) / (4 * float((rows @ texts.T).pow(2).sum(0).max()))
    optimizer = torch.optim.SGD(probe.parameters(), lr=rate, momentum=0.9)

    def logits(x: Tensor) -> Tensor:
        return probe(x) + alpha * (x @ texts.T)

    for epoch in range(300):
        optimizer.zero_grad()
        alpha.grad = None
        functional.cross_entropy(logits(rows), y).backward()
        optimizer.step()
        if (epoch + 1) % 10 == 0:
            assert alpha.grad is not None
            alpha.data -= alpha_rate * alpha.grad
    return logits


def train(
    logits: Logits, rows: Tensor, y: Tensor, optimizer: torch.optim.Optimizer, epochs: int, penalty: Callable[[], Tensor] | None = None
):
    """CoOp's schedule: one epoch at 1e-5, then torch's cosine."""
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    usual = optimizer.param_groups[0]["lr"]
    for epoch in range(epochs):
        if epoch == 0:
            optimizer.param_groups[0]["lr"] = 1e-5
        optimizer.zero_grad()
        loss = functional.cross_entropy(logits(rows), y)
        (loss if penalty is None else loss + penalty()).backward()
        optimizer.step()
        if epoch == 0:
            optimizer.param_groups[0]["lr"] = usual
        else:
            schedule.step()


RECIPES: dict[str, tuple[Callable[[np.ndarray], Head], Callable[[Tensor, Tensor, Tensor], Logits]]] = {
    "tip_adapter_f": (lambda prompts: TipAdapterFHead(prompts, scale=SCALE), tip_adapter_f),
    "clip_adapter": (lambda prompts: CLIPAdapterHead(prompts, scale=SCALE, random_state=7), clip_adapter),
    "clap": (lambda prompts: CLAPHead(prompts, scale=SCALE), clap),
    "lp++": (LPPlusPlusHead, lp_plus_plus),
}


@pytest.mark.parametrize(("classes", "shots", "width"), [(2, 1, 32), (2, 8, 32), (3, 5, 48), (2, 16, 8)])
@pytest.mark.parametrize("name", RECIPES)
def test_the_published_recipe(name: str, classes: int, shots: int, width: int) -> None:
    rows, y, texts, queries = cohort(classes, shots, width)
    make, recipe = RECIPES[name]
    head = make(3 * texts.numpy()).fit(2 * rows.numpy(), y.numpy())
    with torch.no_grad():
        wanted = recipe_of(recipe, rows, y, texts)(queries)
    found = head.decision_function(queries.numpy())
    moved = wanted - SCALE * queries @ texts.T
    assert float((moved - moved.mean(1, keepdim=True)).abs().max()) > 0.05  # training did something
    wanted = (wanted[:, 1] - wanted[:, 0] if classes == 2 else wanted).numpy()
    assert found == pytest.approx(wanted, abs=1e-7)


def recipe_of(recipe: Callable[[Tensor, Tensor, Tensor], Logits], rows: Tensor, y: Tensor, texts: Tensor) -> Logits:
    with torch.enable_grad():
        return recipe(rows, y, texts)
