"""A context that was learned for class texts: the embeddings that go before them, their vectors by its encoder, and its files.

A saved context is a folder of `context.safetensors` (float32) and `card.json` (the rest, and the sha256 of the former).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, final

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from ..embed.encoder import Encoder
from ..store.errors import EncoderError, ScanbankError, UsageError
from ..store.files import write_folder

if TYPE_CHECKING:
    from torch import Tensor

    from ..embed.text_tower import Pieces, TextTower

FORMAT = 1
ARRAYS, CARD = "context.safetensors", "card.json"


class ContextFileError(ScanbankError, ValueError):
    """The files of a context are missing, damaged or of a format that this version does not read."""


@final
@dataclass(frozen=True)
class Context:
    """Embeddings before class texts, of one encoder."""

    embeddings: NDArray[np.float32]
    """(M, W), shared by the classes, or (C, M, W), one for each."""
    texts: tuple[str, ...]
    """(C,) what follows the context, in the order of the sorted labels: absence before presence."""
    start: str
    """The words that it was learned from; empty where it began at random."""
    encoder: str
    """The name of its encoder, for people."""
    digest: str
    """That of the encoder's spec: others have other embeddings."""

    def vectors(self, encoder: Encoder) -> NDArray[np.float32]:
        """(C, D): unit vectors of the class texts behind their context.

        Raises:
            UsageError: the context is of another encoder.
            EncoderError: its text side cannot be opened.
        """
        import torch

        if encoder.spec.digest != self.digest:
            raise UsageError(
                f"the context was learned on encoder {self.encoder!r} (digest {self.digest[:8]}); {encoder.spec.name!r} "
                f"({encoder.spec.digest[:8]}) has other embeddings: open that encoder, or learn a context on this one"
            )
        tower = tower_of(encoder)
        with torch.inference_mode():
            pieces = class_pieces(tower, self.texts, self.start, self.embeddings.shape[-2])
            put = torch.from_numpy(self.embeddings).to(tower.embedding.weight.device)
            return with_context(tower, pieces, put).float().cpu().numpy()

    def save(self, folder: Path) -> None:
        """Write the context as a new folder; it is there as a whole or not at all.

        Raises:
            UsageError: something is at `folder` already.
        """
        if folder.exists():
            raise UsageError(f"{str(folder)!r} exists already; a saved context is not overwritten, choose another folder")
        tensors = safetensors.numpy.save({"embeddings": np.ascontiguousarray(self.embeddings, dtype=np.float32)})
        card = {
            "format": FORMAT,
            "texts": list(self.texts),
            "start": self.start,
            "encoder": self.encoder,
            "digest": self.digest,
            "sha256": hashlib.sha256(tensors).hexdigest(),
        }
        write_folder(folder, {ARRAYS: tensors, CARD: json.dumps(card, indent=2).encode()})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """A context that `save` wrote.

        Raises:
            ContextFileError: a file is missing, damaged or of a format that this version does not read.
        """
        try:
            card, tensors = json.loads((folder / CARD).read_bytes()), (folder / ARRAYS).read_bytes()
        except OSError as error:
            raise ContextFileError(f"{str(folder)!r} holds no context: {error.strerror} ({Path(str(error.filename)).name})") from error
        except ValueError as error:
            raise ContextFileError(f"{str(folder / CARD)!r} is damaged: {error}") from error
        found = card.get("format") if isinstance(card, dict) else type(card).__name__
        if found != FORMAT:
            raise ContextFileError(f"{str(folder)!r} is of format {found!r}; this version reads {FORMAT}")
        if hashlib.sha256(tensors).hexdigest() != card.get("sha256"):
            raise ContextFileError(f"{str(folder / ARRAYS)!r} is damaged: its sha256 is not the one on the card")
        try:
            arrays = safetensors.numpy.load(tensors)
        except SafetensorError as error:
            raise ContextFileError(f"{str(folder / ARRAYS)!r} is damaged: {error}") from error
        return cls(_checked(folder, arrays, card), tuple(card["texts"]), card["start"], card["encoder"], card["digest"])


def _checked(folder: Path, arrays: dict[str, NDArray[Any]], card: dict[str, Any]) -> NDArray[np.float32]:
    embeddings, texts = arrays.get("embeddings"), card.get("texts")
    plain = all(isinstance(card.get(name), str) for name in ("start", "encoder", "digest"))
    if not (plain and isinstance(texts, list) and texts and all(isinstance(text, str) for text in texts)):
        raise ContextFileError(f"{str(folder / CARD)!r} is damaged: texts, start, encoder and digest are wanted, found {sorted(card)}")
    wide = embeddings is not None and embeddings.dtype == np.float32 and embeddings.ndim in (2, 3) and np.isfinite(embeddings).all()
    if embeddings is None or not wide or (embeddings.ndim == 3 and len(embeddings) != len(texts)):
        raise ContextFileError(f"{str(folder / ARRAYS)!r} holds no finite float32 embeddings (M, W) or ({len(texts)}, M, W)")
    return embeddings


def tower_of(encoder: Encoder) -> TextTower:
    """The text side of an encoder that can be learned through.

    Raises:
        EncoderError: it has none.
    """
    from ..embed.torch_encoder import TorchEncoder

    tower = encoder.text_tower if isinstance(encoder, TorchEncoder) else None
    if tower is None:
        raise EncoderError(
            f"encoder {encoder.spec.name!r} has no text side whose embeddings can be learned; choose one that has, such as tiny, "
            "open_clip:MODEL/TAG, siglip:ORG/NAME or ctclip:CHECKPOINT"
        )
    return tower


def class_pieces(tower: TextTower, texts: tuple[str, ...], start: str, count: int) -> Pieces:
    """Pieces of the class texts with room for `count` of context at `tower.begins()`, where those of `start` lie if there are words.

    Raises:
        EncoderError: a text is too long with its context, or `start` does not stay apart from it.
    """
    if not start:
        try:
            return tower.pieces(list(texts)).with_room(tower.begins(), count, tower.context)
        except ValueError as error:
            raise EncoderError(f"class texts {list(texts)}: {error}") from error
    pieces, words = tower.pieces([f"{start} {text}" for text in texts]), start_ids(tower, start)
    first = tower.begins()
    if len(words) != count or not (pieces.ids[:, first : first + count] == words).all():
        raise EncoderError(f"the words {start!r} and the class texts {list(texts)} share a piece, so that one cannot be learned alone")
    return pieces


def start_ids(tower: TextTower, start: str) -> Tensor:
    """(M,): the pieces of words, without those of beginning and end."""
    alone, first = tower.pieces([start, f"{start} {start}"]), tower.begins()
    once, twice = (int(used.sum()) for used in alone.used)
    return alone.ids[0, first : first + twice - once]


def with_context(tower: TextTower, pieces: Pieces, context: Tensor) -> Tensor:
    """Unit vectors (C, D) of class texts whose context is `context`, (M, W) or (C, M, W)."""
    import torch

    first, count = tower.begins(), context.shape[-2]
    embedded = tower.embed(pieces)
    put = context.to(embedded.dtype).expand(len(embedded), -1, -1)
    return tower.encode_embedded(torch.cat([embedded[:, :first], put, embedded[:, first + count :]], 1), pieces)
