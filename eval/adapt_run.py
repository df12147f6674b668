"""`scanbank adapt` as a whole: adapt, keep the child with what it saw, embed the bank with it, and fit heads on parent and child."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from ..embed.adapt.artifact import Artifact
from ..embed.adapt.card import Card, check_child_name, read_card
from ..embed.adapt.child import child_of
from ..embed.adapt.errors import AdaptError
from ..embed.adapt.opening import artifact_in, kept_encoders
from ..embed.adapt.recipe import Recipe
from ..embed.adapt.state import drop_state
from ..embed.names import ADAPTED
from ..embed.pipeline import EmbedReport
from ..embed.torch_encoder import TorchEncoder
from ..store.artifacts import listed
from ..store.erasure import tokens
from ..store.errors import EncoderError, UsageError
from ..store.progress import Progress
from ..store.specs import EncoderSpec
from ..store.voxel_cache import forget_states, forget_voxels, states_folder
from .adapt_data import Learned
from .adapt_objectives import trained_scale
from .adapting import Adapted, Place, Prepared, adapt
from .children import ForgottenError, embed_child, gone_items, keep_child
from .slugs import slug
from .splits import lacking_rows

if TYPE_CHECKING:
    from ..store.bank import Bank


@final
@dataclass(frozen=True)
class Child:
    """An adapted encoder of a bank."""

    encoder: TorchEncoder
    card: Card
    adapted: Adapted | None
    """None where the bank held it already."""
    embedded: EmbedReport | None
    texts: int
    """Pieces of reports that got vectors."""


def child_name(parent: EncoderSpec, recipe: Recipe, asked: Learned, window: str = "") -> str:
    """What a child is called where nobody says: `tiny@1-lora-hemorrhage-brain`, with the number of shots where few were learned from.

    `window` is that of the child's features, where it is not the parent's own.
    """
    base = parent.name.removeprefix(ADAPTED).partition("/")[0]
    of = "-".join(map(slug, asked.findings[:2])) + ("-and-more" if len(asked.findings) > 2 else "")
    shots = f"{asked.shots}shots-{asked.repeat}" if asked.shots is not None else ""
    name = "-".join(part for part in (base, recipe.method, of, shots, window) if part)
    return re.sub(r"[^A-Za-z0-9._@-]", "-", name)[:100]


def free_name(bank: Bank, name: str, identity: str) -> str:
    """`name`; where the bank holds a child of that name of other settings or data, with the beginning of the digest `identity` after it."""
    held = _held(bank, name)
    return name if held is None or held.card.data.get("identity") == identity else f"{name[:90]}-{identity[:8]}"


def keep(adapted: Adapted, uri: str, name: str) -> Artifact:
    """The artifact of what came out, committed with the items that training and validation saw."""
    asked, told = adapted.asked, adapted.told
    scale, bias = trained_scale(asked.encoder)
    card = Card(
        name,
        asked.encoder.spec,
        uri,
        asked.recipe.moving,
        recipe=asked.recipe.to_dict(),
        objective={"learns": asked.recipe.learns, "findings": list(asked.items.findings)},
        view=asked.view,
        data={key: told[key] for key in ("split", "unit", "shots", "repeat", "items", "identity")},
        epochs=told["epochs"],
        best=adapted.fitted.best,
        scanbank=told["scanbank"],
        logit_scale=scale,
        logit_bias=bias,
        note=asked.encoder.note,
    )
    artifact = Artifact.made(card, adapted.fitted.tensors)
    try:
        keep_child(asked.bank, artifact, adapted.seen, asked.items.unit, forgot=asked.forgot)
    except ForgottenError as error:
        forget_voxels(asked.bank.card["bank"], _volumes(asked, error.items))
        _drop(adapted)
        raise
    _drop(adapted)
    return artifact


def _drop(adapted: Adapted) -> None:
    """The state of a run that is over, and its folder, where that is in the cache."""
    drop_state(adapted.state)
    if adapted.state.is_relative_to(states_folder(adapted.asked.bank.card["bank"])):
        with suppress(OSError):
            adapted.state.rmdir()


def _volumes(asked: Prepared, items: Sequence[str]) -> set[str]:
    of = dict(zip(asked.items.items, asked.items.volumes, strict=True))
    return {of[item] for item in items}


def run(
    asked: Prepared, uri: str, name: str, reopened: Callable[[], TorchEncoder], place: Place, progress: Progress, *, embedded: bool = True
) -> Child:
    """Adapt, keep the child in the bank, and embed the bank with it. One that the bank holds already, of any name, is not made again.

    Args:
        asked: What and how.
        uri: By which the encoder was opened.
        name: Of the child.
        reopened: Opens the parent anew: the child is the parent as it is on disk with what was kept, never what training left.
        place: For state and voxels.
        progress: Told of it all.
        embedded: Whether the bank is embedded with it.

    Raises:
        UsageError: the bank holds another child of this name; or as `adapt`.
        AdaptError: as `adapt`.
    """
    check_child_name(name)  # before anything is trained
    bank, adapted = asked.bank, None
    artifact = _made(asked, name)
    if artifact is None:
        _keep_split(asked)
        adapted = _adapted(asked, name, place, progress)
        artifact = keep(adapted, uri, name)
    child = child_of(reopened(), artifact)
    report, texts = embed_child(bank, child, asked.view, place.workers, progress, accept_hu=place.accept_hu) if embedded else (None, 0)
    return Child(child, artifact.card, adapted, report, texts)


def _adapted(asked: Prepared, name: str, place: Place, progress: Progress) -> Adapted:
    try:
        return adapt(asked, place, progress)
    except AdaptError as error:
        asked.bank.refresh()
        learned = [asked.items.items[row] for row in [*asked.items.train, *asked.items.val]]
        if tokens(asked.bank.snapshot.root) == asked.forgot or not gone_items(asked.bank, learned):
            raise
        forget_states(asked.bank.card["bank"])  # what was saved since then
        if place.work is not None:
            drop_state(place.work)
        raise ForgottenError(ADAPTED + name) from error  # their scans cannot be read any more


def _made(asked: Prepared, name: str) -> Artifact | None:
    """The child of these settings and data that the bank holds, of whatever name: one adapter is kept once. None where there is none.

    Raises:
        UsageError: another has the name.
    """
    bank, there = asked.bank, {file.artifact for file in listed(asked.bank.snapshot.root)}
    every = [one for one in kept_encoders(bank) if one.spec.adapter in there or one.name == ADAPTED + name]
    for one in sorted(every, key=lambda one: one.name != ADAPTED + name):
        with suppress(EncoderError):  # a bank may come from anyone
            card, _ = read_card(one.card, one.name)
            if card.data.get("identity") == asked.identity and "wise" not in card.objective:
                return artifact_in(bank, one)
        if one.name == ADAPTED + name:
            raise UsageError(f"{bank.name} holds an adapted encoder {name!r} of other settings or data; choose another --name")
    return None


def _keep_split(asked: Prepared) -> None:
    """Write the sides down before anything is learned: who learns now is of the training side for good, whoever comes to the bank."""
    bank, split = asked.bank, asked.items.split
    if not lacking_rows(bank, split):
        return
    for commit in bank.commits(f"adapt: split {split.name}"):
        with commit:
            bank.refresh()
            if tokens(commit.root) != asked.forgot:
                raise UsageError("a patient was forgotten meanwhile; run this again")
            commit.append("splits", lacking_rows(bank, split))
    bank.refresh()


def _held(bank: Bank, name: str) -> Artifact | None:
    found = [one for one in kept_encoders(bank) if one.name == ADAPTED + name]
    return artifact_in(bank, found[0]) if found else None


def told(child: Child) -> Mapping[str, Any]:
    """For programs."""
    card, spec = child.card, child.encoder.spec
    return {
        "child": spec.name,
        "encoder": spec.digest,
        "parent": card.parent.name,
        "made": child.adapted is not None,
        "recipe": dict(card.recipe),
        "objective": dict(card.objective),
        "data": dict(card.data),
        "epochs": list(card.epochs),
        "best": card.best,
        "failed": {} if child.adapted is None else dict(child.adapted.failed),
        "embedded": None if child.embedded is None else child.embedded.sets,
        "texts": child.texts,
    }
