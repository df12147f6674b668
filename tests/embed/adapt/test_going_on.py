"""Objectives draw nothing that a run which went on after a kill would draw otherwise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from scanbank.embed.adapt.contrastive import Contrast, Contrastive
from scanbank.embed.adapt.fit import Fit, Fitted
from scanbank.embed.adapt.objective import Batch, Objective
from scanbank.embed.adapt.pointing import Pointers
from scanbank.embed.adapt.prompts import Prompts
from scanbank.embed.adapt.reports import Reports
from scanbank.embed.adapt.supervised import Supervised
from scanbank.embed.adapt.training import Training
from scanbank.embed.adapt.vocabfine import VocabFine
from scanbank.embed.torch_encoder import TorchEncoder
from toy_towers import model_of, toy, toy_batch

COUNT = 10
TARGETS = (np.arange(COUNT)[:, None] % np.array([2, 3]) == 0).astype(np.float32)
PROMPTS = Prompts(("a", "b"), (("a", "an a"), ("b", "some b")), (("no a", "not an a"), ("no b", "not b")))
REPORTS = Reports([[f"report {row}", f"{row} again"] for row in range(COUNT)])
POINTERS = Pointers(
    [[(f"sentence {row}", 10.0), (f"other {row}", 0.0)] for row in range(COUNT)], np.array([[0, 10, 20]] * COUNT, np.float32)
)


def contrastive(encoder: TorchEncoder) -> Objective:
    return Contrastive(encoder, REPORTS, Contrast(pointers=1), targets=TARGETS, prompts=PROMPTS, pointers=POINTERS)


class Volumes:
    """Ten of them, which are killed at the nth question."""

    def __init__(self, kill_at: int) -> None:
        self.asked, self.kill_at = 0, kill_at

    def __len__(self) -> int:
        return COUNT

    def take(self, rows: Sequence[int]) -> Batch:
        self.asked += 1
        if self.asked == self.kill_at:
            raise KeyboardInterrupt
        return toy_batch(list(rows))

    def names(self, rows: Sequence[int]) -> list[str]:
        return [f"scan {row}" for row in rows]


def run(make: Callable[[TorchEncoder], Objective], trains: tuple[str, ...], folder: Path, kill_at: int = 0) -> Fitted:
    encoder = toy(dropout=0.3, trains=trains)
    model = model_of(encoder)
    modules = [part for side in trains for part in model.get_submodule(side).modules()]
    training = Training(epochs=3, batch=4, micro=3, learning_rate=0.01, seed=5)
    return Fit(encoder, modules, [], make(encoder), Volumes(kill_at), training, folder=folder).go()


@pytest.mark.parametrize("trains", [("image", "text"), ("image",)])
@pytest.mark.parametrize(
    "make",
    [contrastive, lambda encoder: VocabFine(encoder, TARGETS, PROMPTS), lambda encoder: Supervised(encoder, TARGETS, ("a", "b"))],
    ids=["contrastive", "vocabfine", "supervised"],
)
def test_a_run_that_was_killed_ends_the_same(make: Callable[[TorchEncoder], Objective], trains: tuple[str, ...], tmp_path: Path) -> None:
    whole = run(make, trains, tmp_path / "whole")
    # after the first epoch: with gradient caching and mixup, parts are asked for more often
    with pytest.raises(KeyboardInterrupt):
        run(make, trains, tmp_path / "killed", kill_at=25 if make is contrastive else 14)
    assert (tmp_path / "killed" / "state.safetensors").is_file()
    again = run(make, trains, tmp_path / "killed")
    assert [told.loss for told in again.epochs] == [told.loss for told in whole.epochs]
    assert set(again.tensors) == set(whole.tensors)
    assert all(torch.equal(again.tensors[name], value) for name, value in whole.tensors.items())
    assert all(torch.equal(again.objective[name], value) for name, value in whole.objective.items())
