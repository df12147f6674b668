"""A parent and an artifact make a child: an encoder whose towers, views and texts are the parent's, and whose vectors are its own."""

from __future__ import annotations

import math
from copy import copy

import torch

from ...store.errors import EncoderError, ScanbankError
from ...store.specs import EncoderSpec
from ..encoder import Encoder
from ..torch_encoder import TorchEncoder
from .artifact import Artifact
from .fit import backbone_of
from .methods.kinds import METHODS, method_named
from .moving import Moving


def child_of(parent: Encoder, artifact: Artifact) -> TorchEncoder:
    """The child, in evaluation mode, on the parent's device.

    The parent is used up: its model becomes the child's.

    Raises:
        EncoderError: it is not the parent that the card names, its weights changed, or the adapter does not fit it.
    """
    card = artifact.card
    check_parent(parent.spec, artifact)
    if not isinstance(parent, TorchEncoder):
        raise EncoderError(
            f"encoder {card.encoder!r} is adapted from {parent.spec.name!r}, which does not run here as a torch model; open that one here"
        )
    try:
        method = method_named(card.moving.method)
        _check_sizes(artifact)
        method.restore(backbone_of(parent), card.moving, artifact.tensors)
    except EncoderError:
        raise
    except (ScanbankError, RuntimeError, ValueError, TypeError, KeyError, AttributeError) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise EncoderError(f"encoder {card.encoder!r}: its adapter does not fit {parent.spec.name!r} ({said[:300]})") from error
    child = copy(parent)
    child.spec = artifact.spec
    child.model.eval().requires_grad_(requires_grad=False).to(child.device)
    child.note = "; ".join(filter(None, (parent.note, card.note)))
    _set_scale(child)
    return child


def check_parent(found: EncoderSpec, artifact: Artifact) -> None:
    """Say where an encoder is not the one that an artifact was adapted from.

    Raises:
        EncoderError: its weights, or anything else of it, differ; the message says what was expected and found.
    """
    card, expected = artifact.card, artifact.card.parent
    if found.digest == expected.digest:
        return
    if found.name == expected.name and found.weights != expected.weights:
        what = f"its parent's weights changed: expected sha256 {expected.weights[:12]}, found {found.weights[:12]}"
    else:
        differing = [name for name, value in expected.to_dict().items() if found.to_dict()[name] != value]
        what = f"expected {expected.name!r} of digest {expected.digest[:8]}, found {found.name!r} of {found.digest[:8]} (other: "
        what += f"{', '.join(differing)})"
    raise EncoderError(
        f"encoder {card.encoder!r} cannot be put into {found.name!r}: {what}; give the parent that it was adapted from "
        f"({card.encoder},URI names it), or adapt the one that is here anew"
    )


def is_mergeable(moving: Moving) -> bool:
    """Whether a child is a model of its parent's own layout, which others' code can load."""
    method = METHODS.get(moving.method)
    return method is not None and method.mergeable


def _check_sizes(artifact: Artifact) -> None:
    """A card may come from anyone: what it has the model made larger by is what the adapter holds."""
    moving = artifact.card.moving
    sides = {side for value in artifact.tensors.values() for side in value.shape}
    for method, name in (("lora", "rank"), ("adapters", "bottleneck")):
        if moving.method == method and getattr(moving, name) not in sides:
            raise EncoderError(f"encoder {artifact.card.encoder!r}: no tensor of its adapter is of {name} {getattr(moving, name)}")


def _set_scale(child: TorchEncoder) -> None:
    """The model's own parameters say what the spec says, so that the model that is exported does."""
    towers, spec = child.towers, child.spec
    if towers is None:
        return
    parameters = dict(child.model.named_parameters())
    with torch.no_grad():
        scale = spec.logit_scale if towers.log_scale and spec.logit_scale is not None and spec.logit_scale > 0 else None
        if scale is not None and not math.isclose(float(parameters[towers.log_scale].exp()), scale, rel_tol=1e-6):
            parameters[towers.log_scale].fill_(math.log(scale))
        if towers.bias and spec.logit_bias is not None:
            parameters[towers.bias].fill_(spec.logit_bias)
