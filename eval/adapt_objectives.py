"""What an adaptation learns from, for each kind of recipe: labels, pairs of sentences, or reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from ..embed.adapt.contrastive import Contrast, Contrastive
from ..embed.adapt.examples import BankExamples
from ..embed.adapt.objective import Model, Objective
from ..embed.adapt.pointing import Pointers
from ..embed.adapt.prompts import Prompts
from ..embed.adapt.recipe import Recipe
from ..embed.adapt.reports import Reports
from ..embed.adapt.supervised import Supervised, Supervision
from ..embed.adapt.vocabfine import VocabFine
from ..embed.torch_encoder import TorchEncoder
from ..store.errors import UsageError
from ..store.specs import FeatureKey, ViewSpec
from .adapt_data import AdaptItems
from .localizing.examples import examples as pointing_sentences

if TYPE_CHECKING:
    from ..store.bank import Bank


def objective_of(
    bank: Bank, recipe: Recipe, encoder: TorchEncoder, items: AdaptItems, train: NDArray[np.int64], examples: BankExamples, view: ViewSpec
) -> Objective:
    """The objective of a recipe over the examples to learn from.

    Args:
        bank: The bank.
        recipe: How.
        encoder: Whose model the method has prepared.
        items: What is known.
        train: Rows of `items` that `examples` are of.
        examples: To learn from.
        view: Of the child's features.

    Raises:
        UsageError: labels, reports or the encoder do not suffice.
    """
    targets = items.targets[train]
    if recipe.learns == "labels":
        mean, std = _moments(Model(encoder), examples, recipe.training.micro or recipe.training.batch)
        return Supervised(encoder, targets, items.findings, Supervision(recipe.loss), mean=mean, std=std)
    prompts = Prompts.plain(items.findings) if items.findings else None
    if recipe.learns == "vocabfine":
        assert prompts is not None  # the caller looked
        return VocabFine(encoder, targets, prompts)
    reports = Reports([(items.texts[row],) for row in train.tolist()])
    how = Contrast(
        recipe.pairs,
        report_weight=recipe.report_weight,
        smoothing=recipe.label_smoothing,
        mixup=recipe.mixup,
        prompt_weight=recipe.prompt_weight,
        pointer_weight=recipe.pointer_weight,
        sigma_mm=recipe.sigma_mm,
    )
    pointers = _pointers(bank, encoder, view, items, train) if recipe.pointer_weight else None
    if recipe.prompt_weight and prompts is None:
        raise UsageError("prompt_weight is for findings, and none is asked for: give --finding, or leave prompt_weight at 0")
    asked = prompts if recipe.prompt_weight else None
    return Contrastive(encoder, reports, how, targets=None if asked is None else targets, prompts=asked, pointers=pointers)


@torch.no_grad()
def _moments(model: Model, examples: BankExamples, at_once: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and standard deviation (D,) of the parent's vectors: a head on what is near zero or far from it would learn at another pace."""
    starts = range(0, len(examples), at_once)
    vectors = torch.cat([model.vectors(examples.take(range(at, min(len(examples), at + at_once)))).float().cpu() for at in starts])
    return vectors.mean(0).numpy(), vectors.std(0, correction=0).numpy()


def _pointers(bank: Bank, encoder: TorchEncoder, view: ViewSpec, items: AdaptItems, train: NDArray[np.int64]) -> Pointers:
    """What reports say of depths, and where the encoder's steps lie: as the bank has it of the parent's features under this view."""
    key = FeatureKey("depth", encoder.spec, view)
    found = next((one for one in bank.feature_sets if one.digest == key.digest), None)
    ordinals = items.ordinals[train]
    if found is None or not found.holds(ordinals).all():
        raise UsageError(
            f"pointer_weight needs to know where the steps along depth of {encoder.spec.name!r} lie, from its own features of these scans: "
            f"`scanbank embed {bank.name} --encoder {encoder.spec.name}` first"
        )
    rows = found.rows_of(ordinals)
    assert rows.z_mm is not None  # of kind depth
    said: dict[int, list[tuple[str, float]]] = {}
    for one in pointing_sentences(bank)[0]:
        low, high = one.spans_mm[0]
        said.setdefault(one.ordinal, []).append((one.text, (low + high) / 2))
    return Pointers([said.get(int(ordinal), []) for ordinal in ordinals], np.asarray(rows.z_mm, np.float32))


def trained_scale(encoder: TorchEncoder) -> tuple[float | None, float | None]:
    """What cosines are multiplied by and what is added, as an adapted model has them; None where it has no such parameter."""
    towers = encoder.towers
    if towers is None:
        return None, None
    scale = float(encoder.model.get_parameter(towers.log_scale).detach().exp()) if towers.log_scale else None
    return scale, float(encoder.model.get_parameter(towers.bias).detach()) if towers.bias else None
