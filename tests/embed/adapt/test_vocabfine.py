from __future__ import annotations

import numpy as np
import pytest
import torch

from scanbank.embed.adapt.objective import Model
from scanbank.embed.adapt.prompts import Prompts
from scanbank.embed.adapt.vocabfine import VocabFine, Vocabulary, pair_losses, pair_margins
from scanbank.store.errors import UnknownNameError, UsageError
from toy_towers import gradients, model_of, toy, toy_batch, toy_parts

NAN = float("nan")
FINDINGS = ("nodule", "pleural_effusion")
TARGETS = np.array([[1, 0], [0, NAN], [NAN, NAN], [1, 1], [0, 0]], np.float32)
ROWS = [3, 0, 2, 1, 4]


def test_margins_by_hand() -> None:
    words = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [-1.0, 0.0]])
    found = pair_margins(torch.tensor([[3.0, 4.0]]), words, torch.tensor(10.0))
    # cosines with the four: 0.6, 1.0, 0.8, -0.6
    torch.testing.assert_close(found, torch.tensor([[10 * (0.6 - 0.8), 10 * (1.0 + 0.6)]]))


def test_losses_by_hand() -> None:
    """Against the softmax over each pair, written out."""
    logits = torch.tensor([[2.0, 0.5], [-1.0, 1.0], [0.3, 0.1]], dtype=torch.float64)  # present, absent
    share = logits.softmax(-1).numpy()
    margins = (logits[:, 0] - logits[:, 1])[:, None]
    targets = torch.tensor([[1.0], [0.0], [NAN]], dtype=torch.float64)
    weights = torch.tensor([3.0], dtype=torch.float64)
    found = pair_losses(margins, targets, weights, "cross-entropy").flatten()
    np.testing.assert_allclose(found.numpy(), [-3 * np.log(share[0, 0]), -np.log(share[1, 1]), 0])
    found = pair_losses(margins, targets, torch.ones(1, dtype=torch.float64), "squared").flatten()
    truth = np.array([[1.0, 0.0], [0.0, 1.0]])
    np.testing.assert_allclose(found.numpy(), [*((share[:2] - truth) ** 2).mean(1).tolist(), 0])


@pytest.mark.parametrize("loss", ["cross-entropy", "squared"])
@pytest.mark.parametrize("trains", [("image", "text"), ("image",), ("text",)])
def test_parts_of_a_batch_are_the_batch(loss: str, trains: tuple[str, ...]) -> None:
    encoder = toy(trains=trains)
    prompts = Prompts(FINDINGS, (("a nodule", "nodules"), ("fluid",)), (("no nodule", "without nodules"), ("no fluid",)))
    objective = VocabFine(encoder, TARGETS, prompts, Vocabulary(loss, weight_cap=20))
    torch.manual_seed(3)
    objective.loss(Model(encoder), toy_batch(ROWS)).backward()
    expected = gradients(encoder.model, objective)
    torch.manual_seed(3)
    objective.backward(Model(encoder), toy_parts(ROWS, 2), lambda loss: loss)
    torch.testing.assert_close(gradients(encoder.model, objective), expected, atol=1e-6, rtol=1e-5)
    assert {name.split(".")[1] for name in expected} == {*trains, "log_scale"}


def test_sentences_are_encoded_once_a_step() -> None:
    encoder = toy()
    objective = VocabFine(encoder, TARGETS, Prompts.plain(FINDINGS))
    calls: list[int] = []
    model_of(encoder).text.register_forward_hook(lambda *given: calls.append(len(given[2])))
    objective.backward(Model(encoder), toy_parts(ROWS, 1), lambda loss: loss)
    assert calls == [4, 4]  # for five scans, and once more for its gradients


def test_wordings_follow_from_torchs_seed() -> None:
    encoder = toy()
    many = tuple(f"nodule {n}" for n in range(30))
    objective = VocabFine(encoder, TARGETS[:, :1], Prompts(("nodule",), (many,), (tuple(f"no {one}" for one in many),)))
    losses = []
    for seed in (1, 2, 1):
        torch.manual_seed(seed)
        losses.append(objective.loss(Model(encoder), toy_batch(ROWS)).item())
    assert losses[0] == losses[2] != losses[1]


def test_it_learns_and_scores_tell() -> None:
    encoder = toy()
    rows = list(range(40))
    targets = (torch.stack([toy_batch([row]).pixels.mean() for row in rows]) > 0).float()[:, None].numpy()
    objective = VocabFine(encoder, targets, Prompts.plain(["brightness"]))
    optimizer = torch.optim.Adam([one for one in encoder.model.parameters() if one.requires_grad], lr=0.05)
    for _ in range(40):
        optimizer.zero_grad()
        objective.backward(Model(encoder), toy_parts(rows, 40), lambda loss: loss)
        optimizer.step()
    scores = objective.scores(Model(encoder).vectors(toy_batch(rows)))
    assert not scores.requires_grad
    assert np.mean((scores.numpy() > 0) == targets) > 0.9


def test_what_is_refused() -> None:
    with pytest.raises(UsageError, match="one class alone for nodule"):
        VocabFine(toy(), np.ones((4, 1), np.float32), Prompts.plain(["nodule"]))
    with pytest.raises(UnknownNameError, match="did you mean 'squared'"):
        Vocabulary("square")
