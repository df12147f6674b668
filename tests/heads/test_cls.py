"""`linear_cls` and `cosine_cls` against the loop of the paper's code, written out in PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from scanbank.heads import HEADS, CosineClsHead, LinearClsHead, Support
from scanbank.heads.cls import _in_order
from scanbank.heads.folds import row_keys
from scanbank.heads.sgd_fits import first_weights, orders_of
from scanbank.heads.vectors import unit


def data(items: int, width: int, classes: int, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    random = np.random.default_rng(seed)
    y = np.arange(items) % classes
    return random.normal(size=(items, width)) + 0.5 + np.eye(classes, width)[y], y


class Cosine(nn.Module):
    """A linear layer of which torch's own weight normalization parts direction and length, times 2."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.layer = nn.utils.parametrizations.weight_norm(nn.Linear(width, classes, bias=False, dtype=torch.float64), dim=0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * self.layer(x / x.norm(dim=1, keepdim=True))


def loop(
    net: nn.Module, X: NDArray[np.float64], y: NDArray[np.int64], seed: int, weights: NDArray[np.float64], queries: NDArray[np.float64]
) -> NDArray[np.float64]:
    """One step after the other, by autograd and torch's optimizer."""
    order = _in_order(row_keys(unit(X)), y)
    rows, labels, scale = torch.from_numpy(X[order]), torch.from_numpy(y[order]), torch.from_numpy(weights[order])
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, dampening=0.9, weight_decay=0.001)
    for epoch in orders_of(seed, len(y)):
        for start in range(0, len(y), 4):
            batch = torch.from_numpy(epoch[start : start + 4])
            optimizer.zero_grad()
            losses = nn.functional.cross_entropy(net(rows[batch]), labels[batch], reduction="none")
            (losses * scale[batch]).mean().backward()
            optimizer.step()
    with torch.no_grad():
        return net(torch.from_numpy(queries)).numpy()


@pytest.mark.parametrize("balance", [False, True])
@pytest.mark.parametrize(("items", "width", "classes"), [(2, 12, 2), (14, 6, 2), (9, 40, 3)])
def test_linear_cls_is_the_loop(items: int, width: int, classes: int, balance: bool) -> None:
    X, y = data(items, width, classes)
    y[0] = 1
    y[1] = 0
    queries, _ = data(20, width, classes, seed=1)
    weights = (len(y) / (classes * np.bincount(y)))[y] if balance else np.ones(len(y))
    net = nn.Linear(width, classes, dtype=torch.float64)
    begun = first_weights(3, classes, width)
    with torch.no_grad():
        net.weight.copy_(torch.from_numpy(begun[0]))
        net.bias.copy_(torch.from_numpy(begun[1]))
    longer = unit(X) * width**0.5
    expected = loop(net, longer, y, 3, weights, unit(queries) * width**0.5)
    scores = LinearClsHead(random_state=3, class_weight="balanced" if balance else None).fit(X, y).decision_function(queries)
    assert scores == pytest.approx(expected[:, 1] - expected[:, 0] if classes == 2 else expected, abs=1e-9)


@pytest.mark.parametrize(("items", "width", "classes"), [(2, 12, 2), (14, 6, 2), (9, 40, 3)])
def test_cosine_cls_is_the_loop(items: int, width: int, classes: int) -> None:
    X, y = data(items, width, classes)
    queries, _ = data(20, width, classes, seed=1)
    net = Cosine(width, classes)
    with torch.no_grad():
        net.layer.weight = torch.from_numpy(first_weights(5, classes, width)[0])
    expected = loop(net, X, y, 5, np.ones(len(y)), queries)
    scores = CosineClsHead(random_state=5).fit(X, y).decision_function(queries)
    assert scores == pytest.approx(expected[:, 1] - expected[:, 0] if classes == 2 else expected, abs=1e-9)


@pytest.mark.parametrize("name", ["linear_cls", "cosine_cls"])
def test_the_seed_of_a_support_is_its_own(name: str) -> None:
    X, y = data(30, 16, 2)
    rows = np.arange(10)
    supports = [Support(rows, y[:10], seed=seed) for seed in (4, 9, 4)]
    scores = HEADS[name].scores(X, supports, np.arange(10, 30))
    assert np.array_equal(scores[0], scores[2])
    assert np.abs(scores[0] - scores[1]).max() > 1e-3
    head = (LinearClsHead if name == "linear_cls" else CosineClsHead)(random_state=9).fit(X[:10], y[:10])
    assert head.decision_function(X[10:]) == pytest.approx(scores[1], abs=1e-12)
