"""Adapting an encoder to findings of a bank: the loop of `embed.adapt`, with the sides, labels and measures of a study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np
import platformdirs
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..embed.adapt.examples import BankExamples
from ..embed.adapt.fit import Fit, Fitted, backbone_of
from ..embed.adapt.methods.base import Backbone, Moving, changed
from ..embed.adapt.methods.kinds import method_named
from ..embed.adapt.objective import Model, Objective
from ..embed.adapt.recipe import Recipe
from ..embed.adapt.voxels import voxels_of
from ..embed.encoder import Encoder
from ..embed.torch_encoder import TorchEncoder
from ..embed.weights import seeded
from ..store.digests import spec_digest
from ..store.errors import UsageError
from ..store.progress import Progress, Silent
from ..store.specs import ViewSpec
from ..store.voxel_cache import DEFAULT_BYTES
from .adapt_data import AdaptItems, Learned, adapt_items, adapt_view, examples_of
from .adapt_objectives import objective_of
from .metrics import auroc

if TYPE_CHECKING:
    from ..store.bank import Bank


@final
@dataclass(frozen=True)
class Place:
    """Where an adaptation keeps what it can begin anew from."""

    work: Path | None = None
    """The state of a run that was begun; None: a folder of its own in the user's cache."""
    cache: Path | None = None
    """Voxels; None: the user's cache."""
    cache_bytes: int = DEFAULT_BYTES
    workers: int = 1
    """Scans that are decoded at a time."""


@final
@dataclass(frozen=True)
class Adapted:
    """What came out: the encoder's model is as it was at the end of the best epoch."""

    fitted: Fitted
    items: AdaptItems
    failed: Mapping[str, str]
    """Volume to reason: scans that could not be read."""
    view: ViewSpec
    """That was trained in."""
    trained: int
    """Parameters that moved."""
    told: Mapping[str, Any]
    """For the artifact's card."""


def adaptable(encoder: Encoder) -> TorchEncoder:
    """The encoder, if its weights are here to be moved.

    Raises:
        UsageError: they are not.
    """
    if not isinstance(encoder, TorchEncoder):
        raise UsageError(
            f"encoder {encoder.spec.name!r} has no weights here that could move; no method of adaptation fits it: "
            "train heads on its features (scanbank sweep)"
        )
    return encoder


def adapt(
    bank: Bank,
    encoder: TorchEncoder,
    recipe: Recipe,
    asked: Learned,
    view: ViewSpec,
    place: Place | None = None,
    progress: Progress | None = None,
) -> Adapted:
    """Move the encoder's weights on the training side of a bank, validated on its validation side; the test side is never seen.

    Args:
        bank: The bank; its scans' files are on this machine.
        encoder: From `open_encoder`; its model is changed.
        recipe: How.
        asked: What is learned.
        view: That the child's features will have.
        place: Where state and voxels are kept.
        progress: Told of decoding and of steps.

    Raises:
        UsageError: labels, sides, scans or the encoder do not suffice.
        AdaptError: training could not go on.
    """
    place, progress = place or Place(), progress or Silent()
    items = adapt_items(bank, asked, validated=True)
    trained_in = adapt_view(encoder, view, items.unit, recipe.planes)
    voxels = voxels_of(bank, trained_in, encoder.spec.input_range, place.cache, place.cache_bytes)
    examples = examples_of(bank, items, np.concatenate([items.train, items.val]), voxels, encoder)
    failed = voxels.fill(list({one.scan.name: one.scan for one in examples}.values()), place.workers, progress)
    kept = np.array([one.scan.work.volume not in failed for one in examples])
    train, val = items.train[kept[: len(items.train)]], items.val[kept[len(items.train) :]]
    every = BankExamples(voxels, [one for one, keep in zip(examples, kept.tolist(), strict=True) if keep])
    learning, checked = every.of(range(len(train))), every.of(range(len(train), len(train) + len(val)))
    backbone, moving = backbone_of(encoder), recipe.moving
    with seeded(recipe.seed):
        objective = objective_of(recipe, encoder, items, train)
        modules = method_named(moving.method).prepare(backbone, moving)
    moved = sum(value.numel() for value in changed(encoder.model).values())
    if not moved:
        raise UsageError(f"method {moving.method} lets none of the parameters of {encoder.spec.name!r} train; choose other --layers")
    objective.to(encoder.device)
    told = {
        "recipe": recipe.to_dict(),
        "findings": list(items.findings),
        "unit": items.unit,
        "split": items.split.name,
        "shots": asked.shots,
        "repeat": asked.repeat if asked.shots is not None else None,
        "items": {"train": len(train), "val": len(val), "digest": _digest(items, train, val)},
        "view": view.to_dict(),
        "scanbank": version("scanbank"),
    }
    fingerprint = spec_digest([told, encoder.spec.digest, trained_in.digest])
    fit = Fit(
        encoder,
        modules,
        _blocks(backbone, moving),
        objective,
        learning,
        recipe.training,
        lambda: validated_auroc(Model(encoder), objective, checked, items.targets[val], recipe.training.micro or recipe.training.batch),
        place.work or Path(platformdirs.user_cache_path("scanbank")) / "adapt" / fingerprint[:16],
        fingerprint,
        progress,
    )
    fitted = fit.go()
    return Adapted(fitted, items, failed, trained_in, moved, told | {"epochs": [vars(one) for one in fitted.epochs], "best": fitted.best})


def validated_auroc(model: Model, objective: Objective, examples: BankExamples, targets: NDArray[np.float32], at_once: int) -> float:
    """The mean over findings of the AUROC of an objective's scores of labelled examples (N), targets (N, F), NaN where not known."""
    parts: list[Tensor] = []
    for start in range(0, len(examples), at_once):
        batch = examples.take(range(start, min(len(examples), start + at_once)))
        parts.append(objective.scores(model, model.vectors(batch)).float().cpu())
    scores = torch.cat(parts).numpy()
    found: list[float] = []
    for column in range(targets.shape[1]):
        known = ~np.isnan(targets[:, column])
        found.append(float(auroc(targets[known, column].astype(np.int64), scores[known, column]).value))
    return float(np.nanmean(found))


def plan(encoder: TorchEncoder, recipe: Recipe) -> list[tuple[str, tuple[int, ...], int]]:
    """What would train: name, shape and number of each parameter, without a bank. The encoder's model is changed.

    Raises:
        UsageError: the method does not fit the encoder.
    """
    backbone, moving = backbone_of(encoder), recipe.moving
    with seeded(recipe.seed):
        method_named(moving.method).prepare(backbone, moving)
    return [(name, tuple(value.shape), value.numel()) for name, value in changed(encoder.model).items()]


def _blocks(backbone: Backbone, moving: Moving) -> list[torch.nn.Module]:
    """What may be computed again for its gradients: every block of the sides that move."""
    return [backbone.model.get_submodule(name) for stack in backbone.stacks(moving) for name in stack.blocks]


def _digest(items: AdaptItems, train: NDArray[np.int64], val: NDArray[np.int64]) -> str:
    """Of the items, their order, labels and sides."""
    return spec_digest([[[items.items[row], np.nan_to_num(items.targets[row], nan=-1).tolist()] for row in rows] for rows in (train, val)])
