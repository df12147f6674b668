"""Tokens of chosen transformer blocks, taken by forward hooks: the same for every library's vision transformers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, final

from torch import Tensor, nn


@final
@dataclass(frozen=True)
class Blocks:
    """The transformer blocks of an image side, first to last, and how their tokens lie."""

    modules: tuple[nn.Module, ...]
    """Each gives tokens (B, P + T, D'), alone or as the first of a tuple."""
    grid: tuple[int, ...]
    """Of the T patches, such as (Y', X'), the last axis running fastest."""
    prefix: int = 0
    """P: tokens that are no patch (class, registers), which go first."""
    batch_first: bool = True
    """False where blocks give (P + T, B, D')."""


@contextmanager
def captured(blocks: Blocks, layers: Sequence[int]) -> Iterator[dict[int, Tensor]]:
    """What the blocks of these numbers (from 1) give inside: block to (B, T, D').

    Raises:
        ValueError: a block gives another number of tokens than the grid has.
    """
    found: dict[int, Tensor] = {}

    def keep(layer: int) -> Callable[[nn.Module, Any, Any], None]:
        def hook(module: nn.Module, given: Any, output: Any) -> None:
            del module, given
            values: Tensor = output[0] if isinstance(output, tuple) else output
            values = values if blocks.batch_first else values.transpose(0, 1)
            patches = math.prod(blocks.grid)
            if values.ndim != 3 or values.shape[1] != blocks.prefix + patches:
                expected = f"{blocks.prefix} + {' x '.join(map(str, blocks.grid))} tokens"
                raise ValueError(f"block {layer} gave a tensor of shape {tuple(values.shape)}; expected {expected} an image")
            found[layer] = values[:, blocks.prefix :]

        return hook

    handles = [blocks.modules[layer - 1].register_forward_hook(keep(layer)) for layer in dict.fromkeys(layers)]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()
