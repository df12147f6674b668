"""What a cross-domain study found, as data: its tables, who tested, and the differences of methods on the same scans."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

ZERO_SHOT, PROBE = "zero-shot", "linear probe"
CLEAR = 0.05
"""A difference is clear of chance where its p-value, corrected over all of its kind, is under it."""


@final
@dataclass(frozen=True)
class Row:
    """One metric of one method, backbone and window."""

    backbone: str
    window: str
    method: str
    shots: int | None
    """None for the whole training side, 0 for none of it."""
    metric: str
    mean: float | None
    sd: float | None
    lo: float | None
    hi: float | None
    reason: str


@final
@dataclass(frozen=True)
class Examined:
    """The test side, which all of it is measured on."""

    items: int
    present: int
    """With the finding."""
    patients: int
    unit: str = "volume"


@final
@dataclass(frozen=True)
class Apart:
    """The difference in AUROC, first minus second, of two methods under one window, on the same items."""

    window: str
    first: tuple[str, str]
    """Backbone and method."""
    second: tuple[str, str]
    value: float | None
    lo: float | None
    hi: float | None
    """95%, paired."""
    p: float | None
    p_holm: float | None
    """Corrected over all of its kind: of methods of one backbone, or of backbones by one method."""
    reason: str = ""

    @property
    def of_backbones(self) -> bool:
        """Whether two backbones are compared, and not two methods of one."""
        return self.first[0] != self.second[0]

    @property
    def clear(self) -> bool:
        return self.p_holm is not None and self.p_holm < CLEAR


@final
@dataclass(frozen=True)
class Found:
    """A finished study."""

    finding: str
    full: tuple[Row, ...]
    """Zero-shot, linear probe and adapted backbones."""
    few: tuple[Row, ...]
    """Heads on few examples."""
    remarks: tuple[str, ...]
    tested: Examined | None = None
    apart: tuple[Apart, ...] = ()
    """Of the whole training side: each method from the linear probe of its backbone, each backbone from the first."""
