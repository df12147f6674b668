"""What a layout is: the word of a collection for files that do not tell themselves, and its tables as tables of any other kind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

from ..csv_types import ParsedTable
from ..declared import Declared
from ..scan import Rejected


@final
@dataclass(frozen=True)
class LayoutTable:
    """What a table of a collection says of scans of the bank, as one source of labels, attributes or reports."""

    path: Path
    table: ParsedTable
    source: str | None = None
    """Who says so; None is whoever the user names (`--source`)."""
    absent: ParsedTable | None = None
    """Rows of scans that are not in the bank, keyed so that studies can be made of them. A part of a collection is no mistake."""
    remarks: tuple[str, ...] = ()
    """What else a user should know, such as columns that were left."""


class Layout(ABC):
    """A collection on this machine."""

    @abstractmethod
    def declare(self, path: Path) -> Declared | Rejected | None:
        """What the collection says of the file at a path: None for nothing, `Rejected` where it cannot be read without its word."""

    @abstractmethod
    def tables(self, scans: Iterable[Path]) -> Sequence[LayoutTable]:
        """What the tables say of scans, given the first file of each that the bank has on this machine."""
