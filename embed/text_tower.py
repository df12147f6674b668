"""The text side of a torch encoder, opened between its pieces and their embeddings, so that embeddings can be learned.

Every library's text tower looks its pieces up in one table of embeddings and needs their numbers for masks and pooling. So a tower is
called as usual, with numbers, and a forward hook puts other embeddings in the place of those that the table gives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor, nn


@final
@dataclass(frozen=True)
class Pieces:
    """Texts as an encoder's tokenizer cuts them."""

    ids: Tensor
    """(B, L) of int64: numbers in the table of embeddings, those of beginning, end and padding included."""
    used: Tensor
    """(B, L) of bool: False on padding, which comes last."""

    @classmethod
    def padded_with(cls, ids: Tensor, padding: int) -> Pieces:
        """Of ids (B, L) that end in `padding`, which may occur before the end too."""
        real = ids != padding
        return cls(ids, real.flip(1).cummax(1).values.flip(1))

    def with_room(self, place: int, count: int, longest: int) -> Pieces:
        """With `count` pieces more at `place`, whose embeddings are still to come; padding gives way to them.

        Raises:
            ValueError: a text is longer than `longest` pieces then.
        """
        filler = self.ids[:, place : place + 1].expand(-1, count)
        ids = torch.cat([self.ids[:, :place], filler, self.ids[:, place:]], 1)
        used = torch.cat([self.used[:, :place], torch.ones_like(filler, dtype=torch.bool), self.used[:, place:]], 1)
        if used[:, longest:].any():
            found = int(used.sum(1).max())
            raise ValueError(
                f"{count} pieces of context make a text of {found}, and the encoder takes {longest}; choose fewer, or a shorter text"
            )
        return Pieces(ids[:, :longest], used[:, :longest])


@final
@dataclass(frozen=True)
class TextTower:
    """What turns texts into unit vectors, in two steps."""

    pieces: Callable[[list[str]], Pieces]
    """Texts to pieces on the model's device; what is too long is cut."""
    vectors: Callable[[Pieces], Tensor]
    """Pieces to unit vectors (B, D)."""
    embedding: nn.Embedding
    """The table, of width W."""
    context: int
    """Pieces that a text has at most, those of beginning and end included."""
    whole: Callable[[list[str]], Sequence[bool] | None] | None = None
    """Of each text, whether it fits into the context or loses its end; None where the tokenizer does not tell."""

    def encode(self, texts: list[str]) -> Tensor:
        """Unit vectors (B, D)."""
        return self.vectors(self.pieces(texts))

    def embed(self, pieces: Pieces) -> Tensor:
        """(B, L, W): what the table gives."""
        return self.embedding(pieces.ids)

    def encode_embedded(self, embeddings: Tensor, pieces: Pieces) -> Tensor:
        """Unit vectors (B, D) of embeddings (B, L, W) that stand in the place of those of `pieces`; with gradients.

        Raises:
            ValueError: the tower looks up other pieces than it was given.
        """

        def instead(module: nn.Module, given: Any, output: Tensor) -> Tensor:
            del module, given
            if output.shape != embeddings.shape:
                raise ValueError(f"the text side embeds {tuple(output.shape)}; expected {tuple(embeddings.shape)}")
            return embeddings

        handle = self.embedding.register_forward_hook(instead)
        try:
            return self.vectors(pieces)
        finally:
            handle.remove()

    def begins(self) -> int:
        """Pieces before the first of a text's own: 1 where the tokenizer marks the beginning, else 0."""
        none, one = self.pieces([""]).ids, self.pieces(["a"])
        return int(bool(one.used[0, 1:].any()) and bool(none[0, 0] == one.ids[0, 0]))
