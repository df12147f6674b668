from __future__ import annotations

import numpy as np
import pytest
import torch

from scanbank.embed.adapt.pointing import Pointed, Pointers
from scanbank.store.errors import UsageError

Z_MM = np.array([[0, 10, 20], [100, 110, np.nan]], np.float32)
POINTERS = Pointers([[("a", 0.0), ("b", 20.0), ("c", 10.0)], [("d", 110.0)]], Z_MM)


def test_the_loss_by_hand() -> None:
    """One scan, three depths of which the last is padding; a sentence that means the second."""
    depth = torch.tensor([[[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]]])
    mask, words = torch.tensor([[True, True, False]]), torch.tensor([[0.0, 2.0]]) / 2
    pointed = Pointed((0,), ("x",), (10.0,))
    found = pointed.loss((depth, mask), words, torch.tensor([[0.0, 10.0, 20.0]]), [0], tau=0.5, sigma_mm=10.0)
    target = np.array([np.exp(-0.5), 1.0]) / (np.exp(-0.5) + 1)
    logits = np.array([0.0, 0.8]) / 0.5
    assert found.item() == pytest.approx(-(target * (logits - np.log(np.exp(logits).sum()))).sum(), rel=1e-6)


def test_depths_without_a_place_are_padding() -> None:
    depth, words = torch.randn(1, 3, 2), torch.tensor([[0.0, 1.0]])
    pointed = Pointed((0,), ("x",), (10.0,))
    nan, shorter = torch.tensor([[0.0, 10.0, float("nan")]]), torch.tensor([[0.0, 10.0]])
    seen = depth, torch.ones(1, 3, dtype=torch.bool)
    found = pointed.loss(seen, words, nan, [0], 0.1, 10.0)
    torch.testing.assert_close(found, pointed.loss((depth[:, :2], seen[1][:, :2]), words, shorter, [0], 0.1, 10.0))


def test_a_sentence_is_looked_for_where_its_scan_is_seen() -> None:
    """Of two mixtures, the second holds the first scan."""
    depth, mask = torch.tensor([[[0.0, 1.0]] * 2, [[1.0, 0.0], [0.0, 1.0]]]), torch.ones(2, 2, dtype=torch.bool)
    z_mm = torch.tensor([[0.0, 50.0], [0.0, 50.0]])
    losses = [
        Pointed((0,), ("x",), (target,)).loss((depth, mask), torch.tensor([[0.0, 1.0]]), z_mm, [1, 0], 0.1, 5.0).item()
        for target in (50.0, 0.0)
    ]
    assert losses[0] < 0.1 < 5 < losses[1]


def test_drawn_sentences() -> None:
    drawn = [POINTERS.drawn([1, 0], 2, np.random.default_rng(seed)) for seed in range(20)]
    assert all(one.owner == (0, 1, 1) and one.texts[0] == "d" and len(set(one.texts)) == 3 for one in drawn)
    assert {text for one in drawn for text in one.texts} == set("abcd")
    assert all(dict(zip(one.texts, one.target_mm, strict=True)).items() <= {"a": 0, "b": 20, "c": 10, "d": 110}.items() for one in drawn)
    assert drawn == [POINTERS.drawn([1, 0], 2, np.random.default_rng(seed)) for seed in range(20)]


def test_pointers_that_do_not_fit() -> None:
    with pytest.raises(UsageError, match=r"depths of shape \(2, 3\) for 1 examples"):
        Pointers([[]], Z_MM)
    with pytest.raises(UsageError, match="points at no number of mm"):
        Pointers([[("a", float("nan"))], []], Z_MM)
