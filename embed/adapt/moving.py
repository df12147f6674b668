"""What of a model is to move, as data: read by who draws lineages, without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

SIDES = ("image", "text")


@final
@dataclass(frozen=True)
class Moving:
    """What of a model is to move."""

    method: str = "lora"
    sides: tuple[str, ...] = ("image",)
    """`image`, `text` or both."""
    layers: str = "all"
    """Which blocks of these sides; see `stacks.chosen_blocks`."""
    rank: int = 8
    """Of LoRA's updates."""
    alpha: float = 16.0
    """LoRA's updates are multiplied by alpha / rank."""
    dropout: float = 0.05
    """Before LoRA's updates."""
    bottleneck: int = 64
    """Width of block adapters."""

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> Moving:
        """As a card has it; tuples may be lists."""
        plain: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in said.items()}
        return cls(**plain)
