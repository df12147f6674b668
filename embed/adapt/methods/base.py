"""The contract of methods: what they put into a model and let train, what of it is kept, and how that is put back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

from torch import Tensor, nn

from ....store.errors import UsageError
from ...towers import Towers
from ..moving import SIDES, Moving
from ..stacks import Stack, chosen_blocks, stacks_of


@final
@dataclass(frozen=True)
class Backbone:
    """A model with its blocks found."""

    model: nn.Module
    towers: Towers
    name: str
    """Of the encoder, for errors."""

    def roots(self, moving: Moving) -> tuple[str, ...]:
        """Names of the modules and parameters of the sides that move.

        Raises:
            UsageError: a side is none, or the encoder has none such.
        """
        roots: list[str] = []
        for side in moving.sides:
            if side not in SIDES:
                raise UsageError(f"side {side!r} is unknown; choose image, text or both")
            found = self.towers.image if side == "image" else self.towers.text
            if not found:
                raise UsageError(f"encoder {self.name!r} has no text side to adapt; leave it out")
            roots += found
        return tuple(roots)

    def stacks(self, moving: Moving) -> tuple[Stack, ...]:
        return stacks_of(self.model, self.roots(moving))

    def blocks(self, moving: Moving) -> dict[str, nn.Module]:
        """The blocks that move, by name. Raises as `chosen_blocks`; UsageError where there are none."""
        stacks = self.stacks(moving)
        if not stacks:
            raise UsageError(f"encoder {self.name!r} has no blocks that follow each other (such as a transformer's); method full fits it")
        return {name: self.model.get_submodule(name) for name in chosen_blocks(stacks, moving.layers)}


class Method(ABC):
    """One way of moving a backbone. Everything that is not named by a method stays frozen, in evaluation mode."""

    name: str
    mergeable: bool = True
    """Whether what was restored is a model of the parent's own layout, which others' code can load."""

    @abstractmethod
    def prepare(self, backbone: Backbone, moving: Moving) -> tuple[nn.Module, ...]:
        """Let a frozen model's chosen parameters train, new ones included, and return the modules to put into training mode.

        Raises:
            UsageError: the model has nothing of the kind, with the methods that fit.
        """

    @abstractmethod
    def restore(self, backbone: Backbone, moving: Moving, tensors: Mapping[str, Tensor]) -> None:
        """Put what was kept (`changed`) into the parent's model as it was opened.

        Raises:
            UsageError: it does not fit the model.
        """


def changed(model: nn.Module) -> dict[str, Tensor]:
    """What training changed, by name: every parameter that trains."""
    return {name: parameter.detach() for name, parameter in model.named_parameters() if parameter.requires_grad}


def put(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Set parameters by name. Raises UsageError where the model has none of a name or shape."""
    parameters = dict(model.named_parameters())
    for name, value in tensors.items():
        if name not in parameters or parameters[name].shape != value.shape:
            found = f"of shape {tuple(parameters[name].shape)}" if name in parameters else "no parameter of that name"
            raise UsageError(f"the adapter has {name!r} of shape {tuple(value.shape)}, the model {found}: it is of another parent")
        parameters[name].data.copy_(value)


def put_new(model: nn.Module, tensors: Mapping[str, Tensor], *marks: str) -> None:
    """As `put`, where all parameters that a method has added, which have one of `marks` in their names, have to be among the tensors."""
    lacking = [name for name, _ in model.named_parameters() if any(mark in name for mark in marks) and name not in tensors]
    if lacking:
        raise UsageError(f"the adapter lacks {len(lacking)} of its tensors, such as {lacking[0]!r}: it is damaged, or was made otherwise")
    put(model, tensors)
