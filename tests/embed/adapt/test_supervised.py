from __future__ import annotations

import numpy as np
import pytest
import torch

from scanbank.embed.adapt.objective import Model
from scanbank.embed.adapt.supervised import Supervised, Supervision
from scanbank.store.errors import UnknownNameError, UsageError
from toy_towers import DIM, gradients, model_of, toy, toy_batch, toy_parts

NAN = float("nan")
TARGETS = np.array([[1, 0], [0, NAN], [NAN, NAN], [1, 1], [0, 0]], np.float32)
CLASSES = np.array([[1, 0, 0], [0, 1, 0], [NAN] * 3, [0, 0, 1], [1, 0, 0]], np.float32)


def test_the_loss_by_hand() -> None:
    """A head of zeros gives logits of 0: each label costs log 2, and present ones weigh absent over present."""
    objective = Supervised(toy(), TARGETS, ("nodule", "effusion"))
    # of 7 known labels 3 are present: the first finding's two weigh 2 / 2, the second's one 2 / 1
    found = objective.loss(Model(toy()), toy_batch([0, 1, 2, 3, 4])).item()
    assert found == pytest.approx(np.log(2) * (2 * 1 + 2 + 1 * 2 + 2) / 7, rel=1e-6)


@pytest.mark.parametrize(("loss", "targets"), [("bce", TARGETS), ("focal", TARGETS), ("cross-entropy", CLASSES)])
def test_parts_of_a_batch_are_the_batch(loss: str, targets: np.ndarray) -> None:
    encoder = toy()
    objective = Supervised(encoder, targets, [f"finding {n}" for n in range(targets.shape[1])], Supervision(loss)).double()
    torch.nn.init.normal_(objective.head.weight, generator=torch.Generator().manual_seed(0))
    rows = [3, 0, 2, 1, 4]
    whole = objective.backward(Model(encoder), toy_parts(rows, 5), lambda loss: loss)
    expected = gradients(encoder.model, objective)
    # what is unknown is spread unevenly over the parts
    assert objective.backward(Model(encoder), toy_parts(rows, 2), lambda loss: loss) == pytest.approx(whole, rel=1e-6)
    for name, value in gradients(encoder.model, objective).items():
        torch.testing.assert_close(value, expected[name], atol=1e-6, rtol=1e-5)
    assert {"0.image.0.weight", "1.head.weight"} <= set(expected)


def test_it_learns() -> None:
    encoder = toy(trains=("image",))
    targets = (torch.stack([toy_batch([row]).pixels.mean() for row in range(40)]) > 0).float()[:, None].numpy()
    objective = Supervised(encoder, targets, ("bright",))
    optimizer = torch.optim.Adam([*model_of(encoder).image.parameters(), *objective.parameters()], lr=0.05)
    for _ in range(40):
        optimizer.zero_grad()
        objective.backward(Model(encoder), toy_parts(list(range(40)), 40), lambda loss: loss)
        optimizer.step()
    scores = objective.scores(Model(encoder).vectors(toy_batch(list(range(40)))).detach())
    assert scores.shape == (40, 1)
    assert np.mean((scores.numpy() > 0) == targets) > 0.9


def test_scores_of_classes_are_log_probabilities() -> None:
    objective = Supervised(toy(), CLASSES, ("a", "b", "c"), Supervision("cross-entropy"))
    torch.testing.assert_close(objective.scores(torch.randn(4, DIM)).exp().sum(1), torch.ones(4))


def test_vectors_are_standardized_by_the_parents() -> None:
    mean, std = np.arange(DIM, dtype=np.float32), np.array([1, 2, 0, 4], np.float32)
    objective = Supervised(toy(), TARGETS, ("nodule", "effusion"), mean=mean, std=std)
    torch.nn.init.ones_(objective.head.weight)
    vectors = torch.tensor([[1.0, 3.0, 3.0, 7.0]])
    # an axis that never varies is not divided by nothing
    assert objective.scores(vectors)[0].tolist() == [1 + 1 + 1 + 1] * 2


def test_what_is_refused() -> None:
    with pytest.raises(UsageError, match="one class alone for nodule"):
        Supervised(toy(), np.ones((4, 1), np.float32), ("nodule",))
    with pytest.raises(UsageError, match="one class a scan: nodule, effusion exclude each other"):
        Supervised(toy(), TARGETS, ("nodule", "effusion"), Supervision("cross-entropy"))
    with pytest.raises(UnknownNameError, match="did you mean 'focal'"):
        Supervision("focl")
    with pytest.raises(UsageError, match="gamma nan: expected a number from 0"):
        Supervision(gamma=NAN)
