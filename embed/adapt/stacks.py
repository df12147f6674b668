"""The blocks of a model, found by how it is built: lists of modules of one class, such as the layers of a transformer."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from torch import nn

from ...store.errors import UnknownNameError, UsageError

_SHARE = re.compile(r"(lower|upper):(\d+(?:\.\d*)?|\.\d+)")
_NESTED = ("blocks", "layers")
"""What hierarchical networks (Swin, ConvNeXt) call the blocks of a stage."""


@final
@dataclass(frozen=True)
class Stack:
    """Blocks that follow each other."""

    name: str
    """Of the module that holds them."""
    blocks: tuple[str, ...]
    """Names of modules, first to last."""


def stacks_of(model: nn.Module, roots: Sequence[str]) -> tuple[Stack, ...]:
    """The outermost stacks below modules of these names, in the order of the model."""
    found: list[Stack] = []
    for root in roots:
        start = _child(model, root)
        if start is not None:
            _collect(start, root, found)
    return tuple(found)


def chosen_blocks(stacks: Sequence[Stack], layers: str) -> tuple[str, ...]:
    """The blocks that `layers` names.

    Args:
        stacks: Of the model.
        layers: `all`; `lower:F` or `upper:F`, of each stack the fraction F (0 to 1, at least one block) or that many blocks; or names of
            blocks or stacks with commas.

    Raises:
        UsageError: it is none of these.
        UnknownNameError: there is no such block.
    """
    if layers == "all":
        return tuple(block for stack in stacks for block in stack.blocks)
    if match := _SHARE.fullmatch(layers):
        amount = float(match[2])
        whole = "." not in match[2]
        if not amount or (not whole and amount > 1):
            raise UsageError(f"--layers {layers}: expected a fraction over 0 and up to 1, such as {match[1]}:0.5, or a number of blocks")
        return tuple(block for stack in stacks for block in _end(stack.blocks, match[1], amount, whole=whole))
    if ":" in layers:
        raise UsageError(f"--layers {layers!r} is unknown; write all, lower:0.5, upper:2, or names of blocks with commas")
    named: list[str] = []
    known = {stack.name: stack.blocks for stack in stacks} | {block: (block,) for stack in stacks for block in stack.blocks}
    for name in filter(None, (part.strip() for part in layers.split(","))):
        if name not in known:
            raise UnknownNameError("block", name, list(known))
        named += known[name]
    if not named:
        raise UsageError("--layers names no block; write all, lower:0.5, upper:2, or names of blocks with commas")
    return tuple(dict.fromkeys(named))


def _end(blocks: tuple[str, ...], end: str, amount: float, *, whole: bool) -> tuple[str, ...]:
    count = min(len(blocks), int(amount) if whole else max(1, math.floor(amount * len(blocks) + 0.5)))
    return blocks[:count] if end == "lower" else blocks[len(blocks) - count :]


def _collect(module: nn.Module, name: str, found: list[Stack]) -> None:
    children = list(module.named_children())
    blocks = _same(module, children)
    if blocks:
        inner = [(f"{_joined(name, block)}.{nested}", getattr(child, nested, None)) for block, child in blocks for nested in _NESTED]
        parts = [
            (at, part) for at, part in inner if isinstance(part, nn.ModuleList | nn.Sequential) and _same(part, list(part.named_children()))
        ]
        if len(parts) == len(blocks):
            for at, part in parts:
                _collect(part, at, found)
        else:
            found.append(Stack(name, tuple(_joined(name, block) for block, _ in blocks)))
        return
    for child_name, child in children:
        _collect(child, _joined(name, child_name), found)


def _same(module: nn.Module, children: Sequence[tuple[str, nn.Module]]) -> list[tuple[str, nn.Module]]:
    """The children that make `module` a stack: those of its commonest class, each with modules of its own."""
    if not isinstance(module, nn.ModuleList | nn.Sequential):
        return []
    kinds = Counter(type(child) for _, child in children if any(True for _ in child.children()))
    if not kinds:
        return []
    kind, count = kinds.most_common(1)[0]
    if count < 2 and not (isinstance(module, nn.ModuleList) and len(children) == 1 and any(True for _ in module.parameters())):
        return []
    return [(name, child) for name, child in children if type(child) is kind]


def _child(model: nn.Module, name: str) -> nn.Module | None:
    """The module of a name; None where that is a parameter's."""
    found: nn.Module | None = model
    for part in filter(None, name.split(".")):
        found = dict(found.named_children()).get(part) if found is not None else None
    return found


def _joined(name: str, child: str) -> str:
    return f"{name}.{child}" if name else child
