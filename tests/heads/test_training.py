"""Many fits trained in one loop: none depends on those beside it, each takes torch's own steps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from scanbank.heads import HEADS, CLIPAdapterHead, Support
from scanbank.heads.clip_adapter import RATIOS
from scanbank.heads.steps import SGD, AdamW, Steps
from scanbank.heads.training import Stack, descend, steps_of, warmed_cosine

TRAINED = [name for name, kind in HEADS.items() if kind.needs_texts]


def study(seed: int = 0, width: int = 24) -> tuple[np.ndarray, list[Support], np.ndarray]:
    """Supports of 1 to 18 a class with texts and seeds of their own; every other has tuning rows."""
    random = np.random.default_rng(seed)
    y = np.arange(120) % 2
    X = random.normal(size=(120, width)) + 2.0 + 0.5 * y[:, None] * random.normal(size=width)
    supports = []
    for shots in (1, 4, 18):
        for _ in range(2):
            rows = np.concatenate([random.permutation(np.flatnonzero(y[:60] == c))[:shots] for c in (0, 1)])
            tuning = Support(np.arange(60, 80), y[60:80]) if len(supports) % 2 else None
            texts = random.normal(size=(2, width)) + 2.0
            supports.append(Support(rows, y[rows], tuning=tuning, texts=texts, seed=len(supports), logit_scale=20.0 + len(supports)))
    return X, supports, np.arange(80, 120)


@pytest.mark.parametrize("name", TRAINED)
def test_the_fits_beside_it_change_no_bit(name: str) -> None:
    X, supports, queries = study()
    whole = HEADS[name].scores(X, supports, queries)
    order = np.random.default_rng(1).permutation(len(supports))
    assert np.array_equal(HEADS[name].scores(X, [supports[i] for i in order], queries), whole[order])
    for i in (0, 3, 4):
        assert np.array_equal(HEADS[name].scores(X, supports[i : i + 1], queries)[0], whole[i])


@pytest.mark.parametrize("name", TRAINED)
def test_a_supports_own_texts_scale_and_seed_count(name: str) -> None:
    X, supports, queries = study()
    for support in (supports[2], supports[4]):  # without tuning rows; the second of 36 rows, more than a batch of CLIP-Adapter
        head = HEADS[name].make()
        told = {"prompts": support.texts, "random_state": support.seed, "scale": support.logit_scale}
        head.set_params(**{key: value for key, value in told.items() if key in head.get_params()})
        alone = head.fit(X[support.rows], support.y).decision_function(X[queries])
        assert HEADS[name].scores(X, [support], queries)[0] == pytest.approx(alone, abs=1e-9)


def test_the_global_generators_are_left_alone() -> None:
    X, supports, queries = study()
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first = HEADS["clip_adapter"].scores(X, supports[4:5], queries)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(4)
    np.random.seed(5)
    assert np.array_equal(HEADS["clip_adapter"].scores(X, supports[4:5], queries), first)


def test_clip_adapter_chooses_its_ratio_by_auroc_on_tuning_rows() -> None:
    X, supports, queries = study(2)
    support = supports[3]
    assert support.tuning is not None
    best, kept = -1.0, None
    for ratio in RATIOS:
        head = CLIPAdapterHead(support.texts, scale=support.logit_scale, ratio=ratio, random_state=support.seed)
        head.fit(X[support.rows], support.y)
        found = roc_auc_score(support.tuning.y, head.decision_function(X[support.tuning.rows]))
        if found > best:
            best, kept = found, head
    assert kept is not None
    assert HEADS["clip_adapter"].scores(X, [support], queries)[0] == pytest.approx(kept.decision_function(X[queries]), abs=1e-9)


@pytest.mark.parametrize("kind", ["sgd", "adamw"])
def test_steps_are_torchs(kind: str) -> None:
    ours, theirs = ([torch.arange(6.0, dtype=torch.float64).reshape(2, 3).requires_grad_()] for _ in range(2))
    steps: Steps = SGD(ours, 0.9, 5e-4) if kind == "sgd" else AdamW(ours, 1e-4)
    if kind == "sgd":
        optimizer: torch.optim.Optimizer = torch.optim.SGD(theirs, lr=0.1, momentum=0.9, weight_decay=5e-4)
    else:
        optimizer = torch.optim.AdamW(theirs, lr=0.1, eps=1e-4)
    for rate in (0.1, 0.03, 0.2, 1e-5):
        steps.step(torch.autograd.grad((ours[0].sin() ** 2).sum(), ours), rate)
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        (theirs[0].sin() ** 2).sum().backward()
        optimizer.step()
    assert torch.allclose(ours[0], theirs[0], atol=1e-13)


def test_an_epoch_takes_each_row_once_in_an_order_of_the_fits_own() -> None:
    U = np.eye(5)
    stack = Stack.of(U, [Support(np.arange(5), np.array([0, 1, 0, 1, 1]), texts=U[:2], seed=s) for s in (1, 2, 1)], "cpu")
    seen: list[torch.Tensor] = []

    def loss(rows: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        seen.append(rows.argmax(2))
        assert torch.equal(codes, torch.tensor([0, 1, 0, 1, 1])[rows.argmax(2)])
        return (rows * weight).sum((1, 2))

    weight = torch.zeros(3, 1, 5, dtype=torch.float64, requires_grad=True)
    descend(SGD([weight], 0.0), [0.1] * 6, stack, 2, loss)
    assert steps_of(5, 2) == 3
    first, second = torch.cat(seen[:3], 1), torch.cat(seen[3:], 1)
    assert (first.sort(1).values == torch.arange(5)).all()
    assert (second.sort(1).values == torch.arange(5)).all()
    assert torch.equal(first[0], first[2])
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(first[0], second[0])


def test_axes_of_the_span_keep_all_products() -> None:
    random = np.random.default_rng(0)
    U, texts = random.normal(size=(4, 20)), random.normal(size=(2, 20))
    U[3] = U[1]
    stack = Stack.one(U, np.array([0, 1, 0, 1]), texts, 1.0, 0)
    inside, axes = stack.turned()
    assert inside.rows.shape == (1, 4, 6)
    assert torch.allclose(inside.rows @ axes.transpose(1, 2), stack.rows)
    assert torch.allclose(inside.texts @ axes.transpose(1, 2), stack.texts)
    assert torch.allclose(axes.transpose(1, 2) @ axes, torch.eye(6, dtype=torch.float64))


def test_the_schedule_warms_up_for_an_epoch() -> None:
    rates = warmed_cosine(0.2, 4, 2)
    assert rates == pytest.approx([1e-5, 1e-5, 0.2, 0.2, *[0.1 * (1 + np.sqrt(0.5))] * 2, 0.1, 0.1])
