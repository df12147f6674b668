"""What an adaptation learns from, for each kind of recipe: labels, pairs of sentences, or reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from ..embed.adapt.contrastive import Contrastive
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
    from ..store.features import FeatureSet


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
    wordings = recipe.wordings if recipe.learns == "contrastive" else 1
    prompts = Prompts.plain(items.findings, wordings) if items.findings else None
    if recipe.learns == "vocabfine":
        assert prompts is not None  # the caller looked
        return VocabFine(encoder, targets, prompts)
    reports = Reports([(items.texts[row],) for row in train.tolist()])
    how = recipe.contrast
    pointers = _pointers(bank, encoder, view, items, train) if recipe.pointer_weight else None
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
    ordinals = items.ordinals[train]
    rows = depths_of(bank, encoder, view, ordinals).rows_of(ordinals)
    assert rows.z_mm is not None  # of kind depth
    return Pointers(pointing(bank, ordinals), np.asarray(rows.z_mm, np.float32))


def pointing(bank: Bank, ordinals: NDArray[np.int64]) -> list[list[tuple[str, float]]]:
    """Of each scan, sentences of its report and the depth in mm that each refers to."""
    said: dict[int, list[tuple[str, float]]] = {}
    for one in pointing_sentences(bank)[0]:
        low, high = one.spans_mm[0]
        said.setdefault(one.ordinal, []).append((one.text, (low + high) / 2))
    return [said.get(int(ordinal), []) for ordinal in ordinals]


def depths_of(bank: Bank, encoder: TorchEncoder, view: ViewSpec, ordinals: NDArray[np.int64], *, some: bool = False) -> FeatureSet:
    """The encoder's own feature set along depth under this view.

    Raises:
        UsageError: the encoder gives none, or the bank lacks it, or it lacks one of the scans of these ordinals (with `some`: all of them).
    """
    if not encoder.gives_depth:
        raise UsageError(f"pointer_weight: encoder {encoder.spec.name!r} gives no vectors along depth to learn places with; leave it at 0")
    key = FeatureKey("depth", encoder.spec, view)
    found = next((one for one in bank.feature_sets if one.digest == key.digest), None)
    lacking = len(ordinals) if found is None else int((~found.holds(ordinals)).sum())
    if found is None or lacking > (len(ordinals) - 1 if some else 0):
        window = "" if view.windows == encoder.view.windows else f" --window={view.window_label}"
        raise UsageError(
            f"pointer_weight needs to know where the steps along depth of {encoder.spec.name!r} lie, from its own features of these scans; "
            f"{lacking} of {len(ordinals)} have none in this view: `scanbank embed {bank.name} --encoder {encoder.spec.name}{window}` first"
        )
    return found


def trained_scale(encoder: TorchEncoder) -> tuple[float | None, float | None]:
    """What cosines are multiplied by and what is added, as an adapted model has them; None where it has no such parameter."""
    towers = encoder.towers
    if towers is None:
        return None, None
    scale = float(encoder.model.get_parameter(towers.log_scale).detach().exp()) if towers.log_scale else None
    return scale, float(encoder.model.get_parameter(towers.bias).detach()) if towers.bias else None
