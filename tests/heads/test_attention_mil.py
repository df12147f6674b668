"""Attention MIL against a plain PyTorch loop, a bag at a time, with torch's own optimiser."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bag_cohorts import planted, shifted
from scanbank.heads import AttentionMILHead, bag_training
from scanbank.heads.attention_mil import AttentionMILHead as Head

NAMES = ("tanh_", "gate_", "attend_", "coef_", "intercept_")


def recipe(head: Head, bags: list[np.ndarray], y: np.ndarray, steps: int) -> dict[str, torch.Tensor]:
    """Gated attention as the paper writes it, from the head's first weights, in full batches."""
    V, U, w, W, b = weights = [torch.tensor(getattr(head, name), requires_grad=True) for name in NAMES]
    optimizer = torch.optim.AdamW(weights, lr=head.learning_rate, weight_decay=head.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = torch.zeros((), dtype=torch.float64)
        for bag, label in zip(bags, y.tolist(), strict=True):
            H = torch.from_numpy((bag - head.mean_) / head.scale_)
            a = torch.softmax(torch.stack([w @ (torch.tanh(V @ h) * torch.sigmoid(U @ h)) for h in H]), dim=0)
            z = sum((one * h for one, h in zip(a, H, strict=True)), torch.zeros(H.shape[1], dtype=torch.float64))
            loss = loss - torch.log_softmax(W @ z + b, dim=0)[label]
        (loss / len(bags)).backward()
        optimizer.step()
        schedule.step()
    return dict(zip(NAMES, (one.detach() for one in weights), strict=True))


@pytest.mark.parametrize("classes", [2, 3])
def test_is_the_published_recipe(classes: int) -> None:
    cohort = shifted(12, width=5, classes=classes)
    one = {"hidden": 4, "learning_rate": 0.05, "weight_decay": 0.3}
    start = AttentionMILHead(**one, steps=0).fit(cohort.bags, cohort.y)
    parts = np.split(cohort.bags.X, cohort.bags.starts[1:-1])
    expected = recipe(start, parts, cohort.y, 15)
    found = AttentionMILHead(**one, steps=15).fit(cohort.bags, cohort.y)
    assert not np.allclose(found.attend_, start.attend_)
    for name in NAMES:
        assert getattr(found, name) == pytest.approx(expected[name].numpy(), abs=1e-9)
    assert np.array_equal(found.mean_, cohort.bags.X.mean(axis=0))
    assert found.scale_ == pytest.approx(cohort.bags.X.std(axis=0))


def test_scores_are_those_of_the_attended_mean() -> None:
    cohort = planted(10)
    head = AttentionMILHead(hidden=4, steps=20, learning_rate=0.05).fit(cohort.bags, cohort.y)
    attention = head.attention(cohort.bags)
    standard = (cohort.bags.X - head.mean_) / head.scale_
    z = np.add.reduceat(attention[:, None] * standard, cohort.bags.starts[:-1])
    logits = z @ head.coef_.T + head.intercept_
    assert head.decision_function(cohort.bags) == pytest.approx(logits[:, 1] - logits[:, 0])


def test_a_single_slice_has_all_attention() -> None:
    random = np.random.default_rng(0)
    X, y = random.normal(size=(30, 4)), np.arange(30) % 2
    head = AttentionMILHead(hidden=4, steps=10).fit(X, y)
    assert np.array_equal(head.attention(X), np.ones(30))
    logits = (X - head.mean_) / head.scale_ @ head.coef_.T + head.intercept_
    assert head.decision_function(X) == pytest.approx(logits[:, 1] - logits[:, 0])


def test_many_scans_are_learned_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    cohort = shifted(40)
    whole = AttentionMILHead(hidden=4, steps=1).fit(cohort.bags, cohort.y)
    monkeypatch.setattr(bag_training, "BATCH_VECTORS", 50)
    part = AttentionMILHead(hidden=4, steps=1).fit(cohort.bags, cohort.y)
    assert not np.allclose(part.intercept_, whole.intercept_)
    trained = AttentionMILHead(hidden=4, steps=60, learning_rate=0.03, sub_bag=2).fit(cohort.bags, cohort.y)
    assert (trained.predict(cohort.bags) == cohort.y).mean() > 0.9


def test_torch_keeps_its_threads() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        cohort = shifted(10)
        AttentionMILHead(hidden=2, steps=1).fit(cohort.bags, cohort.y)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
