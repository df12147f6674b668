"""`adapted:FOLDER[,PARENT]`: an encoder that was adapted from another, from a folder with its adapter and card (docs/lineage.md)."""

from __future__ import annotations

from pathlib import Path

from ...store.errors import EncoderError, UsageError
from ...store.specs import EncoderSpec
from ..adapt.artifact import read_artifact
from ..adapt.child import check_parent, child_of
from ..encoder import Encoder
from ..named import open_named
from ..names import ADAPTED, adapted_parts
from ..registry import open_encoder as open_any


def open_encoder(name: str, *, random_weights: int | None, device: str) -> Encoder:
    """The encoder `adapted:FOLDER`. Its parent is what the card names, or PARENT, where the user says where that is.

    A card may come from anyone: a parent that it names runs no code of others and sends nothing; PARENT is the user's own word.
    """
    folder, typed = adapted_parts(name)
    if random_weights is not None:
        raise UsageError(f"encoder '{ADAPTED}{folder}' has the weights of its folder; leave --random-weights out")
    artifact = read_artifact(Path(folder).expanduser())
    uri = typed or artifact.card.uri
    try:
        if uri.startswith(ADAPTED):
            # before it is opened: a card that names itself would be opened for ever
            check_parent(_spec(uri), artifact)
        parent = open_any(uri, device=device) if typed else open_named(uri, device=device)
    except EncoderError as error:
        hint = "" if typed else f". Say where its parent is: '{ADAPTED}{folder},URI'"
        raise EncoderError(f"encoder {artifact.card.encoder!r}: {error}{hint}") from error
    return child_of(parent, artifact)


def _spec(uri: str) -> EncoderSpec:
    folder, _ = adapted_parts(uri.removeprefix(ADAPTED))
    return read_artifact(Path(folder).expanduser()).spec
