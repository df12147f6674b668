"""The blocks of a model, found by how it is built: lists of modules of one class, such as the layers of a transformer.

Networks that work in stages (ResNet, Swin, ConvNeXt) hold a list for each, beside each other or within another list: these are one stack.
"""

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
"""What the modules that stages are (of Swin, ConvNeXt) call their blocks."""
_LISTS = (nn.ModuleList, nn.Sequential)


@final
@dataclass(frozen=True)
class Stack:
    """Blocks that follow each other."""

    name: str
    """Of the module that holds them; of several, the module that holds those."""
    blocks: tuple[str, ...]
    """Names of modules, first to last."""


def stacks_of(model: nn.Module, roots: Sequence[str]) -> tuple[Stack, ...]:
    """The outermost stacks below modules of these names, in the order of the model."""
    found: list[Stack] = []
    for root in roots:
        start = _child(model, root)
        if start is not None:
            _collect([(root, start)], root, found)
    return tuple(found)


def chosen_blocks(stacks: Sequence[Stack], layers: str) -> tuple[str, ...]:
    """The blocks that `layers` names.

    Args:
        stacks: Of the model.
        layers: `all`; `lower:F` or `upper:F`, of each stack the fraction F (with a point, up to 1.0; at least one block) or that many
            blocks; or names with commas, of blocks or of modules that hold some.

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
    every = [block for stack in stacks for block in stack.blocks]
    for name in filter(None, (part.strip() for part in layers.split(","))):
        within = [block for block in every if block == name or block.startswith(f"{name}.")]
        if not within:
            raise UnknownNameError("block", name, [*(stack.name for stack in stacks if stack.name), *every])
        named += within
    if not named:
        raise UsageError("--layers names no block; write all, lower:0.5, upper:2, or names of blocks with commas")
    return tuple(dict.fromkeys(named))


def _end(blocks: tuple[str, ...], end: str, amount: float, *, whole: bool) -> tuple[str, ...]:
    count = min(len(blocks), int(amount) if whole else max(1, math.floor(amount * len(blocks) + 0.5)))
    return blocks[:count] if end == "lower" else blocks[len(blocks) - count :]


def _collect(children: Sequence[tuple[str, nn.Module]], parent: str, found: list[Stack]) -> None:
    """The stacks in modules that lie beside each other: of each list the blocks of its commonest class, together where that is the same."""
    lists: dict[str, tuple[type[nn.Module], list[str]]] = {}
    for name, child in children:
        blocks = _blocks(name, child) if isinstance(child, _LISTS) else []
        for kind, _ in Counter(type(block) for _, block in blocks).most_common(1):
            lists[name] = kind, [place for place, block in blocks if type(block) is kind]
    seen: set[type[nn.Module]] = set()
    for name, child in children:
        if not isinstance(child, _LISTS):
            _collect([(_joined(name, inner), module) for inner, module in child.named_children()], name, found)
        elif name in lists and (kind := lists[name][0]) not in seen:
            held = [at for at, (other, _) in lists.items() if other is kind]
            blocks = tuple(place for at in held for place in lists[at][1])
            if len(blocks) > 1 or (isinstance(child, nn.ModuleList) and len(child) == 1):  # a transformer of one layer
                seen.add(kind)
                found.append(Stack(parent if len(held) > 1 else name, blocks))


def _blocks(name: str, module: nn.Module) -> list[tuple[str, nn.Module]]:
    """The modules in a list that have modules of their own; in the place of lists and of stages, what those hold."""
    found: list[tuple[str, nn.Module]] = []
    for child_name, child in module.named_children():
        at = _joined(name, child_name)
        nested = [(f"{at}.{inner}", getattr(child, inner, None)) for inner in _NESTED]
        within = [block for place, part in nested if isinstance(part, _LISTS) for block in _blocks(place, part)]
        if isinstance(child, _LISTS):
            found += _blocks(at, child)
        elif within:
            found += within
        elif any(True for _ in child.children()):
            found.append((at, child))
    return found


def _child(model: nn.Module, name: str) -> nn.Module | None:
    """The module of a name; None where that is a parameter's."""
    found: nn.Module | None = model
    for part in filter(None, name.split(".")):
        found = dict(found.named_children()).get(part) if found is not None else None
    return found


def _joined(name: str, child: str) -> str:
    return f"{name}.{child}" if name else child
