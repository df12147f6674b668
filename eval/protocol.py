"""How a study is done: the same for all of its heads and feature sets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

from ..store.errors import UnknownNameError
from .draws import DRAWN, Drawn
from .ledger import Kept
from .measuring import Measuring
from .units import Unit

PREDICTIONS = 10_000_000
"""Rows of predictions that a study keeps unasked, and as rows."""


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
    """Whether scores of each item are kept, beyond `most_rows` as one array a run; None: up to as many."""
    allow_leak: bool = False
    """Whether to go on where a guard finds test data on the training side; it is recorded."""
    by: tuple[str, ...] = ()
    """Attributes of scans whose values are measured apart, such as `source`."""

    most_rows: int = PREDICTIONS
    """Of the table `predictions` that a study adds."""
    support: Drawn = "both"
    """What draws are of: both classes, or normals alone, for heads that learn from these."""

    def __post_init__(self) -> None:
        if self.support not in DRAWN:
            raise UnknownNameError("support", self.support, DRAWN)

    def kept(self, rows: int) -> tuple[Kept, list[str]]:
        """How so many scores of items are kept, and a remark where that is not as rows."""
        if self.predictions is False:
            return "no", []
        if rows <= self.most_rows:
            return "rows", []
        many = f"{rows:,} rows are more than {self.most_rows:,}"
        if self.predictions:
            return "dense", [f"scores of each item are kept as one array a run ({many}): Bank.dense_predictions(RUN) reads them"]
        return "no", [f"scores of each item are not kept: {many}; ask for them with --predictions"]
