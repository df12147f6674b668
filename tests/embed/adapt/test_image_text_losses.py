from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from scanbank.embed.adapt.image_text_losses import agreement_of, contrastive_loss, sigmoid_loss
from scanbank.embed.losses import sigmoid_pairs

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.5, 3.0, 0.0], [1.0, 1.0, 1.0]], dtype=torch.float64)
APART = torch.eye(3, dtype=torch.float64)
TWINS = torch.tensor([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
"""The first two examples have the same report."""


def log_shares(logits: np.ndarray) -> np.ndarray:
    return logits - np.log(np.exp(logits).sum(1, keepdims=True))


def test_contrastive_loss_by_hand() -> None:
    rows, columns = log_shares(LOGITS.numpy()), log_shares(LOGITS.numpy().T)
    expected = -(np.trace(rows) + np.trace(columns)) / 6
    assert contrastive_loss(LOGITS, APART).item() == pytest.approx(expected)


def test_smoothing_is_that_of_torch() -> None:
    own = torch.arange(3)
    expected = sum(functional.cross_entropy(logits, own, label_smoothing=0.1) for logits in (LOGITS, LOGITS.T)) / 2
    torch.testing.assert_close(contrastive_loss(LOGITS, APART, 0.1), expected)


def test_same_reports_share_the_target() -> None:
    target = np.array([[0.5, 0.5, 0], [0.5, 0.5, 0], [0, 0, 1]])
    expected = -(target * log_shares(LOGITS.numpy())).sum() / 6 - (target * log_shares(LOGITS.numpy().T)).sum() / 6
    assert contrastive_loss(LOGITS, TWINS).item() == pytest.approx(expected)


@pytest.mark.parametrize("loss", [contrastive_loss, sigmoid_loss])
def test_same_reports_are_not_pushed_apart(loss) -> None:
    logits = torch.zeros(3, 3, requires_grad=True)
    loss(logits, TWINS.float()).backward()
    assert logits.grad is not None
    assert (logits.grad[TWINS > 0] < 0).all()  # a step makes them more alike
    assert (logits.grad[TWINS == 0] > 0).all()


def test_sigmoid_loss_is_that_of_siglip() -> None:
    torch.testing.assert_close(sigmoid_loss(LOGITS, TWINS), sigmoid_pairs(LOGITS, 2 * TWINS - 1))


def test_sigmoid_loss_in_part_by_hand() -> None:
    logits, agreement = torch.tensor([[2.0]]), torch.tensor([[0.25]])
    expected = 0.25 * np.log1p(np.exp(-2)) + 0.75 * np.log1p(np.exp(2))
    assert sigmoid_loss(logits, agreement).item() == pytest.approx(expected)


def test_agreement_of_mixtures_by_hand() -> None:
    # each is three quarters itself and a quarter the next: two neighbours have 3/16 in common, of a squared length of 10/16
    shares = torch.tensor([[0.75, 0.25, 0.0, 0.0], [0.0, 0.75, 0.25, 0.0], [0.0, 0.0, 0.75, 0.25], [0.25, 0.0, 0.0, 0.75]])
    found = agreement_of(torch.eye(4), shares)
    torch.testing.assert_close(found, torch.tensor([[1, 0.3, 0, 0.3], [0.3, 1, 0.3, 0], [0, 0.3, 1, 0.3], [0.3, 0, 0.3, 1]]))


def test_agreement_where_nothing_is_mixed_is_sameness() -> None:
    assert torch.equal(agreement_of(TWINS, torch.eye(3, dtype=torch.float64)), TWINS)
    # the third is half mixed into the first: which is then half what the second is
    shares = torch.tensor([[0.5, 0.0, 0.5], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
    half = 0.5 / np.sqrt(0.5)
    np.testing.assert_allclose(agreement_of(TWINS, shares).numpy(), [[1, half, half], [half, 1, 0], [half, 0, 1]])
