"""Adapting an encoder to findings of a bank: the loop of `embed.adapt`, with the sides, labels and measures of a study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from ..embed.adapt.examples import BankExamples
from ..embed.adapt.fit import Fit, Fitted, backbone_of
from ..embed.adapt.methods.base import Backbone, changed
from ..embed.adapt.methods.kinds import method_named
from ..embed.adapt.moving import Moving
from ..embed.adapt.recipe import Recipe
from ..embed.adapt.voxels import voxels_of
from ..embed.encoder import Encoder
from ..embed.torch_encoder import TorchEncoder
from ..embed.weights import seeded
from ..store.digests import spec_digest
from ..store.erasure import tokens
from ..store.errors import UsageError
from ..store.progress import Progress, Silent
from ..store.specs import ViewSpec
from ..store.voxel_cache import DEFAULT_BYTES, states_folder
from .adapt_data import AdaptItems, Learned, adapt_items, adapt_view, check_classes, examples_of, report_items
from .adapt_objectives import depths_of, objective_of, pointing
from .adapt_validation import validation

if TYPE_CHECKING:
    from ..store.bank import Bank


@final
@dataclass(frozen=True)
class Place:
    """Where an adaptation keeps what it can begin anew from, and how it reads scans."""

    work: Path | None = None
    """The state of a run that was begun; None: a folder of its own in the user's cache."""
    cache: Path | None = None
    """Voxels; None: the user's cache."""
    cache_bytes: int = DEFAULT_BYTES
    workers: int = 1
    """Scans that are decoded at a time."""
    accept_hu: bool = False
    """Whether values that look like no HU are taken as they are."""


@final
@dataclass(frozen=True)
class Prepared:
    """An adaptation that can begin."""

    bank: Bank
    encoder: TorchEncoder
    recipe: Recipe
    items: AdaptItems
    view: ViewSpec
    """Of the child's features."""
    trained_in: ViewSpec
    """The same, of fewer planes where an encoder of slices sees whole scans."""
    told: Mapping[str, Any]
    identity: str
    """Digest of all that decides the outcome: the same adaptation asked for again has the same."""
    forgot: tuple[str, ...]
    """What the bank had forgotten when this was looked at."""


@final
@dataclass(frozen=True)
class Adapted:
    """What came out: the encoder's model is as it was at the end of the best epoch."""

    asked: Prepared
    fitted: Fitted
    seen: tuple[str, ...]
    """Ids of the items of both sides that were seen."""
    failed: Mapping[str, str]
    """Volume to reason: scans that could not be read."""
    trained: int
    """Parameters that moved."""
    told: Mapping[str, Any]
    """For the card, and for programs."""
    state: Path
    """The folder of the run's state, to be dropped when what came out is kept."""


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


def prepared(bank: Bank, encoder: TorchEncoder, recipe: Recipe, asked: Learned, view: ViewSpec) -> Prepared:
    """Bring items, labels and sides together; nothing is decoded or trained yet.

    Args:
        bank: The bank.
        encoder: From `open_encoder`.
        recipe: How.
        asked: What is learned.
        view: That the child's features will have.

    Raises:
        UsageError: labels, sides or the encoder do not suffice.
    """
    if recipe.learns != "labels" and "text" not in encoder.offers:
        raise UsageError(
            f"encoder {encoder.spec.name!r} takes no texts, which {recipe.method} needs; methods that fit: lora, partial, adapters, full"
        )
    points: list[Any] = []
    if recipe.learns == "contrastive":
        items = report_items(bank, asked, labelled=recipe.prompt_weight > 0)
        if recipe.pointer_weight:  # before anything is decoded; scans that cannot be read have none, and are left out later
            depths_of(bank, encoder, view, items.ordinals[items.train], some=True)
            points = pointing(bank, items.ordinals[items.train])
    elif not asked.findings:
        raise UsageError(f"method {recipe.method} learns labels, and no finding is named: give --finding")
    else:
        items = adapt_items(bank, asked)
    told = {
        "recipe": recipe.to_dict(),
        "findings": list(items.findings),
        "unit": items.unit,
        "split": items.split.name,
        "shots": asked.shots,
        "repeat": asked.repeat if asked.shots is not None else None,
        "view": view.to_dict(),
    }
    identity = spec_digest([told, _digest(items, items.train, items.val), encoder.spec.digest, points])
    trained_in = adapt_view(encoder, view, items.unit, recipe.planes)
    return Prepared(bank, encoder, recipe, items, view, trained_in, told, identity, tokens(bank.snapshot.root))


def adapt(asked: Prepared, place: Place | None = None, progress: Progress | None = None) -> Adapted:
    """Move the encoder's weights on the training side, validated on the validation side; the test side is never seen.

    Args:
        asked: What and how; the encoder's model is changed.
        place: Where state and voxels are kept.
        progress: Told of decoding and of steps.

    Raises:
        UsageError: the method does not fit the encoder, or no scan can be had.
        AdaptError: training could not go on.
    """
    place, progress = place or Place(), progress or Silent()
    bank, encoder, recipe, items = asked.bank, asked.encoder, asked.recipe, asked.items
    backbone, moving = backbone_of(encoder), recipe.moving
    with seeded(recipe.seed):
        modules = method_named(moving.method).prepare(backbone, moving)  # mistakes before anything is decoded
    moved = sum(value.numel() for value in changed(encoder.model).values())
    if not moved:
        raise UsageError(f"method {moving.method} lets none of the parameters of {encoder.spec.name!r} train; choose other --layers")
    voxels = voxels_of(bank, asked.trained_in, encoder.spec.input_range, place.cache, place.cache_bytes, accept_hu=place.accept_hu)
    examples = examples_of(bank, items, np.concatenate([items.train, items.val]), voxels, encoder)
    failed = voxels.fill(list({one.scan.name: one.scan for one in examples}.values()), place.workers, progress)
    kept = np.array([one.scan.work.volume not in failed for one in examples])
    train, val = items.train[kept[: len(items.train)]], items.val[kept[len(items.train) :]]
    check_classes(items, train, val)
    every = BankExamples(voxels, [one for one, keep in zip(examples, kept.tolist(), strict=True) if keep])
    learning, checked = every.of(range(len(train))), every.of(range(len(train), len(train) + len(val)))
    with seeded(recipe.seed):
        objective = objective_of(bank, recipe, encoder, items, train, learning, asked.view)
    seen = _digest(items, train, val)
    fingerprint = spec_digest([asked.identity, seen, version("scanbank")])
    folder = place.work or states_folder(bank.card["bank"]) / fingerprint[:16]
    fit = Fit(
        encoder,
        modules,
        _blocks(backbone, moving),
        objective.to(encoder.device),
        learning,
        recipe.training,
        validation(encoder, objective, checked, items, val, recipe),
        folder,
        fingerprint,
        progress,
    )
    fitted = fit.go()
    told = {
        **asked.told,
        "items": {"train": len(train), "val": len(val), "digest": seen},
        "identity": asked.identity,
        "scanbank": version("scanbank"),
        "epochs": [vars(one) for one in fitted.epochs],
        "best": fitted.best,
    }
    return Adapted(asked, fitted, tuple(items.items[row] for row in [*train, *val]), failed, moved, told, folder)


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
    """Of the items, their order, labels, reports and sides. An ordinal says of which voxels: those that changed have another."""

    def one(row: int) -> list[Any]:
        known = np.nan_to_num(items.targets[row], nan=-1).tolist()
        return [items.items[row], int(items.ordinals[row]), known, *items.texts[row : row + 1]]

    return spec_digest([[one(row) for row in rows.tolist()] for rows in (train, val)])
