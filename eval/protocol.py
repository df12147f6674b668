"""How a study is done: the same for all of its heads and feature sets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

from .measuring import Measuring
from .units import Unit

PREDICTIONS = 10_000_000
"""Rows of predictions that a study keeps unasked."""


@final
@dataclass(frozen=True)
class Protocol:
    """What the user decides about a study."""

    seed: int = 0
    """Of the draws, and of the split where one is made."""
    unit: Unit | None = None
    """`volume` or `slice`, as in `evaluation_units`."""
    source: str | None = None
    """Whose labels, as in `evaluation_units`."""
    split: str | None = None
    """As in `split_units`."""
    measuring: Measuring = field(default_factory=Measuring)
    device: str = "cpu"
    """Where heads compute that can do so elsewhere, as torch names it."""
    predictions: bool | None = None
    """Whether scores of each item are kept; None: up to `PREDICTIONS` of them."""
    allow_leak: bool = False
    """Whether to go on where a guard finds test data on the training side; it is recorded."""
    by: tuple[str, ...] = ()
    """Attributes of scans whose values are measured apart, such as `source`."""

    def keeps(self, rows: int) -> bool:
        """Whether so many predictions are kept."""
        return rows <= PREDICTIONS if self.predictions is None else self.predictions

    def not_kept(self, rows: int) -> list[str]:
        """A remark where they are not and nobody asked for that."""
        if self.predictions is not None or self.keeps(rows):
            return []
        return [f"scores of each item are not kept: {rows:,} rows are more than {PREDICTIONS:,}; ask for them with --predictions"]
