from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from scanbank.embed.adapt.label_losses import (
    binary_losses,
    class_losses,
    class_weights,
    focal_losses,
    known_mean,
    positive_weights,
)

NAN = float("nan")
LOGITS = torch.tensor([[2.0, -1.0], [0.5, 3.0]], dtype=torch.float64)
TARGETS = torch.tensor([[1.0, NAN], [0.0, 1.0]], dtype=torch.float64)


def softplus(x: float) -> float:
    return float(np.log1p(np.exp(x)))


def test_binary_losses_by_hand() -> None:
    # -log sigmoid(x) is softplus(-x); present labels of the first finding weigh 3
    found = binary_losses(LOGITS, TARGETS, torch.tensor([3.0, 1.0], dtype=torch.float64))
    np.testing.assert_allclose(found.numpy(), [[3 * softplus(-2), 0], [softplus(0.5), softplus(-3)]])
    assert known_mean(found, TARGETS).item() == pytest.approx((3 * softplus(-2) + softplus(0.5) + softplus(-3)) / 3)


def test_focal_losses_by_hand() -> None:
    found = focal_losses(LOGITS, TARGETS, gamma=2, alpha=0.25)
    p = 1 / (1 + np.exp(-LOGITS.numpy()))
    expected = [[-0.25 * (1 - p[0, 0]) ** 2 * np.log(p[0, 0]), 0]]
    expected += [[-0.75 * p[1, 0] ** 2 * np.log(1 - p[1, 0]), -0.25 * (1 - p[1, 1]) ** 2 * np.log(p[1, 1])]]
    np.testing.assert_allclose(found.numpy(), expected)


def test_focal_losses_without_focus_are_binary() -> None:
    torch.testing.assert_close(focal_losses(LOGITS, TARGETS, gamma=0, alpha=-1), binary_losses(LOGITS, TARGETS))


def test_class_losses_by_hand() -> None:
    logits = torch.tensor([[1.0, 0.0, -1.0], [0.0, 0.0, 0.0]], dtype=torch.float64)
    targets = torch.tensor([[0.0, 1.0, 0.0], [NAN, NAN, NAN]], dtype=torch.float64)
    expected = -2 * (0 - np.log(np.exp(1) + 1 + np.exp(-1)))
    found = class_losses(logits, targets, torch.tensor([1.0, 2.0, 1.0], dtype=torch.float64))
    np.testing.assert_allclose(found.numpy(), [expected, 0])


@pytest.mark.parametrize("loss", [binary_losses, focal_losses, class_losses])
def test_what_is_unknown_has_no_gradient(loss) -> None:
    logits = torch.zeros(2, 3, requires_grad=True)
    loss(logits, torch.tensor([[NAN] * 3, [1.0, 0.0, 0.0]])).sum().backward()
    assert logits.grad is not None
    assert logits.grad[0].tolist() == [0, 0, 0]
    assert logits.grad[1].abs().min() > 0


def test_nothing_known_costs_nothing() -> None:
    targets = torch.full((2, 2), NAN)
    assert known_mean(binary_losses(torch.ones(2, 2), targets), targets).item() == 0


def test_weights_by_hand() -> None:
    targets = torch.tensor([[1, 1, 1, NAN], [0, 1, 0, NAN], [0, 1, 0, NAN], [0, NAN, 0, 1]])
    assert positive_weights(targets, cap=2.5).tolist() == [2.5, 1.0, 2.5, 1.0]
    assert positive_weights(targets, cap=20).tolist() == [3.0, 1.0, 3.0, 1.0]
    one_hot = functional.one_hot(torch.tensor([0, 0, 0, 1, 2, 2]), 3).float()
    np.testing.assert_allclose(class_weights(one_hot, 20).numpy(), [6 / 9, 6 / 3, 6 / 6])  # rows over classes times rows of the class
    assert class_weights(one_hot, 1.5).tolist()[1] == 1.5
