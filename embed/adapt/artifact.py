"""An adapted encoder as files: `adapter.safetensors`, what changed in its parent by parameter name, and `card.json`.

The digest of the first is part of the child's identity. Beside the tensors it says how they are put into the parent, in one entry of
its metadata, so that nothing changes a vector without changing the digest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from ...store.errors import EncoderError, UsageError
from ...store.files import write_folder
from ...store.specs import EncoderSpec
from ..named import bank_name
from .card import Card, is_told, read_card

ADAPTER, CARD = "adapter.safetensors", "card.json"
_MOST_CARD = 2**24
"""Bytes of a card at most."""
_METADATA = "scanbank"
"""One entry alone: safetensors writes several in no order."""
_DTYPES = (torch.float32, torch.float16, torch.bfloat16)


@final
@dataclass(frozen=True)
class Artifact:
    """An adapted encoder without its parent."""

    card: Card
    tensors: Mapping[str, Tensor]
    """What changed, by parameter name, on the CPU."""
    content: bytes
    """The file of weights."""

    @classmethod
    def made(cls, card: Card, tensors: Mapping[str, Tensor]) -> Artifact:
        """Of what training changed (`methods.base.changed`).

        Raises:
            UsageError: there is no tensor, or one is not finite.
        """
        if not tensors:
            raise UsageError(f"adapter {card.name!r} has no tensor: nothing was trained")
        plain = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
        if wrong := [name for name, value in plain.items() if not torch.isfinite(value).all()]:
            raise UsageError(f"adapter {card.name!r} has values that are not finite in {wrong[0]!r}; training went wrong")
        return cls(card, plain, save(plain, metadata={_METADATA: card.told_by_weights()}))

    @property
    def sha256(self) -> str:
        """Of the file of weights."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def spec(self) -> EncoderSpec:
        """Of the child."""
        return self.card.spec(self.sha256)

    @property
    def parameters(self) -> int:
        """Numbers that changed."""
        return sum(value.numel() for value in self.tensors.values())

    @property
    def card_text(self) -> str:
        """`card.json`."""
        beside = {"sha256": self.sha256, "bytes": len(self.content), "tensors": len(self.tensors), "parameters": self.parameters}
        return self.card.text(beside)

    @property
    def files(self) -> dict[str, bytes]:
        """By name."""
        return {ADAPTER: self.content, CARD: self.card_text.encode()}

    def for_bank(self) -> Artifact:
        """The same with a card that holds no path of this machine."""
        return replace(self, card=replace(self.card, uri=bank_name(self.card.uri)))

    def renamed(self, name: str) -> Artifact:
        """The same adapter, of another name."""
        return replace(self, card=replace(self.card, name=name))


def write_artifact(folder: Path, artifact: Artifact) -> None:
    """Write a folder that `adapted:FOLDER` opens; it is there as a whole or not at all.

    Raises:
        UsageError: something is there already.
    """
    if folder.exists():
        raise UsageError(f"{str(folder)!r} exists already; an adapted encoder is not overwritten, choose another folder")
    write_folder(folder, artifact.files)


def read_artifact(folder: Path) -> Artifact:
    """What `write_artifact` wrote.

    Raises:
        EncoderError: it is not there, damaged, or of a newer format.
    """
    files: dict[str, bytes] = {}
    for name, most in ((CARD, _MOST_CARD), (ADAPTER, None)):
        path = folder / name
        try:
            if most is not None and path.stat().st_size > most:
                raise EncoderError(f"{path} has {path.stat().st_size:,} bytes, more than any card; get the adapter again")
            files[name] = path.read_bytes()
        except OSError as error:
            what = "does not exist" if isinstance(error, FileNotFoundError | NotADirectoryError) else f"cannot be read ({error.strerror})"
            raise EncoderError(f"{path} {what}; an adapted encoder is a folder with {ADAPTER} and {CARD}") from error
    return artifact_of(files, str(folder))


def artifact_of(files: Mapping[str, bytes], where: str) -> Artifact:
    """An artifact from the contents of its files; `where` is what to call their folder in errors.

    Raises:
        EncoderError: one is missing, damaged, or not what the other says.
    """
    if lacking := {CARD, ADAPTER} - set(files):
        raise EncoderError(f"{where} holds no {' and no '.join(sorted(lacking))}; an adapted encoder has both")
    card, beside = read_card(files[CARD], f"{where}/{CARD}")
    content, path = files[ADAPTER], f"{where}/{ADAPTER}"
    if len(content) != beside["bytes"]:
        raise EncoderError(f"{path} is damaged: it has {len(content):,} bytes, its card says {beside['bytes']:,}; get the adapter again")
    if hashlib.sha256(content).hexdigest() != beside["sha256"]:
        raise EncoderError(f"{path} is damaged: its bytes are not those of its card's sha256; get the adapter again")
    try:
        tensors = load(content)
    except (SafetensorError, ValueError) as error:
        raise EncoderError(f"{path} is no safetensors file ({type(error).__name__}); get the adapter again") from error
    if not is_told(card, _told(content)):
        raise EncoderError(f"{path} and {CARD} say different things of how the adapter is put into its parent; get both again")
    wrong = [name for name, value in tensors.items() if value.dtype not in _DTYPES or not torch.isfinite(value).all()]
    if wrong or not tensors:
        what = f"{wrong[0]!r} is not of finite floating-point numbers" if wrong else "it holds no tensor"
        raise EncoderError(f"{path} is damaged: {what}; get the adapter again")
    return Artifact(card, tensors, content)


def _told(content: bytes) -> str | None:
    """The metadata of a safetensors file: its header is JSON, whose length the first eight bytes say."""
    length = int.from_bytes(content[:8], "little")
    said: Any = json.loads(content[8 : 8 + length]).get("__metadata__", {})
    return said.get(_METADATA)
