"""Gradient checkpointing (Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost") of a model's blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint


@contextmanager
def checkpointed(blocks: Sequence[nn.Module]) -> Iterator[None]:
    """Inside, blocks keep their inputs alone and are computed again for their gradients; what they draw is drawn again alike."""
    for block in blocks:
        block.forward = partial(_again, block.forward)
    try:
        yield
    finally:
        for block in blocks:
            del block.forward  # the class's own shows again


def _again(forward: object, *given: object, **named: object) -> object:
    if not torch.is_grad_enabled():
        return forward(*given, **named)  # pyright: ignore
    return checkpoint(forward, *given, use_reentrant=False, **named)  # pyright: ignore
