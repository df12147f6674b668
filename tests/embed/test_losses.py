import numpy as np
import pytest
import torch

from scanbank.embed.losses import depth_loss, sigmoid_pairs, spot_loss


def softplus(x: float) -> float:
    return float(np.log1p(np.exp(x)))


def test_sigmoid_pairs_by_hand():
    logits = torch.tensor([[2.0, -1.0], [0.5, 3.0]], dtype=torch.float64)
    targets = torch.tensor([[1.0, -1.0], [0.0, 1.0]], dtype=torch.float64)
    # -log sigmoid(x) is softplus(-x); the unknown pair counts for nothing; two texts
    assert sigmoid_pairs(logits, targets).item() == pytest.approx((softplus(-2) + softplus(-1) + softplus(-3)) / 2)


def test_sigmoid_pairs_is_the_published_loss_on_the_diagonal():
    rng = torch.Generator().manual_seed(0)
    logits = torch.randn(5, 5, generator=rng, dtype=torch.float64)
    labels = 2 * torch.eye(5, dtype=torch.float64) - 1
    published = -torch.nn.functional.logsigmoid(labels * logits).sum() / 5  # Zhai et al. 2023, algorithm 1
    torch.testing.assert_close(sigmoid_pairs(logits, labels), published)


def test_unknown_pairs_give_no_gradient():
    logits = torch.zeros(2, 1, requires_grad=True)
    sigmoid_pairs(logits, torch.tensor([[0.0], [1.0]])).backward()
    assert logits.grad is not None
    assert logits.grad.flatten().tolist() == [0.0, -0.5]


def test_depth_loss_by_hand():
    similarity = torch.tensor([[1.0, 2.0, 9.0]], dtype=torch.float64)
    z = torch.tensor([[0.0, 10.0, 20.0]], dtype=torch.float64)
    valid = torch.tensor([[True, True, False]])
    loss = depth_loss(similarity, z, valid, torch.tensor([10.0], dtype=torch.float64), sigma_mm=10.0)
    target = np.array([np.exp(-0.5), 1.0]) / (np.exp(-0.5) + 1)
    share = np.array([np.exp(1.0), np.exp(2.0)]) / (np.exp(1.0) + np.exp(2.0))
    assert loss.item() == pytest.approx(-(target * np.log(share)).sum())


def test_depth_loss_is_least_where_the_sentence_points():
    z = torch.arange(0, 100, 10.0)[None]
    valid = torch.ones(1, 10, dtype=torch.bool)
    losses = [depth_loss(5 * torch.eye(10)[k : k + 1], z, valid, torch.tensor([40.0]), 8.0).item() for k in range(10)]
    assert int(np.argmin(losses)) == 4


def test_depth_loss_of_nothing_is_zero():
    empty = torch.zeros(0, 4)
    assert depth_loss(empty, empty, empty > 0, torch.zeros(0), 8.0).item() == 0


def test_spot_loss_by_hand():
    logits = torch.zeros(1, 2, 1, 1, 2, dtype=torch.float64)
    truth = torch.zeros_like(logits)
    truth[0, 0, 0, 0, 1] = 1
    # at p = 1/2 each cell costs alpha (1/2) * (1 - p)^2 * log 2, over the positive cells and 20 more
    cell = 0.5 * 0.25 * np.log(2)
    assert spot_loss(logits, truth).item() == pytest.approx((2 * cell / 21 + 2 * cell / 20) / 2)


def test_spots_that_are_right_cost_little():
    truth = torch.zeros(1, 1, 2, 2, 2)
    truth[0, 0, 1] = 1
    right, wrong = (spot_loss(sign * 8 * (2 * truth - 1), truth).item() for sign in (1, -1))
    assert right < 1e-6
    assert wrong > 1
