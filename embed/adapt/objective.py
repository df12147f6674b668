"""What a backbone learns from: the contract between the loop, which moves weights, and objectives, which say how wrong they are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from ..torch_encoder import Features, TorchEncoder


@final
@dataclass(frozen=True)
class Batch:
    """Examples as the encoder takes them."""

    rows: tuple[int, ...]
    """(B,) which examples of the training set, by number from 0: objectives look up what they know of them."""
    pixels: Tensor
    """(P, C, Y, X) or (P, C, Z, Y, X), float32 in the encoder's input range."""
    owner: Tensor
    """(P,) of int64: which of the B examples each belongs to. Scans that go in whole, and slices, are one each; of a scan that an encoder
    of slices sees there are several planes."""


@final
@dataclass(frozen=True)
class Part:
    """Some examples of a step, as many as fit the device at once."""

    size: int
    take: Callable[[], Batch]
    """Gives them; the same whenever it is called."""


@final
class Model:
    """An encoder in training: both sides, with gradients where the caller has them on."""

    def __init__(self, encoder: TorchEncoder) -> None:
        self.encoder = encoder

    def images(self, batch: Batch) -> Tensor | Features:
        """Vectors (B, D) of the examples, with those along depth where the encoder gives them; planes of one scan are averaged."""
        given = self.encoder.given("volume" if batch.pixels.ndim == 5 else "slice", batch.pixels)
        if isinstance(given, Features) or len(batch.rows) == len(given):
            return given
        owner = batch.owner.to(given.device)
        total = given.new_zeros(len(batch.rows), given.shape[1]).index_add(0, owner, given)
        return total / torch.bincount(owner, minlength=len(batch.rows))[:, None]

    def vectors(self, batch: Batch) -> Tensor:
        """(B, D)."""
        given = self.images(batch)
        return given.vector if isinstance(given, Features) else given

    def texts(self, texts: Sequence[str]) -> Tensor:
        """(T, D)."""
        return self.encoder.forward("text", list(texts))


class Objective(nn.Module, ABC):
    """A loss over examples. Its own parameters (a head, a temperature) train with the backbone."""

    @abstractmethod
    def loss(self, model: Model, batch: Batch) -> Tensor:
        """The mean loss of a batch's examples, a scalar."""

    @abstractmethod
    def scores(self, vectors: Tensor) -> Tensor:
        """(N, F) of vectors (N, D): how likely each of the findings that are learned is; higher is more. For validation."""

    def backward(self, model: Model, parts: Sequence[Part], scale: Callable[[Tensor], Tensor]) -> float:
        """Leave the gradients of one step's mean loss, and return that loss.

        Examples that do not depend on each other are worked off part by part. Losses between examples override this.

        Args:
            model: The model.
            parts: The step's examples.
            scale: What a loss goes through before its gradients are taken: loss scaling at half precision, else the identity.
        """
        every, found = sum(part.size for part in parts), 0.0
        for part in parts:
            loss = self.loss(model, part.take()) * (part.size / every)
            scale(loss).backward()
            found += float(loss.detach())
        return found
